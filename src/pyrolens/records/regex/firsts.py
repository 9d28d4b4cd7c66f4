"""With which characters a part of a pattern can begin, and what follows from that for the loop before it.

A loop over one class, such as `[^ ]*`, tries to give back what it took, character by character, when the rest does not
match. If the rest cannot begin with any character of the class, that never helps: the loop takes all it can or the
whole way fails. Engines need not be told of each such loop by hand (`[^ ]*+`); it is seen here.
"""

from pyrolens.records.regex.nodes import Alt, Anchor, Atomic, Class, Dot, Group, Kind, Look, Node, Repeat, Seq, Text
from pyrolens.records.regex.sets import LAST, Ranges, intersection, inverse, ranges_of, union

After = tuple[Node | None, ...]
"""What comes next in a pattern. None: anything."""
ANYTHING: After = (None,)

Firsts = tuple[Ranges | None, bool]
"""The characters that a part can begin with (None: any), and whether it can take none."""
NOTHING: Firsts = ((), True)
NEWLINE = ((10, 10),)


def one_way(loop: Repeat, then: After, only_ascii: bool) -> bool:
    """Whether a loop over one character never has a reason to give back what it took."""
    if not isinstance(loop.item, Class | Dot | Text) or (isinstance(loop.item, Text) and len(loop.item.chars) != 1):
        return False
    own, _ = firsts(loop.item, only_ascii)
    if not own:
        return False
    rest: list[Ranges] = []
    for node in then:
        found, empty = firsts(node, only_ascii) if node is not None else (None, True)
        if found is None:
            return False
        rest.append(found)
        if not empty:
            return not intersection(own, union(rest))
    return False


def firsts(node: Node, only_ascii: bool) -> Firsts:
    match node:
        case Text(chars, fold):
            return (None, True) if fold or not chars else (((ord(chars[0]), ord(chars[0])),), False)
        case Class():
            return (None, False) if node.fold or (is_wide(node) and not only_ascii) else (ranges_of(node, True), False)
        case Dot(newline):
            return (((0, LAST),) if newline else inverse(NEWLINE)), False
        case Seq(items):
            return in_turn([firsts(item, only_ascii) for item in items])
        case Alt(items):
            each = [firsts(item, only_ascii) for item in items]
            return joined(each), any(empty for _, empty in each)
        case Repeat(item, least):
            found, empty = firsts(item, only_ascii)
            return found, empty or not least
        case Group(item=item) | Atomic(item):
            return firsts(item, only_ascii)
        case Anchor("$"):
            # or at the end of the text, which is not where a character was given back
            return NEWLINE, False
        case Anchor() | Look():
            return NOTHING
        case _:
            return None, True


def in_turn(each: list[Firsts]) -> Firsts:
    """Of parts that stand behind one another."""
    for n, (_, empty) in enumerate(each):
        if not empty:
            return joined(each[: n + 1]), False
    return joined(each), True


def joined(each: list[Firsts]) -> Ranges | None:
    known = [found for found, _ in each if found is not None]
    return union(known) if len(known) == len(each) else None


def is_wide(node: Class) -> bool:
    """Whether it names sets that go beyond ASCII."""
    return any(
        item.wide if isinstance(item, Kind) else isinstance(item, Class) and is_wide(item)
        for item in (*node.items, *node.both)
    )
