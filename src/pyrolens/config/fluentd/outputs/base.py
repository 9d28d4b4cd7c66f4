"""What the outputs of Fluentd's language have in common: buffer, format, inject, and placeholders."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from pyrolens.config.fluentd.accessors import getter, to_s
from pyrolens.config.fluentd.buffers import Buffer, Secondary
from pyrolens.config.fluentd.format import FormatSection, InjectSection, WriteText, formatter
from pyrolens.config.fluentd.kinds import Bool, Float
from pyrolens.config.fluentd.lower import Lowered, MakeTransform
from pyrolens.config.fluentd.reading import Said, section
from pyrolens.config.fluentd.times import writer
from pyrolens.options import opt
from pyrolens.records.event import Event, Record

TEXT = "text"
"""Field of a record that was written as text."""
HOLDER = re.compile(r"\$\{(?:(tag)(?:\[(-?\d+)\])?|([^{}]+))\}")
STRFTIME = re.compile(r"%[a-zA-Z]")
Name = Callable[[str, int, Record], str]
"""(tag, ns, record) -> a name with placeholders, filled in."""


@dataclass(frozen=True, kw_only=True)
class OutputSaid(Said):
    """An output as the config declares it."""

    plugin: ClassVar[str] = ""
    """The output of the router that it becomes."""
    older_format: ClassVar[str] = ""
    """The format, if <format> may be written as parameters (older.py) and names none."""
    older_inject: ClassVar[bool] = False
    """<inject> may be written as parameters."""
    keeps_trying: ClassVar[bool] = False
    """It has a store of its own, and gives up only if the config says when."""

    time_as_integer: Bool = opt("Send times as whole seconds, where times are sent.", default=False)
    slow_flush_log_threshold: Float = opt("Seconds. Slow calls are in the metrics.", default=20.0)
    buffer: Buffer | None = section(Buffer)
    secondary: Secondary | None = section(Secondary)

    def lower(self, to: Lowered) -> None:
        """Its options, for the output that it becomes."""

    def send(self, to: Lowered) -> None:
        """All of it."""
        if self.said("slow_flush_log_threshold"):
            to.ignore("slow_flush_log_threshold", "slow calls are in the metrics")
        (self.buffer or Buffer()).lower(to, self.keeps_trying)
        if self.secondary:
            self.secondary.lower(to)
        self.lower(to)

    def keys(self, default: Iterable[str] = ()) -> list[str]:
        """The chunk keys."""
        return self.buffer.keys if self.buffer and self.buffer.element.argument else list(default)


@dataclass(frozen=True, kw_only=True)
class Injecting(OutputSaid):
    """An output with <inject>."""

    inject: InjectSection | None = section(InjectSection)

    def send(self, to: Lowered) -> None:
        if self.inject:
            inject = self.inject.compile()
            to.process("inject", lambda env: inject)
        super().send(to)


@dataclass(frozen=True, kw_only=True)
class Formatting(Injecting):
    """An output with <format>, too."""

    format: FormatSection | None = section(formatter)


def written(write: WriteText, others: dict[str, Name] | None = None, drop: Iterable[str] = ()) -> MakeTransform:
    """A step after which a record is its text, in the field TEXT, and perhaps other fields that name where it goes.
    `drop`: fields that the text does not have."""
    dropped = frozenset(drop)
    names = list((others or {}).items())

    def transform(tag: str, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        for ns, record in events:
            shown = {k: v for k, v in record.items() if k not in dropped} if dropped else record
            made: Record = {TEXT: write(tag, ns, shown).removesuffix("\n")}
            for name, fill in names:
                made[name] = fill(tag, ns, record)
            out.append((ns, made))
        return out

    return lambda env: transform


def is_fixed(text: str) -> bool:
    return not HOLDER.search(text) and not STRFTIME.search(text)


def filled(text: str, times: bool = True) -> Name:
    """A name with ${tag}, ${tag[1]}, ${field} and strftime's % in it. Raises: ValueError."""
    pieces: list[str | Name] = []
    at = 0
    for found in HOLDER.finditer(text):
        pieces.append(text[at : found.start()])
        at = found.end()
        pieces.append(_piece(found))
    pieces.append(text[at:])
    writers = {p: _timed(p) for p in pieces if isinstance(p, str) and times and STRFTIME.search(p)}

    def fill(tag: str, ns: int, record: Record) -> str:
        return "".join(
            (writers[p](ns) if p in writers else p) if isinstance(p, str) else p(tag, ns, record) for p in pieces
        )

    return fill


def _timed(text: str) -> Callable[[int], str]:
    return writer(text, None)


def _piece(found: re.Match[str]) -> Name:
    if found[1]:
        if found[2] is None:
            return lambda tag, ns, record: tag
        number = int(found[2])

        @lru_cache(1000)
        def part(tag: str) -> str:
            parts = tag.split(".")
            return parts[number] if -len(parts) <= number < len(parts) else ""

        return lambda tag, ns, record: part(tag)
    get = getter(found[3])
    return lambda tag, ns, record: to_s(get(record))


def fields_in(text: str) -> list[str]:
    """The fields that a name depends on."""
    return [found[3] for found in HOLDER.finditer(text) if found[3] and found[3] != "chunk_id"]


def check_fields(
    said: OutputSaid, key: str, text: str | None, default: Iterable[str] = ()
) -> Iterable[tuple[str, str]]:
    """Placeholders have to be chunk keys, as Fluentd has it."""
    keys = said.keys(default)
    for found in HOLDER.finditer(text or ""):
        name = found[1] or found[3]
        if name == "chunk_id":
            yield key, f"{key}: there is no ${{chunk_id}} here"
        elif name not in keys:
            yield key, f"{key} has {found[0]}, so {name} has to be a chunk key: <buffer {','.join([*keys, name])}>"
        elif found[3]:
            try:
                getter(name)
            except ValueError as why:
                yield key, f"{key}: {why}"
