"""What a rule is. Each is declared once; the manual, the tests and the reports are made from the declaration."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pyrolens.check.context import Context
from pyrolens.check.edits import Mend
from pyrolens.problems import Place, Problem, Severity

BEGIN, END = "«", "»"
"""Around the part of a bad example that a finding points at."""
ANOTHER = re.compile(r"^==> (\S+) <==\n", re.MULTILINE)
"""Before each further file of an example."""


@dataclass(frozen=True, slots=True)
class Finding:
    message: str
    """`{also}` stands for another place."""
    place: Place | None
    hint: str = ""
    also: Place | None = None


Find = Callable[[Context], Iterable[Finding]]


def nothing_else(context: Context) -> Iterable[Finding]:
    return ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A thing that can be wrong. A start of the router finds some of them; then `told` names its codes for it, and
    `says` tells apart those that share a code."""

    code: str
    severity: Severity
    title: str
    why: str
    fix: str
    bad: str
    """A config, or a task definition if it begins with {; « and » are around what the finding points at. Further files
    follow, each behind a line `==> NAME <==`."""
    good: str
    find: Find = nothing_else
    told: tuple[str, ...] = ()
    says: str = ""
    """A regular expression, of the message of what is told."""
    policy: str = ""
    """Of the task role, in both examples."""
    trust: str = ""
    """Of the role that outputs assume, in the bad example."""
    mend: Mend | None = None
    """For `--fix`: what mends a finding of which it is certain what was meant."""
    target: str = ""
    """As for `--target`, in both examples; without it the rule says nothing."""

    def takes(self, problem: Problem) -> bool:
        """Whether what a start found is this."""
        return problem.code in self.told and re.search(self.says, problem.message) is not None

    def problem(self, finding: Finding) -> Problem:
        message = finding.message.replace("{also}", str(finding.also)) if finding.also else finding.message
        return Problem(self.code, message, finding.place, finding.hint, self.severity)


def unmarked(example: str) -> str:
    """The text of an example, as a file holds it."""
    return example.replace(BEGIN, "").replace(END, "")


def files_of(example: str) -> dict[str, str]:
    """The files of an example by their names, the first one first."""
    first, *others = ANOTHER.split(example)
    name = "task.json" if first.startswith(("{", BEGIN + "{")) else "router.conf"
    name = "router.yaml" if first.startswith(("pipeline:", "service:")) else name
    return {**({name: first} if first else {}), **dict(zip(others[::2], others[1::2], strict=True))}


def page(rule: Rule) -> str:
    """The rule's page of the manual, as Markdown."""
    with_target = f", with `--target {rule.target}`" if rule.target else ""
    parts = [
        f"# {rule.code}: {rule.title}",
        f"Severity: {rule.severity}",
        rule.why,
        rule.fix,
        *(["`pyrolens check --fix` mends it where it is certain what was meant."] if rule.mend else []),
        f"Found{with_target}:\n\n```text\n{unmarked(rule.bad).strip()}\n```",
        *([f"The policy of the task role:\n\n```text\n{rule.policy}\n```"] if rule.policy else []),
        *([f"The trust policy of the role that is assumed:\n\n```text\n{rule.trust}\n```"] if rule.trust else []),
        f"Good:\n\n```text\n{rule.good.strip()}\n```",
    ]
    return "\n\n".join(parts) + "\n"
