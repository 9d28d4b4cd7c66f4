"""What is wrong with a pattern only as a whole: what it looks back at, and calls without end."""

from pyrolens.records.regex.errors import PatternError
from pyrolens.records.regex.nodes import (
    Absent,
    Alt,
    Anchor,
    Atomic,
    Back,
    Call,
    Group,
    If,
    Look,
    Node,
    Repeat,
    Seq,
    parts,
    walk,
    width,
)


def check_behind(node: Look, offset: int) -> None:
    """Raises: PatternError, unless what it looks back at has one width, or several at its top only."""
    inner = node.item
    for item in inner.items if isinstance(inner, Alt) else (inner,):
        low, high = width(item, fold=False)
        if low != high:
            raise PatternError("what is looked back at must have a fixed length", offset)
    for part in walk(inner):
        wrong = (
            isinstance(part, Atomic | Back | If | Absent)
            or (isinstance(part, Look) and not part.behind)
            or (isinstance(part, Anchor) and part.kind in "Zz")
            or (isinstance(part, Group) and node.negative)
            or (isinstance(part, Alt) and part is not inner and not one_width(part))
        )
        if wrong:
            raise PatternError("this cannot be looked back at", offset)


def one_width(node: Node) -> bool:
    low, high = width(node, fold=False)
    return low == high


def check_calls(node: Node) -> None:
    """Raises: PatternError for a group that calls itself without end."""
    groups: dict[int, Node] = {g.number: g.item for g in walk(node) if isinstance(g, Group)}
    groups[0] = node
    called = {c.number for c in walk(node) if isinstance(c, Call)}
    ends: set[int] = set()
    while more := {n for n in groups if n not in ends and can_end(groups[n], ends)}:
        ends |= more
    if called - ends:
        raise PatternError("a group calls itself without end", 0)
    for number in called:
        seen: set[int] = set()
        todo = [number]
        while todo:
            for first in leading_calls(groups[todo.pop()]):
                if first == number:
                    raise PatternError("a group calls itself without end", 0)
                if first not in seen:
                    seen.add(first)
                    todo.append(first)


def can_end(node: Node, ends: set[int]) -> bool:
    match node:
        case Call(number):
            return number in ends
        case Alt(items):
            return any(can_end(i, ends) for i in items)
        case Repeat(least=0):
            return True
        case If(yes=yes, no=no):
            return can_end(yes, ends) or can_end(no, ends)
        case _:
            return all(can_end(p, ends) for p in parts(node))


def leading_calls(node: Node) -> set[int]:
    """The groups that it may call before it has taken a character."""
    match node:
        case Call(number):
            return {number}
        case Seq(items):
            out: set[int] = set()
            for item in items:
                out |= leading_calls(item)
                if width(item)[0] > 0:
                    break
            return out
        case _:
            return set().union(*(leading_calls(p) for p in parts(node)))
