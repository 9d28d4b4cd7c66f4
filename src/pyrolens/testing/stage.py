"""The pipelines that tests run in: each test finds one that has seen nothing, or nothing that it would remember."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pyrolens.config import Built, Config
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.rehearsal.subject import Subject

MEMORYLESS = {
    "checklist", "content_modifier", "grep", "modify", "nest", "parser", "record_modifier", "rewrite_tag", "stdout",
    "type_converter",
}  # fmt: skip
"""Filters for which each record is the first one."""


def remembers(config: Config) -> bool:
    """Whether what a record becomes may hang on those before it. What inputs join is told apart by what is held."""
    around: list[Built[Any]] = [*config.inputs, *config.outputs]
    processors = [processor for built in around for processor in built.processors]
    filters = [built.plugin.name for built in (*config.filters, *processors)]
    return bool(config.streams) or config.flows is not None or not MEMORYLESS.issuperset(filters)


class Stages:
    """`done` is told of each pipeline that will not be used again, before it is closed."""

    def __init__(self, done: Callable[[Subject, Rehearsal], None]) -> None:
        self.done = done
        self.made = 0
        self._free: dict[tuple[int, int], tuple[Subject, Rehearsal]] = {}
        """By the subject and the time."""

    @contextmanager
    def of(self, subject: Subject, now_ns: int) -> Iterator[Rehearsal]:
        """Raises: ConfigError."""
        key = id(subject), now_ns
        if key in self._free:
            rehearsal = self._free.pop(key)[1]
        else:
            rehearsal = Rehearsal(subject.config, now_ns=now_ns, environ=subject.environ)
            self.made += 1
        clean = False
        try:
            yield rehearsal
            clean = not (remembers(subject.config) or rehearsal.holding or rehearsal.now_ns != now_ns)
        finally:
            if clean:
                self._free[key] = subject, rehearsal
            else:
                self._end(subject, rehearsal)

    def close(self) -> None:
        for subject, rehearsal in self._free.values():
            self._end(subject, rehearsal)
        self._free.clear()

    def _end(self, subject: Subject, rehearsal: Rehearsal) -> None:
        self.done(subject, rehearsal)
        rehearsal.close()
