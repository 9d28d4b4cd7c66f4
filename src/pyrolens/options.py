"""Options: declared once as fields of a frozen dataclass, and from there read, checked and documented.

    class Http(Output):
        uri: str = opt("Path that records are posted to.", default="/")

The annotation says how text becomes a value: str, int, float, bool, Literal["a", "b"] (any case), Size (bytes),
Seconds, Secret, Commas and Words (one value, many words), list[str] (the option repeats), list[Pair] (repeats,
"KEY VALUE"), Lines (several spellings whose order among each other counts), or a dataclass of options for group().
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
from typing import Annotated, Any, Literal, NamedTuple

from pyrolens.language.document import Entry, Section
from pyrolens.problems import Place, Problems, nearest


class Kind(NamedTuple):
    """How one text becomes one value. `read` raises ValueError("expected ...")."""

    name: str
    read: Callable[[str], Any]
    secret: bool = False


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


def read_bool(text: str) -> bool:
    word = text.strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ValueError("expected on, off, true, false, yes or no")


def read_int(text: str) -> int:
    found = re.match(r"\s*([+-]?\d+)", text)
    if not found:
        raise ValueError("expected a whole number")
    return int(found[1])


def read_float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("expected a number") from None


SIZES = {"": 1, "k": 1000, "kb": 1000, "m": 1000**2, "mb": 1000**2, "g": 1000**3, "gb": 1000**3}


def read_size(text: str) -> int:
    """Bytes. k, m and g are powers of 1000, as in Fluent Bit."""
    if text.strip().lower() in FALSE:
        return -1
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)([A-Za-z]*)", text.strip())
    if not found or found[2].lower() not in SIZES:
        raise ValueError("expected a size such as 512k, 10M or 1G")
    return int(float(found[1]) * SIZES[found[2].lower()])


UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def read_seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip().lower())
    if not found:
        raise ValueError("expected a time such as 5, 10s or 1m")
    return float(found[1]) * UNITS[found[2]]


def split_words(text: str) -> list[str]:
    """Words apart by blanks; double quotes hold words together, as in Fluent Bit's SLIST."""
    return [
        (quoted.replace('\\"', '"') if quoted or not plain else plain)
        for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', text)
    ]


def split_commas(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


Size = Annotated[int, Kind("size", read_size)]
Seconds = Annotated[float, Kind("time", read_seconds)]
Secret = Annotated[str, Kind("secret", str, secret=True)]
Words = Annotated[list[str], Kind("words", split_words)]
Commas = Annotated[list[str], Kind("comma-separated words", split_commas)]
Lines = list[Line]

PLAIN: dict[Any, Kind] = {
    str: Kind("text", str),
    int: Kind("whole number", read_int),
    float: Kind("number", read_float),
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
    pairs: bool = False
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
) -> Any:
    """Declare an option. No default: it must be given. `name` is needed where it is no Python name (net.keepalive)."""
    if not doc.strip():
        raise TypeError("an option needs a doc")
    extra = {"doc": doc, "name": name, "aliases": aliases, "low": low, "high": high, "last_wins": last_wins}
    if isinstance(default, (list, dict, set)):
        made = default
        return dataclasses.field(default_factory=lambda: type(made)(made), metadata=extra)
    return dataclasses.field(default=default, metadata=extra)


def lines(**spellings: str) -> Any:
    """Declare an option with several spellings, each with its doc, whose lines keep their common order.

    A spelling that is no Python name is written with __ for a dot."""
    docs = {k.replace("__", "."): v for k, v in spellings.items()}
    return dataclasses.field(default_factory=list, metadata={"doc": "", "spellings": docs})


def group(cls: type[Any], prefix: str = "") -> Any:
    """A dataclass of options as one field, such as `net: Net = group(Net, "net.")`."""
    return dataclasses.field(default_factory=cls, metadata={"group": cls, "prefix": prefix})


def spec_of(cls: type[Any]) -> list[Spec]:
    """The options of a dataclass, its groups' included, in the order of declaration."""
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
    return out


def _spec(f: "dataclasses.Field[Any]", hint: Any) -> Spec:
    meta = f.metadata
    default = f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
    repeats = pairs = False
    choices: Sequence[str] = ()
    inner = _without_none(hint)
    if meta.get("spellings"):
        return Spec(f.name, f.name, "", PLAIN[str], default, True, spellings=meta["spellings"])
    if typing.get_origin(inner) is Annotated:
        kind = next(k for k in typing.get_args(inner)[1:] if isinstance(k, Kind))
    elif typing.get_origin(inner) is list:
        repeats, (element,) = True, typing.get_args(inner)
        pairs = element is Pair
        kind = PLAIN[str] if pairs or element is str else Kind(element.__name__, element.read)
    elif typing.get_origin(inner) is Literal:
        choices = typing.get_args(inner)
        kind = Kind("choice", _choice(choices))
    elif inner in PLAIN:
        kind = PLAIN[inner]
    else:
        raise TypeError(f"{f.name}: no spelling for the type {hint}")
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


def read_options(
    cls: type[Any],
    who: str,
    section: Section,
    resolve: Resolve,
    problems: Problems,
    *,
    skip: Iterable[str] = (),
    ignored: Mapping[str, str] = types.MappingProxyType({}),
) -> Any | None:
    """An instance of cls with what the section says, or None (then the reasons are in problems).

    `skip`: keys read by others. `ignored`: options of Fluent Bit that we accept and don't honour, with the reason,
    which becomes a warning at the place.
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
        spec = by_name.get(key)
        if spec is None:
            hint = nearest(key, by_name)
            near = re.search(r"'(.+)'", hint)
            if near:
                tried.add(by_name[near[1]].name)
            fail("unknown-option", f"{who} has no option '{entry.key}'", entry.place, hint)
            continue
        tried.add(spec.name)
        before = len(problems.errors)
        text = resolve(entry, problems)
        if len(problems.errors) > before:
            ok = False
            continue
        try:
            value = read_text(spec, key, text, entry)
        except ValueError as why:
            shown = "***" if spec.kind.secret else text
            fail("bad-value", f"{who}: {entry.key} is '{shown}': {why}", entry.value_place)
            continue
        if spec.repeats:
            taken.setdefault(spec.name, []).append(value)
        elif spec.name in taken and not spec.last_wins:
            fail("given-twice", f"{who}: {entry.key} is given twice", entry.place, "keep one of them")
        else:
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


def read_text(spec: Spec, key: str, text: str, entry: Entry) -> Any:
    """Raises: ValueError("expected ...")."""
    if spec.spellings is not None:
        return Line(key, text, entry.value_place)
    if spec.pairs:
        words = split_words(text)
        if len(words) != 2:
            raise ValueError("expected KEY VALUE, with double quotes around what holds blanks")
        return Pair(words[0], words[1], entry.value_place)
    value = spec.kind.read(text)
    if spec.low is not None and value < spec.low:
        raise ValueError(f"expected at least {spec.low:g}")
    if spec.high is not None and value > spec.high:
        raise ValueError(f"expected at most {spec.high:g}")
    return value
