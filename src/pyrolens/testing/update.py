"""Writes what was observed into a test file."""

from pyrolens.problems import Place, Problem
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.testing.edit import Editor, NotWrittenError
from pyrolens.testing.judge import Judge
from pyrolens.testing.renew import Rewriter
from pyrolens.testing.result import SuiteResult
from pyrolens.testing.suite import Expectation


def update(result: SuiteResult) -> tuple[str, list[Problem]]:
    """The text of a file in which the failing tests expect what was observed, and what could not be written."""
    suite = result.suite
    if suite is None:
        return "", list(result.problems)
    editor, problems = Editor(suite.text), []
    numbers = {case.name: number for number, case in enumerate(suite.cases)}
    for outcome in result.outcomes:
        if outcome.status != "failed" or outcome.observed is None or outcome.subject is None:
            continue
        config, names = outcome.subject
        expect = outcome.case.expect or Expectation(outcome.case.place)
        with Rehearsal(config, now_ns=outcome.case.time) as rehearsal:
            rewriter = Rewriter(Judge(expect, outcome.observed, names, rehearsal.sent), config)
            try:
                editor.rewrite(numbers[outcome.case.name], rewriter)
            except NotWrittenError as why:
                problems.append(Problem("not-updated", str(why), Place(suite.file, why.line)))
    return editor.result() if editor.edits else suite.text, problems
