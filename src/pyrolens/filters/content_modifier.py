"""processor content_modifier.

Source: plugins/processor_content_modifier (Fluent Bit 5.1.1).
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

from pyrolens.api import Event, Filter, FilterEnv, Record, Stamp, Transform, opt, plugin
from pyrolens.options import read_float
from pyrolens.records.event import group_of, metadata_of
from pyrolens.records.regex import compile_pattern

Edit = Callable[[Record], Record]
"""A record -> the new one, or the same when nothing changes. Raises: MisfitError."""
METADATA = ("metadata", "attributes")


class MisfitError(Exception):
    """The action does not fit the record, which stays as it is."""


@plugin("content_modifier")
class ContentModifier(Filter):
    """Change one field of each record. It is a processor: it stands below an input or an output in YAML."""

    only_processor = True
    differs = (
        "The contexts of OpenTelemetry have no effect.",
        "A record that the action does not fit (convert of a field that is not there, convert or hash of a list or a "
        "map, extract without a match) stays as it is, and those after it are changed; Fluent Bit loses all that come "
        "after it in the chunk.",
        "A number of 2^63 or more keeps its sign as a double, and a double that is too great for an int stays.",
    )

    action: Literal["insert", "upsert", "delete", "rename", "hash", "extract", "convert"] = opt("What to do.")
    context: Literal[
        "body",
        "message",
        "record",
        "metadata",
        "attributes",
        "otel_resource_attributes",
        "otel_scope_name",
        "otel_scope_version",
        "otel_scope_attributes",
        "otel_log_attributes",
    ] = opt("Where the field is: in the record, or beside it.", default="body")
    key: str | None = opt("The field.", default=None)
    value: str | None = opt("The new value of the field, or its new name.", default=None)
    pattern: str | None = opt("Of extract: its named groups become fields.", default=None)
    converted_type: Literal["string", "boolean", "int", "double"] | None = opt("Of convert: the type.", default=None)

    def check(self) -> Iterable[tuple[str, str]]:
        if not self.key:
            yield "key", f"action {self.action} needs key"
        if self.action in ("insert", "upsert", "rename") and self.value is None:
            yield "value", f"action {self.action} needs value"
        if self.action == "extract" and not self.pattern:
            yield "pattern", "action extract needs pattern"
        if self.action == "convert" and not self.converted_type:
            yield "converted_type", "action convert needs converted_type"
        if self.pattern:
            try:
                compile_pattern(self.pattern)
            except ValueError as why:
                yield "pattern", str(why)

    def compile(self, env: FilterEnv) -> Transform:
        edit = self._edit()
        if self.context.startswith("otel"):
            return lambda tag, events: events
        if self.context in METADATA:
            return _each(lambda ns, record: _stamped(ns, record, edit))
        return _each(lambda ns, record: (ns, edit(record)))

    def _edit(self) -> Edit:
        key, value = self.key or "", self.value or ""
        if self.action == "insert":
            return lambda record: record if key in record else {**record, key: value}
        if self.action == "upsert":
            return lambda record: {**_without(record, key), key: value}
        if self.action == "delete":
            return lambda record: _without(record, key) if key in record else record
        if self.action == "rename":
            return lambda record: {value if k == key else k: v for k, v in record.items()} if key in record else record
        if self.action == "hash":
            return lambda record: {**record, key: hashed(record[key])} if key in record else record
        if self.action == "extract":
            return extractor(key, self.pattern or "")
        kind = self.converted_type or ""

        def edit(record: Record) -> Record:
            if key not in record:
                raise MisfitError
            return {**_without(record, key), key: converted(record[key], kind)}

        return edit


def _each(change: Callable[[int, Record], Event]) -> Transform:
    def transform(tag: str, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            try:
                out.append(change(*event))
            except MisfitError:
                out.append(event)
        return out

    return transform


def _stamped(ns: int, record: Record, edit: Edit) -> Event:
    metadata = metadata_of(ns)
    new = edit(metadata)
    return (ns, record) if new is metadata else (Stamp(ns, new, group_of(ns)), record)


def _without(record: Record, key: str) -> Record:
    return {k: v for k, v in record.items() if k != key}


def hashed(value: Any) -> Any:
    """SHA-256 of the value as text, in hexadecimal digits; the empty text stays."""
    text = converted(value, "string")
    if not text:
        return value
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def extractor(key: str, pattern: str) -> Edit:
    compiled = compile_pattern(pattern)

    def edit(record: Record) -> Record:
        value = record.get(key)
        found = compiled.named(value) if isinstance(value, str) else None
        if found is None:
            raise MisfitError
        new = dict(record)
        for name, text in found.items():
            if text is not None:
                new.pop(name, None)
                new[name] = text
        return new

    return edit


def converted(value: Any, kind: str) -> Any:
    """Raises: MisfitError for what cannot be of that kind."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return _text(value, kind)
    if value is not None and not isinstance(value, int | float):
        raise MisfitError
    if kind == "string":
        return _as_text(value)
    if kind == "boolean":
        return bool(value)
    if kind == "double":
        return float(value or 0)
    if isinstance(value, float):
        if not abs(value) < 2**63:
            raise MisfitError
        return int(math.copysign(math.floor(abs(value) + 0.5), value))
    return int(value or 0)


def _text(text: str, kind: str) -> Any:
    if kind == "string":
        return text
    if kind == "boolean":
        return text.lower() == "true"
    if kind == "double":
        number = read_float(text)
        if math.isinf(number) and not re.match(r"\s*[+-]?inf", text, re.IGNORECASE):
            raise MisfitError
        return number
    if not re.fullmatch(r"\s*[+-]?[0-9]*", text):
        raise MisfitError
    digits = text.strip(" +-\t")
    if digits.isspace():
        raise MisfitError
    number = int(text) if digits else 0
    if not -(2**31) <= number < 2**32:
        raise MisfitError
    return number


def _as_text(value: float | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:.17g}"
    return str(value)
