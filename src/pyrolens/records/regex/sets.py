"""Sets of characters, as sorted ranges of code points.

The Unicode tables are made from Python's own when a pattern first needs them; most patterns never do, because
for text that is all ASCII (the usual log line) the ASCII part of a set is enough.
Differs: Python's tables are of a newer Unicode than Onigmo's. A byte that is not UTF-8 belongs to every negated set.
"""

import sys
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache

from pyrolens.records.regex.nodes import Class, Kind

Ranges = tuple[tuple[int, int], ...]
LAST = sys.maxunicode
ASCII_KINDS: dict[str, Ranges] = {
    "word": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "digit": ((48, 57),),
    "space": ((9, 13), (32, 32)),
    "xdigit": ((48, 57), (65, 70), (97, 102)),
    "alpha": ((65, 90), (97, 122)),
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 35), (37, 42), (44, 47), (58, 59), (63, 64), (91, 93), (95, 95), (123, 123), (125, 125)),
    "xpunct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "upper": ((65, 90),),
    "any": ((0, 127),),
    "assigned": ((0, 127),),
    "mark": (),
}
# Letters in the sense of Unicode's Alphabetic that have no category of a letter
ALPHABETIC = ((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189))
SCRIPTS = {
    "latin": "LATIN ", "greek": "GREEK ", "cyrillic": "CYRILLIC ", "hiragana": "HIRAGANA ", "katakana": "KATAKANA ",
    "han": "CJK UNIFIED IDEOGRAPH", "hangul": "HANGUL ", "arabic": "ARABIC ", "hebrew": "HEBREW ", "thai": "THAI ",
    "devanagari": "DEVANAGARI ",
}  # fmt: skip
CATEGORIES = {
    "letter": "L", "casedletter": "LC", "uppercaseletter": "Lu", "lowercaseletter": "Ll", "titlecaseletter": "Lt",
    "modifierletter": "Lm", "otherletter": "Lo", "mark": "M", "nonspacingmark": "Mn", "spacingmark": "Mc",
    "enclosingmark": "Me", "number": "N", "decimalnumber": "Nd", "letternumber": "Nl", "othernumber": "No",
    "punctuation": "P", "connectorpunctuation": "Pc", "dashpunctuation": "Pd", "openpunctuation": "Ps",
    "closepunctuation": "Pe", "initialpunctuation": "Pi", "finalpunctuation": "Pf", "otherpunctuation": "Po",
    "symbol": "S", "mathsymbol": "Sm", "currencysymbol": "Sc", "modifiersymbol": "Sk", "othersymbol": "So",
    "separator": "Z", "spaceseparator": "Zs", "lineseparator": "Zl", "paragraphseparator": "Zp", "other": "C",
    "control": "Cc", "format": "Cf", "unassigned": "Cn", "privateuse": "Co", "surrogate": "Cs",
}  # fmt: skip
LETTERS = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Nl"))


def known_property(name: str) -> str | None:
    """How a `\\p{name}` is called in a Kind, or None."""
    plain = "".join(c for c in name.lower() if c not in " _-")
    plain = {"xposixpunct": "xpunct", "whitespace": "space", "uppercase": "upper", "lowercase": "lower",
             "alphabetic": "alpha", "m": "mark"}.get(plain, plain)  # fmt: skip
    if plain in ASCII_KINDS or plain in SCRIPTS:
        return plain
    short = CATEGORIES.get(plain, plain.capitalize())
    return f"category {short}" if short in {c for v in CATEGORIES.values() for c in (v, v[0])} else None


def union(sets: Iterable[Ranges]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(r for s in sets for r in s):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def inverse(ranges: Ranges, last: int = LAST) -> Ranges:
    out: list[tuple[int, int]] = []
    at = 0
    for low, high in ranges:
        if low > at:
            out.append((at, low - 1))
        at = high + 1
    if at <= last:
        out.append((at, last))
    return tuple(out)


def intersection(a: Ranges, b: Ranges) -> Ranges:
    return inverse(union((inverse(a), inverse(b))))


def below(ranges: Ranges, last: int) -> Ranges:
    return tuple((low, min(high, last)) for low, high in ranges if low <= last)


def has(ranges: Ranges, code: int) -> bool:
    return any(low <= code <= high for low, high in ranges)


FAR = (
    (0x32400, 0xDFFFF),
    (0xE0200, 0xEFFFF),
    (0xF0000, 0xFFFFD),
    (0xFFFFE, 0xFFFFF),
    (0x100000, 0x10FFFD),
    (0x10FFFE, 0x10FFFF),
)
"""Stretches of one category each: nothing assigned, or private use."""


def _where(test: Callable[[str, str], bool]) -> Ranges:
    """Of the characters beyond ASCII, those for which test(character, category) holds."""
    near = (
        (code, code)
        for low, high in ((0x80, FAR[0][0] - 1), (FAR[0][1] + 1, FAR[1][0] - 1))
        for code in range(low, high + 1)
        if test(chr(code), _category(code))
    )
    far = ((low, high) for low, high in FAR if test(chr(low), _category(low)))
    return union(((*near, *far),))


def _category(code: int) -> str:
    return unicodedata.category(chr(code))


@cache
def wide(name: str) -> Ranges:
    """The set of that name over all of Unicode."""
    match name:
        case "alpha":
            more = union((_where(lambda c, k: k in LETTERS or k == "Mc"), ALPHABETIC))
        case "alnum":
            return union((wide("alpha"), wide("digit")))
        case "word":
            more = union((_where(lambda c, k: k in LETTERS or k[0] == "M" or k in ("Nd", "Pc")), ALPHABETIC))
        case "digit":
            more = _where(lambda c, k: k == "Nd")
        case "space":
            more = _where(lambda c, k: k[0] == "Z" or c == "\x85")
        case "blank":
            more = _where(lambda c, k: k == "Zs")
        case "cntrl":
            more = _where(lambda c, k: k == "Cc")
        case "graph":
            more = _where(lambda c, k: k[0] != "Z" and k not in ("Cc", "Cn", "Cs"))
        case "print":
            return union((wide("graph"), intersection(wide("blank"), ((32, LAST),))))
        case "lower":
            more = _where(lambda c, k: c.islower())
        case "upper":
            more = _where(lambda c, k: c.isupper())
        case "punct" | "xpunct":
            more = _where(lambda c, k: k[0] == "P")
        case "mark":
            more = _where(lambda c, k: k[0] == "M")
        case "any":
            return ((0, LAST),)
        case "assigned":
            more = _where(lambda c, k: k != "Cn")
        case _ if name in SCRIPTS:
            prefix = SCRIPTS[name]
            more = _where(lambda c, k: unicodedata.name(c, "").startswith(prefix))
        case _ if name.startswith("category "):
            wanted = name.removeprefix("category ")
            more = _where(lambda c, k: k.startswith(wanted) or (wanted == "LC" and k in ("Lu", "Ll", "Lt")))
        case _:
            more = ()
    return union((ascii_part(name), more))


def ascii_part(name: str) -> Ranges:
    if name in ASCII_KINDS:
        return ASCII_KINDS[name]
    if name in SCRIPTS:
        return ASCII_KINDS["alpha"] if name == "latin" else ()
    wanted = name.removeprefix("category ")
    fits = [
        c for c in range(128) if _category(c).startswith(wanted) or (wanted == "LC" and _category(c) in ("Lu", "Ll"))
    ]
    return union(((c, c),) for c in fits)


# case


@cache
def variants() -> dict[str, str]:
    """Folded character -> all characters that fold to it (only where there are several)."""
    out: dict[str, set[str]] = {}
    for low, high in ((0x41, 0x5A), (0xB5, 0x58F), (0x10A0, 0x1FFF), (0x2126, 0x2D2F), (0xA640, 0xABFF),
                      (0xFF21, 0xFF5A), (0x10400, 0x10CFF), (0x118A0, 0x118DF), (0x16E40, 0x16E7F),
                      (0x1E900, 0x1E943)):  # fmt: skip
        for code in range(low, high + 1):
            folded = chr(code).casefold()
            if len(folded) == 1 and folded != chr(code):
                out.setdefault(folded, {folded}).add(chr(code))
    return {k: "".join(sorted(v)) for k, v in out.items()}


@cache
def expansions() -> dict[str, str]:
    """Two or three folded characters -> the single characters that fold to them (ss -> ß, ẞ)."""
    out: dict[str, str] = {}
    for low, high in ((0xDF, 0xDF), (0x130, 0x1F0), (0x390, 0x3B0), (0x587, 0x587), (0x1E96, 0x1FFC), (0xFB00, 0xFB17)):
        for code in range(low, high + 1):
            folded = chr(code).casefold()
            if len(folded) > 1:
                out[folded] = out.get(folded, "") + chr(code)
    return out


def any_case(char: str, ascii_only: bool) -> str:
    """All characters that equal this one in any case."""
    if ascii_only and char.isascii():
        return "".join(sorted({char.lower(), char.upper()}))
    folded = char.casefold()
    return variants().get(folded, folded) if len(folded) == 1 else char


# classes


def ranges_of(node: Class, ascii_only: bool) -> Ranges:
    """The characters of a class. `ascii_only`: what it says about characters beyond ASCII does not matter."""
    out = _positive(node, ascii_only)
    if node.fold:
        out = union((out, _folded(out, _explicit(node), ascii_only)))
    return inverse(out) if node.negative else out


def _positive(node: Class, ascii_only: bool) -> Ranges:
    """Without a look at its own ^ and at case."""
    out = union(_item(item, ascii_only) for item in node.items)
    for operand in node.both:
        out = intersection(out, _item(operand, ascii_only))
    return out


def _item(item: tuple[int, int] | Kind | Class, ascii_only: bool) -> Ranges:
    if isinstance(item, tuple):
        return (item,)
    if isinstance(item, Kind):
        out = wide(item.name) if item.wide and not ascii_only else ascii_part(item.name)
    else:
        out = _positive(item, ascii_only)
    return inverse(out) if item.negative else out


def _explicit(node: Class) -> Ranges:
    """The characters and ranges that it names one by one."""
    own: Ranges = tuple(item for item in node.items if isinstance(item, tuple))
    return union((own, *(_explicit(i) for i in (*node.items, *node.both) if isinstance(i, Class))))


def _folded(ranges: Ranges, explicit: Ranges, ascii_only: bool) -> Ranges:
    """The other cases of these. From ASCII to beyond it, or back, only of what is named one by one; and none of
    U+0080 to U+00FF: Onigmo forgets those."""
    letters = ((65, 90), (97, 122))
    more: list[Ranges] = [((low ^ 32, high ^ 32),) for a in letters for low, high in intersection(ranges, (a,))]
    if not ascii_only or (explicit and explicit[-1][1] > 127):
        for group in variants().values():
            inside = [ord(c) for c in group if has(ranges, ord(c))]
            for to in map(ord, group) if inside else ():
                if not 0x80 <= to <= 0xFF and any((c < 128) == (to < 128) or has(explicit, c) for c in inside):
                    more.append(((to, to),))
    return union(more)


def expanded(node: Class) -> list[str]:
    """The folded texts of several characters that this class takes in any case, such as ss for ß."""
    if not node.fold or node.negative:
        return []
    explicit = _explicit(node)
    if not explicit or explicit[-1][1] < 0xDF:
        return []
    return [text for text, chars in expansions().items() if any(has(explicit, ord(c)) for c in chars)]
