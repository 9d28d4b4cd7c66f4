"""Parsers: whether there are those that are named, and what happens to the rest of a record."""

from collections.abc import Iterator

from pyrolens.check.context import Context, is_on, name, text
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import IN, OUT
from pyrolens.check.tags import overlap
from pyrolens.language.document import Section
from pyrolens.plugin import builtin_parser
from pyrolens.problems import nearest


def unknown_parser(context: Context) -> Iterator[Finding]:
    """A parser that nothing defines. Nothing is said where the parsers are not known."""
    if context.config is None:
        return
    known = context.config.parsers
    for section in context.document.sections:
        if section.kind not in ("input", "filter"):
            continue
        keys = ("parser",) if name(section) in ("parser", "tail", "syslog", "exec", "head") else ()
        for entry in [e for key in keys for e in section.all(key)]:
            wanted = str(entry.value)
            if wanted and "$" not in wanted and wanted not in known and builtin_parser(wanted) is None:
                hint = nearest(wanted, known) or "define it in a file that Parsers_File of [SERVICE] names"
                yield Finding(f"there is no parser '{wanted}'", entry.value_place, hint)


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
        "A record that names no parser passes as it is: the text is not taken apart, and only one line in the"
        " log of the"
        " router says so.",
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
