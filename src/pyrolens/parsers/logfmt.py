"""parser logfmt.

Source: src/flb_parser_logfmt.c (Fluent Bit 5.1.1).
"""

import re
from collections.abc import Iterable

from pyrolens.api import Env, Lines, Parse, Parser, Record, group, opt, plugin
from pyrolens.parsers._common import DIFFERS, LooseBool, TimeOptions
from pyrolens.parsers._decoders import decoder, decoder_lines
from pyrolens.records.escapes import unescape_utf8
from pyrolens.records.times import MisfitError
from pyrolens.records.types import read_types

PAIR = re.compile(
    r"""[\x00-\x20"=]*+                     # what is no part of a key
        ([^\x00-\x20"=]++)                  # key
        (=(?:"((?:[^"\\]++|\\.?)*+)"?       # quoted value
          |([^\x00-\x20"=]*+))              # plain value
        )?""",
    re.DOTALL | re.VERBOSE,
)
LINE_END = ("", "\n", "\r")


@plugin("logfmt")
class Logfmt(Parser):
    """Read `key=value key="some words" key` up to the end of the line. A key without a value is true."""

    differs = DIFFERS
    ignored = {
        "skip_empty_values": "it belongs to Format regex",
        "regex": "it belongs to Format regex",
    }

    time: TimeOptions = group(TimeOptions, "time_")
    types: str = opt(
        "Types of fields, such as `code:integer ms:float`. With it, keys without a value are empty and the escapes of"
        " quoted values stay.",
        default="",
    )
    logfmt_no_bare_keys: LooseBool = opt("A line with a key that has no = does not parse.", default=False)
    decoders: Lines = decoder_lines()

    def check(self) -> Iterable[tuple[str, str]]:
        return self.time.check()

    def compile(self, env: Env) -> Parse:
        read, time_key = self.time.reader(env), self.time.field
        keep = self.time.keep is True
        no_bare_keys = self.logfmt_no_bare_keys is not False
        decode = decoder(self.decoders, env)
        typed = bool(self.types)
        types = read_types(self.types)

        def parse(text: str) -> tuple[Record, int | None] | None:
            record: Record = {}
            ns = None
            at = 0
            while found := PAIR.match(text, at):
                at = found.end()
                key, assigned, quoted, plain = found.groups()
                if no_bare_keys and assigned is None:
                    return None
                value = quoted or plain or ""
                is_time = key == time_key and value != "" and read is not None
                if is_time and read:
                    try:
                        ns = read(value)
                    except (MisfitError, OverflowError):
                        return None
                if keep or not is_time:
                    if typed:
                        convert = types.get(key)
                        record[key] = convert(value) if convert else value
                    elif value == "":
                        record[key] = "" if quoted is not None else True
                    elif quoted and "\\" in quoted:
                        record[key] = unescape_utf8(quoted).partition("\0")[0]
                    else:
                        record[key] = value
                if text[at : at + 1] in LINE_END:
                    break
            if not record:
                return None
            return (decode(record) if decode else record), ns

        return parse
