"""Parsers of usual logs: nginx, apache, apache2 and syslog.

Source: Fluentd 1.19, lib/fluent/plugin/parser_*.rb.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pyrolens.config.fluentd.accessors import to_i
from pyrolens.config.fluentd.kinds import Bool, Regexp
from pyrolens.config.fluentd.parse.base import ParseSection, of_pattern
from pyrolens.config.fluentd.times import ReadTime, reader
from pyrolens.options import opt
from pyrolens.records.event import Record
from pyrolens.records.regex import compile_pattern

NGINX = (
    r'/^(?<remote>[^ ]*) (?<host>[^ ]*) (?<user>[^ ]*) \[(?<time>[^\]]*)\] "(?<method>\S+)(?: +(?<path>[^\"]*?)'
    r'(?: +\S*)?)?" (?<code>[^ ]*) (?<size>[^ ]*)(?: "(?<referer>[^\"]*)" "(?<agent>[^\"]*)"'
    r"(?:\s+\"?(?<http_x_forwarded_for>[^\"]*)\"?)?)?$/"
)
APACHE2 = (
    r'/^(?<host>[^ ]*) [^ ]* (?<user>[^ ]*) \[(?<time>[^\]]*)\] "(?<method>\S+)(?: +(?<path>(?:[^\"]|\\")*?)'
    r'(?: +\S*)?)?" (?<code>[^ ]*) (?<size>[^ ]*)(?: "(?<referer>(?:[^\"]|\\")*)" "(?<agent>(?:[^\"]|\\")*)")?$/'
)
APACHE = (
    r'/^(?<host>[^ ]*) [^ ]* (?<user>[^ ]*) \[(?<time>[^\]]*)\] "(?<method>\S+)(?: +(?<path>[^ ]*) +\S*)?"'
    r" (?<code>[^ ]*) (?<size>[^ ]*)(?: \"(?<referer>[^\"]*)\" \"(?<agent>[^\"]*)\")?$/"
)
ACCESS_TIME = "%d/%b/%Y:%H:%M:%S %z"


@dataclass(frozen=True, kw_only=True)
class NginxParse(ParseSection):
    """Access lines of nginx."""

    default_key = "time"

    expression: Regexp = opt("Another pattern.", default=None)

    def read_time(self) -> ReadTime:
        return self.time.reader() if self.time.time_format else reader("string", ACCESS_TIME, None)

    def fields(self) -> Callable[[str], list[Record]]:
        return of_pattern(self.expression or compile_pattern(NGINX))


@dataclass(frozen=True, kw_only=True)
class ApacheParse(ParseSection):
    """Access lines of Apache, all of it text."""

    default_key = "time"

    def read_time(self) -> ReadTime:
        return self.time.reader() if self.time.time_format else reader("string", ACCESS_TIME, None)

    def fields(self) -> Callable[[str], list[Record]]:
        return of_pattern(compile_pattern(APACHE))


@dataclass(frozen=True, kw_only=True)
class Apache2Parse(ParseSection):
    """Access lines of Apache, with numbers, and null where there is a dash."""

    default_key = "time"

    def read_time(self) -> ReadTime:
        return reader("string", ACCESS_TIME, None)

    def fields(self) -> Callable[[str], list[Record]]:
        named = compile_pattern(APACHE2).named

        def read(text: str) -> list[Record]:
            found = named(text)
            if found is None:
                return []
            record: Record = {"time": found["time"]}
            for name in ("host", "user", "method", "path", "code", "size", "referer", "agent"):
                record[name] = None if found[name] == "-" and name not in ("method", "path") else found[name]
            record["code"] = to_i(record["code"]) or None
            record["size"] = None if record["size"] is None else to_i(record["size"])
            return [record]

        return read

    def finisher(self) -> Callable[[Record], tuple[Record, int | None]]:
        finish, keep = super().finisher(), self.keep_time_key

        def last(record: Record) -> tuple[Record, int | None]:
            record, ns = finish(record)
            if keep:
                record["time"] = record.pop("time")
            return record, ns

        return last


RFC3164 = r"(?<host>[^ ]*) (?<ident>[^ :\[]*)(?:\[(?<pid>[0-9]+)\])?(?:[^\:]*\:)? *(?<message>.*)$/"
RFC5424 = (
    r"(?<time>[^ ]+) (?<host>[!-~]{1,255}) (?<ident>[!-~]{1,48}) (?<pid>[!-~]{1,128}) (?<msgid>[!-~]{1,32})"
    r" (?<extradata>(?:\-|(?:\[.*?(?<!\\)\])+))(?: (?<message>.+))?\z/m"
)


@dataclass(frozen=True, kw_only=True)
class SyslogParse(ParseSection):
    """Messages of syslog."""

    default_key = "time"
    ignored = {
        **ParseSection.ignored,
        "support_colonless_ident": "a message without a colon is taken anyway",
    }

    with_priority: Bool = opt("Messages begin with a priority such as <9>.", default=False)
    message_format: Literal["rfc3164", "rfc5424", "auto"] = opt("Which form they have.", default="rfc3164")
    rfc5424_time_format: str = opt("How the time of RFC 5424 is written.", default="%Y-%m-%dT%H:%M:%S.%L%z")

    def read_time(self) -> ReadTime:
        old = reader("string", self.time.time_format or "%b %d %H:%M:%S", self.time.zone)
        new = [reader("string", self.rfc5424_time_format, None), reader("string", None, None)]
        if self.message_format == "rfc5424" and self.time.time_format:
            new = [old]
        by_form = {"rfc3164": [old], "rfc5424": new, "auto": [*new, old]}[self.message_format]

        def read(value: Any) -> int:
            for one in by_form:
                try:
                    return one(value)
                except ValueError:
                    continue
            raise ValueError("its time cannot be read")

        return read

    def fields(self) -> Callable[[str], list[Record]]:
        blanks = (self.time.time_format or "%b %d %H:%M:%S").count(" ")
        time = r"(?<time>" + r"[^ ]*" + r" +[^ ]*" * blanks + ")"
        pri = "<(?<pri>[0-9]{1,3})>" if self.with_priority else ""
        old = of_pattern(compile_pattern(rf"/^{pri}{time} {RFC3164}"))
        version = r"[1-9]\d{0,2} "
        new = of_pattern(compile_pattern(rf"/\A{pri}{version if pri else ''}{RFC5424}"))
        first = {"rfc3164": (old,), "rfc5424": (new,), "auto": (new, old)}[self.message_format]

        def read(text: str) -> list[Record]:
            for one in first:
                if found := one(text):
                    if "pri" in found[0]:
                        found[0]["pri"] = int(found[0]["pri"])
                    return found
            return []

        return read
