"""What became of loading the config again."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Reloaded:
    """The numbers are those that Fluent Bit's API answers; -3 is ours."""

    text: str
    status: int
    problems: Sequence[str] = ()


DONE = Reloaded("done", 0)
NOT_ENABLED = Reloaded("not enabled", -1)
IN_PROGRESS = Reloaded("in progress", -2)


def failed(problems: Sequence[str]) -> Reloaded:
    return Reloaded("failed", -3, problems)
