"""Filter parser, and `<parse>` of sources.

Source: Fluentd 1.19, lib/fluent/plugin/filter_parser.rb.
"""

from dataclasses import dataclass
from typing import Any

from pyrolens.config.fluentd.accessors import getter, remover, to_s
from pyrolens.config.fluentd.filters.base import Errors, FilterSaid
from pyrolens.config.fluentd.kinds import Bool, Field
from pyrolens.config.fluentd.parse import ParseSection, ParseText, parser
from pyrolens.config.fluentd.reading import section
from pyrolens.options import opt
from pyrolens.plugin import FilterEnv, Transform
from pyrolens.records.event import Event, Record


@dataclass(frozen=True, kw_only=True)
class Parser(FilterSaid):
    """Parse the text of a field."""

    stateful = True
    ignored = {"replace_invalid_sequence": "bytes that are not UTF-8 are no obstacle here"}

    key_name: Field = opt("The field: its name, or $.a.b.")
    reserve_data: Bool = opt("Keep the other fields; also where the text does not fit.", default=False)
    reserve_time: Bool = opt("Keep the time of the event.", default=False)
    remove_key_name_field: Bool = opt("Remove the field once it is parsed.", default=False)
    inject_key_prefix: str | None = opt("Put this before the names of the fields that were parsed.", default=None)
    hash_value_field: str | None = opt("Put what was parsed into this field.", default=None)
    emit_invalid_record_to_error: Bool = opt("What does not fit enters the label @ERROR.", default=True)
    parse: ParseSection = section(parser, required=True)

    def compile(self, env: FilterEnv, errors: Errors) -> Transform:
        get, remove, parse = getter(self.key_name), remover(self.key_name), self.parse.compile()
        keep, keep_time, prefix, inside = (
            self.reserve_data,
            self.reserve_time,
            self.inject_key_prefix,
            self.hash_value_field,
        )
        removes, tells = self.remove_key_name_field, self.emit_invalid_record_to_error
        estimates = self.parse.estimate_current_event

        def made(record: Record, values: Record) -> Record:
            if prefix:
                values = {f"{prefix}{key}": value for key, value in values.items()}
            if inside:
                values = {inside: values}
            return {**record, **values} if keep else values

        def transform(tag: str, events: list[Event]) -> list[Event]:
            out: list[Event] = []
            wrong: list[Event] = []
            why = ""
            for ns, record in events:
                value = get(record)
                found: list[tuple[Record, int | None]] = []
                if value is None:
                    reason = f"{self.key_name} does not exist"
                else:
                    try:
                        found, reason = parse(text_of(value)), "the text does not fit"
                    except ValueError as error:
                        reason = str(error)
                        if tells:
                            wrong.append((ns, record))
                            why = reason
                        continue
                for values, own in found:
                    base = remove(record) if removes else record
                    if not keep_time:
                        # without a time of its own a record is of now, unless the event's own is to count
                        own = own or (env.now() if estimates else ns)
                    out.append((ns if keep_time else own or ns, made(base, values)))
                if not found:
                    if tells:
                        wrong.append((ns, record))
                        why = reason
                    if keep:
                        out.append((ns, made(record, {})))
            if wrong:
                errors.take(env, tag, wrong, why)
            return out

        return transform


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else to_s(value)


@dataclass(frozen=True, kw_only=True)
class Lines:
    """What becomes of the lines of a source: a filter that parses the field which holds the line."""

    key: str
    parse: ParseText
    unmatched: bool = False
    """A line that does not fit goes on as the field unmatched_line; else it is dropped with a warning."""

    def compile(self, env: FilterEnv) -> Transform:
        key, parse, unmatched = self.key, self.parse, self.unmatched

        def transform(tag: str, events: list[Event]) -> list[Event]:
            out: list[Event] = []
            dropped = 0
            for ns, record in events:
                line = text_of(record.get(key)).removesuffix("\n").removesuffix("\r")
                others = {k: v for k, v in record.items() if k != key}
                try:
                    found = parse(line)
                except ValueError:
                    found = []
                if found:
                    out += [(own or ns, {**values, **others} if others else values) for values, own in found]
                elif unmatched:
                    out.append((ns, {"unmatched_line": line, **others}))
                else:
                    dropped += 1
            if dropped:
                env.count("unmatched_lines", dropped)
                env.log.warning("pattern not matched: the lines are dropped", tag=tag, records=dropped)
            return out

        return transform
