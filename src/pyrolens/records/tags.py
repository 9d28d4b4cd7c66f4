"""Match patterns over tags, as in Fluent Bit's router (src/flb_router_match.c, 5.1.1)."""

import re
from collections.abc import Callable
from functools import lru_cache

TagTest = Callable[[str], bool]


@lru_cache(maxsize=1024)
def glob(pattern: str) -> TagTest:
    """A test for a Match pattern: `*` stands for any run of characters, also none and also dots."""
    if pattern == "*":
        return lambda tag: True
    if "*" not in pattern:
        return lambda tag: tag == pattern
    parts = pattern.split("*")
    if len(parts) == 2:
        head, tail = parts
        least = len(head) + len(tail)
        return lambda tag: len(tag) >= least and tag.startswith(head) and tag.endswith(tail)
    head, *between, tail = parts
    # what a part between two stars takes first leaves most to the others, so none of them is ever tried again
    within = "".join(f"(?>.*?{re.escape(part)})" for part in between)
    match = re.compile(re.escape(head) + within, re.DOTALL).match
    least = len(tail)
    return lambda tag: tag.endswith(tail) and (m := match(tag)) is not None and m.end() <= len(tag) - least


@lru_cache(maxsize=1024)
def anchored_regex(pattern: str) -> TagTest:
    """A test for Match_Regex: the pattern must match at the start of the tag, and take at least one character.

    Raises: ValueError when it does not compile."""
    from pyrolens.records.regex import length_at_start

    length = length_at_start(pattern)
    return lambda tag: length(tag) > 0
