"""parser json.

Source: src/flb_parser_json.c (Fluent Bit 5.1.1).
"""

import json
from collections.abc import Iterable

from pyrolens.api import Env, Lines, Parse, Parser, Record, group, plugin
from pyrolens.parsers._common import DIFFERS, TimeOptions
from pyrolens.parsers._decoders import Decode, decoder, decoder_lines
from pyrolens.records.lenient_json import Finish, JsonParse, Parsed, read_object, read_pairs
from pyrolens.records.times import MisfitError, ReadTime

IGNORED = {
    "types": "JSON has types of its own",
    "skip_empty_values": "it belongs to Format regex",
    "regex": "it belongs to Format regex",
    "logfmt_no_bare_keys": "it belongs to Format logfmt",
}


@plugin("json")
class Json(Parser):
    """Read an object in JSON."""

    ignored = IGNORED
    differs = DIFFERS

    time: TimeOptions = group(TimeOptions, "time_")
    decoders: Lines = decoder_lines()

    def check(self) -> Iterable[tuple[str, str]]:
        return self.time.check()

    def compile(self, env: Env) -> Parse:
        read = self.time.reader(env)
        decode = decoder(self.decoders, env)
        key = self.time.field
        finish = finisher(read, key, self.time.keep is not False, decode) if read else None
        if decode is None:
            return JsonParse(key, finish) if finish else JsonParse()

        def parse(text: str) -> Parsed:
            record = read_object(text)
            if record is None:
                return None
            return finish(text, record) if finish else (decode(record), None)

        return parse


def finisher(read: ReadTime, key: str, keep: bool, decode: Decode | None) -> Finish:
    """What is to be done with a record that may hold its time."""
    quoted = json.dumps(key, ensure_ascii=False)

    def finish(text: str, record: Record) -> Parsed:
        if text.count(quoted) > 1:
            return from_pairs(text)
        if decode:
            record = decode(record)
        value = record.get(key)
        if type(value) is not str:
            return record, None
        try:
            ns = read(value)
        except MisfitError as misfit:
            # the fraction alone has become the time; one of a second or more fits no event
            return (record, misfit.fraction or None) if misfit.fraction >= 0 else None
        except OverflowError:
            return None
        if not keep:
            del record[key]
        return record, ns

    def from_pairs(text: str) -> Parsed:
        """The key may be there twice: the first one is the time, the last one is the field."""
        pairs = read_pairs(text)
        if pairs is None:
            return None
        ns = None
        at = next((i for i, pair in enumerate(pairs) if pair[0] == key), -1)
        if at >= 0 and isinstance(pairs[at][1], str):
            try:
                ns = read(pairs[at][1])
                if not keep:
                    del pairs[at]
            except MisfitError as misfit:
                if misfit.fraction < 0:
                    return None
                ns = misfit.fraction or None
            except OverflowError:
                return None
        record = dict(pairs)
        return (decode(record) if decode else record), ns

    return finish
