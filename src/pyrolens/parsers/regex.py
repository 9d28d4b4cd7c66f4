"""parser regex.

Source: src/flb_parser_regex.c and src/flb_regex.c (Fluent Bit 5.1.1).
"""

from collections.abc import Callable, Iterable

from pyrolens.api import Env, Lines, OptionError, Parse, Parser, Record, group, opt, plugin
from pyrolens.parsers._common import DIFFERS, LooseBool, TimeOptions
from pyrolens.parsers._decoders import decoder, decoder_lines
from pyrolens.records.regex import Pattern, PatternError, compile_pattern
from pyrolens.records.times import MisfitError
from pyrolens.records.types import read_types


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
        match = matcher(pattern, skip_empty=self.skip_empty_values is not False)
        read, time_key = self.time.reader(), self.time.field
        keep = self.time.keep is not False
        decode = decoder(self.decoders, env)
        typed = [(name, convert) for name, convert in read_types(self.types).items() if name in pattern.names]
        if not read and not typed and not decode:
            return lambda text: None if (record := match(text)) is None else (record, None)

        def parse(text: str) -> tuple[Record, int | None] | None:
            record = match(text)
            if record is None:
                return None
            ns = None
            if read and time_key in record:
                try:
                    ns = read(record[time_key])
                    if not keep:
                        del record[time_key]
                except MisfitError:
                    del record[time_key]
                except OverflowError:
                    return None
            for name, convert in typed:
                if name in record:
                    record[name] = convert(record[name])
            return (decode(record) if decode else record), ns

        return parse


def matcher(pattern: Pattern, skip_empty: bool) -> Callable[[str], Record | None]:
    """Text -> the named groups of the first match; None when it does not match or when none of them took part."""
    find, names = pattern.find, list(pattern.names)
    if not names:
        return lambda text: None

    def each_once(text: str) -> Record | None:
        found = find(text)
        if found is None:
            return None
        if skip_empty:
            record: Record = {name: value for name, value in zip(names, found[1:], strict=True) if value}
        else:
            record = {name: value or "" for name, value in zip(names, found[1:], strict=True)}
        if not any(record.values()) and not takes_part(found):
            return None
        return record

    def some_twice(text: str) -> Record | None:
        found = find(text)
        if found is None or not takes_part(found):
            return None
        # the last group of a name counts, even if it is empty
        return {
            name: found[number] or ""
            for name, numbers in pattern.names.items()
            for number in numbers
            if found[number] or not skip_empty
        }

    return each_once if pattern.groups == len(names) else some_twice


def takes_part(found: tuple[str | None, ...]) -> bool:
    return any(value is not None for value in found[1:])
