"""What came of tests, for people and for programs."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from pyrolens.problems import Problem
from pyrolens.testing.compare import FieldDiff
from pyrolens.testing.coverage import Coverage
from pyrolens.testing.result import Difference, Outcome, SuiteResult
from pyrolens.testing.ways import way

Paint = Callable[[str, str], str]
"""(text, colour) -> the text as the terminal shows it."""
LEAST = 40
"""Characters of a value that are shown in any case."""
COLOURS = {"green": "32", "red": "31", "yellow": "33", "dim": "2", "bold": "1"}


def painted(text: str, colour: str) -> str:
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def plain(text: str, colour: str) -> str:
    return text


class Style(NamedTuple):
    paint: Paint = plain
    width: int = 160
    """Of the terminal."""
    quiet: bool = False
    """Of tests that passed, only the number."""


def text(results: Sequence[SuiteResult], style: Style) -> str:
    parts = [line for result in results for line in _file(result, style)]
    return "\n".join([*parts, summary(results, style.paint)])


def _file(result: SuiteResult, style: Style) -> Iterator[str]:
    paint = style.paint
    yield paint(result.file, "bold") + (f"  ({result.subject})" if result.subject else "")
    for problem in (*result.warnings, *result.problems):
        yield from _indented(str(problem), "  ")
    for outcome in result.outcomes:
        if outcome.status == "passed":
            if not style.quiet:
                yield f"  {paint('ok', 'green')}    {outcome.case.name}"
            continue
        yield f"  {paint('FAIL' if outcome.status == 'failed' else 'ERROR', 'red')}  {outcome.case.name}"
        for problem in outcome.problems:
            yield from _indented(str(problem), "        ")
        if outcome.case.expect is None and outcome.observed is not None:
            yield f"        {outcome.case.place}: nothing is expected yet; --update writes what was observed"
        yield from _differences(outcome, style)
    yield ""


def _indented(told: str, by: str) -> Iterator[str]:
    for line in told.split("\n"):
        yield by + line


def _differences(outcome: Outcome, style: Style) -> Iterator[str]:
    told: set[object] = set()
    for difference in outcome.differences:
        yield f"        {difference.place.file}:{difference.place.line}: {readable(difference.message)}"
        yield from _fields(difference.fields, style)
        for feed in difference.feeds:
            if (feed, difference.missing) in told:
                continue
            told.add((feed, difference.missing))
            yield style.paint(f"          the way of {feed.title}:", "dim")
            for line in way(feed, difference.missing):
                yield style.paint(f"            {readable(line)}", "dim")


def _fields(fields: Sequence[FieldDiff], style: Style) -> Iterator[str]:
    width = min(max((len(diff.field) for diff in fields), default=0), 30)
    for diff in fields:
        if diff.expected:
            expected, observed = cut(diff.expected, diff.observed, style.width - width - 22)
            yield f"          {diff.field:{width}}  expected  {style.paint(expected, 'green')}"
            yield f"          {'':{width}}  observed  {style.paint(observed, 'red')}"
        else:
            observed, _ = cut(diff.observed, diff.observed, style.width - width - 12, 0)
            yield f"          {diff.field:{width}}  {style.paint(observed, 'red')}"


def cut(one: str, other: str, room: int, differ: int | None = None) -> tuple[str, str]:
    """Both, so short that where they begin to differ is to be seen."""
    one, other = readable(one), readable(other)
    room = max(room, LEAST) - 2
    if max(len(one), len(other)) <= room:
        return one, other
    if differ is None:
        same = (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
        differ = next(same, min(len(one), len(other)))
    start = max(differ - room // 2, 0)

    def part(whole: str) -> str:
        end = start + room
        return ("…" if start else "") + whole[start:end] + ("…" if len(whole) > end else "")

    return part(one), part(other)


def readable(told: str) -> str:
    """Of one line. Nothing in it can steer the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in told)


def summary(results: Sequence[SuiteResult], paint: Paint = plain) -> str:
    outcomes = [outcome for result in results for outcome in result.outcomes]
    passed, failed, errors = (sum(o.status == s for o in outcomes) for s in ("passed", "failed", "error"))
    unread = sum(bool(result.problems) for result in results)
    parts = [f"{passed} passed"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{errors} could not be run"] if errors else []
    parts += [f"{unread} {'file' if unread == 1 else 'files'} with errors"] if unread else []
    return paint(", ".join(parts), "red" if failed or errors or unread else "green")


def as_json(results: Sequence[SuiteResult], coverage: Coverage | None = None) -> str:
    made: dict[str, Any] = {"files": [_file_json(result) for result in results]}
    if coverage is not None:
        made["coverage"] = coverage.as_data()
    return json.dumps(made, indent=2, ensure_ascii=False)


def _file_json(result: SuiteResult) -> dict[str, Any]:
    return {
        "file": result.file,
        "subject": result.subject,
        "problems": [_problem(problem) for problem in (*result.warnings, *result.problems)],
        "tests": [
            {
                "name": outcome.case.name,
                "line": outcome.case.place.line,
                "status": outcome.status,
                "seconds": round(outcome.seconds, 6),
                "problems": [_problem(problem) for problem in outcome.problems],
                "differences": [_difference(difference) for difference in outcome.differences],
            }
            for outcome in result.outcomes
        ],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    place = problem.place
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
        "file": place.file if place else "",
        "line": place.line if place else 0,
        "column": place.column if place else 0,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "message": difference.message,
        "line": difference.place.line,
        "column": difference.place.column,
        "fields": [{"field": d.field, "expected": d.expected, "observed": d.observed} for d in difference.fields],
        "ways": [{"of": feed.title, "legs": way(feed, difference.missing)} for feed in difference.feeds],
    }


def junit(results: Sequence[SuiteResult]) -> str:
    """As CI systems read it."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    outcomes = [outcome for result in results for outcome in result.outcomes]
    failed = sum(o.status == "failed" for o in outcomes)
    errors = sum(o.status == "error" for o in outcomes) + sum(bool(r.problems) for r in results)
    total = len(outcomes) + sum(bool(r.problems) for r in results)
    lines.append(f'<testsuites tests="{total}" failures="{failed}" errors="{errors}">')
    for result in results:
        lines += _suite_xml(result)
    return "\n".join([*lines, "</testsuites>", ""])


def _suite_xml(result: SuiteResult) -> Iterator[str]:
    outcomes, broken = result.outcomes, bool(result.problems)
    failed = sum(o.status == "failed" for o in outcomes)
    errors = sum(o.status == "error" for o in outcomes) + broken
    seconds = sum(o.seconds for o in outcomes)
    yield (
        f'  <testsuite name={_attribute(result.file)} tests="{len(outcomes) + broken}" failures="{failed}" '
        f'errors="{errors}" skipped="0" time="{seconds:.6f}">'
    )
    if broken:
        yield f'    <testcase name="the file" classname={_attribute(result.file)} time="0">'
        yield f"      <error message={_attribute(result.problems[0].message)}>{_content(result.problems)}</error>"
        yield "    </testcase>"
    for outcome in outcomes:
        begin = (
            f"    <testcase name={_attribute(outcome.case.name)} classname={_attribute(result.file)} "
            f'file={_attribute(result.file)} line="{outcome.case.place.line}" time="{outcome.seconds:.6f}"'
        )
        if outcome.status == "passed":
            yield f"{begin}/>"
            continue
        yield f"{begin}>"
        if outcome.status == "error":
            yield f"      <error message={_attribute(outcome.problems[0].message)}>{_content(outcome.problems)}</error>"
        else:
            told = outcome.differences[0].message if outcome.differences else "nothing is expected yet"
            body = "\n".join(line.removeprefix("        ") for line in _differences(outcome, Style()))
            yield f"      <failure message={_attribute(told)}>{escape(_xml(body))}</failure>"
        yield "    </testcase>"
    yield "  </testsuite>"


def _content(problems: Sequence[Problem]) -> str:
    return escape(_xml("\n".join(map(str, problems))))


def _attribute(value: str) -> str:
    return quoteattr(_xml(value))


def _xml(value: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", value)
