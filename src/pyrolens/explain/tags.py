"""Which tags of a set a filter or an output takes. A set is written as Match is: `*` stands for any text."""

from typing import Any

from pyrolens.check.tags import overlap, within
from pyrolens.config import Built
from pyrolens.config.match import everything
from pyrolens.records.regex import length_at_start, unwrapped
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
    walk,
    width,
)
from pyrolens.records.regex.nodes import Text as Chars
from pyrolens.records.regex.syntax import parse


def takes(built: Built[Any], tags: str) -> bool | None:
    """True: all of them, False: none, None: some, or that is not known."""
    if built.matches is None:
        return False
    if built.matches is everything or "*" not in tags:
        return built.matches(tags)
    match, regex = getattr(built.plugin, "match", None), getattr(built.plugin, "match_regex", None)
    answers = []
    if match:
        answers.append(True if within(tags, match) else None if overlap(tags, match) else False)
    if regex:
        answers.append(taken_by_regex(tags, regex))
    if not answers:
        return None if not match and match != "" else False
    return True if True in answers else None if None in answers else False


def taken_by_regex(tags: str, pattern: str) -> bool | None:
    """The same of a Match_Regex, which is matched at the start of a tag."""
    begins = tags.partition("*")[0]
    inner, flags, _ = unwrapped(pattern)
    node = parse(inner, flags).node
    if (
        not any(_looks_around(part) for part in walk(node))
        and width(node)[0] > 0
        and length_at_start(pattern)(begins) > 0
    ):
        return True
    starts = _starts(node)
    if starts and not any(begins.startswith(start) or start.startswith(begins) for start in starts):
        return False
    return None


def _looks_around(node: Node) -> bool:
    """Whether what comes behind a text can keep it from matching."""
    match node:
        case Anchor(kind):
            return kind not in ("^", "A")
        case Repeat(how=how):
            return how == "possessive"
        case Look() | Atomic() | Back() | Call() | If() | Absent():
            return True
        case _:
            return False


def _starts(node: Node) -> set[str]:
    """Texts with one of which all that matches begins; empty: that is not known."""
    match node:
        case Chars(chars, fold):
            return set() if fold else {chars}
        case Group(item=item):
            return _starts(item)
        case Alt(items):
            each = [_starts(item) for item in items]
            return set().union(*each) if all(each) else set()
        case Seq(items):
            first = next((item for item in items if not isinstance(item, Anchor)), None)
            return _starts(first) if first is not None else set()
        case Repeat(item, least) if least > 0:
            return _starts(item)
        case _:
            return set()


def match_text(plugin: Any) -> str:
    """Match and Match_Regex as people write them."""
    match, regex = getattr(plugin, "match", None), getattr(plugin, "match_regex", None)
    said = [f"Match {match}"] if match is not None else []
    said += [f"Match_Regex {regex}"] if regex is not None else []
    return " or ".join(said)
