"""filter parser.

Source: plugins/filter_parser/filter_parser.c (Fluent Bit 5.1.1).
"""

from collections.abc import Callable
from typing import Any

from pyrolens.api import (
    Deciding,
    Env,
    Event,
    Filter,
    FilterEnv,
    Line,
    OptionError,
    Parse,
    ParserName,
    Record,
    Stamp,
    Transform,
    no_parser,
    opt,
    plugin,
)
from pyrolens.records.accessor import accessor
from pyrolens.records.lenient_json import REFUSED, JsonParse, Parsed, decode_strictly

Find = Callable[[Record], Any]
Merge = Callable[[Record, Record], None]
"""(what was parsed, the record it came from): adds to the first what is to be kept of the second."""


@plugin("parser")
class ParserFilter(Filter):
    """Parse the text of a field into fields of the record.

    A record whose field is missing, is no text, or does not parse stays as it is. The first parser that fits counts.
    """

    refused = {"unescape_key": "Fluent Bit refuses it, too; use Decode_Field_As escaped KEY in the parser"}
    differs = (
        "A record whose parsed time no event can carry (before 1970, from 2106 on) stays as it is; Fluent Bit loses it"
        " unless it is alone in its chunk.",
    )

    key_name: str = opt("Field to parse; $ begins a record accessor such as $app['log'].")
    parser: list[ParserName] = opt("Name of a parser; several are tried in turn.")
    preserve_key: bool = opt("Keep the field that was parsed.", default=False)
    reserve_data: bool = opt("Keep the other fields.", default=False)

    def compile(self, env: FilterEnv) -> Transform:
        parses = self._parses(env)
        parse = parses[0] if len(parses) == 1 else first_of(parses)
        find, merge = self._find(), self._merge()
        json = parse if isinstance(parse, JsonParse) and not self.key_name.startswith("$") else None
        if json:
            parse = json.after_refusal

        def one(event: Event) -> Event:
            text = find(event[1])
            if type(text) is not str:
                if type(text) is not bytes:
                    return event
                text = text.decode(errors="surrogateescape")
            return finish(event, parse(text))

        def finish(event: Event, result: Parsed) -> Event:
            if result is None:
                return event
            ns, record = event
            parsed, parsed_ns = result
            if merge:
                merge(parsed, record)
            if parsed_ns is None:
                return ns, parsed
            return ns.at(parsed_ns) if isinstance(ns, Stamp) else parsed_ns, parsed

        if json:
            reserves = self.reserve_data and not self.preserve_key
            return json_transform(self.key_name, json, merge, reserves, one, finish)
        return lambda tag, events: [one(event) for event in events]

    def deciding(self, env: Env) -> Deciding:
        find = self._find()
        parses = [(n, parse) for n, name in enumerate(self.parser) if (parse := env.parser(name))]

        def of(tag: str, event: Event) -> list[tuple[int, bool]]:
            text = find(event[1])
            if type(text) is bytes:
                text = text.decode(errors="surrogateescape")
            decided = []
            for n, parse in parses if type(text) is str else ():
                decided.append((n, parse(text) is not None))
                if decided[-1][1]:
                    return decided[-1:]
            return decided

        return Deciding([Line("parser", name) for name in self.parser], of)

    def _parses(self, env: FilterEnv) -> list[Parse]:
        found: list[Parse] = []
        missing: list[str] = []
        for name in self.parser:
            parse = env.parser(name)
            if parse:
                found.append(parse)
            else:
                missing.append(name)
        if not found:
            raise no_parser("parser", *missing)
        for name in missing:
            env.log.error("there is no such parser; the others are used", parser=name)
        return found

    def _find(self) -> Find:
        if self.key_name.startswith("$"):
            try:
                return accessor(self.key_name)
            except ValueError as why:
                raise OptionError("key_name", str(why)) from None
        key = self.key_name
        return lambda record: record.get(key)

    def _merge(self) -> Merge | None:
        """A field that is in both: what the record held counts, for it comes last."""
        if self.reserve_data and (self.preserve_key or self.key_name.startswith("$")):
            return dict.update
        key = self.key_name
        if self.reserve_data:

            def reserve(parsed: Record, record: Record) -> None:
                if key in parsed:
                    own = parsed[key]
                    parsed.update(record)
                    parsed[key] = own
                else:
                    parsed.update(record)
                    del parsed[key]

            return reserve
        if self.preserve_key and not key.startswith("$"):

            def preserve(parsed: Record, record: Record) -> None:
                parsed[key] = record[key]

            return preserve
        return None


def first_of(parses: list[Parse]) -> Parse:
    def parse(text: str) -> tuple[Record, int | None] | None:
        for each in parses:
            result = each(text)
            if result is not None:
                return result
        return None

    return parse


def json_transform(
    key: str,
    parse: JsonParse,
    merge: Merge | None,
    reserves: bool,
    other: Callable[[Event], Event],
    finish: Callable[[Event, Parsed], Event],
) -> Transform:
    """The same for JSON: most records go this way without a call, the others go through `other`, and those that hold
    their time through `finish`. reserves: merge is that of Reserve_Data alone."""
    decode, time_key = decode_strictly, parse.key

    def transform(tag: str, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        add = out.append
        for event in events:
            try:
                ns, record = event
                parsed = decode(record[key])
            except REFUSED_OR_ABSENT:
                add(other(event))
                continue
            if time_key in parsed:
                text = record[key]
                add(finish(event, parse.finish(text, parsed)) if type(text) is str else other(event))
            elif reserves and key not in parsed:
                parsed.update(record)
                del parsed[key]
                add((ns, parsed))
            else:
                if merge:
                    merge(parsed, record)
                add((ns, parsed))
        return out

    return transform


REFUSED_OR_ABSENT = (*REFUSED, KeyError, TypeError)
