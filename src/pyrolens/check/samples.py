"""Texts in which a pattern occurs, and tags that several patterns take: witnesses for what is said about them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from pyrolens.records.regex import Pattern
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

MOST = 8
"""Texts of one part of a pattern."""
LETTERS = "abcxyzABZ0159 _-./:\"'{}[]=,\t\n!%é"
KINDS = {
    "word": lambda c: c.isalnum() or c == "_",
    "digit": str.isdigit,
    "space": str.isspace,
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
    "alnum": str.isalnum,
    "alpha": str.isalpha,
    "lower": str.islower,
    "upper": str.isupper,
    "punct": lambda c: c.isprintable() and not c.isalnum() and not c.isspace(),
    "blank": lambda c: c in " \t",
    "graph": lambda c: c.isprintable() and not c.isspace(),
    "print": str.isprintable,
    "cntrl": lambda c: not c.isprintable(),
    "ascii": str.isascii,
}


def samples(pattern: Pattern, groups: Mapping[int, str] | None = None) -> list[str]:
    """Some texts in which it occurs, the short ones first; with `groups`, where that is what these groups match."""
    wanted = dict(groups or {})
    found = []
    made = _texts(pattern.node, wanted)
    for text in dict.fromkeys([*made, *(more for t in made[:3] for more in (f"{t}x", f"x{t}", t + t))]):
        match = pattern.find(text)
        if match is not None and all(match[n] == value for n, value in wanted.items() if n < len(match)):
            found.append(text)
    return sorted(found, key=len)


def _texts(node: Node, groups: Mapping[int, str]) -> list[str]:
    match node:
        case Text(chars):
            return [chars]
        case Dot():
            return ["x", ".", "a"]
        case Class():
            return [c for c in LETTERS if _holds(node, c)][:4] or [chr(lo) for lo, _ in _ranges(node)][:1]
        case Seq(items):
            return _joined([_texts(item, groups) for item in items])
        case Alt(items):
            return [text for item in items for text in _texts(item, groups)][: 2 * MOST]
        case Repeat(item, least, most):
            inner = _texts(item, groups)
            counts = [n for n in (least, least + 1, least + 2) if most is None or n <= most]
            return [t for n in counts for t in _joined([inner] * min(n, 40))][: 2 * MOST]
        case Group(item, number):
            return [groups[number]] if number in groups else _texts(item, groups)
        case Atomic(item):
            return _texts(item, groups)
        case Look(item, negative=False):
            return ["", *_texts(item, groups)]
        case If(yes=yes, no=no):
            return [*_texts(yes, groups), *_texts(no, groups)]
        case Back(numbers):
            return [groups.get(numbers[0], ""), "a"]
        case Look() | Anchor() | Call() | Absent():
            return [""]


def _joined(parts: Sequence[Sequence[str]]) -> list[str]:
    """Some of all ways to put one of each behind one another: all of few, else one part varied at a time."""
    if any(not part for part in parts):
        return []
    number = 1
    for part in parts:
        number *= len(part)
    if number <= 4 * MOST:
        return ["".join(each) for each in product(*parts)]
    first = [part[0] for part in parts]
    made = ["".join(first)]
    for at, part in enumerate(parts):
        made += ["".join([*first[:at], text, *first[at + 1 :]]) for text in part[1:MOST]]
    return made[: 4 * MOST]


def _ranges(node: Class) -> list[tuple[int, int]]:
    return [item for item in node.items if isinstance(item, tuple)]


def _holds(node: Class, char: str) -> bool:
    found = any(
        _holds(item, char)
        if isinstance(item, Class)
        else (KINDS.get(item.name, str.isalnum)(char) != item.negative)
        if isinstance(item, Kind)
        else item[0] <= ord(char) <= item[1]
        for item in node.items
    )
    return (found and all(_holds(each, char) for each in node.both)) != node.negative


def common(patterns: Sequence[str], letters: str = "") -> str | None:
    """The shortest tag that all these take, written as Match is; None: there is none."""
    alphabet = list(dict.fromkeys([*(c for p in patterns for c in p if c != "*"), *letters, "x"]))
    start = _closed({(n, 0) for n in range(len(patterns))}, patterns)
    waiting: list[tuple[str, frozenset[tuple[int, int]]]] = [("", start)]
    seen = {start}
    while waiting:
        text, states = waiting.pop(0)
        if all((n, len(p)) in states for n, p in enumerate(patterns)):
            return text
        for char in alphabet:
            after = {
                (n, at if patterns[n][at] == "*" else at + 1)
                for n, at in states
                if at < len(patterns[n]) and patterns[n][at] in ("*", char)
            }
            closed = _closed(after, patterns)
            if len({n for n, _ in closed}) == len(patterns) and closed not in seen:
                seen.add(closed)
                waiting.append((text + char, closed))
    return None


def _closed(states: set[tuple[int, int]], patterns: Sequence[str]) -> frozenset[tuple[int, int]]:
    """With those where a * stands for nothing."""
    out = set(states)
    waiting = list(states)
    while waiting:
        n, at = waiting.pop()
        if at < len(patterns[n]) and patterns[n][at] == "*" and (n, at + 1) not in out:
            out.add((n, at + 1))
            waiting.append((n, at + 1))
    return frozenset(out)


def filled(before: str, after: str, wanted: str) -> str | None:
    """What stands between two texts so that the whole is a tag that `wanted` takes; None: nothing does."""
    mark = before.replace("*", "") + "*" + after.replace("*", "")
    whole = common([mark, wanted])
    if whole is None or len(whole) < len(mark) - 1:
        return None
    return whole[len(before) : len(whole) - len(after)]


def distinct(texts: Iterable[str], most: int) -> list[str]:
    return list(dict.fromkeys(texts))[:most]
