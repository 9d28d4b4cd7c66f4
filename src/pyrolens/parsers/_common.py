"""What all parsers have in common: options about the time, and reading it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pyrolens.api import Env, OptionError, opt
from pyrolens.options import FALSE, TRUE, Kind
from pyrolens.records.event import SECOND
from pyrolens.records.times import ReadTime, TimeFormat, find_zone, read_offset

DIFFERS = (
    "A time that no event can carry (before 1970, from 2106 on) leaves the record as it is; Fluent Bit loses the record"
    " unless it is alone in its chunk.",
    "Time_Zone knows when the clocks change after 2037, too.",
    "The parsers in Fluent Bit's own parsers files, such as apache2 and docker, are there without Parsers_File.",
)
"""Of every parser."""


def read_loose_bool(text: str) -> bool | None:
    """None for a word that is no boolean: what it means differs from option to option."""
    return True if text.lower() in TRUE else False if text.lower() in FALSE else None


def doubt_loose_bool(text: str) -> str:
    return "on or off is expected here" if read_loose_bool(text) is None else ""


LooseBool = Annotated[bool | None, Kind("boolean", read_loose_bool, doubt=doubt_loose_bool)]
"""A boolean of a parser. Fluent Bit takes other words too, mostly as on."""


@dataclass(frozen=True, kw_only=True)
class TimeOptions:
    """Options of every parser: where the time of the event is, and how it is written."""

    key: str | None = opt("Field that holds the time of the event; else `time`.", default=None)
    format: str | None = opt("How that time is written, as for strptime, with %L for a fraction.", default=None)
    keep: LooseBool = opt("Keep the field that the time was read from.", default=False)
    strict: LooseBool = opt(
        "Take only times that fit the whole format; else what could be read of them counts.", default=True
    )
    offset: str | None = opt("Offset from UTC of times without a zone, such as +0900.", default=None)
    system_timezone: LooseBool = opt("All times are local times of this system.", default=False)
    zone: str | None = opt("Times without a zone are local times there, such as Asia/Tokyo.", default=None)

    @property
    def field(self) -> str:
        return self.key or "time"

    def check(self) -> Iterable[tuple[str, str]]:
        if not self.format:
            if self.zone:
                yield "time_zone", "time_zone needs time_format"
            return
        if self.zone:
            if self.system_timezone is not False:
                yield "time_zone", "time_zone cannot be combined with time_system_timezone"
            if self.offset:
                yield "time_zone", "time_zone cannot be combined with time_offset"
            try:
                find_zone(self.zone)
            except ValueError as why:
                yield "time_zone", f"time_zone is '{self.zone}': {why}"
        elif self.offset and self.system_timezone is False:
            try:
                read_offset(self.offset)
            except ValueError as why:
                yield "time_offset", f"time_offset is '{self.offset}': {why}"

    def reader(self, env: Env) -> ReadTime | None:
        """None when no time is to be read. Raises: OptionError."""
        for option, message in self.check():
            raise OptionError(option, message)
        if not self.format:
            return None
        return TimeFormat(
            self.format,
            offset=read_offset(self.offset) if self.offset and self.system_timezone is False else 0,
            strict=self.strict is not False,
            system_zone=self.system_timezone is not False,
            zone=self.zone or "",
        ).reader(lambda: env.now() / SECOND)
