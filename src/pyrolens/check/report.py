"""What was found, for people and for programs."""

import json
from collections.abc import Sequence

import pyrolens
from pyrolens.check.catalogue import RULES
from pyrolens.problems import Problem, without_secret


def text(found: Sequence[Problem]) -> str:
    parts = [str(problem) for problem in found]
    errors = sum(p.severity == "error" for p in found)
    parts.append(f"{count(errors, 'error')}, {count(len(found) - errors, 'warning')}" if found else "nothing is wrong")
    return "\n".join(parts)


def count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def as_json(found: Sequence[Problem]) -> str:
    shown = [
        {
            "code": p.code,
            "severity": p.severity,
            "message": p.message,
            "hint": p.hint,
            "file": p.place.file if p.place else "",
            "line": p.place.line if p.place else 0,
            "column": p.place.column if p.place else 0,
            "length": p.place.length if p.place else 0,
        }
        for p in found
    ]
    return json.dumps(shown, indent=2)


def github(found: Sequence[Problem]) -> str:
    """Commands of a workflow, which show each finding at its line of the pull request."""
    return "\n".join(map(_command, found))


def _command(problem: Problem) -> str:
    place = problem.place
    at = [f"file={_property(place.file)}"] if place and place.file else []
    if place and place.line:
        at += [f"line={place.line}", f"col={place.column}", f"endColumn={place.column + place.length}"]
    at.append(f"title={_property(problem.code)}")
    message = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
    return f"::{problem.severity} {','.join(at)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif(found: Sequence[Problem]) -> str:
    """SARIF 2.1.0, as code scanning takes it."""
    codes = sorted({p.code for p in found})
    rules = [
        {"id": code, "shortDescription": {"text": RULES[code].title}, "fullDescription": {"text": RULES[code].why},
         "help": {"text": RULES[code].fix}} if code in RULES else {"id": code}
        for code in codes
    ]  # fmt: skip
    driver = {"name": "pyrolens", "version": pyrolens.__version__, "rules": rules}
    run = {"tool": {"driver": driver}, "results": [_result(p) for p in found]}
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2)


def _result(problem: Problem) -> dict[str, object]:
    message = f"{problem.message}\n{problem.hint}" if problem.hint else problem.message
    result: dict[str, object] = {"ruleId": problem.code, "level": problem.severity, "message": {"text": message}}
    place = problem.place
    if place and place.file:
        at: dict[str, object] = {"artifactLocation": {"uri": place.file.replace("\\", "/")}}
        if place.line:
            column = max(place.column, 1)
            at["region"] = {
                "startLine": place.line,
                "startColumn": column,
                "endColumn": column + max(place.length, 1),
                "snippet": {"text": without_secret(place.text)},
            }
        result["locations"] = [{"physicalLocation": at}]
    return result


FORMATS = {"text": text, "json": as_json, "sarif": sarif, "github": github}
