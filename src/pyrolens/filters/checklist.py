"""filter checklist.

Source: plugins/filter_checklist/checklist.c (Fluent Bit 5.1.1); partial mode is LIKE of SQLite there.
"""

import re
import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any, NamedTuple

from pyrolens.api import Event, Filter, FilterEnv, OptionError, Record, Transform, opt, plugin
from pyrolens.options import Kind, split_tokens
from pyrolens.records.accessor import accessor

LONGEST = 2046
"""Bytes of a line of the list."""
SMALL = {c: c + 32 for c in range(65, 91)}
WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


class Field(NamedTuple):
    """KEY VALUE; of more words the last part is the value."""

    key: str
    value: Any

    @classmethod
    def read(cls, text: str) -> "Field":
        words = split_tokens(text, 2)
        if len(words) < 2:
            raise ValueError("expected KEY VALUE")
        return cls(words[0], WORDS.get(words[-1].lower(), words[-1]))


def read_mode(text: str) -> str:
    return "partial" if text.lower() == "partial" else "exact"


def doubt_mode(text: str) -> str:
    return "" if text.lower() in ("exact", "partial") else "exact or partial is expected; exact is taken"


@plugin("checklist")
class Checklist(Filter):
    """Add fields to records in which the value of a field is in a list."""

    differs = ("a list that cannot be read is refused; Fluent Bit starts without it",)

    file: str = opt("File of the list: one value a line; lines that begin with # do not count.")
    mode: Annotated[str, Kind("mode", read_mode, doubt=doubt_mode)] = opt(
        "exact, or partial: the value begins with one of the list, in which % and _ are placeholders.", default="exact"
    )
    lookup_key: str = opt("Field whose value is looked up, or its accessor.", default="log")
    ignore_case: bool = opt("Upper and lower case are the same.", default=False)
    record: list[Field] = opt("KEY VALUE: add this field, in place of one of that name.", default=[])
    print_query_time: bool = opt("Log how long each look-up took that found something.", default=False)

    def check(self) -> Iterable[tuple[str, str]]:
        try:
            accessor(self.lookup_key)
        except ValueError as why:
            yield "lookup_key", str(why)
        try:
            read_list(self.file)
        except ValueError as why:
            yield "file", str(why)

    def compile(self, env: FilterEnv) -> Transform:
        try:
            listed = read_list(self.file)
        except ValueError as why:
            raise OptionError("file", str(why)) from None
        if not self.record:
            env.log.warning("it has no effect without Record")
        if self.ignore_case:
            listed = [value.translate(SMALL) for value in listed]
        find = partial(listed) if self.mode == "partial" else set(listed).__contains__
        get = accessor(self.lookup_key)
        added: Record = {field.key: field.value for field in self.record}
        ignore_case = self.ignore_case

        def found(record: Record) -> bool:
            value = get(record)
            if type(value) is not str:
                return False
            return find(value.translate(SMALL) if ignore_case else value)

        def timed(record: Record) -> bool:
            began = time.perf_counter_ns()
            answer = found(record)
            if answer:
                env.log.info("found", value=get(record), ns=time.perf_counter_ns() - began)
            return answer

        test = timed if self.print_query_time else found

        def transform(tag: str, events: list[Event]) -> list[Event]:
            return [(e[0], replaced(e[1], added)) if test(e[1]) else e for e in events]

        return transform


def replaced(record: Record, added: Record) -> Record:
    return {k: v for k, v in record.items() if k not in added and type(k) is str} | added


def read_list(path: str) -> list[str]:
    """The values in a file. Raises: ValueError."""
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as why:
        raise ValueError(f"cannot read {path}: {why.strerror}") from None
    out: list[str] = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if len(line) > LONGEST:
            raise ValueError(f"{path}:{number}: the line has more than {LONGEST} bytes")
        # the last line ends with the file, and keeps its CR
        ended = number <= raw.count(b"\n")
        value = line.removesuffix(b"\r") if ended else line
        if value and not value.startswith(b"#"):
            out.append(value.split(b"\0")[0].decode(errors="surrogateescape"))
    return out


def partial(listed: list[str]) -> Callable[[str], bool]:
    plain = tuple(value for value in listed if not re.search("[%_]", value))
    patterns = [value for value in listed if re.search("[%_]", value)]
    if not patterns:
        return lambda value: value.startswith(plain)
    like = "|".join("".join({"%": ".*", "_": "."}.get(c) or re.escape(c) for c in value) for value in patterns)
    match = re.compile(like, re.DOTALL).match
    return lambda value: value.startswith(plain) or match(value) is not None
