"""Filter record_transformer.

Source: Fluentd 1.19, lib/fluent/plugin/filter_record_transformer.rb.
Differs: Ruby is not run. With enable_ruby, placeholders that read a field, the tag or the time are understood.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyrolens.config.fluentd.accessors import remover, to_f
from pyrolens.config.fluentd.filters.base import Errors, FilterSaid
from pyrolens.config.fluentd.kinds import Array, Bool, Fields
from pyrolens.config.fluentd.placeholders import fields_of, json_or_text
from pyrolens.config.fluentd.reading import Said, section
from pyrolens.options import opt
from pyrolens.plugin import FilterEnv, Transform
from pyrolens.records.event import SECOND, Event, Record

PLAIN = '${tag}, ${tag_parts[0]}, ${tag_prefix[0]}, ${tag_suffix[0]}, ${time}, ${hostname} and ${record["key"]}'


@dataclass(frozen=True, kw_only=True)
class RecordSection(Said):
    """Fields to set: a name and a value each."""

    @property
    def fields(self) -> dict[str, Any]:
        return {entry.key: json_or_text(str(entry.value)) for entry in self.element.entries}


def record_section(reading: Any, element: Any) -> type[Said]:
    """Its parameters have names of the user's."""
    return type("Record", (RecordSection,), {"more": tuple(e.key for e in element.entries)})


def check_placeholders(records: Iterable[RecordSection], ruby: bool) -> Iterable[str]:
    """A message for each placeholder that is not known."""
    for record in records:
        unknown: list[str] = []
        fields_of(record.fields, True, ruby, unknown.append)
        for name in unknown:
            if ruby:
                yield f"{name}: no Ruby is run here; there are {PLAIN}, record.dig and time.strftime"
            elif "'" in name and name.startswith("${record['"):
                yield f"{name}: without enable_ruby the key stands in double quotes"
            else:
                yield f"{name} is no placeholder: there are {PLAIN}"


def ns_of(seconds: float) -> int:
    """Of a time in seconds, whose fraction alone has room for ns."""
    whole = int(seconds // 1)
    return whole * SECOND + int((seconds - whole) * SECOND)


@dataclass(frozen=True, kw_only=True)
class RecordTransformer(FilterSaid):
    """Set, keep and remove fields."""

    remove_keys: Fields | None = opt("Fields to remove, once the others are set.", default=None)
    keep_keys: Array | None = opt("Of renew_record: fields to keep.", default=None)
    renew_record: Bool = opt("Begin with an empty record.", default=False)
    renew_time_key: str | None = opt("Field with the new time of the event, in seconds.", default=None)
    enable_ruby: Bool = opt("Placeholders are Ruby, of which only what reads fields is understood.", default=False)
    auto_typecast: Bool = opt("A placeholder alone keeps the type of its value; else it becomes text.", default=True)
    record: tuple[RecordSection, ...] = section(record_section, many=True)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.keep_keys is not None and not self.renew_record:
            yield "keep_keys", "keep_keys needs renew_record true"
        for message in check_placeholders(self.record, self.enable_ruby):
            yield "", message

    def compile(self, env: FilterEnv, errors: Errors) -> Transform:
        fields = {key: value for record in self.record for key, value in record.fields.items()}
        of_tag = fields_of(fields, self.auto_typecast, self.enable_ruby, lambda name: None)
        removers = [remover(key) for key in self.remove_keys or ()]
        keep, renew, time_key = self.keep_keys or (), self.renew_record, self.renew_time_key
        plain = not (removers or renew or time_key)

        def kept(record: Record) -> Record:
            return {key: record[key] for key in keep if key in record}

        def transform(tag: str, events: list[Event]) -> list[Event]:
            make, fixed = of_tag(tag)
            if plain and fixed is not None:
                return [(ns, {**record, **fixed}) for ns, record in events]
            if plain:
                return [(ns, {**record, **make(ns, record)}) for ns, record in events]
            out: list[Event] = []
            for ns, record in events:
                made = {**(kept(record) if renew else record), **make(ns, record)}
                if time_key and time_key in made:
                    ns = ns_of(to_f(made[time_key]))
                for remove in removers:
                    made = remove(made)
                out.append((ns, made))
            return out

        return transform
