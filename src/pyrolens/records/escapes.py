"""Backslash escapes, in the three ways that Fluent Bit undoes them.

Source: src/flb_unescape.c (Fluent Bit 5.1.1).
"""

import re

LETTERS = {"n": "\n", "a": "\a", "b": "\b", "t": "\t", "v": "\v", "f": "\f", "r": "\r", "\\": "\\"}
SIMPLE = re.compile(r"\\(.?)", re.DOTALL)


def unescape(text: str) -> str:
    """The escapes of C that are one letter; before anything else the backslash goes. One at the very end becomes
    the NUL that stands behind a C string."""
    if "\\" not in text:
        return text
    # the character after an unknown escape is no part of it, but it is no backslash either, so taking it is the same
    return SIMPLE.sub(lambda found: LETTERS.get(found[1], found[1] or "\0"), text)


WIDE = re.compile(r"\0|\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{0,4})|U([0-9a-fA-F]{1,8})|(.))", re.DOTALL)
LOW_HALF = re.compile(r"\\u([0-9a-fA-F]{0,4})")
REPLACEMENT = "\ufffd"


def unescape_utf8(text: str) -> str:
    """All escapes of C and of JSON; a backslash at the very end stays. A NUL without a backslash ends the text."""
    if "\\" not in text:
        return text.partition("\0")[0]
    parts: list[str] = []
    at = 0
    while found := WIDE.search(text, at):
        parts.append(text[at : found.start()])
        at = found.end()
        if found[0] == "\0":
            return "".join(parts)
        octal, hexadecimal, short, long, letter = found.groups()
        if letter is not None:
            parts.append(LETTERS.get(letter, letter))
        elif short is None:
            parts.append(character(int(octal, 8) if octal else int(hexadecimal or long, 16)))
        else:
            piece, at = _short(short, text, at)
            parts.append(piece)
    parts.append(text[at:])
    return "".join(parts)


def _short(digits: str, text: str, at: int) -> tuple[str, int]:
    r"""What `\u` and its digits stand for, and the index after it, which may be behind the second half."""
    if 0 < len(digits) < 4:
        return REPLACEMENT, at
    code = int(digits or "0", 16)
    if not 0xD800 <= code < 0xE000:
        return chr(code), at
    second = LOW_HALF.match(text, at) if code < 0xDC00 and at + 2 < len(text) else None
    if second is None:
        return REPLACEMENT, at
    low = int(second[1], 16) if len(second[1]) == 4 else 0
    if not 0xDC00 <= low < 0xE000:
        return REPLACEMENT, second.end()
    return chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00), second.end()


def character(code: int) -> str:
    """Beyond Unicode it is one byte; half a surrogate pair becomes the bytes that UTF-8 would give it."""
    if code >= 0x110000:
        return bytes([code & 0xFF]).decode(errors="surrogateescape")
    if 0xD800 <= code < 0xE000:
        return chr(code).encode(errors="surrogatepass").decode(errors="surrogateescape")
    return chr(code)


MYSQL = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"', "0": "\0", "Z": "\x1a"}


def unquote_mysql(text: str) -> str:
    """The text between MySQL's quotes, escapes undone; text without quotes stays as it is."""
    if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
        return text
    return SIMPLE.sub(lambda found: MYSQL.get(found[1], found[0]), text[1:-1])
