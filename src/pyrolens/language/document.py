"""What every config language reads into. The rest of the program never knows which language it was."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pyrolens.problems import Place

# Classic values are always text. YAML gives text too, but for the properties of processors and conditions,
# which keep their YAML types, and for lists and maps.
Value = object

Above = Callable[[Place], list[str]]
"""Comments, each with its #, that are written above what stands at a place."""


def nothing_above(place: Place) -> list[str]:
    return []


class Expanded(str):
    """A value with what the environment says put in, as Fluentd's language does while it is read."""

    written: str
    """As the config has it, which is what may be shown."""

    def __new__(cls, text: str, written: str) -> "Expanded":
        made = super().__new__(cls, text)
        made.written = written
        return made


def shown(value: Value, text: str) -> str:
    """A value for a message. What came from a variable may be a secret, so it is shown as it was written.
    `text`: what it means."""
    if isinstance(value, Expanded):
        return value.written
    return value if isinstance(value, str) and "${" in value else text


BY_NAME = {
    "service": "service",
    "parser": "parser",
    "multiline_parser": "multiline_parser",
    "stream_processor": "stream_task",
    "plugins": "plugins",
    "upstream_servers": "upstream",
    "custom": "custom",
    "customs": "custom",
    "input": "input",
    "inputs": "input",
    "filter": "filter",
    "filters": "filter",
    "output": "output",
    "outputs": "output",
}
"""Section names to kinds. The order decides which kind a name that was cut short stands for."""
OTHERS = {"node": "node", "env": "env"}
"""Kinds of which the name must be written in full."""


def kind_of(name: str) -> str:
    """The kind of a section of that name, in any case and perhaps cut short (`[IN]`); "" when it is none.

    Source: Fluent Bit 5.1.1, src/config_format/flb_config_format.c, get_section_type."""
    word = name.lower()
    if not word:
        return ""
    if word in ("stream_task", "stream_tasks"):
        return "stream_task"
    return next((kind for full, kind in BY_NAME.items() if full.startswith(word)), OTHERS.get(word, ""))


@dataclass(frozen=True, slots=True)
class Entry:
    """One `Key value`. The value is as written: variables are not yet put in."""

    key: str
    value: Value
    place: Place
    """Where the key stands."""
    value_place: Place


@dataclass(slots=True)
class Section:
    """`[FILTER]` and its entries. `kind` is lower case and in full: service, input, filter, output, custom, parser,
    multiline_parser, upstream, node, plugins, stream_task, processor, rule; "" when nothing reads it."""

    kind: str
    place: Place
    entries: list[Entry] = field(default_factory=list)
    processors: list["Section"] = field(default_factory=list)
    """Of inputs and outputs: the processors of their logs, in order (YAML only)."""
    metrics_processors: list["Section"] = field(default_factory=list)
    """The same of their metrics."""
    name: str = ""
    """As written."""
    groups: list["Section"] = field(default_factory=list)
    """The rules of a multiline parser and the nodes of an upstream (YAML only), as sections."""

    def get(self, key: str) -> Entry | None:
        """The first entry of that name, in any case."""
        return next((e for e in self.entries if e.key.lower() == key.lower()), None)

    def last(self, key: str) -> Entry | None:
        """The one that counts for an option of a plugin that is given several times."""
        return next((e for e in reversed(self.entries) if e.key.lower() == key.lower()), None)

    def all(self, key: str) -> Iterator[Entry]:
        """The entries of that name, in any case."""
        return (e for e in self.entries if e.key.lower() == key.lower())


@dataclass(frozen=True, slots=True)
class Definition:
    """A variable that the config itself defines: `@SET name=value`, or YAML's `env`."""

    name: str
    value: str
    """`file://PATH`: the text of that file."""
    place: Place
    required: bool = False
    """A file that cannot be read is an error; else the variable counts as not set."""


@dataclass(slots=True)
class Document:
    """All sections of a config in the order of the text, includes put in, and what @SET or `env` defined."""

    sections: list[Section] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    """That were read, as they were asked for; the main file first."""
    yaml: set[str] = field(default_factory=set)
    """Those of the files that are in YAML."""
    folder: str = ""
    """Of the main file, absolute; "" without one. Relative paths of Parsers_File and the like are looked up there
    after the working folder."""

    def of(self, kind: str) -> list[Section]:
        return [s for s in self.sections if s.kind == kind]
