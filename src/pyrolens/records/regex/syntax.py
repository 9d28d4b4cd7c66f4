"""The text of a pattern, in the syntax of Onigmo as Ruby uses it, becomes nodes.

Source: Fluent Bit 5.1.1 lib/onigmo (doc/RE, regparse.c) and what the program does with each construct.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from pyrolens.records.regex.checks import check_behind, check_calls
from pyrolens.records.regex.errors import PatternError
from pyrolens.records.regex.nodes import (
    Absent,
    Alt,
    Anchor,
    Atomic,
    Back,
    Call,
    Class,
    Dot,
    Group,
    If,
    Kind,
    Look,
    Node,
    Repeat,
    Seq,
    Text,
)
from pyrolens.records.regex.prescan import COMMENT, count_groups, named_groups
from pyrolens.records.regex.sets import known_property

MOST_REPEATS = 100_000


@dataclass(frozen=True, slots=True)
class Flags:
    fold: bool = False
    newline: bool = False
    extended: bool = False
    words: Literal["mixed", "ascii", "wide"] = "mixed"


@dataclass(frozen=True, slots=True)
class Parsed:
    node: Node
    groups: int
    names: dict[str, tuple[int, ...]]
    """In the order in which they first appear."""
    repeats: tuple[tuple[Repeat, str], ...] = ()
    """Each repeat as it is written."""

    def written(self, node: Node) -> str:
        """The repeat as it is written, or ""."""
        return next((text for repeat, text in self.repeats if repeat is node), "")


KINDS = {"w": "word", "d": "digit", "s": "space", "h": "xdigit"}
BRACKETS = {
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
    "xdigit", "word",
}  # fmt: skip
OCTAL = tuple("01234567")
CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "a": 7, "e": 27}
QUANTITY = re.compile(r"\{(?:([0-9]+)(,)?([0-9]+)?|,([0-9]+))\}")
SWITCH = re.compile(r"\(\?([a-z]*)(?:-([a-z]*))?\)")
OPTIONS = re.compile(r"([a-z]*)(-[a-z]*)?:")
CONDITION = re.compile(r"([0-9]+)\)")
BRACKET = re.compile(r"\[:(\^?)([a-zA-Z]*):\]")
HIGH_BYTE = re.compile(r"\\(x[89a-fA-F]|[23][0-7][0-7])")
WIDE_HEX = re.compile(r"\{([0-9a-fA-F]{1,8})\}")
HEX2 = re.compile(r"[0-9a-fA-F]{1,2}")
HEX4 = re.compile(r"[0-9a-fA-F]{4}")
DIGITS = re.compile(r"[0-9]+")
LINEBREAK = Atomic(Alt((Text("\r\n"), Class(((10, 13), (0x85, 0x85), (0x2028, 0x2029))))))


def parse(text: str, flags: Flags = Flags()) -> Parsed:
    """Raises: PatternError."""
    return Reader(text, flags).whole()


class Reader:
    def __init__(self, text: str, flags: Flags) -> None:
        self.text, self.at = text, 0
        self.start_flags = flags
        self.numbered = 0
        self.names: dict[str, list[int]] = {}
        self.named_only, self.total = count_groups(text, flags.extended)
        self.named_at = named_groups(text)
        self.depth = 0
        self.repeats: list[tuple[Repeat, str]] = []

    def whole(self) -> Parsed:
        node = self.alternatives(self.start_flags)
        if self.at < len(self.text):
            raise self.error("a ) without its (")
        names = {name: tuple(numbers) for name, numbers in self.names.items()}
        check_calls(node)
        return Parsed(node, self.numbered, names, tuple(self.repeats))

    def error(self, message: str, offset: int | None = None) -> PatternError:
        return PatternError(message, self.at if offset is None else offset)

    def peek(self, what: str) -> bool:
        return self.text.startswith(what, self.at)

    def take(self, what: str) -> bool:
        if self.peek(what):
            self.at += len(what)
            return True
        return False

    # alternatives, sequences, quantifiers

    def alternatives(self, flags: Flags) -> Node:
        """Up to the ) that closes it, or the end."""
        self.depth += 1
        if self.depth > 200:
            raise self.error("the pattern is nested too deeply")
        branches = [self.sequence(flags)]
        while self.take("|"):
            branches.append(self.sequence(flags))
        self.depth -= 1
        return branches[0] if len(branches) == 1 else Alt(tuple(branches))

    def sequence(self, flags: Flags) -> Node:
        items: list[Node] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            if self.skipped(flags):
                continue
            inner = self.option_switch(flags)
            if inner is not None:
                # (?i) reaches over the | that follow: a(?i)b|c is a(?i:b|c)
                items.append(self.alternatives(inner))
                break
            start = self.at
            items.append(self.quantified(self.atom(flags), flags, start))
        return join(items)

    def skipped(self, flags: Flags) -> bool:
        """Whether there was a comment, or a blank that does not count."""
        if self.take("(?#"):
            end = COMMENT.match(self.text, self.at)
            if not end:
                raise self.error("a comment that does not end", self.at - 3)
            self.at = end.end()
            return True
        return flags.extended and self.at < len(self.text) and self.blank()

    def blank(self) -> bool:
        if self.text[self.at] in " \t\n\r\f\v":
            self.at += 1
            return True
        if self.text[self.at] == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end + 1
            return True
        return False

    def quantified(self, item: Node, flags: Flags, start: int) -> Node:
        while True:
            while self.skipped(flags):
                pass
            found = self.quantifier()
            if found is None:
                return item
            item = Repeat(item, *found)
            self.repeats.append((item, self.text[start : self.at]))

    def quantifier(self) -> tuple[int, int | None, Literal["greedy", "lazy", "possessive"]] | None:
        if self.at >= len(self.text):
            return None
        c = self.text[self.at]
        if c in "*+?":
            self.at += 1
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[c]
            if self.take("?"):
                return least, most, "lazy"
            if self.take("+"):
                return least, most, "possessive"
            return least, most, "greedy"
        found = QUANTITY.match(self.text, self.at)
        if not found:
            return None
        if found[4] is not None:
            least, most = 0, int(found[4])
        else:
            least = int(found[1])
            most = int(found[3]) if found[3] else None if found[2] else least
        if max(least, most or 0) > MOST_REPEATS:
            raise self.error(f"more than {MOST_REPEATS} repeats")
        if most is not None and least > most:
            raise self.error("the upper limit of the repeats is below the lower one")
        self.at = found.end()
        # {2}? is an optional {2}, not a lazy one; {1,2}+ repeats {1,2}: both are left to the next quantifier
        if (found[2] or found[4] is not None) and self.take("?"):
            return least, most, "lazy"
        return least, most, "greedy"

    # atoms

    def atom(self, flags: Flags) -> Node:
        c = self.text[self.at]
        if c == "\\":
            return self.escape(flags)
        if c == "(":
            return self.group(flags)
        if c == "[":
            node = self.char_class(flags)
            match node:
                case Class(items=((int(low), int(high)),), both=(), negative=False) if low == high:
                    return Text(chr(low), flags.fold)
            return replace(node, fold=flags.fold)
        if c in "*+?" or QUANTITY.match(self.text, self.at):
            raise self.error(f"nothing before {c} that could be repeated")
        self.at += 1
        if c == ".":
            return Dot(flags.newline)
        if c in "^$":
            return Anchor("^" if c == "^" else "$")
        return Text(c, flags.fold)

    def option_switch(self, flags: Flags) -> Flags | None:
        """`(?i)`: the flags of all that follows in this group."""
        found = SWITCH.match(self.text, self.at)
        if not found or not (found[1] or found[2]) or set(found[1] + (found[2] or "")) - set("imxdau"):
            return None
        new = self.switched(flags, found[1], found[2] or "")
        self.at = found.end()
        return new

    def switched(self, flags: Flags, on: str, off: str) -> Flags:
        for letter in on + off:
            here = letter not in off
            match letter:
                case "i":
                    flags = replace(flags, fold=here)
                case "m":
                    flags = replace(flags, newline=here)
                case "x":
                    flags = replace(flags, extended=here)
                case "a" | "u" | "d" if here:
                    flags = replace(flags, words={"a": "ascii", "u": "wide", "d": "mixed"}[letter])  # type: ignore[arg-type]
                case _:
                    raise self.error(f"no such option: -{letter}")
        return flags

    def group(self, flags: Flags) -> Node:
        start = self.at
        self.at += 1
        if not self.take("?"):
            if self.named_only:
                return self.close(self.alternatives(flags), start)
            self.numbered += 1
            number = self.numbered
            return Group(self.close(self.alternatives(flags), start), number)
        if self.at >= len(self.text):
            raise self.error("the pattern ends inside a group")
        for sign, make in SIGNS.items():
            if self.take(sign):
                node = make(self.close(self.alternatives(flags), start))
                if isinstance(node, Look) and node.behind:
                    check_behind(node, start)
                return node
        if self.take("("):
            return self.condition(flags, start)
        if self.peek("<") or self.peek("'"):
            return self.named(flags, start)
        found = OPTIONS.match(self.text, self.at)
        if found and (found[1] or found[2]) and not set(found[1] + (found[2] or "")) - set("-imxdau"):
            inner = self.switched(flags, found[1], (found[2] or "")[1:])
            self.at = found.end()
            return self.close(self.alternatives(inner), start)
        if self.peek("P<"):
            raise self.error("(?P<name>…) is not known here, write (?<name>…)", start)
        raise self.error(f"no such group: (?{self.text[self.at]}", start)

    def close(self, node: Node, start: int) -> Node:
        if not self.take(")"):
            raise self.error("a ( without its )", start)
        return node

    def named(self, flags: Flags, start: int) -> Node:
        name = self.name()
        if not name:
            raise self.error("a group without a name", start)
        if not re.fullmatch(r"[^\W\d]\w*", name):
            raise self.error(f"'{name}' is no name for a group: letters, digits and _ only, no digit first", start)
        self.numbered += 1
        number = self.numbered
        self.names.setdefault(name, []).append(number)
        return Group(self.close(self.alternatives(flags), start), number)

    def name(self) -> str:
        end = ">" if self.text[self.at] == "<" else "'"
        stop = self.text.find(end, self.at + 1)
        if stop < 0:
            raise self.error(f"a name without its {end}")
        name = self.text[self.at + 1 : stop]
        self.at = stop + 1
        return name

    def condition(self, flags: Flags, start: int) -> Node:
        found = CONDITION.match(self.text, self.at)
        if found:
            name = found[1]
            self.at = found.end()
        elif self.peek("<") or self.peek("'"):
            name = self.name()
            if not self.take(")"):
                raise self.error("a condition without its )")
        else:
            raise self.error("a condition is (1) or (<name>)")
        if (name.isdecimal() and not 0 < int(name) <= self.total) or (not name.isdecimal() and name not in self.names):
            raise self.error(f"the condition names group {name}, which does not exist", start)
        number = int(name) if name.isdecimal() else self.names[name][0]
        match self.close(self.alternatives(flags), start):
            case Alt((yes, no)):
                return If(number, yes, no)
            case Alt():
                raise self.error("a condition has two branches at most", start)
            case yes:
                return If(number, yes, Seq())

    # escapes

    def escape(self, flags: Flags) -> Node:
        start = self.at
        if self.at + 1 >= len(self.text):
            raise self.error("a \\ at the end")
        c = self.text[self.at + 1]
        if c.lower() in KINDS:
            self.at += 2
            return Class((Kind(KINDS[c.lower()], c.isupper(), flags.words == "wide" and c not in "hH"),))
        if c in "AZzG":
            self.at += 2
            return Anchor("A" if c == "G" else c)  # type: ignore[arg-type]
        if c in "bB":
            self.at += 2
            return Anchor("b" if c == "b" else "B", flags.words != "ascii")
        if c == "K":
            self.at += 2
            return Anchor("K")
        if c == "R":
            self.at += 2
            return LINEBREAK
        if c == "X":
            self.at += 2
            marks = Class((Kind("mark", wide=True), (0x200D, 0x200D)))
            return Atomic(Alt((Text("\r\n"), Seq((Dot(True), Repeat(marks, 0, None, "possessive"))))))
        if c in "pP" and self.text[self.at + 2 : self.at + 3] == "{":
            return replace(Class((self.prop(),)), fold=flags.fold)
        if c == "k" and self.text[self.at + 2 : self.at + 3] in ("<", "'"):
            return self.named_back(flags, start)
        if c == "g" and self.text[self.at + 2 : self.at + 3] in ("<", "'"):
            return self.call(start)
        if c in "123456789":
            found = DIGITS.match(self.text, start + 1)
            digits = found[0] if found else c
            if int(digits) <= self.total or int(digits) <= 9:
                if self.named_only:
                    raise self.error("a pattern with named groups refers to them by \\k<name>", start)
                if int(digits) > self.total:
                    raise self.error(f"\\{digits} names a group that does not exist", start)
                self.at += 1 + len(digits)
                return Back((int(digits),), flags.fold)
            if c in "89":
                self.at += 2
                return Text(c, flags.fold)
        return Text(self.raw_text(), flags.fold)

    def raw_text(self) -> str:
        """One escaped character. Bytes from 0x80 on, written one after another, are UTF-8."""
        raw = bytearray()
        while self.peek("\\"):
            code, is_byte = self.code()
            if not is_byte or code < 0x80:
                if not raw:
                    return chr(code)
                break
            raw.append(code)
            if not HIGH_BYTE.match(self.text, self.at):
                break
        return bytes(raw).decode("utf-8", "surrogateescape")

    def code(self) -> tuple[int, bool]:
        """(number, whether it is a byte rather than a character) of one escape."""
        start = self.at
        if self.at + 1 >= len(self.text):
            raise self.error("a \\ at the end")
        c = self.text[self.at + 1]
        self.at += 2
        if c in CONTROLS:
            return CONTROLS[c], False
        if c == "x":
            if found := WIDE_HEX.match(self.text, self.at):
                if int(found[1], 16) > 0x10FFFF:
                    raise self.error("a character beyond Unicode", start)
                self.at = found.end()
                return int(found[1], 16), False
            if found := HEX2.match(self.text, self.at):
                self.at = found.end()
                return int(found[0], 16), True
            return ord("x"), False
        if c == "u":
            found = HEX4.match(self.text, self.at)
            if not found:
                raise self.error("\\u needs four hexadecimal digits", start)
            self.at = found.end()
            return int(found[0], 16), False
        if c in "01234567":
            end = start + 2
            while end < start + 4 and self.text[end : end + 1] in OCTAL:
                end += 1
            self.at = end
            return int(self.text[start + 1 : end], 8) & 0xFF, True
        if c == "c" or (c == "C" and self.take("-")):
            inner = self.modified(start)
            return (0x7F if inner == ord("?") else inner & 0x9F), inner >= 0x80
        if c == "M" and self.take("-"):
            return (self.modified(start) & 0xFF) | 0x80, True
        return ord(c), False

    def modified(self, start: int) -> int:
        """The character that \\c or \\M- changes."""
        if self.at >= len(self.text):
            raise self.error("the pattern ends inside an escape", start)
        if self.peek("\\"):
            return self.code()[0]
        self.at += 1
        return ord(self.text[self.at - 1])

    def prop(self) -> Kind:
        start = self.at
        negative = self.text[self.at + 1] == "P"
        stop = self.text.find("}", self.at)
        if stop < 0:
            raise self.error("a property without its }")
        name = self.text[self.at + 3 : stop]
        self.at = stop + 1
        if name.startswith("^"):
            negative, name = not negative, name[1:]
        known = known_property(name)
        if known is None:
            raise self.error(f"no such property: {name}", start)
        return Kind(known, negative, True)

    def named_back(self, flags: Flags, start: int) -> Node:
        self.at += 2
        name = self.name()
        level = re.fullmatch(r"(.+?)([+-]\d+)", name)
        if level and not re.fullmatch(r"-?\d+", name):
            raise self.error("a backreference with a recursion level is not supported", start)
        if re.fullmatch(r"-?\d+", name):
            number = int(name) if int(name) > 0 else self.numbered + 1 + int(name)
            if self.named_only:
                raise self.error("a pattern with named groups refers to them by \\k<name>", start)
            if not 0 < number <= self.total:
                raise self.error(f"\\k<{name}> names a group that does not exist", start)
            return Back((number,), flags.fold)
        if name not in self.names:
            raise self.error(f"\\k<{name}> names a group that does not exist", start)
        return Back(tuple(self.names[name]), flags.fold)

    def call(self, start: int) -> Node:
        self.at += 2
        name = self.name()
        if re.fullmatch(r"[+-]?\d+", name):
            number = int(name)
            if name[0] == "-":
                number = self.numbered + 1 + number
                number = number if number > 0 else self.total + 1
            elif name[0] == "+":
                number = self.numbered + number
            if number > self.total or (self.named_only and number):
                raise self.error(f"\\g<{name}> names a group that does not exist", start)
            return Call(number)
        numbers = self.named_at.get(name, ())
        if len(numbers) != 1:
            several = "is the name of several groups" if numbers else "names a group that does not exist"
            raise self.error(f"\\g<{name}> {several}", start)
        return Call(numbers[0])

    # classes

    def char_class(self, flags: Flags) -> Class:
        start = self.at
        self.at += 1
        negative = self.take("^")
        operands: list[Class] = []
        items: list[tuple[int, int] | Kind | Class] = []
        first = True
        while True:
            if self.at >= len(self.text):
                raise self.error("a [ without its ]", start)
            if self.peek("]") and not (first and self.text.find("]", self.at + 1) >= 0):
                if first:
                    raise self.error("an empty class", start)
                self.at += 1
                break
            first = False
            if self.take("&&"):
                operands.append(Class(tuple(items)))
                items = []
                continue
            if self.peek("[:") and (bracket := self.bracket(flags)):
                items.append(bracket)
                self.no_range()
                continue
            if self.peek("["):
                items.append(self.char_class(flags))
                continue
            low = self.class_atom(flags)
            if isinstance(low, Kind):
                items.append(low)
                self.no_range()
                continue
            if self.peek("-") and self.text[self.at + 1 : self.at + 2] not in ("]", "") and not self.peek("-&&"):
                self.at += 1
                if self.peek("["):
                    # [a-[b]] is [[b]]
                    continue
                high = self.class_atom(flags)
                if isinstance(high, Kind):
                    raise self.error("a range that ends with a set of characters")
                if low > high:
                    raise self.error("a range whose end comes before its start", start)
                items.append((low, high))
                # [a-c-e] is a-c, - and e
                if self.peek("-") and self.text[self.at + 1 : self.at + 2] != "]":
                    self.at += 1
                    items.append((45, 45))
                continue
            items.append((low, low))
        if operands:
            operands.append(Class(tuple(items)))
            return Class(operands[0].items, tuple(operands[1:]), negative)
        return Class(tuple(items), (), negative)

    def no_range(self) -> None:
        if self.peek("-") and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
            raise self.error("a - after a set of characters: write \\-")

    def bracket(self, flags: Flags) -> Kind | None:
        found = BRACKET.match(self.text, self.at)
        if not found:
            return None
        if found[2] not in BRACKETS:
            raise self.error(f"no such class: [:{found[2]}:]")
        self.at = found.end()
        return Kind(found[2] if found[2] != "punct" else "xpunct", bool(found[1]), flags.words != "ascii")

    def class_atom(self, flags: Flags) -> int | Kind:
        c = self.text[self.at]
        if c != "\\":
            self.at += 1
            return ord(c)
        following = self.text[self.at + 1 : self.at + 2]
        if following and following.lower() in KINDS:
            self.at += 2
            return Kind(KINDS[following.lower()], following.isupper(), flags.words == "wide" and following not in "hH")
        if following == "b":
            self.at += 2
            return 8
        if following in ("p", "P") and self.text[self.at + 2 : self.at + 3] == "{":
            return self.prop()
        return ord(self.raw_text()[0])


def join(items: list[Node]) -> Node:
    out: list[Node] = []
    for item in items:
        if isinstance(item, Text) and out and isinstance(out[-1], Text) and out[-1].fold == item.fold:
            out[-1] = Text(out[-1].chars + item.chars, item.fold)
        elif isinstance(item, Seq):
            out += item.items
        else:
            out.append(item)
    return out[0] if len(out) == 1 else Seq(tuple(out))


def look(behind: bool, negative: bool) -> Callable[[Node], Node]:
    return lambda node: Look(node, behind, negative)


SIGNS: dict[str, Callable[[Node], Node]] = {
    ":": lambda node: node,
    "=": look(False, False),
    "!": look(False, True),
    "<=": look(True, False),
    "<!": look(True, True),
    ">": Atomic,
    "~": Absent,
}
