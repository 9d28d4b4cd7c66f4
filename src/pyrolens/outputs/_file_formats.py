"""How the file output writes a record.

Source: Fluent Bit 5.1.1 plugins/out_file/file.c."""

import re
from collections.abc import Callable

from pyrolens.records.codecs import json_text, pack_entry
from pyrolens.records.codecs.text import text_of
from pyrolens.records.event import SECOND, Record

Line = Callable[[str, int, Record], bytes]
"""(tag, ns, record) -> the bytes of a record, b"" where there is nothing to write."""

DELIMITERS = {"\\t": "\t", "tab": "\t", "space": " ", "comma": ","}
"""All that may be chosen; anything else is as if nothing were said."""


def line_of(form: str, delimiter: str | None, label: str | None, template: str, *, escape_unicode: bool) -> Line:
    def json(tag: str, ns: int, record: Record) -> bytes:
        body = json_text(record, escape_unicode=escape_unicode)
        return _bytes(f"{tag}: [{_seconds(ns)}, {body}]\n")

    def plain(tag: str, ns: int, record: Record) -> bytes:
        return _bytes(json_text(record, escape_unicode=escape_unicode) + "\n")

    def msgpack(tag: str, ns: int, record: Record) -> bytes:
        return pack_entry(ns, record)

    between = DELIMITERS.get((delimiter or "").lower())
    if form == "csv":
        return _csv(between or ",")
    if form == "ltsv":
        return _ltsv(between or "\t", DELIMITERS.get((label or "").lower()) or ":")
    if form == "template":
        return _template(template)
    return {"out_file": json, "plain": plain, "msgpack": msgpack}[form]


def csv_names(delimiter: str | None, record: Record) -> bytes:
    """The first line of a csv file with column names."""
    between = DELIMITERS.get((delimiter or "").lower()) or ","
    return _bytes(between.join(["timestamp", *map(text_of, record)]) + "\n")


def _csv(between: str) -> Line:
    def line(tag: str, ns: int, record: Record) -> bytes:
        return _bytes(between.join([_seconds(ns), *map(text_of, record.values())]) + "\n") if record else b""

    return line


def _ltsv(between: str, label: str) -> Line:
    def line(tag: str, ns: int, record: Record) -> bytes:
        if not record:
            return b""
        pairs = [f'"time"{label}{ns / SECOND:f}', *(f"{text_of(k)}{label}{text_of(v)}" for k, v in record.items())]
        return _bytes(between.join(pairs) + "\n")

    return line


def _template(template: str) -> Line:
    """{key} is the field of that name, or stays as it is; {time} and what begins it ({t}, {}) is the time."""
    parts = re.split(r"(\{[^{}]*\})", template)

    def line(tag: str, ns: int, record: Record) -> bytes:
        out = []
        for part in parts:
            key = part[1:-1]
            if not (part.startswith("{") and part.endswith("}")):
                out.append(part)
            elif "time".startswith(key):
                out.append(f"{ns / SECOND:f}")
            elif key in record:
                value = record[key]
                out.append(value if isinstance(value, str) else text_of(value))
            else:
                out.append(part)
        return _bytes("".join(out) + "\n")

    return line


def _seconds(ns: int) -> str:
    return f"{ns // SECOND}.{ns % SECOND:09d}"


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
