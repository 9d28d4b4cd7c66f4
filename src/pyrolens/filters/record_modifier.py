"""filter record_modifier.

Source: plugins/filter_record_modifier/filter_modifier.c (Fluent Bit 5.1.1).
"""

import uuid
from collections.abc import Callable, Iterable

from pyrolens.api import Deciding, Env, Event, Filter, FilterEnv, Line, Pair, Record, Transform, opt, plugin
from pyrolens.records.remembered import Remembered

SMALL = {c: c + 32 for c in range(65, 91)}
"""Only ASCII letters have a case here."""


@plugin("record_modifier")
class RecordModifier(Filter):
    """Add fields to every record, and remove fields by name; upper and lower case are the same."""

    differs = ("a record that would lose all its fields goes on unchanged; in a chunk with others Fluent Bit drops it",)

    record: list[Pair] = opt("KEY VALUE: set this field to this text, after the others.", default=[])
    remove_key: list[str] = opt("Remove this field; with * at its end, all that begin so.", default=[])
    allowlist_key: list[str] = opt("Remove all fields but these.", default=[], aliases=["whitelist_key"])
    uuid_key: str | None = opt("Set this field to a random UUID.", default=None)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.remove_key and self.allowlist_key:
            yield "allowlist_key", "Allowlist_key cannot be combined with Remove_key"

    def compile(self, env: FilterEnv) -> Transform:
        added: Record = {pair.key: pair.value for pair in self.record}
        steps: list[Transform] = []
        if self.remove_key or self.allowlist_key:
            steps.append(remover(self.remove_key or self.allowlist_key, bool(self.allowlist_key), added, self.uuid_key))
        elif added:
            steps.append(lambda tag, events: [(ns, record | added) for ns, record in events])
        if self.uuid_key is not None:
            steps.append(identifier(self.uuid_key))
        if len(steps) == 1:
            return steps[0]

        def transform(tag: str, events: list[Event]) -> list[Event]:
            for step in steps:
                events = step(tag, events)
            return events

        return transform

    def deciding(self, env: Env) -> Deciding:
        lines = [Line("record", f"{pair.key} {pair.value}", pair.place) for pair in self.record]
        lines += [Line("remove_key", name) for name in self.remove_key]
        lines += [Line("allowlist_key", name) for name in self.allowlist_key]
        some = {n: goes(line.value) for n, line in enumerate(lines) if line.key != "record"}

        def of(tag: str, event: Event) -> list[tuple[int, bool]]:
            return [(n, True) for n in range(len(lines)) if n not in some or any(map(some[n], event[1]))]

        return Deciding(lines, of)


def goes(name: str) -> Callable[[object], bool]:
    """Whether a field is one of that name."""
    small = name.translate(SMALL)

    def is_meant(field: object) -> bool:
        plain = field.translate(SMALL) if isinstance(field, str) else ""
        return plain.startswith(small[:-1]) if small.endswith("*") else plain == small

    return is_meant


def remover(names: list[str], keep_listed: bool, added: Record, uuid_key: str | None) -> Transform:
    small = [name.translate(SMALL) for name in names]
    exact = {name for name in small if not name.endswith("*")}
    prefixes = tuple(name[:-1] for name in small if name.endswith("*"))

    def decide(name: object) -> bool:
        if not isinstance(name, str):
            return not keep_listed
        plain = name.translate(SMALL)
        return (plain in exact or plain.startswith(prefixes)) is keep_listed

    stays = Remembered(decide)

    def keep_some(tag: str, events: list[Event]) -> list[Event]:
        return [(ns, {k: v for k, v in record.items() if stays[k]} or record) for ns, record in events]

    def keep_and_add(tag: str, events: list[Event]) -> list[Event]:
        return [(ns, {k: v for k, v in record.items() if stays[k]} | added) for ns, record in events]

    return keep_and_add if added or uuid_key is not None else keep_some


def identifier(key: str) -> Transform:
    return lambda tag, events: [(ns, record | {key: str(uuid.uuid4())}) for ns, record in events]
