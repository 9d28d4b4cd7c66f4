"""Records as syslog messages.

Source: RFC 5424, RFC 3164; Fluent Bit 5.1.1 plugins/out_syslog/syslog.c.
Differs: the fields of the header hold nothing that would end them early."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyrolens.api import Event, OutputEnv
from pyrolens.outputs._oversized import before_character
from pyrolens.records.codecs import second_text
from pyrolens.records.event import SECOND, Record

SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
FACILITIES = {
    "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
    "authpriv": 10, "ftp": 11, "ntp": 12, "security": 13, "console": 14, "local0": 16, "local1": 17, "local2": 18,
    "local3": 19, "local4": 20, "local5": 21, "local6": 22, "local7": 23,
}  # fmt: skip
BOM = b"\xef\xbb\xbf"
NOT_PRINTABLE = re.compile(rb"[^\x21-\x7e]")
BLANK = re.compile(rb"[\x00-\x20\x7f]")
NOT_A_NAME = re.compile(rb'[^\x21-\x7e]|[="\]]')
IN_VALUE = re.compile(rb'["\\\]]')
READY = re.compile(rb"<(?:[0-9]|[1-9][0-9]|1[0-8][0-9]|19[01])>")
"""What a message begins with that is a whole syslog message already."""
NAME_LIMIT = 32
"""Characters of a name in structured data."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WARNINGS = 20
"""Different wrong values of severity and facility that are told in the log."""


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Which field of a record is what in a message, and what is there when a record has none."""

    severity: str | None
    facility: str | None
    hostname: str | None
    appname: str | None
    procid: str | None
    msgid: str | None
    message: str | None
    structured: Sequence[str]
    presets: Mapping[str, str | None]
    severity_preset: int
    facility_preset: int


class Syslog:
    """Writes events."""

    def __init__(self, env: OutputEnv, fields: Fields, form: str, size: int, *, long_names: bool = False) -> None:
        """size: bytes of a message, after which it is cut. long_names: of structured data."""
        self.env = env
        self.fields = fields
        self.write = self._rfc3164 if form == "rfc3164" else self._rfc5424
        self.size = size
        self.name_limit = None if long_names else NAME_LIMIT
        self._told = False
        self._warned: set[tuple[str, str]] = set()

    def lines(self, events: list[Event]) -> list[bytes]:
        """Each event as a message, without a newline."""
        made = [self.write(int(ns), record) for ns, record in events]
        cut = [n for n, message in enumerate(made) if len(message) > self.size]
        for n in cut:
            made[n] = made[n][: before_character(made[n], self.size)]
        if cut:
            self.env.count("oversized_records", len(cut))
            if not self._told:
                self._told = True
                self.env.log.warning(
                    "messages longer than syslog_maxsize are cut; the counter oversized_records says how many",
                    size=self.size,
                )
        return made

    # -- the two formats ------------------------------------------------------------------------------------------

    def _rfc5424(self, ns: int, record: Record) -> bytes:
        message = self._text(record, self.fields.message)
        if message is not None and READY.match(message):
            return message
        seconds, rest = divmod(ns, SECOND)
        head = [
            b"<%d>1" % self._priority(record),
            f"{second_text('%Y-%m-%dT%H:%M:%S', seconds)}.{rest // 1000:06d}Z".encode(),
            self._header(record, "hostname", NOT_PRINTABLE)[:255] or b"-",
            self._header(record, "appname", NOT_PRINTABLE)[:48] or b"-",
            self._header(record, "procid", NOT_PRINTABLE)[:128] or b"-",
            self._header(record, "msgid", NOT_PRINTABLE)[:32] or b"-",
            self._structured(record) or b"-",
        ]
        if message is not None:
            head.append(BOM + message)
        return b" ".join(head)

    def _rfc3164(self, ns: int, record: Record) -> bytes:
        message = self._text(record, self.fields.message)
        if message is not None and READY.match(message):
            return message
        month, day, clock = second_text("%m %d %H:%M:%S", ns // SECOND).split(" ")
        head = b"<%d>" % self._priority(record) + f"{MONTHS[int(month) - 1]} {int(day):2d} {clock} ".encode()
        hostname, appname = self._header(record, "hostname", BLANK), self._header(record, "appname", BLANK)
        if hostname:
            head += hostname + b" "
        if appname:
            procid = self._header(record, "procid", BLANK)
            head += appname + (b"[%b]" % procid if procid else b"") + b": "
        return head + (message or b"")

    # -- their parts ----------------------------------------------------------------------------------------------

    def _text(self, record: Record, field: str | None) -> bytes | None:
        return text(record.get(field)) if field is not None else None

    def _header(self, record: Record, part: str, wrong: re.Pattern[bytes]) -> bytes:
        """A part of the header, or nothing."""
        found = self._text(record, getattr(self.fields, part))
        if not found:
            found = (self.fields.presets.get(part) or "").encode()
        return wrong.sub(b"_", found)

    def _priority(self, record: Record) -> int:
        fields = self.fields
        severity = self._code(record, fields.severity, "severity", severity_of)
        facility = self._code(record, fields.facility, "facility", facility_of)
        severity = fields.severity_preset if severity is None else severity
        return (fields.facility_preset if facility is None else facility) * 8 + severity

    def _code(self, record: Record, field: str | None, what: str, read: Callable[[str], int | None]) -> int | None:
        found = self._text(record, field)
        if found is None:
            return None
        word = found.decode(errors="replace")
        code = read(word)
        if code is None and (what, word) not in self._warned and len(self._warned) < WARNINGS:
            self._warned.add((what, word))
            self.env.log.warning(f"this is no {what} of syslog, the preset is used", field=field, value=word[:100])
        return code

    def _structured(self, record: Record) -> bytes:
        """The maps that are structured data, each as [name key="value" …]."""
        if not self.fields.structured:
            return b""
        out = b""
        for key, value in record.items():
            if isinstance(value, dict) and key in self.fields.structured:
                pairs = [(name, text(inner)) for name, inner in value.items() if isinstance(name, str)]
                out += b"[" + b" ".join(
                    [self._name(key), *(b'%b="%b"' % (self._name(k), escaped(v)) for k, v in pairs if v is not None)]
                ) + b"]"  # fmt: skip
        return out

    def _name(self, name: str) -> bytes:
        return NOT_A_NAME.sub(b"_", name.encode("utf-8", "surrogateescape")[: self.name_limit]) or b"_"


def text(value: Any) -> bytes | None:
    """A value as bytes; maps, lists and null are none."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int):
        return str(value).encode()
    if isinstance(value, float):
        return f"{value:f}".encode()
    return bytes(value) if isinstance(value, (bytes, bytearray)) else None


def escaped(value: bytes) -> bytes:
    return IN_VALUE.sub(rb"\\\g<0>", value)


def severity_of(word: str) -> int | None:
    if word in set("01234567"):
        return int(word)
    return SEVERITIES.index(word.lower()) if word.lower() in SEVERITIES else None


def facility_of(word: str) -> int | None:
    """A name, or a number up to 23 (with two digits at the most)."""
    if re.fullmatch("[0-9]|[01][0-9]|2[0-3]", word):
        return int(word)
    return FACILITIES.get(word.lower())
