"""What must be known of a pattern before it is read: the groups that come later."""

import re

COMMENT = re.compile(r"(?:\\.|[^\\)])*\)", re.S)
NAMED = re.compile(r"(?<!\\)\(\?(?:<(\w+)>|'(\w+)')")


def count_groups(text: str, extended: bool) -> tuple[bool, int]:
    """(whether there are named groups, the number of groups that count then)."""
    plain = named = depth = 0
    at = 0
    while at < len(text):
        c = text[at]
        if c == "\\":
            at += 2
            continue
        if depth:
            depth += (c == "[") - (c == "]" and text[at - 1] not in ("[", "^"))
        elif c == "[":
            depth = 1
            at += text[at + 1 : at + 2] == "^"
            # a ] that comes first is a character
            at += text[at + 1 : at + 2] == "]"
        elif c == "#" and extended:
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text.startswith("(?#", at):
            found = COMMENT.match(text, at + 3)
            at = found.end() - 1 if found else len(text)
        elif text.startswith(("(?<=", "(?<!"), at):
            pass
        elif text.startswith("(?(", at):
            at += 2
        elif text.startswith(("(?<", "(?'"), at):
            named += 1
        elif c == "(" and text[at + 1 : at + 2] != "?":
            plain += 1
        at += 1
    return named > 0, named or plain


def named_groups(text: str) -> dict[str, list[int]]:
    """The numbers of the named groups, before the pattern is read: a call may come before its group."""
    out: dict[str, list[int]] = {}
    for number, found in enumerate(NAMED.finditer(text), 1):
        out.setdefault(found[1] or found[2], []).append(number)
    return out
