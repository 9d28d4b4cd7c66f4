"""What every config language reads into. The rest of the program never knows which language it was."""

from dataclasses import dataclass, field

from pyrolens.problems import Place

# Classic values are always text. YAML gives text too, but for the properties of processors and conditions,
# which keep their YAML types, and for lists and maps.
Value = object


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
    """`[FILTER]` and its entries. `kind` is lower case and in full: service, input, filter, output, parser,
    multiline_parser, upstream, node, plugins, stream_task, processor."""

    kind: str
    place: Place
    entries: list[Entry] = field(default_factory=list)
    processors: list["Section"] = field(default_factory=list)
    """Of inputs and outputs: the processors of their logs, in order (YAML only)."""

    def get(self, key: str) -> Entry | None:
        """The first entry of that name, in any case."""
        return next((e for e in self.entries if e.key.lower() == key.lower()), None)


@dataclass(slots=True)
class Document:
    """All sections of a config in the order of the text, includes put in, and what @SET or `env` defined."""

    sections: list[Section] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def of(self, kind: str) -> list[Section]:
        return [s for s in self.sections if s.kind == kind]
