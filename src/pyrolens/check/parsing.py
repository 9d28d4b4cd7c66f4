"""Parsers: whether there are those that are named, and what happens to the rest of a record."""

from collections.abc import Iterator
from dataclasses import replace

from pyrolens.check import mends
from pyrolens.check.context import ANY, Context, is_on, name, text
from pyrolens.check.fields import container_tags, fields_of
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import IN, OUT
from pyrolens.check.tags import overlap, within
from pyrolens.check.tasks.example import task
from pyrolens.language.document import Entry, Section
from pyrolens.multiline.builtin import BUILTIN
from pyrolens.options import TRUE, spec_of, split_commas
from pyrolens.plugin import Plugin, PluginKind, builtin_parser, builtin_parsers, find
from pyrolens.problems import Place, nearest


def unknown_parser(context: Context) -> Iterator[Finding]:
    """A parser that nothing defines. Nothing is said where the parsers are not known, as in a file without inputs,
    which is a part of a config."""
    if context.config is None or (context.task is None and not context.inputs):
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
                    hint = nearest(
                        wanted, [*own, *builtin_parsers()] if refers == "parser" else [*own_multiline, *BUILTIN]
                    )
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
                    message = f"what this multiline joins goes through the filter {name(other)} at {{also}} twice"
                    where = entry.value_place if entry else section.place
                    yield Finding(message, where, "put it before that filter", other.place)
                    break
        before.append(section)


def unused_with_parts(context: Context) -> Iterator[Finding]:
    """Options of a filter multiline that joins the parts of Docker."""
    for section in context.plugins("filter", "multiline"):
        if text(section, "mode").lower() != "partial_message":
            continue
        if entry := section.get("multiline.parser"):
            message = "this filter joins what Docker has cut, and no parser looks at its lines"
            yield Finding(message, entry.place, "add a second filter multiline behind this one, with the parser")
        entry = section.get("buffer")
        if entry and not is_on(section, "buffer", True):
            message = "the parts of a line come in batches of their own, and Buffer Off forgets them between two"
            yield Finding(message, entry.place, "remove it")


def cut_json(context: Context) -> Iterator[Finding]:
    """Lines of containers that are parsed as JSON, and not made whole before."""
    router = context.router
    if router is None or router.environment.get(SWITCH, "").lower() in TRUE:
        return
    whole: list[str] = []
    for section in context.plugins("filter", "multiline", "parser"):
        match = text(section, "match")
        if name(section) == "multiline":
            whole += [match] if text(section, "mode").lower() == "partial_message" else []
            continue
        tags = [f"{c.name}-firelens-*" for c in context.firelens]
        cut = [t for t in tags if match and overlap(t, match) and not any(within(t, w) for w in whole)]
        entry = section.get("parser")
        if cut and entry and text(section, "key_name") in ("log", "$log") and _is_json(context, str(entry.value)):
            message = "Docker cuts lines at 16 KiB, and the parts of a JSON text are none: they stay as they are"
            hint = f"put a filter multiline with Mode partial_message before it, or set {SWITCH}=on"
            yield Finding(message, entry.value_place, hint)


def _is_json(context: Context, parser: str) -> bool:
    found = (context.config.parsers.get(parser) if context.config else None) or builtin_parser(parser)
    return found is not None and found.name == "json"


def no_such_key(context: Context) -> Iterator[Finding]:
    """A filter parser for a field that no record has."""
    tags = container_tags(context) if context.task else []
    for section in context.plugins("filter", "parser"):
        entry = section.get("key_name")
        match = text(section, "match")
        seen = [tag for tag in context.tags if match and context.reaches(section, tag) is not False]
        if "-firelens" in match:  # nobody else has tags like those
            seen = [tag for tag in seen if tag != ANY]
        if entry is None or not seen or not set(seen) <= set(tags) or "$" in str(entry.value):
            continue
        known = [fields_of(context, tag, section) for tag in seen]
        if all(fields is not None and str(entry.value) not in fields for fields in known):
            there = sorted(set().union(*(fields or () for fields in known)))
            message = f"no record has the field '{entry.value}', so nothing is parsed"
            yield Finding(
                message, entry.value_place, nearest(str(entry.value), there) or f"there are {', '.join(there)}"
            )


SWITCH = "PYROLENS_JOIN_PARTIAL_MESSAGES"
"""Variable of the router: the input forward makes the lines of containers whole. See inputs/forward.py."""
PARTIAL = "[FILTER]\n    Name multiline\n    Match *\n    Mode partial_message\n    multiline.key_content log\n"
JAVA = "[FILTER]\n    Name multiline\n    Match *\n    multiline.key_content log\n    multiline.parser java\n"
FIRELENS_JSON = (
    task(
        '{"logDriver": "awsfirelens"}',
        '{"type": "fluentbit", "options": {"config-file-type": "file", "config-file-value": "/extra.conf"}}',
    )
    + "==> extra.conf <==\n[FILTER]\n    Name parser\n    Match *-firelens-*\n    Key_Name log\n    Parser json\n"
    "    Reserve_Data On\n[OUTPUT]\n    Name null\n    Match *-firelens-*\n==> Dockerfile <==\n"
    "FROM pyrolens\nCOPY extra.conf /extra.conf\n"
)
TIMED = "parsers:\n  - name: mine\n    format: json\n    %s\n"
SHOWN = "pipeline:\n  inputs:\n    - name: dummy\n      tag: app\n  outputs:\n    - name: stdout\n      match: '*'\n"
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
        mend=mends.parser_name,
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
    Rule(
        "CF125",
        "warning",
        "a time that nothing reads",
        "Time_Key says which field holds the time, and Time_Format how it is written. Without the second the time is"
        " not read: records have the time that they came at.",
        "Add `Time_Format`, such as `%Y-%m-%dT%H:%M:%S.%L%z`, or remove `Time_Key`.",
        bad="==> router.yaml <==\n" + TIMED % "«time_key»: time" + SHOWN,
        good="==> router.yaml <==\n" + TIMED % "time_key: time\n    time_format: '%Y-%m-%dT%H:%M:%S'" + SHOWN,
        told=("no-time-format",),
    ),
    Rule(
        "CF121",
        "warning",
        "a multiline filter for two things",
        "With `Mode partial_message` a filter multiline joins the parts of lines that Docker has cut, and nothing else:"
        " a `multiline.parser` beside it is not used, and with `Buffer Off` parts that come one by one stay apart.",
        "Use two filters: first the one with `Mode partial_message`, then the one with the parser.",
        bad=IN + PARTIAL + "    «multiline.parser» java\n" + OUT,
        good=IN + PARTIAL + JAVA + OUT,
        find=unused_with_parts,
    ),
    Rule(
        "CF122",
        "warning",
        "JSON that Docker has cut",
        "Docker's log driver sends a line of more than 16 KiB in parts. None of them is JSON, so the filter parser"
        " leaves them as text, and what looks at fields of theirs does not find them.",
        "Put a filter multiline with `Mode partial_message` and `multiline.key_content log` before the filter parser;"
        f" or set {SWITCH}=on in the environment of the router.",
        bad=FIRELENS_JSON.replace("Parser json", "Parser «json»"),
        good=FIRELENS_JSON.replace("[FILTER]", PARTIAL + "[FILTER]", 1),
        find=cut_json,
    ),
    Rule(
        "CF124",
        "warning",
        "a field to parse that is not there",
        "A filter parser leaves records as they are which do not have its `Key_Name`. What records of a container have"
        " is known: what Docker's log driver sends, the metadata that ECS adds, and what filters add.",
        "Name a field that is there; the line of a container is `log`.",
        bad=FIRELENS_JSON.replace("Key_Name log", "Key_Name «message»"),
        good=FIRELENS_JSON,
        find=no_such_key,
    ),
]
