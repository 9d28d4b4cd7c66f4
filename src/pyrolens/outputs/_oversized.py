"""What happens to text that is larger than a destination takes for one event."""

from typing import Literal

Oversized = Literal["truncate", "split", "reject"]
SUFFIX = "[Truncated...]"


def pieces(text: bytes, limit: int, how: Oversized, suffix: bytes = b"") -> list[bytes]:
    """UTF-8 in pieces of at most `limit` bytes, cut between characters: all of them, or with `truncate` the first,
    which then ends in `suffix`; none with `reject`."""
    if len(text) <= limit:
        return [text]
    if how == "reject":
        return []
    if how == "truncate":
        return [text[: before_character(text, limit - len(suffix))] + suffix]
    out = []
    start = 0
    while start < len(text):
        end = before_character(text, start + limit)
        if end <= start:
            end = start + limit  # not UTF-8 after all
        out.append(text[start:end])
        start = end
    return out


def before_character(text: bytes, at: int) -> int:
    """The largest place up to `at` that is not inside of a character."""
    if at >= len(text):
        return len(text)
    while at > 0 and text[at] & 0xC0 == 0x80:
        at -= 1
    return at
