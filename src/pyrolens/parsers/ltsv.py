"""parser ltsv: labelled tab-separated values.

Source: src/flb_parser_ltsv.c (Fluent Bit 5.1.1).
"""

import re
from collections.abc import Iterable

from pyrolens.api import Env, Lines, Parse, Parser, Record, group, opt, plugin
from pyrolens.parsers._common import DIFFERS, TimeOptions
from pyrolens.parsers._decoders import decoder, decoder_lines
from pyrolens.records.times import MisfitError
from pyrolens.records.types import read_types

FIELD = re.compile(r"([0-9A-Za-z_.\-]*+):([^\0\t\n\x0e\r]*+)\t?")


@plugin("ltsv")
class Ltsv(Parser):
    """Read `label:value` pairs with tabs between them, up to the end of the line."""

    differs = DIFFERS
    ignored = {
        "skip_empty_values": "it belongs to Format regex",
        "regex": "it belongs to Format regex",
        "logfmt_no_bare_keys": "it belongs to Format logfmt",
    }

    time: TimeOptions = group(TimeOptions, "time_")
    types: str = opt("Types of fields, such as `code:integer ms:float ok:bool id:hex`.", default="")
    decoders: Lines = decoder_lines()

    def check(self) -> Iterable[tuple[str, str]]:
        return self.time.check()

    def compile(self, env: Env) -> Parse:
        read, time_key = self.time.reader(env), self.time.field
        keep = self.time.keep is True
        decode = decoder(self.decoders, env)
        types = read_types(self.types)

        def parse(text: str) -> tuple[Record, int | None] | None:
            record: Record = {}
            ns = None
            at = 0
            while found := FIELD.match(text, at):
                at = found.end()
                label, value = found.groups()
                is_time = label == time_key and value != "" and read is not None
                if is_time and read:
                    try:
                        ns = read(value)
                    except (MisfitError, OverflowError):
                        return None
                if label and (keep or not is_time):
                    convert = types.get(label)
                    record[label] = convert(value) if convert else value
            if not record:
                return None
            return (decode(record) if decode else record), ns

        return parse
