"""A config at work on records that are handed to it, without anything around it."""

from collections.abc import Mapping, Sequence

from pyrolens.config import Config
from pyrolens.records.event import Event
from pyrolens.rehearsal.journey import Journey, Used

START = 1_767_225_600_000_000_000
"""Where virtual time begins if nobody says: 2026-01-01T00:00:00Z in ns."""


class Rehearsal:
    """The pipeline of a config: its inputs' processors, filters, stream tasks, routes, outputs' processors.

    It needs no event loop, and nobody else may use the config's files meanwhile. One thread at a time.
    Use it with `with`, or call close()."""

    def __init__(self, config: Config, *, now_ns: int = START, environ: Mapping[str, str] | None = None) -> None:
        """`now_ns`: the time that it begins at. `environ`: what filters with scripts see as their environment.

        Raises: ConfigError with all that does not compile."""
        raise NotImplementedError

    @property
    def now_ns(self) -> int:
        """What time it is there. Only advance() and finish() move it."""
        raise NotImplementedError

    def feed(self, tag: str, events: Sequence[Event], input: str | None = None) -> Journey:  # noqa: A002
        """Let events of one tag come in as one batch. `input`: label or name of the input, or its plugin's name if it
        is the only one, whose processors and routes they meet; None: the one whose tag it is, else the one that the log
        drivers write to, else none. The events are not edited.

        Raises: LookupError when there is no such input."""
        raise NotImplementedError

    def advance(self, seconds: float) -> Journey:
        """Let time pass: what filters with memory let go meanwhile, each at its own time."""
        raise NotImplementedError

    def finish(self) -> Journey:
        """The inputs' end: what filters with memory still hold goes on."""
        raise NotImplementedError

    @property
    def used(self) -> Used:
        """What has been exercised since the beginning."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what filters have opened."""

    def __enter__(self) -> "Rehearsal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
