"""Nodes become a pattern of Python's `re` that matches exactly the same, where there is one.

Two things are known before a text is looked at, and make the pattern simpler and faster: whether the text is all
ASCII, and whether it is one line. So a pattern is written in up to four ways. Where a way makes no difference the
results are equal strings, and `re` compiles them once.

`re` is always told to take \\w, \\d, \\s as ASCII, as Onigmo does in Ruby's syntax.
"""

import re
from dataclasses import dataclass

from pyrolens.records.regex import sets
from pyrolens.records.regex.firsts import ANYTHING, After, one_way
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
    walk,
    width,
)

FLAGS = re.ASCII | re.MULTILINE


class NotExactError(Exception):
    """`re` cannot express this."""


@dataclass(frozen=True, slots=True)
class Way:
    ascii: bool = False
    """The text holds nothing but ASCII."""
    line: bool = False
    """The text holds no line feed."""


def emit(node: Node, way: Way = Way(), then: After = ANYTHING) -> str:
    """`then`: what the pattern is written in front of. Raises: NotExactError."""
    return Emitter(way).of(node, then=then)


class Emitter:
    def __init__(self, way: Way) -> None:
        self.way = way
        self.closed: set[int] = set()
        self.behind = 0

    def of(self, node: Node, follows: bool = False, then: After = ANYTHING) -> str:
        """`follows`: what comes next takes at least one character. `then`: all that comes next."""
        match node:
            case Text(chars, fold):
                return self.folded(chars) if fold else "".join(map(quote, chars))
            case Class():
                return self.char_class(node)
            case Dot(newline):
                return "." if not newline and not self.way.line else "(?s:.)"
            case Seq(items):
                rest = [items[n:] for n in range(1, len(items) + 1)]
                return "".join(self.of(item, takes(r), (*r, *then)) for item, r in zip(items, rest, strict=True))
            case Alt(items):
                return f"(?:{'|'.join(self.of(i, then=then) for i in items)})"
            case Repeat():
                return self.repeat(node, then)
            case Group(item, number):
                inner = self.bare(item, then)
                self.closed.add(number)
                return f"({inner})"
            case Atomic(item):
                return f"(?>{self.bare(item)})"
            case Look():
                return self.look(node)
            case Anchor():
                return self.anchor(node, follows)
            case Back(numbers, fold):
                if self.behind or not set(numbers) <= self.closed:
                    raise NotExactError("a group that is not yet closed")
                if fold and not self.way.ascii:
                    raise NotExactError("a group again, in any case")
                backs = "|".join(f"\\{n}" for n in reversed(numbers))
                return f"(?i:(?>{backs}))" if fold else f"(?>{backs})"
            case If(number, yes, no):
                if number not in self.closed:
                    raise NotExactError("a group that is not yet closed")
                return f"(?({number}){self.of(yes)}|{self.of(no)})" if no != Seq() else f"(?({number}){self.of(yes)})"
            case Call() | Absent():
                raise NotExactError(type(node).__name__)

    def bare(self, node: Node, then: After = ANYTHING) -> str:
        """Inside of brackets of its own."""
        items = node.items if isinstance(node, Alt) else (node,)
        return "|".join(self.of(i, then=then) for i in items)

    def repeat(self, node: Repeat, then: After) -> str:
        if node.least == 0 and node.most == 0 and not any(isinstance(n, Group) for n in walk(node)):
            return ""
        inner = self.of(node.item, then=then if node.most == 1 else ANYTHING)
        single = isinstance(node.item, Class | Dot | Group | Alt | Atomic) or (
            isinstance(node.item, Text) and len(node.item.chars) == 1 and len(node.item.chars.casefold()) == 1
        )
        if not single or inner.endswith(("*", "+", "?")) or len(inner) == 0:
            inner = f"(?:{inner})"
        if width(node.item)[0] == 0 and any(isinstance(n, Group) for n in walk(node)) and node.most != 1:
            # the engines differ in what a group holds after an empty turn of the loop
            raise NotExactError("a loop that may take nothing")
        several = not single or isinstance(node.item, Group | Alt | Atomic)
        if several and (node.least, node.most, node.how) == (0, 1, "greedy") and width(node.item)[0]:
            # the same, and `re` takes a choice in two thirds of the time of a loop
            return f"(?:{inner}|)"
        most = "" if node.most is None else str(node.most)
        times = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((node.least, node.most), f"{{{node.least},{most}}}")
        if node.how == "possessive":
            # x*+ is the same by definition, but a possessive loop over more than one character tries wrong ways on
            # Python before 3.11.5, and may raise SystemError later as well
            return f"(?>{inner}{times})"
        if node.how == "greedy" and not self.behind and one_way(node, then, self.way.ascii):
            # `re` need not keep a way back that leads nowhere
            return f"{inner}{times}+"
        return f"{inner}{times}?" if node.how == "lazy" else f"{inner}{times}"

    def look(self, node: Look) -> str:
        sign = ("<" if node.behind else "") + ("!" if node.negative else "=")
        if not node.behind:
            return f"(?{sign}{self.bare(node.item)})"
        self.behind += 1
        items = node.item.items if isinstance(node.item, Alt) else (node.item,)
        each = [f"(?{sign}{self.of(i)})" for i in items]
        self.behind -= 1
        # of several widths: each by itself
        return "".join(each) if node.negative else each[0] if len(each) == 1 else f"(?:{'|'.join(each)})"

    def anchor(self, node: Anchor, follows: bool) -> str:
        match node.kind:
            case "^":
                # not after the last line feed, where Python's ^ also is
                return r"\A" if self.way.line else "^" if follows else r"(?:\A|^(?!\Z))"
            case "$":
                return r"\Z" if self.way.line else "$"
            case "A":
                return r"\A"
            case "z":
                return r"\Z"
            case "Z":
                return r"\Z" if self.way.line else r"(?=\n?\Z)"
            case "K":
                raise NotExactError("\\K")
            case _:
                if self.way.ascii or not node.wide:
                    # Python's \B is nowhere in an empty text
                    return r"\b" if node.kind == "b" else r"(?:\B|\A\Z)"
                word = self.char_class(Class((Kind("word", wide=True),)))
                inside, outside = f"(?<={word})", f"(?<!{word})"
                then, not_then = f"(?={word})", f"(?!{word})"
                if node.kind == "b":
                    return f"(?:{inside}{not_then}|{outside}{then})"
                return f"(?:{inside}{then}|{outside}{not_then})"

    def folded(self, chars: str) -> str:
        text = chars.casefold()
        if self.way.ascii or self.behind:
            return "".join(self.any_case(c) for c in text)
        return self.with_expansions(text)

    def with_expansions(self, text: str) -> str:
        """The folded text, where ß may stand for ss, and the like."""
        out = ""
        at = 0
        while at < len(text):
            end = at
            reach = at
            # the stretch in which such pairs overlap
            while end <= reach and end < len(text):
                reach = max([reach, *(end + n for n in (2, 3) if text[end : end + n] in sets.expansions())])
                end += 1
            if reach == at:
                out += self.any_case(text[at])
                at += 1
            else:
                out += f"(?:{'|'.join(self.spellings(text[at:reach]))})"
                at = reach
        return out

    def spellings(self, text: str) -> list[str]:
        if not text:
            return [""]
        out = [self.any_case(text[0]) + rest for rest in self.spellings(text[1:])]
        for n in (2, 3):
            single = sets.expansions().get(text[:n]) if len(text) >= n else None
            if single:
                out += [f"[{single}]{rest}" for rest in self.spellings(text[n:])]
        return out

    def any_case(self, char: str) -> str:
        chars = sets.any_case(char, self.way.ascii)
        return quote(chars) if len(chars) == 1 else f"[{''.join(map(quote, chars))}]"

    def char_class(self, node: Class) -> str:
        if len(node.items) == 1 and not node.both and not node.fold and isinstance(node.items[0], Kind):
            kind = node.items[0]
            negative = kind.negative != node.negative
            if kind.name in SHORT and (not kind.wide or self.way.ascii):
                return SHORT[kind.name].upper() if negative else SHORT[kind.name]
        ranges = sets.ranges_of(node, self.way.ascii)
        if ranges == ((0, sets.LAST),):
            return "(?s:.)"
        if not ranges:
            return "(?!)"
        if ranges[-1][1] == sets.LAST:
            out = f"[^{spell(sets.inverse(ranges))}]"
        elif len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            out = quote(chr(ranges[0][0]))
        else:
            out = f"[{spell(ranges)}]"
        if not self.behind and (longer := sets.expanded(node)):
            texts = longer if not self.way.ascii else [t for t in longer if t.isascii()]
            if texts:
                return f"(?:{'|'.join([out, *map(self.folded, texts)])})"
        return out


SHORT = {"word": r"\w", "digit": r"\d", "space": r"\s"}


def takes(items: tuple[Node, ...]) -> bool:
    """Whether these take at least one character, or look at one."""
    return any(
        width(i)[0] > 0 or (isinstance(i, Look) and not i.behind and not i.negative and width(i.item)[0] > 0)
        for i in items
    )


def quote(char: str) -> str:
    return (
        char
        if char.isalnum() or char == "_" or ord(char) > 127
        else f"\\x{ord(char):02x}"
        if ord(char) < 33
        else f"\\{char}"
    )


def spell(ranges: sets.Ranges) -> str:
    out = ""
    for low, high in ranges:
        out += quote(chr(low)) + (
            "" if low == high else quote(chr(high)) if high == low + 1 else f"-{quote(chr(high))}"
        )
    return out
