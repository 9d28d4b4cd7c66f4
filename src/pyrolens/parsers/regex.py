"""parser regex.

Source: src/flb_parser_regex.c and src/flb_regex.c (Fluent Bit 5.1.1).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pyrolens.api import Env, Lines, OptionError, Parse, Parser, Record, group, opt, plugin
from pyrolens.parsers._common import DIFFERS, LooseBool, TimeOptions
from pyrolens.parsers._decoders import decoder, decoder_lines
from pyrolens.records.regex import Pattern, PatternError, compile_pattern
from pyrolens.records.times import MisfitError, ReadTime
from pyrolens.records.types import Convert, read_types


@plugin("regex")
class Regex(Parser):
    """Read what the named groups of a pattern match, as Ruby writes them: `(?<name>...)`."""

    differs = DIFFERS
    ignored = {"logfmt_no_bare_keys": "it belongs to Format logfmt"}

    regex: str = opt("The pattern; between slashes flags may follow, as in `/.../i`.")
    time: TimeOptions = group(TimeOptions, "time_")
    types: str = opt("Types of fields, such as `code:integer ms:float ok:bool id:hex`.", default="")
    skip_empty_values: LooseBool = opt("Leave out groups that match nothing; else they are empty.", default=True)
    decoders: Lines = decoder_lines()

    def check(self) -> Iterable[tuple[str, str]]:
        yield from self.time.check()
        try:
            compile_pattern(self.regex)
        except PatternError as why:
            yield "regex", str(why)

    def compile(self, env: Env) -> Parse:
        try:
            pattern = compile_pattern(self.regex)
        except PatternError as why:
            raise OptionError("regex", str(why)) from None
        typed = {name: convert for name, convert in read_types(self.types).items() if name in pattern.names}
        parse = reader(
            pattern,
            self.skip_empty_values is not False,
            self.time.reader(env),
            self.time.field,
            self.time.keep is not False,
            typed,
        )
        decode = decoder(self.decoders, env)
        if not decode:
            return parse

        def decoded(text: str) -> tuple[Record, int | None] | None:
            found = parse(text)
            return None if found is None else (decode(found[0]), found[1])

        return decoded


def reader(
    pattern: Pattern, skip_empty: bool, read: ReadTime | None, time_key: str, keep: bool, typed: Mapping[str, Convert]
) -> Parse:
    """Text -> the named groups of the first match; None when it does not match or when none of them took part. Of
    groups of one name the last that is not empty counts.

    Written as source: what is known of the pattern is not asked for again with each line, which takes half the time."""
    if not pattern.names:
        return lambda text: None
    groups = [f"g{number}" for number in range(1, pattern.groups + 1)]
    values = {
        name: " or ".join(f"g{n}" for n in reversed(numbers)) if skip_empty else f"(g{numbers[-1]} or '')"
        for name, numbers in pattern.names.items()
    }
    timed = read is not None and time_key in values
    kept = [name for name in values if keep or not timed or name != time_key]
    body = [f"record = {{{', '.join(f'{name!r}: {values[name]}' for name in kept)}}}", "ns = None"]
    if skip_empty:
        body += [line for name in kept for line in (f"if not ({values[name]}):", f"    del record[{name!r}]")]
    if timed:
        body += [
            f"if {values[time_key]}:" if skip_empty else "if True:",
            "    try:",
            f"        ns = read({values[time_key]})",
            "    except MisfitError:",
            f"        record.pop({time_key!r}, None)",
        ]
    for name in typed:
        body += [f"if {name!r} in record:", f"    record[{name!r}] = typed[{name!r}](record[{name!r}])"]
    full = " and ".join(f"({value})" for value in values.values()) if skip_empty else " or ".join(groups)
    items = ", ".join(
        f"{name!r}: typed[{name!r}]({values[name]})" if name in typed else f"{name!r}: {values[name]}" for name in kept
    )
    # neighbours mostly have the same time
    time = f"ns if ({values[time_key]}) == last else (ns := when(last := {values[time_key]}, now))" if timed else "now"
    each_line = pattern.each_line()

    def when(text: str, now: int) -> int:
        try:
            return (read(text) if read else None) or now
        except MisfitError:
            if keep:
                raise
            return now

    names: dict[str, Any] = {
        "match": pattern.match, "each_line": each_line, "typed": typed, "MisfitError": MisfitError,
        "read": read, "when": when,
    }  # fmt: skip
    exec(
        f"""
def parse(text):
    found = match(text)
    if found is None:
        return None
    {", ".join(groups)}, = found.groups()
    if not ({" or ".join(groups)}) and {" is None and ".join(groups)} is None:
        return None
    try:
        {(NEXT + "    ").join(body)}
    except OverflowError:
        return None
    return record, ns

def lines(data, now, unread):
    found = each_line(data)
    if found is None:
        return None
    last = ns = None
    try:
        return [
            ({time}, {{{items}}}) if {full} else other({", ".join(groups)}, line, now, unread)
            for {", ".join(groups)}, line in found
        ]
    except (MisfitError, OverflowError):
        return None

def other({", ".join(groups)}, line, now, unread):
    if not ({" or ".join(groups)}):
        if not line:
            raise MisfitError # or groups that matched nothing
        return now, unread(line)
    {NEXT.join(body)}
    return (now if ns is None else ns), record
""",
        names,
    )
    made: Parse = names["parse"]
    if each_line:
        made.lines = names["lines"]  # type: ignore[attr-defined]
    return made


NEXT = "\n    "
