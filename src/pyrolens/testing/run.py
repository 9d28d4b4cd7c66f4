"""Runs the tests of a file: one build of the subject for each environment."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from pyrolens.ecs.forms import Asked
from pyrolens.problems import ConfigError, Place, Problem, Problems
from pyrolens.rehearsal.journey import Journey, Note
from pyrolens.rehearsal.lines import Fed, line_events
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.rehearsal.subject import Subject, open_subject
from pyrolens.testing.coverage import add_parts
from pyrolens.testing.finding import subject_of
from pyrolens.testing.judge import judge
from pyrolens.testing.names import Names, check_names, names_of
from pyrolens.testing.result import Feed, Observed, Outcome, Status, SuiteResult
from pyrolens.testing.stage import Stages
from pyrolens.testing.suite import Case, Step, Suite, read_suite

Wanted = Callable[[str], bool]


def run_file(file: str, wanted: Wanted = lambda name: True, *, cover: bool = False) -> SuiteResult:
    """`wanted`: of the names of tests. `cover`: look at what they exercise.

    Never raises for what is wrong in the file or its subject."""
    result = SuiteResult(file, sources=(file,))
    try:
        suite = result.suite = read_suite(file)
        result.sources = (file, *suite.recorded)
        result.subject = subject_of(suite)
        result.sources += (result.subject,)
    except ConfigError as error:
        result.problems = error.problems
        return result
    with ExitStack() as opened:
        subjects = _Subjects(suite, result, opened)
        cases = [case for case in suite.cases if wanted(case.name)]
        problems = Problems()
        for case in cases:
            try:
                names = subjects.of(case.env)[1]
            except ConfigError as error:
                for problem in error.problems:
                    problems.add(problem)
                continue
            check_names(case, names, problems)
        result.problems = list(problems)
        if not problems.errors:
            stages = Stages(partial(_cover, result) if cover else _forget)
            result.outcomes = [_run(case, *subjects.of(case.env), stages) for case in cases]
            stages.close()
            result.pipelines = stages.made
    return result


class _Subjects:
    """The subject of each environment, built when it is first asked for."""

    def __init__(self, suite: Suite, result: SuiteResult, opened: ExitStack) -> None:
        self.suite, self.result, self.opened = suite, result, opened
        self.made: dict[tuple[tuple[str, str], ...], tuple[Subject, Names] | ConfigError] = {}

    def of(self, env: Mapping[str, str]) -> tuple[Subject, Names]:
        """Raises: ConfigError."""
        key = tuple(sorted(env.items()))
        if key not in self.made:
            self.made[key] = self._open(env)
        made = self.made[key]
        if isinstance(made, ConfigError):
            raise made
        return made

    def _open(self, env: Mapping[str, str]) -> tuple[Subject, Names] | ConfigError:
        self.result.compiled += 1
        asked = Asked(self.suite.task, dict(self.suite.parameters))
        files = dict(self.suite.files)
        try:
            subject = open_subject(self.result.subject, asked=asked, files=files, environ=env)
        except ConfigError as error:
            return error
        self.opened.callback(subject.close)
        unset = [w for w in subject.warnings if w.code == "variable-unset" and w not in self.result.warnings]
        self.result.warnings += [replace(w, hint="set it in `env` of the test file") for w in unset]
        self.result.sources = tuple(dict.fromkeys((*self.result.sources, *subject.sources)))
        return subject, names_of(subject)


def _cover(result: SuiteResult, subject: Subject, rehearsal: Rehearsal) -> None:
    add_parts(result.covered, rehearsal.used, subject.config, subject.place)


def _forget(subject: Subject, rehearsal: Rehearsal) -> None:
    """Nobody asked what is covered."""


def _run(case: Case, subject: Subject, names: Names, stages: Stages) -> Outcome:
    begun = time.perf_counter()
    try:
        with stages.of(subject, case.time) as rehearsal:
            observed = Observed(tuple(_feeds(case, subject, names, rehearsal)), rehearsal.holding)
            found = judge(case, observed, names, rehearsal.sent)
    except ConfigError as error:
        return Outcome(case, "error", time.perf_counter() - begun, problems=tuple(error.problems))
    status: Status = "passed" if case.expect and not found else "failed"
    return Outcome(case, status, time.perf_counter() - begun, found, observed=observed, subject=(subject.config, names))


def _feeds(case: Case, subject: Subject, names: Names, rehearsal: Rehearsal) -> list[Feed]:
    """Raises: ConfigError at the place of the step."""
    out: list[Feed] = []
    for step in case.given:
        if step.wait is not None:
            out.append(Feed("what time lets go", step.place, rehearsal.advance(step.wait)))
            continue
        notes: list[Note] = []
        come_in = _come_in(step, subject, names, rehearsal.now_ns, notes)
        if notes:
            out.append(Feed(f"{_said(step)} itself", step.place, Journey(notes=tuple(notes))))
        # inputs may make one record of several lines
        lines = step.lines and not (step.file or step.input)
        for number, fed in enumerate(come_in, 1):
            title = f"{'line' if lines else 'record'} {number} of {_said(step)}"
            try:
                journey = rehearsal.feed(fed.tag, fed.events, fed.input)
            except LookupError as why:
                raise ConfigError([Problem("unknown-name", str(why), step.source)]) from None
            out.append(Feed(title, step.place, journey))
    out.append(Feed("what the end lets go", case.place, rehearsal.finish()))
    return out


def _said(step: Step) -> str:
    if step.container is not None:
        return f"{step.stream} of {step.container}"
    if step.recorded:
        return "what was recorded"
    return step.input or step.file or f"tag {step.tag}"


def _come_in(step: Step, subject: Subject, names: Names, now_ns: int, notes: list[Note]) -> Sequence[Fed]:
    """`notes` gets what the input has to say. Raises: ConfigError at the place of the step."""
    if step.recorded:
        return [Fed(one.tag, (one.event,), None) for one in step.recorded]
    entrance = names.inputs.get(step.input, step.input) if step.input is not None else None
    if step.records is None:
        try:
            return line_events(
                subject, step.lines, container=step.container, source=step.stream, file=step.file, input=entrance,
                tag=step.tag, now_ns=now_ns, notes=notes,
            )  # fmt: skip
        except ConfigError as error:
            raise ConfigError(placed(error.problems, step.source or step.place)) from None
    if step.container is not None:
        tag = subject.tag_of(step.container)
    else:
        tag = step.tag or next((i.tag for i in subject.config.inputs if i.label == entrance), "")
    return [Fed(tag, ((now_ns, record),), entrance) for record in step.records]


def placed(problems: Sequence[Problem], place: Place) -> list[Problem]:
    """Those without a place get this one."""
    return [Problem(p.code, p.message, p.place or place, p.hint, p.severity) for p in problems]
