"""Records as GELF 1.1, for outputs that offer it.

Source: Fluent Bit 5.1.1 src/flb_pack_gelf.c.
Differs: only the record that has no short message is refused, or whose level is neither a number nor text."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from pyrolens.api import Event, OutputEnv, opt
from pyrolens.records.codecs.json import json_value
from pyrolens.records.event import SECOND, Record

ODD = re.compile(r"[^A-Za-z0-9_.-]")
LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


@dataclass(frozen=True, kw_only=True)
class GelfKeys:
    """Which fields of a record are what in GELF."""

    tag_key: str | None = opt("Accepted for old configs; the tag is not sent.", default=None)
    timestamp_key: str = opt("Field that is the timestamp.", default="timestamp")
    host_key: str = opt("Field that is the host.", default="host")
    short_message_key: str = opt("Field that is the short message.", default="short_message")
    full_message_key: str = opt("Field that is the full message.", default="full_message")
    level_key: str = opt("Field that is the level: 0 to 7, or a word of syslog.", default="level")


class Gelf:
    def __init__(self, keys: GelfKeys, env: OutputEnv) -> None:
        self.env = env
        # the first of two roles with the same field wins, in the order in which Fluent Bit looks
        roles = [
            (keys.host_key, "host"),
            (keys.short_message_key, "short_message"),
            (keys.timestamp_key, "timestamp"),
            (keys.level_key, "level"),
            (keys.full_message_key, "full_message"),
        ]
        self.roles = dict(reversed(roles))

    def lines(self, events: list[Event]) -> tuple[bytes, int]:
        """The events as lines, and how many of them could be; the others are rejected."""
        made = self.each(events)
        return b"".join([line + b"\n" for line in made]), len(made)

    def each(self, events: list[Event], tag: str = "") -> list[bytes]:
        """Each event that can be GELF; the others are rejected."""
        made: list[bytes] = []
        unfit: dict[str, list[Event]] = {}
        for event in events:
            try:
                made.append(self.one(*event))
            except ValueError as why:
                unfit.setdefault(str(why), []).append(event)
        for reason, rejected in unfit.items():
            self.env.reject(rejected, tag, reason)
        return made

    def one(self, ns: int, record: Record) -> bytes:
        """Raises: ValueError for a record that cannot be GELF."""
        out: dict[str, Any] = {"version": "1.1"}
        for key, value in record.items():
            if not isinstance(key, str):
                continue
            role = self.roles.get(key)
            if role == "level":
                value = _level(value)
            elif role is None and key == "id":
                continue  # GELF reserves _id
            name = role or "_" + ODD.sub("_", key)
            if isinstance(value, dict):
                _flatten(out, "_" + ODD.sub("_", role or key), value)
            elif value is not None:
                out[name] = _value(value)
        if "timestamp" not in out:
            seconds, rest = divmod(int(ns), SECOND)
            out["timestamp"] = msgspec.Raw(f"{seconds}.{rest // 1_000_000:03d}".encode())
        if "short_message" not in out:
            raise ValueError("no short message for GELF")
        return json_value(out, escape_unicode=False)


def _level(value: Any) -> Any:
    if isinstance(value, str):
        if value in set("01234567"):
            return int(value)
        return LEVELS.index(value.lower()) if value.lower() in LEVELS else value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("the level is neither a number nor text")


def _flatten(out: dict[str, Any], prefix: str, record: dict[Any, Any]) -> None:
    for key, value in record.items():
        if not isinstance(key, str):
            continue
        name = f"{prefix}_{ODD.sub('_', key)}"
        if isinstance(value, dict):
            _flatten(out, name, value)
        else:
            out[name] = _value(value)


def _value(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        finite = value == value and abs(value) != float("inf")
        return msgspec.Raw(f"{value:f}".encode()) if finite else None
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_in_list, value))
    return value


def _in_list(value: Any, prefix: str = "") -> str:
    if isinstance(value, dict):
        return " ".join(
            _in_list(v, f"{prefix}{k}_") if isinstance(v, dict) else f"{prefix}{ODD.sub('_', k)}={_in_list(v)}"
            for k, v in value.items()
            if isinstance(k, str)
        )
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_in_list, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:f}"
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    return "null" if value is None else str(value)
