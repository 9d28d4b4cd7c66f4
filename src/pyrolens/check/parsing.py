"""Parsers: whether there are those that are named, and what happens to the rest of a record."""

from collections.abc import Iterator
from dataclasses import replace

from pyrolens.check.context import Context, is_on, name, text
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import IN, OUT
from pyrolens.check.tags import overlap
from pyrolens.language.document import Entry, Section
from pyrolens.multiline.builtin import BUILTIN
from pyrolens.options import spec_of, split_commas
from pyrolens.plugin import Plugin, PluginKind, builtin_parser, find
from pyrolens.problems import Place, nearest


def unknown_parser(context: Context) -> Iterator[Finding]:
    """A parser that nothing defines. Nothing is said where the parsers are not known."""
    if context.config is None:
        return
    own, own_multiline = context.config.parsers, context.config.multiline_parsers
    for section in context.with_processors:
        for entry, refers in _named_parsers(section):
            for wanted in [str(entry.value)] if refers == "parser" else split_commas(str(entry.value)):
                if "$" in wanted:
                    continue
                if refers == "parser":
                    there = wanted in own or builtin_parser(wanted) is not None
                else:
                    there = wanted.lower() in {*map(str.lower, own_multiline), *BUILTIN}
                if not there:
                    hint = nearest(wanted, own if refers == "parser" else [*own_multiline, *BUILTIN])
                    hint = hint or "define it in a file that Parsers_File of [SERVICE] names"
                    yield Finding(f"there is no {refers} '{wanted}'", _within(entry, wanted), hint)


def _named_parsers(section: Section) -> Iterator[tuple[Entry, str]]:
    """Each option that names parsers, and of which kind."""
    if section.kind == "multiline_parser":
        yield from ((entry, "parser") for entry in section.all("parser"))
        return
    kind: PluginKind = "filter" if section.kind in ("filter", "processor") else "input"
    for spec in spec_of(find(kind, name(section)) or Plugin):
        if spec.kind.refers:
            yield from ((entry, spec.kind.refers) for key in spec.names for entry in section.all(key))
        elif spec.spellings and "parser_*" in spec.spellings and is_on(section, "multiline"):
            for entry in section.entries:
                if entry.key.lower().startswith("parser_") and entry.key.lower() != "parser_firstline":
                    yield entry, "parser"


def _within(entry: Entry, part: str) -> Place:
    """Where a part of a value stands."""
    place = entry.value_place
    at = place.text.find(part, place.column - 1)
    return replace(place, column=at + 1, length=len(part)) if at >= 0 and place.length > len(part) else place


def reserves_nothing(context: Context) -> Iterator[Finding]:
    """A filter parser that leaves only what it parsed."""
    for section in context.plugins("filter", "parser"):
        if not is_on(section, "reserve_data"):
            message = "all other fields of a record are dropped when its text has been parsed"
            if context.task:
                message += ", also those with the container and the task"
            entry = section.get("reserve_data") or section.get("name")
            yield Finding(message, entry.place if entry else section.place, "add Reserve_Data On")


def multiline_late(context: Context) -> Iterator[Finding]:
    """A filter multiline that records come to again after other filters of theirs."""
    before: list[Section] = []
    for section in context.plugins("filter"):
        if name(section) == "multiline" and text(section, "mode").lower() != "partial_message":
            match = text(section, "match")
            for other in before:
                theirs = text(other, "match")
                if name(other) in AGAIN and match and theirs and overlap(match, theirs):
                    entry = section.get("name")
                    message = f"what this multiline joins goes through the filter {name(other)} at {other.place} twice"
                    yield Finding(message, entry.value_place if entry else section.place, "put it before that filter")
                    break
        before.append(section)


AGAIN = ("nest", "parser", "rewrite_tag", "multiline")
"""Filters for which a record is another one the second time."""

RULES = [
    Rule(
        "CF103",
        "error",
        "a parser that is not defined",
        "With an unknown parser the router does not start; only tail and exec do, and their text is not taken apart,"
        " of which one line in the log of the router tells.",
        "Define the parser in a file that `Parsers_File` of [SERVICE] names, or spell it as it is defined.",
        bad=IN
        + "[FILTER]\n    Name parser\n    Match *\n    Key_Name log\n    Parser «jsn»\n    Reserve_Data On\n"
        + OUT,
        good=IN
        + "[FILTER]\n    Name parser\n    Match *\n    Key_Name log\n    Parser json\n    Reserve_Data On\n"
        + OUT,
        find=unknown_parser,
    ),
    Rule(
        "CF120",
        "warning",
        "a multiline filter behind others",
        "What a filter multiline joins enters again at the first filter, so filters in front of it see it twice.",
        "Put the filter multiline first.",
        bad=IN
        + "[FILTER]\n    Name parser\n    Match *\n    Key_Name log\n    Parser json\n    Reserve_Data On\n"
        + "[FILTER]\n    Name «multiline»\n    Match *\n    multiline.parser java\n"
        + OUT,
        good=IN
        + "[FILTER]\n    Name multiline\n    Match *\n    multiline.parser java\n"
        + "[FILTER]\n    Name parser\n    Match *\n    Key_Name log\n    Parser json\n    Reserve_Data On\n"
        + OUT,
        find=multiline_late,
    ),
    Rule(
        "CF123",
        "warning",
        "a filter parser that drops the other fields",
        "Without `Reserve_Data On` a record that could be parsed holds only what came out of its text: the name of the"
        " container and the metadata of the task are gone.",
        "Add `Reserve_Data On`.",
        bad=IN + "[FILTER]\n    «Name» parser\n    Match *\n    Key_Name log\n    Parser json\n" + OUT,
        good=IN
        + "[FILTER]\n    Name parser\n    Match *\n    Key_Name log\n    Parser json\n    Reserve_Data On\n"
        + OUT,
        find=reserves_nothing,
    ),
]
