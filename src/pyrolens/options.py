"""Options: declared once as fields of a frozen dataclass, and from there read, checked and documented.

    class Http(Output):
        uri: str = opt("Path that records are posted to.", default="/")

The annotation says how text becomes a value: str, int, float, bool, Literal["a", "b"] (any case), Size (bytes),
Seconds, Secret, Commas and Words (one value, many words), list[str] (the option repeats), list[Pair] (repeats,
"KEY VALUE"; a NamedTuple of one's own with a field `place` is told where it stands, too), Lines (several spellings
whose order among each other counts), or a dataclass of options for group().
`X | None` means that the option may be absent.

Values are read as Fluent Bit reads them (src/flb_config_map.c, flb_utils.c); where it guesses silently we do the
same and warn at the place.
"""

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple

from pyrolens.language.document import Entry, Section, shown
from pyrolens.problems import Place, Problems, nearest


class Kind(NamedTuple):
    """How one text becomes one value. `read` raises ValueError("expected ...").

    `doubt` says what is odd about a text that is read nevertheless, or "": it becomes a warning at the place."""

    name: str
    read: Callable[[str], Any]
    secret: bool = False
    doubt: Callable[[str], str] = lambda text: ""


class OptionError(ValueError):
    """What an option says cannot work. For plugins: raised by compile or open, or yielded by check, it points at the
    option, or at `place` where that is known better: at one of many lines of that option."""

    def __init__(self, option: str, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.option = option
        self.place = place


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


@dataclass(frozen=True)
class Spec:
    """One option as declared: what the reader, the manual and the schema need."""

    name: str
    field: str
    doc: str
    kind: Kind
    default: Any = dataclasses.MISSING
    repeats: bool = False
    pairs: int = 0
    """Of `KEY VALUE`: the words; 2, or 1 when the value is all that follows the key."""
    spellings: Mapping[str, str] | None = None
    aliases: Sequence[str] = ()
    choices: Sequence[str] = ()
    low: float | None = None
    high: float | None = None
    group: str = ""
    last_wins: bool = False

    @property
    def required(self) -> bool:
        return self.default is dataclasses.MISSING

    @property
    def names(self) -> list[str]:
        """Every spelling that a config may use, lower case."""
        return [n.lower() for n in (self.spellings or [self.name, *self.aliases])]


def opt(
    doc: str,
    *,
    default: Any = dataclasses.MISSING,
    name: str | None = None,
    aliases: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
    last_wins: bool = False,
    words: int = 2,
    secret: bool = False,
) -> Any:
    """Declare an option. No default: it must be given. `name` is needed where it is no Python name (net.keepalive).

    `words`: of list[Pair]. 2 for two words, quoted where they hold blanks (SLIST_2); 1 for a key, and all that
    follows as the value (SLIST_1: the header of http). `secret`: never show its values, as with the type Secret."""
    if not doc.strip():
        raise TypeError("an option needs a doc")
    extra = {"doc": doc, "name": name, "aliases": aliases, "low": low, "high": high, "last_wins": last_wins}
    extra |= {"words": words, "secret": secret}
    if isinstance(default, (list, dict, set)):
        made = default
        return dataclasses.field(default_factory=lambda: type(made)(made), metadata=extra)
    return dataclasses.field(default=default, metadata=extra)


def lines(**spellings: str) -> Any:
    """Declare an option with several spellings, each with its doc, whose lines keep their common order.

    A spelling that is no Python name is written with __ for a dot. One that ends with * stands for all that begin so,
    such as parser_*."""
    docs = {k.replace("__", "."): v for k, v in spellings.items()}
    return dataclasses.field(default_factory=list, metadata={"doc": "", "spellings": docs})


def group(cls: type[Any], prefix: str = "") -> Any:
    """A dataclass of options as one field, such as `net: Net = group(Net, "net.")`."""
    return dataclasses.field(default_factory=cls, metadata={"group": cls, "prefix": prefix})


def spec_of(cls: type[Any]) -> list[Spec]:
    """The options of a dataclass, its groups' included, in the order of declaration."""
    key: Any = cls  # mypy does not know that classes can be hashed
    return list(_specs(key))


@cache
def _specs(cls: type[Any]) -> tuple[Spec, ...]:
    hints = typing.get_type_hints(cls, include_extras=True)
    out: list[Spec] = []
    for f in dataclasses.fields(cls):
        meta = f.metadata
        if "group" in meta:
            out += [
                dataclasses.replace(
                    s,
                    name=meta["prefix"] + s.name,
                    aliases=[meta["prefix"] + a for a in s.aliases],
                    group=f.name,
                )
                for s in spec_of(meta["group"])
            ]
        elif "doc" in meta:
            out.append(_spec(f, hints[f.name]))
    return tuple(_core(s) for s in out)


def _core(spec: Spec) -> Spec:
    """The rules of Fluent Bit's core for options of its own names."""
    if spec.spellings or not is_core(spec.name):
        return spec
    kind = spec.kind
    if spec.name in SWITCHES and kind.read is read_bool:
        kind = switch(spec.default is True)
    return dataclasses.replace(spec, last_wins=not spec.repeats, kind=kind)


def _spec(f: "dataclasses.Field[Any]", hint: Any) -> Spec:
    meta = f.metadata
    default = f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
    repeats, pairs = False, 0
    choices: Sequence[str] = ()
    inner = _without_none(hint)
    if meta.get("spellings"):
        return Spec(f.name, f.name, "", PLAIN[str], default, True, spellings=meta["spellings"])
    if typing.get_origin(inner) is Annotated:
        kind = next(k for k in typing.get_args(inner)[1:] if isinstance(k, Kind))
    elif typing.get_origin(inner) is list:
        repeats, (element,) = True, typing.get_args(inner)
        pairs = meta["words"] if element is Pair else 0
        kind = PLAIN[str] if pairs or element is str else Kind(element.__name__, element.read)
    elif typing.get_origin(inner) is Literal:
        choices = typing.get_args(inner)
        kind = Kind("choice", _choice(choices))
    elif inner in PLAIN:
        kind = PLAIN[inner]
    else:
        raise TypeError(f"{f.name}: no spelling for the type {hint}")
    kind = kind._replace(secret=kind.secret or meta.get("secret", False))
    return Spec(
        name=meta["name"] or f.name,
        field=f.name,
        doc=meta["doc"],
        kind=kind,
        default=default,
        repeats=repeats,
        pairs=pairs,
        aliases=meta["aliases"],
        choices=choices,
        low=meta["low"],
        high=meta["high"],
        last_wins=meta["last_wins"],
    )


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [a for a in typing.get_args(hint) if a is not type(None)]
        if len(rest) == 1:
            return rest[0]
    return hint


def _choice(choices: Sequence[str]) -> Callable[[str], str]:
    by_lower = {c.lower(): c for c in choices}

    def read(text: str) -> str:
        if text.strip().lower() not in by_lower:
            listed = ", ".join(choices[:-1]) + f" or {choices[-1]}" if len(choices) > 1 else choices[0]
            raise ValueError(f"expected {listed}")
        return by_lower[text.strip().lower()]

    return read


Resolve = Callable[[Entry, Problems], str]
"""Puts the variables into a value."""

LAST_WINS = frozenset(
    {
        "alias", "host", "ipv6", "listen", "log_level", "log_suppress_interval", "match", "match_regex",
        "mem_buf_limit", "port", "retry_limit", "routable", "storage.total_limit_size", "storage.type", "tag",
        "threaded", "tls", "workers",
    }
)  # fmt: skip
"""What Fluent Bit's core reads for every plugin: given twice, the last one counts. All of tls.* does, too."""
MAY_BE_EMPTY = frozenset({"host", "listen", "match", "port", "retry_limit"})
"""Those of them which count as not given when a variable made them empty; the others are refused."""
SWITCHES = frozenset({"ipv6", "tls", "tls.verify", "tls.verify_hostname"})
"""Booleans of the core: a value that is none is not refused."""
SECRET_NAME = re.compile(r"pass|secret|token|key|license|credential|auth", re.IGNORECASE)
"""Of an option that is not known, but may be a secret that was misspelt."""


def is_core(name: str) -> bool:
    return name in LAST_WINS or name.startswith("tls.")


def may_be_empty(name: str) -> bool:
    if name in MAY_BE_EMPTY or name.startswith("tls."):
        return True
    return not (name in LAST_WINS or name.startswith(("rate_", "thread.", "storage.", "net.")))


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


def masked(place: Place, entry: Entry) -> Place:
    """The same place, with a line that does not show the value."""
    start = entry.value_place.column - 1
    shown = place.text[:start] + "***" if entry.value_place.line == place.line and place.text else ""
    length = 3 if place == entry.value_place else place.length
    return dataclasses.replace(place, text=shown, length=length)


def read_options(
    cls: type[Any],
    who: str,
    section: Section,
    resolve: Resolve,
    problems: Problems,
    *,
    skip: Iterable[str] = (),
    ignored: Mapping[str, str] = types.MappingProxyType({}),
    refused: Mapping[str, str] = types.MappingProxyType({}),
    empty_is_unset: bool = False,
    unknown_is_ignored: bool = False,
    last_wins: bool = False,
    elsewhere: Iterable[str] = (),
) -> Any | None:
    """An instance of cls with what the section says, or None (then the reasons are in problems).

    `skip`: keys read by others. `ignored`: options of Fluent Bit that we accept and don't honour, with the reason,
    which becomes a warning at the place. `refused`: those that we do not accept, with the reason. `empty_is_unset`: a
    value that variables made empty counts as not given (so it is for inputs and outputs). `unknown_is_ignored`: an
    unknown option is a warning (so it is for parsers). `last_wins`: of any option given twice the last one counts (so
    it is in [SERVICE]). `elsewhere`: names that may be meant, too, and are read by others.
    """
    specs = spec_of(cls)
    by_name = {n: s for s in specs for n in s.names}
    ok = True
    taken: dict[str, Any] = {}
    skipped = {s.lower() for s in skip}
    tried: set[str] = set()

    def fail(code: str, message: str, place: Place | None, hint: str = "") -> None:
        nonlocal ok
        ok = False
        problems.error(code, message, place, hint)

    for entry in section.entries:
        key = entry.key.lower()
        if key in skipped:
            continue
        if key in ignored:
            problems.warning("option-ignored", f"{who}: {entry.key} has no effect: {ignored[key]}", entry.place)
            continue
        if key in refused:
            fail("refused-option", f"{who} does not take {entry.key}: {refused[key]}", entry.place)
            continue
        spec = by_name.get(key) or _begun(by_name, key)
        if spec is None:
            hint = nearest(key, [*by_name, *elsewhere])
            near = re.search(r"'(.+)'", hint)
            close = by_name.get(near[1]) if near else None
            if close:
                tried.add(close.name)
            place, name = entry.place, entry.key
            begun = by_name.get(re.split("[=:]", key)[0])
            meant = begun or close
            if SECRET_NAME.search(key) or (meant and meant.kind.secret):
                place = masked(entry.place, entry)
                if name != (name := re.split("[=:]", name)[0]):  # the value is glued to it
                    place = dataclasses.replace(place, text="")
            if unknown_is_ignored:
                problems.warning("unknown-option", f"{who} has no option '{name}': it is ignored", place, hint)
            else:
                fail("unknown-option", f"{who} has no option '{name}'", place, hint)
            continue
        tried.add(spec.name)
        secret = spec.kind.secret
        place, value_place = entry.place, entry.value_place
        if secret:
            place, value_place = masked(place, entry), masked(value_place, entry)
        before = len(problems.errors)
        text = resolve(entry, problems)
        if len(problems.errors) > before:
            ok = False
            continue
        if empty_is_unset and not text:
            if not may_be_empty(key):
                fail("bad-value", f"{who}: {entry.key} is empty", value_place, "remove it, or set the variable")
            else:
                taken.pop(spec.name, None)
                tried.discard(spec.name)
                problems.warning("empty-value", f"{who}: {entry.key} is empty, as if it were not given", value_place)
            continue
        said = "***" if secret else shown(entry.value, text)
        try:
            value = read_text(spec, key, text, entry)
        except ValueError as why:
            fail("bad-value", f"{who}: {entry.key} is '{said}': {why}", value_place)
            continue
        if spec.pairs == 2 and len(split_tokens(text, 2)) > 2:
            message = f"{who}: {entry.key} has more than two words, so this line is left out"
            problems.warning("left-out", message, value_place, "put double quotes around what holds blanks")
            continue
        if not (spec.repeats or spec.spellings) and (doubt := spec.kind.doubt(text)):
            problems.warning("odd-value", f"{who}: {entry.key} is '{said}': {doubt}", value_place)
        if spec.repeats:
            taken.setdefault(spec.name, []).append(value)
        elif spec.name in taken and not (spec.last_wins or last_wins):
            fail("given-twice", f"{who}: {entry.key} is given twice", place, "keep one of them")
        else:
            if spec.name in taken:
                message = f"{who}: {entry.key} is given twice; the last one counts"
                problems.warning("given-twice", message, place, "keep one of them")
            taken[spec.name] = value

    for spec in specs:
        if spec.required and spec.name not in taken and spec.name not in tried:
            fail("missing-option", f"{who} needs {spec.name}", section.place, spec.doc)
    if not ok:
        return None
    groups: dict[str, dict[str, Any]] = {}
    direct: dict[str, Any] = {}
    for spec in specs:
        if spec.name in taken:
            (groups.setdefault(spec.group, {}) if spec.group else direct)[spec.field] = taken[spec.name]
    for f in dataclasses.fields(cls):
        if f.name in groups:
            direct[f.name] = f.metadata["group"](**groups[f.name])
    return cls(**direct)


def _begun(by_name: Mapping[str, Spec], key: str) -> Spec | None:
    """The option of which the key begins with a spelling such as parser_*, or None."""
    return next((s for name, s in by_name.items() if name.endswith("*") and key.startswith(name[:-1])), None)


def read_text(spec: Spec, key: str, text: str, entry: Entry) -> Any:
    """Raises: ValueError("expected ...")."""
    if spec.spellings is not None:
        return Line(key, text, entry.value_place)
    if spec.pairs:
        words = split_tokens(text, spec.pairs)
        if len(words) < spec.pairs or not words:
            raise ValueError("expected KEY VALUE, with double quotes around what holds blanks")
        return Pair(words[0], words[1] if len(words) > 1 else words[0], entry.value_place)
    value = read_value(spec, text)
    if isinstance(value, tuple) and "place" in getattr(value, "_fields", ()):
        return value._replace(place=entry.value_place)  # type: ignore[attr-defined]
    return value


def read_value(spec: Spec, text: str) -> Any:
    """Of an option that is no KEY VALUE. Raises: ValueError("expected ...")."""
    value = spec.kind.read(text)
    if spec.low is not None and value < spec.low:
        raise ValueError(f"expected at least {spec.low:g}")
    if spec.high is not None and value > spec.high:
        raise ValueError(f"expected at most {spec.high:g}")
    return value
