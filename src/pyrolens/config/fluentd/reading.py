"""Sections of the config become declarations: their parameters read and checked, with the sections inside.

A declaration is a frozen dataclass of options, as a plugin is, with `section()` for what may stand inside.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from pyrolens.config import slow
from pyrolens.config.fluentd.older import FLAT
from pyrolens.language.document import Section
from pyrolens.language.fluentd import RESERVED, Element
from pyrolens.options import OptionError, read_options
from pyrolens.problems import Place, Problems, nearest

NOWHERE = Element("", "", Place(""), Place(""))
S = TypeVar("S", bound="Said")
Choose = Callable[["Reading", Element], "type[Said] | None"]
"""What a section is, by its @type; None: it cannot be read, and problems says why."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """A section as it was read."""

    ignored: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Parameters of Fluentd's that have no effect here, and why: each use is a warning."""
    refused: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Parameters that are not taken, and why or what to do instead."""
    ignored_sections: ClassVar[Mapping[str, str]] = MappingProxyType({})
    refused_sections: ClassVar[Mapping[str, str]] = MappingProxyType({})
    more: ClassVar[tuple[str, ...]] = ()
    """Parameters that the section reads by itself, such as format1."""

    element: Element = field(default=NOWHERE, repr=False)
    """Where it stands."""

    def check(self) -> Iterable[tuple[str, str]]:
        """(parameter, message) for each wrong combination; "" for the section as a whole."""
        return ()

    def place(self, key: str = "") -> Place:
        """Of the value of a parameter, or of the section."""
        entry = self.element.get(key) if key else None
        return entry.value_place if entry else self.element.place

    def said(self, key: str) -> bool:
        """Whether the config gives it."""
        return self.element.get(key) is not None


def section(what: type[Said] | Choose, *, many: bool = False, required: bool = False, name: str = "") -> Any:
    """A section inside, of the name of its field. `many`: a tuple of all; else the one, or None."""
    extra = {"section": what, "many": many, "required": required, "name": name}
    return dataclasses.field(default=() if many else None, metadata=extra)


@dataclass
class Reading:
    """Reads sections; what is wrong goes to problems."""

    problems: Problems

    def read(self, cls: type[S], element: Element, who: str = "") -> S | None:
        """`who`: what it is called in messages."""
        who = who or f"<{element.name}>"
        entries = [e for e in element.entries if e.key not in (*RESERVED, *cls.more)]
        slow.forget()
        made = read_options(
            cls,
            who,
            Section("", element.place, entries),
            lambda entry, problems: str(entry.value),
            self.problems,
            ignored=cls.ignored,
            refused=cls.refused,
            last_wins=True,
            elsewhere=[name for section in _sections_of(cls) for name in FLAT.get(section, ())],
        )
        slow.tell(who, element.entries, element.place, self.problems)
        inside = self._sections(cls, element, who)
        if made is None or inside is None:
            return None
        read: S = dataclasses.replace(made, element=element, **inside)
        ok = True
        try:
            for key, message in read.check():
                ok = False
                self.problems.error("bad-value", f"{who}: {message}", read.place(key))
        except OptionError as why:
            ok = False
            self.problems.error("bad-value", f"{who}: {why.option}: {why}", read.place(why.option))
        slow.tell(who, element.entries, element.place, self.problems)
        return read if ok else None

    def _sections(self, cls: type[Said], element: Element, who: str) -> dict[str, Any] | None:
        fields = _sections_of(cls)
        found: dict[str, Any] = {}
        before = len(self.problems.errors)
        for inner in element.elements:
            if inner.name in cls.ignored_sections:
                message = f"{who}: <{inner.name}> has no effect: {cls.ignored_sections[inner.name]}"
                self.problems.warning("option-ignored", message, inner.place)
            elif inner.name in cls.refused_sections:
                message = f"{who} does not take <{inner.name}>: {cls.refused_sections[inner.name]}"
                self.problems.error("refused-section", message, inner.place)
            elif inner.name not in fields:
                message = f"{who} has no section <{inner.name}>"
                self.problems.error("unknown-section", message, inner.place, nearest(inner.name, fields))
            else:
                meta = fields[inner.name].metadata
                name = fields[inner.name].name
                read = self._section(meta["section"], inner, f"{who}, <{inner.name}>")
                if not meta["many"] and name in found:
                    message = f"{who}: <{inner.name}> is given twice"
                    self.problems.error("given-twice", message, inner.place, "keep one of them")
                elif read is not None:
                    found[name] = (*found.get(name, ()), read) if meta["many"] else read
        for name, f in fields.items():
            if f.metadata["required"] and not element.of(name):
                self.problems.error("missing-section", f"{who} needs <{name}>", element.place)
        return found if len(self.problems.errors) == before else None

    def _section(self, what: Any, element: Element, who: str) -> Said | None:
        cls = what if isinstance(what, type) else what(self, element)
        return self.read(cls, element, who) if cls else None

    def type_of(
        self, element: Element, known: Mapping[str, type[S]], default: str = "", **hints: str
    ) -> type[S] | None:
        """The declaration of a section by its @type. `hints`: for those that are not here."""
        entry = element.get("@type")
        name = str(entry.value) if entry else default
        what = f"<{element.name}>"
        if not name:
            hint = "write @type, not type" if element.get("type") else f"such as @type {next(iter(known))}"
            self.problems.error("missing-option", f"{what} needs @type", element.place, hint)
            return None
        if name not in known:
            hint = hints.get(name, "") or nearest(name, known) or f"there are {', '.join(sorted(known))}"
            place = entry.value_place if entry else element.place
            self.problems.error("unknown-plugin", f"{what}: there is no @type '{name}'", place, hint)
            return None
        return known[name]


def _sections_of(cls: type[Said]) -> dict[str, dataclasses.Field[Any]]:
    """The fields for the sections inside, by the names of these."""
    return {f.metadata["name"] or f.name: f for f in dataclasses.fields(cls) if "section" in f.metadata}
