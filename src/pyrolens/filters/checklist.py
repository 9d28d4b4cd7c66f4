"""filter checklist.

Source: plugins/filter_checklist/checklist.c (Fluent Bit 5.1.1); partial mode is LIKE of SQLite there.
"""

import re
import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any, NamedTuple

from pyrolens.api import Event, Filter, FilterEnv, Record, Transform, opt, plugin
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


def doubt_file(text: str) -> str:
    wrong = read_list(text)[1]
    return f"{wrong}; the filter works without it" if wrong else ""


File = Annotated[str, Kind("file", str, doubt=doubt_file)]


@plugin("checklist")
class Checklist(Filter):
    """Add fields to records in which the value of a field is in a list."""

    file: File = opt("File of the list: one value a line; lines that begin with # do not count.", default="")
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

    def compile(self, env: FilterEnv) -> Transform:
        listed, wrong = read_list(self.file) if self.file else ([], "it has no effect without File")
        if wrong:
            env.log.error("the list is not complete", reason=wrong)
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


def read_list(path: str) -> tuple[list[str], str]:
    """The values in a file, and what went wrong on the way, or ""."""
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as why:
        return [], f"cannot read {path}: {why.strerror}"
    *lines, last = raw.split(b"\n")
    # a last line without a line feed keeps its CR
    values = [line.removesuffix(b"\r") for line in lines] + [last]
    out: list[str] = []
    for number, value in enumerate(values, 1):
        if len(value) > LONGEST:
            return out, f"{path}:{number}: a line of more than {LONGEST} bytes; it and what follows is left out"
        if value and not value.startswith(b"#"):
            out.append(value.split(b"\0")[0].decode(errors="surrogateescape"))
    return out, ""


def partial(listed: list[str]) -> Callable[[str], bool]:
    plain = tuple(value for value in listed if not re.search("[%_]", value))
    patterns = [value for value in listed if re.search("[%_]", value)]
    if not patterns:
        return lambda value: value.startswith(plain)
    match = re.compile("|".join(map(like, patterns)), re.DOTALL).match
    return lambda value: value.startswith(plain) or match(value) is not None


def like(pattern: str) -> str:
    """For `re`. What a part behind a % takes first leaves most to the others, so none of them is ever tried again."""
    head, *others = ("".join("." if c == "_" else re.escape(c) for c in part) for part in pattern.split("%"))
    return head + "".join(f"(?>.*?{part})" for part in others)
