"""The first match in each of many lines, found by one call of `re` over all of them.

Half of what a match costs is the call itself, and its groups a second one. So lines are matched where they stand in
their block, with `^` and `$` at the ends of each. A class such as `[^ ]` may run into the next line there. The ways of
matching are tried in the same order as in the line by itself, and those that go beyond its end only come on top, so a
first match that ends in its line is the first match of the line, too. A match that takes more than one line is seen by
there being fewer matches than lines: then each line is matched by itself. So it is if the call takes long, as where
most lines do not match and each runs far ahead.
"""

import re
from collections.abc import Callable
from time import thread_time

from pyrolens.records.regex import budget
from pyrolens.records.regex.emit import FLAGS, NotExactError, Way, emit
from pyrolens.records.regex.firsts import ANYTHING
from pyrolens.records.regex.nodes import Alt, Anchor, Class, Dot, Group, Node, Repeat, Seq, Text, walk

Found = list[tuple[str, ...]]
"""Of each line its groups ("" for one that took no part), then the line, if it does not match."""

SLOW_LINE, STOP_LINE = 1e-5, 5e-5
"""Seconds of CPU that a line may take on average before this way counts as slow, and seconds after which it is left."""
PAUSE = 64
"""Blocks that are not tried after one that was slow. After those that could not be told it is 1, 2, 4 … up to this."""


def each_line(node: Node, only_ascii: bool) -> Callable[[bytes], Found | None] | None:
    """What finds the first match in each line of a text that ends with a line feed; it gives None when it cannot tell.

    `node`: a pattern whose matches begin at the start of a line. `only_ascii`: it can be written more simply for text
    that is all ASCII. None: there are other things in the pattern than what is said above holds for."""
    if not all(map(keeps_order, walk(node))):
        return None
    try:
        usual, other = (written(node, Way(short)) for short in (only_ascii, False))
    except NotExactError:
        return None
    pause = wait = 0

    def find(data: bytes) -> Found | None:
        nonlocal pause, wait
        if pause:
            pause -= 1
            return None
        # which is three times as fast as count()
        count = len(data) - len(data.replace(b"\n", b""))
        text = data.decode("utf-8", "surrogateescape")
        limit = budget.FREE + STOP_LINE * count
        began = thread_time()
        try:
            found = budget.WATCH.run(other if only_ascii and not text.isascii() else usual, text, limit, limit)
        except budget.OverBudgetError:
            found = []
        if thread_time() - began > budget.FREE + SLOW_LINE * count:
            pause = PAUSE
        if len(found) == count:
            wait = 0
            return found
        wait = min(wait * 2, PAUSE) or 1
        pause = max(pause, wait)
        return None

    return find


def keeps_order(node: Node) -> bool:
    """Whether more text behind a line only adds ways to match."""
    match node:
        case Text() | Class() | Seq() | Alt() | Group():
            return True
        case Repeat(how=how):
            return how != "possessive"
        case Dot(newline):
            return not newline
        case Anchor(kind):
            return kind in "^$"
        case _:
            return False


def written(node: Node, way: Way) -> Callable[[str], Found]:
    items = node.items if isinstance(node, Seq) else (node,)
    # a line begins where the one before has ended
    start, end = items[:1] == (Anchor("^"),), items[-1:] == (Anchor("$"),)
    inner = emit(Seq(items[start : len(items) - end]), way, (Text("\n"),) if end else ANYTHING)
    found: Callable[[str], Found] = re.compile(f"(?:{inner}{'' if end else '.*'}|(.*))\n", FLAGS).findall
    return found
