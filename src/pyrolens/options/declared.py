"""Options as they are declared, and what the reader, the manual and the schema need to know of each."""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pyrolens.options.kinds import PLAIN, Kind, Pair, read_bool, switch

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


def is_core(name: str) -> bool:
    return name in LAST_WINS or name.startswith("tls.")


def may_be_empty(name: str) -> bool:
    if name in MAY_BE_EMPTY or name.startswith("tls."):
        return True
    return not (name in LAST_WINS or name.startswith(("rate_", "thread.", "storage.", "net.")))


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


def value_of(plugin: Any, name: str) -> Any:
    """The value of an option, also of one that is in a group of options; None when there is none of that name."""
    for spec in spec_of(type(plugin)):
        if spec.name == name:
            return getattr(getattr(plugin, spec.group) if spec.group else plugin, spec.field)
    return None


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
        if typing.get_origin(element) is Annotated:
            kind = next(k for k in typing.get_args(element)[1:] if isinstance(k, Kind))
        else:
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
