"""How texts of a config become values, as Fluent Bit reads them: src/flb_config_map.c, flb_utils.c."""

import re
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from pyrolens.problems import Place


class Kind(NamedTuple):
    """How one text becomes one value. `read` raises ValueError("expected ...").

    `doubt` says what is odd about a text that is read nevertheless, or "": it becomes a warning at the place."""

    name: str
    read: Callable[[str], Any]
    secret: bool = False
    doubt: Callable[[str], str] = lambda text: ""
    refers: str = ""
    """What the text is the name of: parser, or multiline parser (names, with commas between them)."""


class Pair(NamedTuple):
    """`KEY VALUE` of a repeated option; place is that of the line."""

    key: str
    value: str
    place: Place | None = None


class Line(NamedTuple):
    """One line of an option with several spellings: which (lower case), its text and its place."""

    key: str
    value: str
    place: Place | None = None


TRUE, FALSE = frozenset({"on", "true", "yes"}), frozenset({"off", "false", "no"})
UNLIMITED = 2**63 - 1
"""What a size that is none means to Fluent Bit."""

INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")
NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)", re.IGNORECASE)
HEX = re.compile(r"[ \t\n\v\f\r]*([+-]?0x[0-9a-f]+)", re.IGNORECASE)
NOT_FINITE = re.compile(r"[ \t\n\v\f\r]*([+-]?(?:inf(?:inity)?|nan))", re.IGNORECASE)


def read_bool(text: str) -> bool:
    word = text.strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ValueError("expected on, off, true, false, yes or no")


def read_int(text: str) -> int:
    """The whole number that the text begins with, else 0; 32 bits with sign, as C's atoi."""
    found = INTEGER.match(text)
    number = min(max(int(found[1][:40]), -(2**63)), 2**63 - 1) if found else 0
    return (number + 2**31) % 2**32 - 2**31


def doubt_int(text: str) -> str:
    number = read_int(text)
    if not re.fullmatch(r"[+-]?[0-9]+", text.strip()):
        return f"a whole number is expected here, so this counts as {number}"
    return "" if int(text[:40]) == number else f"this is too great for a whole number and counts as {number}"


def read_float(text: str) -> float:
    """The number that the text begins with, else 0, as C's atof."""
    if found := HEX.match(text):
        return float(int(found[1], 16))
    found = NOT_FINITE.match(text) or NUMBER.match(text)
    return float(found[1]) if found else 0.0


def doubt_float(text: str) -> str:
    found = NUMBER.match(text)
    return "" if found and found[0] == text else f"a number is expected here, so this counts as {read_float(text):g}"


SIZES = {"K": 1000, "M": 1000**2, "G": 1000**3}


def size_of(text: str) -> int:
    """Bytes as flb_utils_size_to_bytes reads them, -1 for what is no size. k, m and g are powers of 1000."""
    if text.lower() == "false":
        return 0
    if not text:
        return -1
    tail = re.search(r"[^0-9]*$", text[1:])
    suffix = tail[0].upper() if tail else ""
    number = read_float(text)
    if number != number or abs(number) == float("inf"):
        return -1
    if not suffix:
        return int(number) if abs(number) < 2**63 else -1
    if len(suffix) > 2 or suffix[0] not in SIZES or suffix[1:] not in ("", "B"):
        return -1
    size = int(number * SIZES[suffix[0]])
    return size if abs(size) < 2**63 else -1


def read_size(text: str) -> int:
    """Bytes; what is no size, and what is negative, has no limit."""
    size = size_of(text)
    return size if size >= 0 else UNLIMITED


def doubt_size(text: str) -> str:
    size = size_of(text)
    if size < 0:
        return "this is no size such as 512k, 10M or 1G, so there is no limit"
    if text.lower() != "false" and not re.fullmatch(r"\+?[0-9]+(\.[0-9]*)?([kmg]b?)?", text, re.IGNORECASE):
        return f"a size such as 512k, 10M or 1G is expected here, so this counts as {size}"
    return ""


def read_limit(text: str) -> int:
    """Bytes of a limit that Fluent Bit checks itself; 0: none."""
    size = size_of(text)
    if size == -1:
        raise ValueError("expected a size such as 512k, 10M or 1G")
    return max(size, 0)


UNITS = {"m": 60, "h": 3600, "d": 86400}


def read_seconds(text: str) -> float:
    """Whole seconds, or minutes, hours or days by the last letter. Fractions are cut off."""
    return float(read_int(text) * UNITS.get(text[-1:].lower(), 1))


def doubt_seconds(text: str) -> str:
    if re.fullmatch(r"\+?[0-9]+[smhd]?|-1", text.strip().lower()):
        return ""
    return f"a time such as 5, 10s or 1m is expected here, so this counts as {read_seconds(text):g} seconds"


def doubt_text(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]:
        return "the quotes belong to the value"
    return ""


LEVELS = ("off", "error", "warn", "info", "debug", "trace")


def read_level(text: str) -> str:
    word = text.strip().lower()
    word = "warn" if word == "warning" else word
    if word not in LEVELS:
        raise ValueError("expected off, error, warn, info, debug or trace")
    return word


def doubt_retries(text: str) -> str:
    word = text.lower()
    if word in ("no_limits", "false", "off", "no_retries") or (text.isdecimal() and int(text[:20]) > 0):
        return ""
    return f"a number above 0, no_limits or no_retries is expected here, so this counts as {max(read_int(text), 1)}"


def split_tokens(text: str, most: int = -1) -> list[str]:
    """Words apart by blanks; double quotes hold words together, as in Fluent Bit's SLIST. After `most` words, what is
    left is one more word, as it stands."""
    out: list[str] = []
    at = 0
    while at is not None:
        while text.startswith(" ", at):
            at += 1
        end: int | None
        if text.startswith('"', at):
            at += 1
            end = text.find('"', at)
            while end > 0 and text[end - 1] == "\\":
                end = text.find('"', end + 1)
            word = text[at:end].replace('\\"', '"') if end >= 0 else text[at:]
        else:
            end = text.find(" ", at)
            word = text[at:end] if end >= 0 else text[at:]
        if end < 0:
            return [*out, word] if word else out
        out.append(word)
        at = end + 1
        if 0 < most <= len(out):
            rest = text[at:].lstrip(" ")
            return [*out, rest] if rest else out
    return out


def split_words(text: str) -> list[str]:
    return split_tokens(text)


def split_commas(text: str) -> list[str]:
    return [part.strip(" ") for part in text.split(",") if part.strip(" ")]


Size = Annotated[int, Kind("size", read_size, doubt=doubt_size)]
Limit = Annotated[int, Kind("size", read_limit, doubt=doubt_size)]
Seconds = Annotated[float, Kind("time", read_seconds, doubt=doubt_seconds)]
Secret = Annotated[str, Kind("secret", str, secret=True)]
Level = Annotated[str, Kind("log level", read_level)]
Retries = Annotated[str, Kind("retries", str, doubt=doubt_retries)]
Words = Annotated[list[str], Kind("words", split_words)]
Commas = Annotated[list[str], Kind("comma-separated words", split_commas)]
Lines = list[Line]

PLAIN: dict[Any, Kind] = {
    str: Kind("text", str, doubt=doubt_text),
    int: Kind("whole number", read_int, doubt=doubt_int),
    float: Kind("number", read_float, doubt=doubt_float),
    bool: Kind("boolean", read_bool),
}
ParserName = Annotated[str, PLAIN[str]._replace(refers="parser")]
MultilineParserNames = Annotated[str, PLAIN[str]._replace(refers="multiline parser")]


def switch(default: bool) -> Kind:
    """A boolean which is `default` for whatever is none."""

    def read(text: str) -> bool:
        word = text.strip().lower()
        return word in TRUE or (default and word not in FALSE)

    def doubt(text: str) -> str:
        known = text.strip().lower() in TRUE | FALSE
        return "" if known else f"on or off is expected here, so this counts as {'on' if default else 'off'}"

    return Kind("boolean", read, doubt=doubt)


Switch = Annotated[bool, switch(False)]
