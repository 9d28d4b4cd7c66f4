"""Tag patterns of `<match>` and `<filter>`.

Source: Fluentd 1.19, lib/fluent/match.rb, and event_router.rb for several in one.
"""

import re
from collections.abc import Callable

from pyrolens.records.regex import compile_pattern

TagTest = Callable[[str], bool]


def pattern_test(text: str) -> TagTest:
    """Of all patterns in the text, apart by blanks: one of them has to fit. Raises: ValueError."""
    tests = [one_test(pattern) for pattern in split(text)]
    if not tests:
        raise ValueError("expected a tag pattern such as app.**")
    if len(tests) == 1:
        return tests[0]
    return lambda tag: any(test(tag) for test in tests)


def split(text: str) -> list[str]:
    return text.split()


def one_test(pattern: str) -> TagTest:
    if pattern == "**":
        return lambda tag: True
    if pattern.startswith("/"):
        if len(pattern) < 2 or not pattern.endswith("/"):
            raise ValueError(f"expected a / behind the pattern {pattern}")
        return compile_pattern(rf"/\A{pattern[1:-1]}\Z/").test
    matches = re.compile(regex_of(pattern)).match
    return lambda tag: matches(tag) is not None


def regex_of(pattern: str) -> str:
    """As a regular expression of Python's: `*` is a part of a tag between dots, `**` any number of parts, `{a,b}`
    one of those. Raises: ValueError."""
    stack: list[list[str]] = []
    out = [""]
    dot = False
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**", at):
            if dot:
                out[-1] += r"(?![^\.])"
                dot = False
            if pattern[at + 2 : at + 3] == ".":
                out[-1] += r"(?:.*\.|\A)"
                at += 3
            else:
                out[-1] += ".*"
                at += 2
            continue
        if dot:
            out[-1] += r"\."
            dot = False
        if char == "\\":
            at += 1
            out[-1] += re.escape(pattern[at : at + 1])
        elif char == ".":
            dot = True
        elif char == "*":
            out[-1] += r"[^\.]*"
        elif char == "{":
            stack.append([])
            out.append("")
        elif char == "}" and stack:
            choices = [*stack.pop(), out.pop()]
            out[-1] += f"(?:{'|'.join(choices)})"
        elif char == "," and stack:
            stack[-1].append(out.pop())
            out.append("")
        else:
            out[-1] += re.escape(char)
        at += 1
    if stack:
        raise ValueError(f"expected a }} behind the {{ of {pattern}, and no blank between")
    return rf"\A{out[0]}\n?\Z"
