"""Which tags filters and outputs see.

Source: Fluent Bit 5.1.1, src/flb_router.c: Match and Match_Regex together mean either.
"""

from collections.abc import Callable

from pyrolens.records.tags import glob

TagTest = Callable[[str], bool]


def everything(tag: str) -> bool:
    return True


def nothing(tag: str) -> bool:
    return False


def regex_test(pattern: str) -> TagTest:
    """A test for Match_Regex: anchored at the start of the tag. Raises: ValueError when it does not compile."""
    from pyrolens.records.regex import compile_pattern
    from pyrolens.records.tags import anchored_regex

    compile_pattern(pattern)  # so that it is looked at every time, and not only when it is new
    return anchored_regex(pattern)


def either(first: TagTest | None, second: TagTest | None) -> TagTest | None:
    if first is None or second is None:
        return first or second
    one, other = first, second
    return lambda tag: one(tag) or other(tag)


def pattern_test(pattern: str | None) -> TagTest | None:
    return None if pattern is None else glob(pattern)
