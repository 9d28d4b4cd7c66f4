"""A document as text in Fluent Bit's YAML format.

Keys are written in small letters, as YAML's reader changes camelCase. An option that is there several times is a list
where nothing stands between, else it is repeated: the order of rules counts. What YAML cannot express is an error.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from pyrolens.language.document import Above, Document, Entry, Section, nothing_above
from pyrolens.problems import Problems

PLAIN = re.compile(r"[A-Za-z0-9_./$][A-Za-z0-9_./$%+=~^()-]*(?: [A-Za-z0-9_./$%+=~^(][A-Za-z0-9_./$%+=~^()-]*)*")
WORDS = {"null", "~"}
SPACE = " \t\n\v\f\r"
LISTS = {
    "custom": "customs",
    "parser": "parsers",
    "multiline_parser": "multiline_parsers",
    "stream_task": "stream_processor",
    "upstream": "upstream_servers",
}
GROUPS = {"multiline_parser": "rules", "upstream": "nodes"}
PIPELINE = {"input": "inputs", "filter": "filters", "output": "outputs"}


def write(
    document: Document,
    problems: Problems,
    includes: Sequence[str] = (),
    includes_first: bool = True,
    above: Above = nothing_above,
) -> str:
    """Its definitions and sections. `includes`: files that `includes` names, before or behind them."""
    return _Writer(problems, above).write(document, includes, includes_first)


class _Writer:
    def __init__(self, problems: Problems, above: Above) -> None:
        self.problems = problems
        self.above = above

    def write(self, document: Document, includes: Sequence[str], includes_first: bool) -> str:
        between = ["includes:", *(f"  - {scalar(path)}" for path in includes)] if includes else []
        parts: list[list[str]] = [between] if includes_first else []
        if document.definitions:
            defined = [[*self.above(d.place), f"{scalar(d.name)}: {scalar(d.value)}"] for d in document.definitions]
            parts.append(["env:", *_indented([line for lines in defined for line in lines], 1)])
        services = document.of("service")
        if services:
            # there may be one only; of a key that is there twice the last one counts in both
            head = [line for s in services for line in self.above(s.place)]
            entries = [e for s in services for e in s.entries]
            parts.append([*head, "service:", *_indented(self.pairs(entries, lists=False), 1)] if entries else head)
        for kind, name in LISTS.items():
            items = [line for s in document.of(kind) for line in self.item(s)]
            parts.append([f"{name}:", *_indented(items, 1)] if items else [])
        plugins = [
            line
            for s in document.of("plugins")
            for e in s.all("path")
            for line in (*self.above(s.place), *self.above(e.place), f"- {scalar(str(e.value))}")
        ]
        parts.append(["plugins:", *_indented(plugins, 1)] if plugins else [])
        pipeline: list[str] = []
        for kind, name in PIPELINE.items():
            items = [line for s in document.of(kind) for line in self.item(s)]
            pipeline += [f"{name}:", *_indented(items, 1)] if items else []
        parts.append(["pipeline:", *_indented(pipeline, 1)] if pipeline else [])
        if not includes_first:
            parts.append(between)
        for section in document.of("node"):
            hint = "keep the upstream file as it is"
            self.problems.error("not-yaml", "YAML has no [NODE] by itself", section.place, hint)
        return "\n".join("".join(f"{line}\n" for line in part) for part in parts if part)

    def item(self, section: Section) -> list[str]:
        """A section as an item of a list."""
        head = self.above(section.place)
        lines = self.section(section)
        while lines and lines[0].startswith("#"):
            head.append(lines.pop(0))
        return head + ([("- " if n == 0 else "  ") + line for n, line in enumerate(lines)] or ["- {}"])

    def section(self, section: Section) -> list[str]:
        lines = self.pairs(section.entries, lists=section.kind in PIPELINE)
        if section.groups:
            items = [line for group in section.groups for line in self.item(group)]
            lines += [f"{GROUPS[section.kind]}:", *_indented(items, 1)]
        if section.processors or section.metrics_processors:
            lines.append("processors:")
        for signal, processors in (("logs", section.processors), ("metrics", section.metrics_processors)):
            items = [line for p in processors for line in self.item(p)]
            if items:
                lines += [f"  {signal}:", *_indented(items, 2)]
        return lines

    def pairs(self, entries: Iterable[Entry], lists: bool) -> list[str]:
        """`lists`: options may be lists there."""
        lines: list[str] = []
        for key, group in groupby(entries, lambda e: e.key.lower()):
            same = list(group)
            trimmed = all(isinstance(e.value, str) and e.value.strip(SPACE) == e.value for e in same)
            texts = all(isinstance(e.value, str) for e in same)
            if lists and key != "name" and (len(same) > 1 or not trimmed) and texts:
                comments = [self.comments(e) for e in same]
                lines.append(f"{scalar(key)}:")
                for above, e in zip(comments, same, strict=True):
                    lines += _indented([*above, f"- {scalar(str(e.value))}"], 1)
            else:
                for e in same:
                    lines += [*self.comments(e), f"{scalar(key)}: {flow(e.value)}"]
        return lines

    def comments(self, entry: Entry) -> list[str]:
        return self.above(entry.place) + self.above(entry.value_place)


def _indented(lines: list[str], depth: int) -> list[str]:
    return ["  " * depth + line for line in lines]


def flow(value: object) -> str:
    """A value on one line: a text, or what conditions and routes hold, which keeps its type."""
    if isinstance(value, str):
        return scalar(value)
    return _typed(value)


def _typed(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_typed(str(k))}: {_typed(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_typed, value)) + "]"
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case str():
            return quoted(value)
        case _:
            return str(value)


def scalar(text: str) -> str:
    return text if PLAIN.fullmatch(text) and text.lower() not in WORDS else quoted(text)


def quoted(text: str) -> str:
    if text.isprintable() and not any(ord(c) == 0xFEFF or 0xFFF0 <= ord(c) <= 0xFFFF for c in text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    code = ord(char)
    if char in '"\\':
        return "\\" + char
    if char in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[char]
    if char.isprintable() and code != 0xFEFF and not 0xFFF0 <= code <= 0xFFFF:
        return char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
