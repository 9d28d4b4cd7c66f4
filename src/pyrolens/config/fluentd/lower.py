"""What a section of Fluentd's becomes: a section as the other languages have it, with the places of this one."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pyrolens.config.fluentd.reading import Said
from pyrolens.config.match import everything
from pyrolens.config.model import Built
from pyrolens.language.document import Entry, Expanded, Section
from pyrolens.plugin import Filter, FilterEnv, Transform
from pyrolens.problems import Place, Problems

LEVELS = {"fatal": "error", "error": "error", "warn": "warn", "info": "info", "debug": "debug", "trace": "trace"}
MakeTransform = Callable[[FilterEnv], Transform]


@dataclass
class Shared:
    """What the sections ask of the router as a whole."""

    problems: Problems
    errors: bool = False
    """There is a <label @ERROR>."""
    flushes: list[tuple[float, Place]] = field(default_factory=list)
    """Seconds of flush_interval."""
    waits: list[float] = field(default_factory=list)
    """Seconds of retry_wait."""
    caps: list[float] = field(default_factory=list)
    """Seconds of retry_max_interval."""
    folders: list[tuple[str, Place]] = field(default_factory=list)
    """Of buffers on disk."""
    root: str | None = None
    """root_dir of <system>."""
    names: Counter[str] = field(default_factory=Counter)

    def ignore(self, who: str, what: str, why: str, place: Place) -> None:
        self.problems.warning("option-ignored", f"{who}: {what} has no effect: {why}", place)

    def number(self, name: str) -> str:
        """name.0, name.1, …"""
        count = self.names[name]
        self.names[name] += 1
        return f"{name}.{count}"


class Lowered:
    """An input or output in the making."""

    def __init__(self, kind: str, plugin: str, said: Said, shared: Shared) -> None:
        self.said, self.shared = said, shared
        element = said.element
        self.who = f"<{element.name}> {element.text('@type') or plugin}"
        self.section = Section(kind, element.place, name=element.name)
        entry = element.get("@type")
        self._add("name", plugin, entry.value_place if entry else element.place)
        self.processors: list[Built[Filter]] = []
        if name := element.text("@id"):
            self.set("alias", name, "@id")
        if level := element.text("@log_level"):
            self.set("log_level", LEVELS.get(level, level), "@log_level")

    def _add(self, option: str, text: str, place: Place, value_place: Place | None = None) -> None:
        self.section.entries.append(Entry(option, text, place, value_place or place))

    def set(self, option: str, value: object, key: str = "") -> None:
        """An option of ours; None: it is not given. `key`: the parameter of Fluentd's that it comes from."""
        if value is None:
            return
        text = ("on" if value else "off") if isinstance(value, bool) else number_text(value)
        entry = self.said.element.get(key) if key else None
        if entry is None:
            self._add(option, text, self.said.element.place)
            return
        if isinstance(entry.value, Expanded):
            text = Expanded(text, entry.value.written)
        self._add(option, text, entry.place, entry.value_place)

    def ignore(self, what: str, why: str, place: Place | None = None) -> None:
        self.shared.ignore(self.who, what, why, place or self.said.place(what))

    def refuse(self, message: str, place: Place | None = None, hint: str = "") -> None:
        self.shared.problems.error("bad-value", f"{self.who}: {message}", place or self.said.element.place, hint)

    def process(self, name: str, make: MakeTransform, stateful: bool = False) -> None:
        """A step for all records of an input, or of an output, behind the ones before."""
        self.processors.append(step(self.shared, name, self.said.element.place, make, stateful))


def number_text(value: object) -> str:
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else f"{value:g}"
    return str(value)


@dataclass(frozen=True, kw_only=True, repr=False)
class Made(Filter):
    """A processor that comes from a section of Fluentd's."""

    make: MakeTransform

    def compile(self, env: FilterEnv) -> Transform:
        return self.make(env)


def step(shared: Shared, name: str, place: Place, make: MakeTransform, stateful: bool = False) -> Built[Filter]:
    cls = type("Fluentd", (Made,), {"name": name, "stateful": stateful, "__doc__": Made.__doc__})
    plugin: Filter = cls(make=make)
    return Built(plugin, shared.number(f"fluentd.{name}"), place, everything)
