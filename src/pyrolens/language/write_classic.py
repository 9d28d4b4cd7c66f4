"""A document as text in Fluent Bit's classic format.

What it cannot express is an error at its place: processors, routes, empty values, values of several lines.
"""

import re
from collections.abc import Sequence

from pyrolens.language.document import Above, Definition, Document, Entry, Section, nothing_above
from pyrolens.problems import Place, Problems

NAMES = {"stream_task": "STREAM_PROCESSOR", "upstream": "UPSTREAM"}
SPACE = " \t\n\v\f\r"
KEY = re.compile(r"[^\s#\[][^ \n]*")
INDENT = "    "


def write(
    document: Document,
    problems: Problems,
    includes: Sequence[str] = (),
    includes_first: bool = True,
    above: Above = nothing_above,
) -> str:
    """Its definitions and sections. `includes`: files that @INCLUDE names, before or behind them."""
    writer = _Writer(problems, above)
    parts = ["".join(writer.definition(d) for d in document.definitions)]
    between = "".join(f"@INCLUDE {path}\n" for path in includes)
    sections = [writer.section(s) for s in document.sections]
    parts += [between, *sections] if includes_first else [*sections, between]
    return "\n".join(filter(None, parts))


class _Writer:
    def __init__(self, problems: Problems, above: Above) -> None:
        self.problems = problems
        self.above = above

    def cannot(self, what: str, place: Place, hint: str = "") -> None:
        self.problems.error("not-classic", f"the classic format cannot express {what}", place, hint)

    def definition(self, definition: Definition) -> str:
        name, value = definition.name, definition.value
        if "\n" in name + value or "=" in name or name.lstrip(SPACE) != name or value.rstrip(SPACE) != value:
            self.cannot(f"the variable {name} with this value", definition.place, "set it in the environment")
        return f"{self.comments(definition.place)}@SET {name}={value}\n"

    def comments(self, place: Place, indent: str = "") -> str:
        return "".join(f"{indent}{line}\n" for line in self.above(place))

    def section(self, section: Section) -> str:
        if section.processors:
            hint = "a filter that matches the tag of the input does the same for most of them"
            self.cannot("processors", section.processors[0].place, hint)
        if section.metrics_processors:
            self.cannot("processors of metrics", section.metrics_processors[0].place)
        for group in section.groups:
            self.cannot(f"a {group.name} as a map", group.place)
        head = f"{self.comments(section.place)}[{NAMES.get(section.kind, section.kind.upper())}]\n"
        width = max([len(e.key) for e in section.entries], default=0)
        lines = [self.entry(e, width) for e in section.entries]
        return "".join([head, *lines])

    def entry(self, entry: Entry, width: int) -> str:
        key, value = entry.key, entry.value
        if not isinstance(value, str):
            self.cannot(key, entry.place, "only YAML has maps and lists")
            return ""
        if not KEY.fullmatch(key):
            self.cannot(f"the key '{key}'", entry.place)
        elif not value:
            self.cannot(f"{key} without a value", entry.place, "remove it")
        elif "\n" in value:
            self.cannot(f"a value of several lines, as {key} has", entry.value_place)
        elif value.strip(SPACE) != value:
            self.cannot(f"blanks around a value, as {key} has", entry.value_place)
        above = self.comments(entry.place, INDENT) + self.comments(entry.value_place, INDENT)
        return f"{above}{INDENT}{key:{width}} {value}\n"
