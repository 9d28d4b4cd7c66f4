"""Filter record_modifier.

Source: fluent-plugin-record-modifier 2.2, lib/fluent/plugin/filter_record_modifier.rb.
Differs: Ruby is not run: a placeholder that does more than to read a field, the tag or the time is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pyrolens.config.fluentd.accessors import remover
from pyrolens.config.fluentd.filters.base import Errors, FilterSaid
from pyrolens.config.fluentd.filters.record_transformer import RecordSection, check_placeholders, record_section
from pyrolens.config.fluentd.kinds import Array, Fields
from pyrolens.config.fluentd.placeholders import fields_of
from pyrolens.config.fluentd.reading import section
from pyrolens.options import opt
from pyrolens.plugin import FilterEnv, Transform
from pyrolens.records.event import Event


@dataclass(frozen=True, kw_only=True)
class RecordModifier(FilterSaid):
    """Set and remove fields."""

    refused = {"prepare_value": "no Ruby is run here"}
    refused_sections = {
        "replace": "text within a field cannot be replaced here; let the program or the destination do it"
    }
    ignored = {"char_encoding": "text is UTF-8 here, and other bytes are kept as they are"}

    remove_keys: Fields | None = opt("Fields to remove.", default=None)
    whitelist_keys: Array | None = opt("Fields to keep besides those that are set; all others go.", default=None)
    record: tuple[RecordSection, ...] = section(record_section, many=True)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.remove_keys is not None and self.whitelist_keys is not None:
            yield "whitelist_keys", "remove_keys and whitelist_keys cannot stand together"
        for message in check_placeholders(self.record, True):
            yield "", message

    def compile(self, env: FilterEnv, errors: Errors) -> Transform:
        fields = {entry.key: str(entry.value) for record in self.record for entry in record.element.entries}
        of_tag = fields_of(dict(fields), True, True, lambda name: None)
        removers = [remover(key) for key in self.remove_keys or ()]
        keep = None if self.whitelist_keys is None else [*self.whitelist_keys, *fields]

        def transform(tag: str, events: list[Event]) -> list[Event]:
            make = of_tag(tag).make
            out: list[Event] = []
            for ns, record in events:
                made = {**record, **make(ns, record)}
                for remove in removers:
                    made = remove(made)
                if keep is not None:
                    made = {key: made[key] for key in keep if key in made}
                out.append((ns, made))
            return out

        return transform
