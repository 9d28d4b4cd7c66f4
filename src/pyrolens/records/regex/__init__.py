"""Regular expressions as Fluent Bit 5.1.1 takes them: Onigmo in Ruby's syntax.

Onigmo itself has no binding on PyPI. onigurumacffi binds its ancestor Oniguruma, which reads \\K, \\R, (?~…), named
and Unicode classes otherwise, and costs an encode and a cffi call (more than 1 us) per text. So patterns are read here
(syntax.py) and written again for Python's `re` (emit.py), which since 3.11 has atomic groups and possessive repeats;
compared with Onigmo on some ten thousand generated patterns the matches and groups are the same. The few constructs
that `re` lacks run in a small matcher of our own (matcher.py). For the question whether a pattern occurs at all, which
routing asks of every record, there are shorter ways (facts.py, scan.py).

Source: Fluent Bit 5.1.1 src/flb_regex.c, lib/onigmo.
Differs: [[:alpha:]] takes no combining marks that do not take space; a byte that is not UTF-8 is one character;
backreferences with a recursion level, and properties other than categories, POSIX names and the common scripts, are
refused.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, Protocol

from pyrolens.records.regex import budget, facts, scan
from pyrolens.records.regex.danger import BOUNDED, Danger, danger_of, leads
from pyrolens.records.regex.emit import FLAGS, NotExactError, Way, emit
from pyrolens.records.regex.errors import PatternError
from pyrolens.records.regex.firsts import is_wide
from pyrolens.records.regex.lines import Found, each_line
from pyrolens.records.regex.nodes import Alt, Anchor, Back, Call, Class, Group, Node, Seq, Text, walk
from pyrolens.records.regex.syntax import Flags, Parsed, parse
from pyrolens.records.regex.ways import unwatched

__all__ = ["Pattern", "PatternError", "compile_pattern", "length_at_start"]

Groups = tuple[str | None, ...]
"""The whole match, then each group; None: took no part."""
Test = Callable[[str], bool]
Which = Callable[[list[Any]], list[int]]


class Match(Protocol):
    """What is used of re.Match."""

    def __getitem__(self, key: Literal[0], /) -> str | Any:
        """All of it."""

    def groups(self) -> tuple[str | Any, ...]:
        """Each group; None: took no part."""

    def end(self) -> int:
        """Where in the text it ends."""


class Pattern:
    """A compiled pattern. All methods search: they are not bound to the start of the text."""

    def __init__(self, text: str, parsed: Parsed) -> None:
        self.text = text
        """As written."""
        self.groups = parsed.groups
        """How many there are. Where there are named groups, plain brackets do not count."""
        self.names = parsed.names
        """Name -> the numbers of its groups, in the order of the pattern."""
        self.danger: Danger | None = danger_of(parsed.node)
        """Why it can take very long, on no long text."""
        self.slow_part = parsed.written(self.danger.part) or text if self.danger else ""
        """Which part of it, as written."""
        short = _short(parsed.node, self.danger)
        plain, self.match = _matchers(parsed, lambda call: budget.bounded(call, None, text, short), short)
        """match(text): the first match, or None. A text that takes longer than its budget counts as not matching."""
        self.test, which = _tests(parsed, plain, lambda call: budget.bounded(call, False, text, short), short)
        """Whether it occurs in a text."""
        self.which = budget.bounded_which(which, self.test)
        """The indexes of the values in which it occurs; values that are no text never match."""
        self._parsed = parsed

    @property
    def node(self) -> Node:
        """What it consists of."""
        return self._parsed.node

    def each_line(self) -> Callable[[bytes], Found | None] | None:
        """See lines.each_line. None where there are no groups, too."""
        node = self._parsed.node
        if not self.groups or self.danger or not from_line_start(node):
            return None
        return each_line(node, needs_unicode(node))

    def find(self, text: str) -> Groups | None:
        """The first match: (all of it, group 1, …), or None."""
        found = self.match(text)
        return None if found is None else (found[0], *found.groups())

    def named(self, text: str) -> dict[str, str | None] | None:
        """The named groups of the first match in the order of the pattern, or None. Of groups of the same name, the
        last that took part."""
        found = self.match(text)
        if found is None:
            return None
        groups = found.groups()
        if self.groups == len(self.names):
            return dict(zip(self.names, groups, strict=True))
        return {
            name: next((groups[n - 1] for n in reversed(numbers) if groups[n - 1] is not None), None)
            for name, numbers in self.names.items()
        }

    def __repr__(self) -> str:
        return f"compile_pattern({self.text!r})"


noticed: list[Pattern] = []
"""Those of the patterns compiled of late that can take very long; whoever reads a config reports and clears them."""


def compile_pattern(text: str) -> Pattern:
    """A pattern as a config writes it, with or without /…/imx around it. Raises: PatternError (a ValueError)."""
    pattern = _compiled(text)
    if pattern.danger and pattern.danger.told and pattern not in noticed:
        noticed.append(pattern)
    return pattern


def check_pattern(text: str) -> None:
    """Whether it compiles, where nothing is matched with it. Raises: PatternError."""
    _compiled(text)


@lru_cache(maxsize=512)
def _compiled(text: str) -> Pattern:
    inner, flags, offset = unwrapped(text)
    try:
        return Pattern(text, parse(inner, flags))
    except PatternError as why:
        raise why.moved(offset) from None


def length_at_start(text: str) -> Callable[[str], int]:
    """How many characters the pattern takes at the start of a text; -1: it does not match there.

    Raises: PatternError."""
    danger = compile_pattern(text).danger
    inner, flags, _ = unwrapped(text)
    parsed = parse(inner, flags)
    match = _engine(Seq((Anchor("A"), parsed.node)), parsed.groups, Way())

    def length(subject: str) -> int:
        found = match(subject)
        return -1 if found is None else len(found[0] or "")

    return budget.bounded(length, -1, text, _short(parsed.node, danger))


def _short(node: Node, danger: Danger | None) -> int:
    """Texts of fewer characters need no watch."""
    if danger is not None and danger.power != BOUNDED:
        return 0
    known, most = (BOUNDED, budget.SHORT) if danger else (BOUNDED - 1, budget.LONG)
    return min(unwatched(node, from_line_start(node), known, not _exact(node)), most)


def _exact(node: Node) -> bool:
    """Whether `re` can do it."""
    try:
        emit(node, Way())
    except NotExactError:
        return False
    return True


def unwrapped(text: str) -> tuple[str, Flags, int]:
    """(pattern, its flags, where in the text it begins). /…/ is taken off where Fluent Bit does; an unknown flag
    makes the slashes part of the pattern."""
    end = text.rfind("/")
    if text.startswith("/") and end > 0:
        letters = text[end + 1 :]
        if set(letters) & set("imx") and set(letters) <= set("imxo"):
            return text[1:end], Flags("i" in letters, "m" in letters, "x" in letters), 1
        if not letters:
            return text[1:end], Flags(), 1
    return text, Flags(), 0


def from_line_start(node: Node) -> bool:
    """Whether the first match begins at the start of a line, if only because `.*` reaches back to there."""
    if starts_line(node):
        return True
    inner = node.items[0] if isinstance(node, Seq) and node.items else node
    while isinstance(inner, Group):
        inner = inner.item
    return leads(inner) and not any(isinstance(n, Back | Call) for n in walk(node))


def starts_line(node: Node) -> bool:
    """Whether every match begins at the start of a line."""
    match node:
        case Anchor(kind="^" | "A"):
            return True
        case Seq(items):
            return bool(items) and starts_line(items[0])
        case Alt(items):
            return all(map(starts_line, items))
        case _:
            return isinstance(node, Group) and starts_line(node.item)


def needs_unicode(node: Node) -> bool:
    """Whether it can be written more simply for text that is all ASCII."""
    return any(
        (isinstance(n, Text | Class) and n.fold)
        or (isinstance(n, Anchor) and n.kind in "bB" and n.wide)
        or (isinstance(n, Class) and is_wide(n))
        for n in walk(node)
    )


def _engine(node: Node, groups: int, way: Way, at_start: bool = False) -> Callable[[str], Match | None]:
    try:
        compiled = re.compile(emit(node, way), FLAGS)
    except NotExactError:
        from pyrolens.records.regex.matcher import matcher

        return matcher(node, groups)
    return compiled.match if at_start else compiled.search


def _later(make: Callable[[], Callable[[str], Any]]) -> Callable[[str], Any]:
    """What `make` gives, made at the first call: the form for text beyond ASCII may need Unicode tables."""
    made: list[Callable[[str], Any]] = []

    def call(text: str) -> Any:
        if not made:
            made.append(budget.WATCH.excuse(make))
        return made[0](text)

    return call


Bounded = Callable[[Callable[[str], Any]], Callable[[str], Any]]
"""The same function under the watch."""


def _matchers(parsed: Parsed, bounded: Bounded, short: int) -> tuple[Callable[[str], Any], Callable[[str], Any]]:
    """(without the watch, under the watch where the text has as many characters as `short`)"""
    node, groups = parsed.node, parsed.groups
    line, only_ascii = from_line_start(node), needs_unicode(node)
    # a text of one line has one place where ^ is: no search
    usual = _engine(node, groups, Way(only_ascii, line), at_start=line)
    other = _later(lambda: _engine(node, groups, Way())) if line or only_ascii else usual
    unless = _unless(line, only_ascii)
    plain = _either(unless, other, usual)
    return plain, _either([f"len(text) >= {short}", *unless], bounded(plain), usual)


def _unless(line: bool, only_ascii: bool) -> list[str]:
    return ["'\\n' in text"] * line + ["not text.isascii()"] * only_ascii


def _either(conditions: list[str], other: Callable[[str], Any], usual: Callable[[str], Any]) -> Callable[[str], Any]:
    """`other` where one of the conditions holds. Written as source, as it is asked for every text."""
    if not conditions:
        return usual
    names: dict[str, Any] = {"other": other, "usual": usual}
    made: Callable[[str], Any] = eval(f"lambda text: other(text) if {' or '.join(conditions)} else usual(text)", names)
    return made


def _tests(parsed: Parsed, match: Callable[[str], Any], bounded: Bounded, short: int) -> tuple[Test, Which]:
    """(the test under the watch, the test of many without it)"""
    general = facts.formula(parsed.node, line=False)
    in_line = facts.formula(parsed.node, line=True)
    line = in_line != general or starts_line(parsed.node)
    formula = in_line if line else general
    nodes = [o.node for o in occurrences(formula)]
    only_ascii = any(h.fold for h in literals(formula)) or any(map(needs_unicode, nodes))
    way = Way(only_ascii, line)

    def otherwise() -> Test:
        """For text beyond ASCII, and of several lines."""
        try:
            return written(general, Way(), None)[0]
        except NotExactError:
            return lambda text: match(text) is not None

    try:
        test, each, quick = written(formula, way, _later(otherwise), bounded, short)
    except NotExactError:
        test = otherwise()
        return bounded(test), _each(test)
    if not short:
        quick = bounded(test)
    wanted = scan.scans(formula)
    if not wanted:
        return quick, each
    finders = [
        (scan.literal_finder(w.literal), w.fold)
        if isinstance(w, facts.Has)
        else (scan.pattern_finder(re.compile(emit(w.node, Way(way.ascii)), FLAGS).search), False)
        for w in wanted
    ]
    return quick, scan.which_by_scan(test, each, finders, only_ascii, line)


def _each(test: Callable[[str], bool]) -> Callable[[list[Any]], list[int]]:
    return lambda values: [n for n, v in enumerate(values) if type(v) is str and test(v)]


def occurrences(formula: facts.Formula) -> list[facts.Occurs]:
    return [f for f in leaves(formula) if isinstance(f, facts.Occurs)]


def literals(formula: facts.Formula) -> list[facts.Has]:
    return [f for f in leaves(formula) if isinstance(f, facts.Has)]


def leaves(formula: facts.Formula) -> list[facts.Formula]:
    match formula:
        case facts.All(items) | facts.Any(items):
            return [leaf for item in items for leaf in leaves(item)]
        case facts.Not(item):
            return leaves(item)
        case _:
            return [formula]


def written(
    formula: facts.Formula, way: Way, otherwise: Test | None, bounded: Bounded | None = None, short: int = 0
) -> tuple[Test, Which, Test]:
    """The formula as Python functions: of one text, of many, and of one text, `bounded` unless it is shorter than
    `short`. Written as source, because a call per question or per text would cost as much as the answer.

    `otherwise` is asked about text to which `way` does not apply. Raises: NotExactError."""
    names: dict[str, Any] = {"otherwise": otherwise}

    def expression(part: facts.Formula) -> str:
        match part:
            case facts.Has(literal, fold) if not fold or way.ascii:
                return f"{literal!r} in {'small' if fold else 'text'}"
            case facts.Has(literal):
                return expression(facts.Occurs(Text(literal, True)))
            case facts.Occurs(node, start):
                compiled = re.compile(emit(node, way), FLAGS)
                name = f"search{len(names)}"
                names[name] = compiled.match if start else compiled.search
                return f"{name}(text) is not None"
            case facts.Begins(literals, ends):
                if ends:
                    return f"text == {literals[0]!r}" if len(literals) == 1 else f"text in {literals!r}"
                return f"text.startswith({literals!r})"
            case facts.All(items):
                return f"({' and '.join(map(expression, items))})" if items else "True"
            case facts.Any(items):
                return f"({' or '.join(map(expression, items))})"
            case facts.Not(item):
                return f"not ({expression(item)})"

    body = expression(formula)
    if " in small" in body:
        body = f"((small := text.lower()) is not None and {body})"
    if unless := _unless(way.line, way.ascii):
        body = f"(otherwise(text) if {' or '.join(unless)} else {body})"
    source = f"""
def test(text):
    return {body}

def which(values):
    return [n for n, text in enumerate(values) if type(text) is str and {body}]

def quick(text):
    return watched(text) if len(text) >= {short} else {body}
"""
    exec(source, names)
    if bounded:
        names["watched"] = bounded(names["test"])
    return names["test"], names["which"], names["quick"]
