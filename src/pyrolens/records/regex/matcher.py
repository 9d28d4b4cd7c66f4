"""A matcher of our own, for the few constructs that `re` does not have: calls of groups, \\K, the absence operator,
loops whose turns may take nothing. It tries in the same order as Onigmo, and is some hundred times slower than `re`.
"""

import re
import sys
from collections.abc import Callable
from typing import Literal

from pyrolens.records.regex.emit import FLAGS, emit
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
    Look,
    Node,
    Repeat,
    Seq,
    Text,
    width,
)

Spans = tuple[int, ...]
"""Start and end of the match and of every group; -1: took no part."""
Then = Callable[[int, Spans], Spans | None]
"""What is left to match, from a position on. Gives back the spans, or None when it does not fit."""
Step = Callable[[str, int, Spans, Then], Spans | None]
DEEPEST = 30_000


class Match:
    """As re.Match."""

    __slots__ = ("spans", "text")

    def __init__(self, text: str, spans: Spans) -> None:
        self.text = text
        self.spans = spans

    def __getitem__(self, number: Literal[0], /) -> str:
        return self.text[self.spans[0] : self.spans[1]]

    def end(self) -> int:
        return self.spans[1]

    def groups(self) -> tuple[str | None, ...]:
        text, spans = self.text, self.spans
        return tuple(text[start:end] if end >= 0 else None for start, end in zip(spans[2::2], spans[3::2], strict=True))


def matcher(node: Node, groups: int) -> Callable[[str], Match | None]:
    find = finder(node, groups)

    def match(text: str) -> Match | None:
        spans = find(text)
        return None if spans is None else Match(text, spans)

    return match


def finder(node: Node, groups: int) -> Callable[[str], Spans | None]:
    """A search for the first match: its spans, or None. A text that needs too deep a recursion does not match."""
    calls: dict[int, Step] = {}
    step = Builder(calls).of(node)
    calls[0] = step
    nothing: Spans = (-1, -1) * (groups + 1)

    def find(text: str) -> Spans | None:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, DEEPEST))
        try:
            for start in range(len(text) + 1):
                found = step(text, start, nothing, lambda at, spans: with_span(spans, 0, spans[0], at))
                if found is not None:
                    # \K has set the start
                    return with_span(found, 0, start, found[1]) if found[0] < 0 else found
            return None
        except RecursionError:
            return None
        finally:
            sys.setrecursionlimit(before)

    return find


def with_span(spans: Spans, number: int, start: int, end: int) -> Spans:
    return (*spans[: 2 * number], start, end, *spans[2 * number + 2 :])


class Builder:
    def __init__(self, calls: dict[int, Step]) -> None:
        self.calls = calls

    def of(self, node: Node) -> Step:
        match node:
            case Text(chars, fold):
                return folded(chars.casefold()) if fold else literal(chars)
            case Class() | Dot() | Anchor(kind="^" | "$" | "A" | "Z" | "z" | "b" | "B"):
                return by_re(node)
            case Anchor():
                return lambda text, at, spans, then: then(at, with_span(spans, 0, at, -1))
            case Seq(items):
                return self.sequence([self.of(i) for i in items])
            case Alt(items):
                return either([self.of(i) for i in items])
            case Repeat():
                return self.repeat(node)
            case Group(item, number):
                self.calls[number] = captured(self.of(item), number)
                return self.calls[number]
            case Atomic(item):
                return atomic(self.of(item))
            case Look():
                return self.look(node)
            case Back(numbers, fold):
                return again(numbers, fold)
            case Call(number):
                calls = self.calls
                # looked up when it runs: the group may come later
                return lambda text, at, spans, then: calls[number](text, at, spans, then)  # noqa: PLW0108
            case If(number, yes, no):
                one, other = self.of(yes), self.of(no)
                return lambda text, at, spans, then: (one if spans[2 * number + 1] >= 0 else other)(
                    text, at, spans, then
                )
            case Absent(item):
                return absent(self.of(item))

    def sequence(self, steps: list[Step]) -> Step:
        if not steps:
            return lambda text, at, spans, then: then(at, spans)
        if len(steps) == 1:
            return steps[0]
        first, rest = steps[0], self.sequence(steps[1:])
        return lambda text, at, spans, then: first(text, at, spans, lambda i, s: rest(text, i, s, then))

    def repeat(self, node: Repeat) -> Step:
        step = self.of(node.item)
        least, most, lazy = node.least, node.most, node.how == "lazy"

        def turn(text: str, at: int, spans: Spans, then: Then, done: int) -> Spans | None:
            def once_more() -> Spans | None:
                if most is not None and done >= most:
                    return None
                # a turn that took nothing ends the loop
                return step(
                    text,
                    at,
                    spans,
                    lambda i, s: then(i, s) if i == at and done >= least else turn(text, i, s, then, done + 1),
                )

            if done < least:
                return once_more()
            if lazy:
                found = then(at, spans)
                return found if found is not None else once_more()
            found = once_more()
            return found if found is not None else then(at, spans)

        def loop(text: str, at: int, spans: Spans, then: Then) -> Spans | None:
            return turn(text, at, spans, then, 0)

        return atomic(loop) if node.how == "possessive" else loop

    def look(self, node: Look) -> Step:
        if not node.behind:
            ahead = self.of(node.item)
            if node.negative:
                return lambda text, at, spans, then: (
                    then(at, spans) if ahead(text, at, spans, lambda i, s: s) is None else None
                )
            return lambda text, at, spans, then: (
                None if (found := ahead(text, at, spans, lambda i, s: s)) is None else then(at, found)
            )
        items = node.item.items if isinstance(node.item, Alt) else (node.item,)
        each = [(width(i, fold=False)[0], self.of(i)) for i in items]

        def behind(text: str, at: int, spans: Spans, then: Then) -> Spans | None:
            for back, step in each:
                if back > at:
                    continue
                found = step(text, at - back, spans, lambda i, s: s if i == at else None)
                if found is not None:
                    return None if node.negative else then(at, found)
            return then(at, spans) if node.negative else None

        return behind


def literal(chars: str) -> Step:
    size = len(chars)
    return lambda text, at, spans, then: then(at + size, spans) if text.startswith(chars, at) else None


def folded(chars: str) -> Step:
    def step(text: str, at: int, spans: Spans, then: Then) -> Spans | None:
        seen = ""
        while len(seen) < len(chars) and at < len(text) and chars.startswith(seen):
            seen += text[at].casefold()
            at += 1
        return then(at, spans) if seen == chars else None

    return step


def by_re(node: Node) -> Step:
    match = re.compile(emit(node), FLAGS).match
    return lambda text, at, spans, then: None if (found := match(text, at)) is None else then(found.end(), spans)


def either(steps: list[Step]) -> Step:
    def step(text: str, at: int, spans: Spans, then: Then) -> Spans | None:
        for each in steps:
            found = each(text, at, spans, then)
            if found is not None:
                return found
        return None

    return step


def captured(inner: Step, number: int) -> Step:
    return lambda text, at, spans, then: inner(text, at, spans, lambda i, s: then(i, with_span(s, number, at, i)))


def atomic(inner: Step) -> Step:
    def step(text: str, at: int, spans: Spans, then: Then) -> Spans | None:
        end = -1

        def keep(i: int, s: Spans) -> Spans:
            nonlocal end
            end = i
            return s

        found = inner(text, at, spans, keep)
        return None if found is None else then(end, found)

    return step


def again(numbers: tuple[int, ...], fold: bool) -> Step:
    def step(text: str, at: int, spans: Spans, then: Then) -> Spans | None:
        for number in reversed(numbers):
            start, end = spans[2 * number : 2 * number + 2]
            if end < 0:
                continue
            want, have = text[start:end], text[at : at + end - start]
            if want == have or (fold and want.casefold() == have.casefold()):
                return then(at + end - start, spans)
        return None

    return step


def absent(inner: Step) -> Step:
    def step(text: str, at: int, spans: Spans, then: Then) -> Spans | None:
        ends: list[int] = []
        for start in range(at, len(text) + 1):
            inner(text, start, spans, lambda i, s: ends.append(i))
            if ends and min(ends) <= start:
                break
        furthest = min(ends) - 1 if ends else len(text)
        for end in range(furthest, at - 1, -1):
            found = then(end, spans)
            if found is not None:
                return found
        return None

    return step
