"""Text that inputs read: bytes to text, lines to events."""

import re

from pyrolens.api import Event, InputEnv, Parse, no_parser

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)


def text_of(data: bytes) -> str:
    """Bytes that are not UTF-8 become surrogate escapes."""
    return data.decode("utf-8", "surrogateescape")


def unescaped(text: str) -> bytes:
    r"""What a config means by a text with \n, \t or \x00 in it."""

    def one(found: "re.Match[str]") -> str:
        hexed, octal, letter = found.groups()
        if hexed or octal:
            return chr(int(hexed, 16) if hexed else int(octal, 8) & 0xFF)
        return ESCAPES.get(letter, letter)

    return ESCAPE.sub(one, text).encode("utf-8", "surrogateescape")


def find_parser(env: InputEnv, name: str, option: str = "parser") -> Parse:
    """Raises: OptionError."""
    parse = env.parser(name)
    if parse is None:
        raise no_parser(option, name)
    return parse


def parsed(parse: Parse, text: str, now: int) -> Event | None:
    """The event that the parser makes of a text, or None when the text does not fit."""
    found = parse(text)
    if found is None:
        return None
    record, ns = found
    return (now if ns is None else ns), record
