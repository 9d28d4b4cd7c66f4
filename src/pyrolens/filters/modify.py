"""filter modify.

Source: plugins/filter_modify/modify.c, flb_utils_split_quoted (Fluent Bit 5.1.1).
"""

from collections.abc import Callable, Iterable
from typing import Any

from pyrolens.api import (
    Deciding,
    Env,
    Event,
    Filter,
    FilterEnv,
    Line,
    Lines,
    Misfit,
    OptionError,
    Record,
    Transform,
    lines,
    plugin,
)
from pyrolens.records.accessor import MISSING, pair_accessor
from pyrolens.records.regex import PatternError, check_pattern, compile_pattern
from pyrolens.records.remembered import Remembered

Edit = Callable[[Record], Record]
"""Takes a record of our own, which it may edit, and gives it back or another."""
Condition = Callable[[Record], bool]
Test = Callable[[Any], bool]


@plugin("modify")
class Modify(Filter):
    """Rename, copy, add, remove and move fields, of all records or of those that meet conditions."""

    differs = ("a condition with a pattern that does not compile never holds; Fluent Bit aborts at the first record",)

    rules: Lines = lines(
        set="KEY VALUE: set a field, as the last one.",
        add="KEY VALUE: add a field that is not there yet.",
        remove="KEY: remove a field.",
        remove_wildcard="PREFIX: remove the fields that begin so.",
        remove_regex="PATTERN: remove the fields whose name matches.",
        move_to_start="PREFIX: put the fields that begin so first.",
        move_to_end="PREFIX: put the fields that begin so last.",
        rename="KEY NEW: rename a field, unless NEW is there.",
        hard_rename="KEY NEW: rename a field, in place of NEW if it is there.",
        copy="KEY NEW: copy a field, unless NEW is there.",
        hard_copy="KEY NEW: copy a field, in place of NEW if it is there.",
        condition="What must hold of a record before any rule, such as Key_value_matches KEY PATTERN; all must hold.",
    )

    def check(self) -> Iterable[Misfit]:
        for line in self.rules:
            try:
                if line.key == "condition":
                    read_condition(line)
                else:
                    read_rule(line)
            except OptionError as why:
                yield why

    def compile(self, env: FilterEnv) -> Transform:
        conditions: list[Condition] = []
        edits: list[Edit] = []
        for line in self.rules:
            if line.key == "condition":
                conditions.append(read_condition(line, env))
            else:
                edits.append(read_rule(line))
        if not edits:
            return lambda tag, events: events
        edit = edits[0] if len(edits) == 1 else in_turn(edits)
        if not conditions:
            return lambda tag, events: [(ns, edit(record.copy())) for ns, record in events]
        meets = conditions[0] if len(conditions) == 1 else all_of(conditions)

        def transform(tag: str, events: list[Event]) -> list[Event]:
            return [(e[0], edit(e[1].copy())) if meets(e[1]) else e for e in events]

        return transform

    def deciding(self, env: Env) -> Deciding:
        conditions = [(n, read_condition(line)) for n, line in enumerate(self.rules) if line.key == "condition"]
        edits = [(n, read_rule(line)) for n, line in enumerate(self.rules) if line.key != "condition"]

        def of(tag: str, event: Event) -> list[tuple[int, bool]]:
            record, decided = event[1], []
            for n, condition in conditions:
                if not condition(record):
                    return [(n, False)]
                decided.append((n, True))
            for n, edit in edits:
                before = list(record.items())
                record = edit(record.copy())
                if list(record.items()) != before:
                    decided.append((n, True))
            return decided

        return Deciding(self.rules, of)


def in_turn(edits: list[Edit]) -> Edit:
    def edit(record: Record) -> Record:
        for each in edits:
            record = each(record)
        return record

    return edit


def all_of(conditions: list[Condition]) -> Condition:
    return lambda record: all(condition(record) for condition in conditions)


def read_words(line: Line) -> list[str]:
    """Raises: OptionError."""
    option, text, place = line
    words = split_quoted(text)
    if words is None:
        raise OptionError(option, f"{option} is '{text}': a quote does not end", place)
    if not 1 <= len(words) <= 3:
        message = f"{option} is '{text}': expected one to three words, quoted where they hold blanks"
        raise OptionError(option, message, place)
    return words


def read_rule(line: Line) -> Edit:
    """Raises: OptionError."""
    option, text, place = line
    words = read_words(line)
    for word in (words[0], words[-1]):
        # every word is compiled, though most are no patterns
        try:
            check_pattern(word)
        except PatternError as why:
            raise OptionError(option, f"'{word}' must compile as a pattern, even here: {why}", place) from None
    if option == "remove_regex" and not words[0]:
        raise OptionError(option, "expected a pattern", place)
    if len(words) == 3:
        # whatever it is called
        return rename(words[0], words[2])
    if len(words) == 1 and option in ONE:
        return ONE[option](words[0])
    if len(words) == 2 and option in TWO:
        return TWO[option](words[0], words[1])
    wanted = "KEY" if option in ONE else "KEY and VALUE"
    raise OptionError(option, f"{option} is '{text}': expected {wanted}", place)


def read_condition(line: Line, env: FilterEnv | None = None) -> Condition:
    """Raises: OptionError."""
    words = read_words(line)
    kind = words[0].lower()
    if kind not in CONDITIONS:
        known = ", ".join(k.capitalize() for k in CONDITIONS)
        raise OptionError("condition", f"there is no condition '{words[0]}'; there are {known}", line.place)
    try:
        # without a key, the condition's own name is the key
        return CONDITIONS[kind](words[1] if len(words) > 1 else words[0], words[2] if len(words) > 2 else "")
    except PatternError as why:
        if env:
            message = "a pattern does not compile, so the condition never holds"
            env.log.error(message, condition=line.value, reason=str(why))
        return lambda record: False
    except ValueError as why:
        raise OptionError("condition", f"condition is '{line.value}': {why}", line.place) from None


def split_quoted(text: str, most: int = 3) -> list[str] | None:
    """Words apart by blanks, in double or single quotes where they hold blanks; after `most`, the rest is one word.
    None: a quote does not end."""
    words: list[str] = []
    at = 0
    while at < len(text):
        while text.startswith(" ", at):
            at += 1
        quote = text[at : at + 1]
        if quote in ("'", '"') and quote:
            at += 1
            word = ""
            while text[at : at + 1] != quote:
                if at >= len(text):
                    return None
                at += text[at] == "\\" and text[at + 1 : at + 2] in (quote, "\\") and at + 1 < len(text)
                word += text[at]
                at += 1
        else:
            end = text.find(" ", at)
            word = text[at:] if end < 0 else text[at:end]
            at += len(word)
        words.append(word)
        at += 1
        if len(words) >= most and at < len(text):
            words.append(text[at:])
            break
    return words


# rules


def put(key: str, value: str) -> Edit:
    def edit(record: Record) -> Record:
        record.pop(key, None)
        record[key] = value
        return record

    return edit


def add(key: str, value: str) -> Edit:
    def edit(record: Record) -> Record:
        record.setdefault(key, value)
        return record

    return edit


def remove(key: str) -> Edit:
    def edit(record: Record) -> Record:
        record.pop(key, None)
        return record

    return edit


def remove_wildcard(prefix: str) -> Edit:
    goes = Remembered(begins(prefix))
    return lambda record: {k: v for k, v in record.items() if not goes[k]}


def remove_regex(pattern: str) -> Edit:
    goes = Remembered(key_test(pattern))
    return lambda record: {k: v for k, v in record.items() if not goes[k]}


def begins(prefix: str) -> Test:
    return lambda key: type(key) is str and key.startswith(prefix)


def move(prefix: str, to_start: bool) -> Edit:
    moves = Remembered(begins(prefix))

    def edit(record: Record) -> Record:
        those = {k: v for k, v in record.items() if moves[k]}
        if not those:
            return record
        others = {k: v for k, v in record.items() if not moves[k]}
        return those | others if to_start else others | those

    return edit


def rename(key: str, new: str) -> Edit:
    def edit(record: Record) -> Record:
        if key not in record or new in record:
            return record
        return {(new if k == key else k): v for k, v in record.items()}

    return edit


def hard_rename(key: str, new: str) -> Edit:
    def edit(record: Record) -> Record:
        if key not in record:
            return record
        # to its own name: it goes
        return {(new if k == key else k): v for k, v in record.items() if k != new}

    return edit


def copy(key: str, new: str) -> Edit:
    return lambda record: copied(record, key, new) if key in record and new not in record else record


def hard_copy(key: str, new: str) -> Edit:
    return lambda record: copied(record, key, new) if key in record and key != new else record


def copied(record: Record, key: str, new: str) -> Record:
    """With the copy right after what it is of."""
    out: Record = {}
    for k, v in record.items():
        if k != new:
            out[k] = v
            if k == key:
                out[new] = v
    return out


ONE: dict[str, Callable[[str], Edit]] = {
    "remove": remove,
    "remove_wildcard": remove_wildcard,
    "remove_regex": remove_regex,
    "move_to_start": lambda prefix: move(prefix, True),
    "move_to_end": lambda prefix: move(prefix, False),
}
TWO: dict[str, Callable[[str, str], Edit]] = {
    "set": put,
    "add": add,
    "rename": rename,
    "hard_rename": hard_rename,
    "copy": copy,
    "hard_copy": hard_copy,
}


# conditions


def matches(pattern: str) -> Test:
    """Text, and true and false as words. Raises: ValueError."""
    if not pattern:
        raise ValueError("expected a pattern")
    test = compile_pattern(pattern).test
    of_bool = {True: test("true"), False: test("false")}

    def holds(value: Any) -> bool:
        return test(value) if type(value) is str else type(value) is bool and of_bool[value]

    return holds


def equals(text: str) -> Test:
    raw = text.encode(errors="surrogateescape")
    return lambda value: value == text if type(value) is str else isinstance(value, bytes) and value == raw


def exists(key: str) -> Condition:
    get = pair_accessor(key)
    return lambda record: get(record) is not MISSING


def value_holds(key: str, test: Test, wanted: bool) -> Condition:
    get = pair_accessor(key)
    return lambda record: (value := get(record)) is not MISSING and test(value) is wanted


def some_key(pattern: str) -> Condition:
    test = Remembered(key_test(pattern))
    return lambda record: any(map(test.__getitem__, record))


def key_test(pattern: str) -> Test:
    if not pattern:
        raise ValueError("expected a pattern for keys")
    test = compile_pattern(pattern).test
    return lambda key: type(key) is str and test(key)


def matching_values(keys: str, values: str) -> Condition:
    test_key, test_value = Remembered(key_test(keys)), matches(values)
    return lambda record: all(test_value(v) for k, v in record.items() if test_key[k])


def negated(condition: Condition) -> Condition:
    return lambda record: not condition(record)


CONDITIONS: dict[str, Callable[[str, str], Condition]] = {
    "key_exists": lambda key, _: exists(key),
    "key_does_not_exist": lambda key, _: negated(exists(key)),
    "a_key_matches": lambda keys, _: some_key(keys),
    "no_key_matches": lambda keys, _: negated(some_key(keys)),
    "key_value_equals": lambda key, text: value_holds(key, equals(text), True),
    "key_value_does_not_equal": lambda key, text: value_holds(key, equals(text), False),
    "key_value_matches": lambda key, pattern: value_holds(key, matches(pattern), True),
    "key_value_does_not_match": lambda key, pattern: value_holds(key, matches(pattern), False),
    "matching_keys_have_matching_values": matching_values,
    "matching_keys_do_not_have_matching_values": lambda keys, values: negated(matching_values(keys, values)),
}
