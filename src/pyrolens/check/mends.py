"""How findings are mended where it is certain what was meant. Each is named by the rule that it belongs to."""

import re
from collections.abc import Iterable

from pyrolens.check.context import is_on, text
from pyrolens.check.edits import Edit, Source
from pyrolens.config.core import connection_options, names_of
from pyrolens.config.elsewhere import FLUENT_BIT
from pyrolens.config.service import Service
from pyrolens.ecs.rules import ROUTER_OPTIONS
from pyrolens.language.document import BY_NAME, Entry, Section, kind_of
from pyrolens.multiline.builtin import BUILTIN
from pyrolens.options import spec_of
from pyrolens.plugin import PluginKind, builtin_parsers, find, names
from pyrolens.problems import Place, Problem

SECTIONS = ("service", "input", "filter", "output", "custom", "plugins", "parser", "multiline_parser", "stream_task")
STRING = r'"(?:[^"\\]|\\.)*"'


# -- names that are spelt wrong ------------------------------------------------------------------------------------


def distance(one: str, other: str) -> int:
    """Letters that are changed, put in, left out, or changed places with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                row[j] = min(row[j], older[j - 2] + 1)
    return row[-1]


def sole(word: str, known: Iterable[str]) -> str | None:
    """The one name that is near a word: one letter away, or two if it is longer than five; None: there are several,
    or none."""
    small = word.lower()
    most = 2 if len(small) > 5 else 1
    near = {name for name in known if abs(len(name) - len(small)) <= most and distance(small, name.lower()) <= most}
    return near.pop() if len(near) == 1 and len(small) > 2 else None


def as_written(word: str, name: str) -> str:
    """A name in the capitals of the word that it takes the place of."""
    if word.isupper():
        return name.upper()
    if word[:1].isupper():
        return "_".join(part[:1].upper() + part[1:] for part in name.split("_"))
    return name


def replaced(problem: Problem, source: Source, old: str, new: str) -> Edit | None:
    """A word at the place; or, where that is the key of an entry in JSON or YAML, in its value."""
    place = problem.place
    if place is None or not old:
        return None
    shown = source.at(place)
    at = shown.find(old)
    if at >= 0 and shown.strip("\"'[]") == old:
        return Edit(place.line, place.column + at, old, new)
    line = source.line(place.line)
    value = re.compile(rf"(?:{STRING}|[\w.-]+)\s*[:=]\s*[\"']?({re.escape(old)})(?=[\"'\s,}}]|$)")
    found = value.match(line, place.column - 1)
    return Edit(place.line, found.start(1) + 1, old, new) if found else None


OPTION = re.compile(r"(input|filter|output|processor) (\S+) has no option '(.+)'")


def option_name(problem: Problem, source: Source) -> Edit | None:
    found = OPTION.search(problem.message)
    if not found:
        return None
    kind: PluginKind = "filter" if found[1] in ("filter", "processor") else "input" if found[1] == "input" else "output"
    cls = find(kind, found[2])
    if cls is None:
        return None
    known = {n for spec in spec_of(cls) for n in spec.names} | names_of(kind) | set(cls.ignored) | {"name"}
    if kind != "filter":
        known |= connection_options()
    return _named(problem, source, found[3], known)


def service_name(problem: Problem, source: Source) -> Edit | None:
    found = re.search(r"has no option '(.+)'", problem.message)
    return _named(problem, source, found[1], {n for s in spec_of(Service) for n in s.names}) if found else None


def _named(problem: Problem, source: Source, word: str, known: set[str]) -> Edit | None:
    """An option by its right name, unless that is given, too."""
    if word.endswith(":") and word[:-1].lower() in known:
        name, written = word[:-1].lower(), word[:-1]
    elif name := sole(word, known) or "":
        written = as_written(word, name)
    section = _section_at(problem.place, source) if problem.place and name else None
    given = section is None or section.get(name)
    return replaced(problem, source, word, written) if name and not given else None


def plugin_name(problem: Problem, source: Source) -> Edit | None:
    found = re.search(r"there is no (input|filter|output|processor) '(.+?)'", problem.message)
    if not found:
        return None
    kind: PluginKind = "filter" if found[1] in ("filter", "processor") else "input" if found[1] == "input" else "output"
    bare = found[2].strip("\"'")
    if bare != found[2]:
        known = bare.lower() in names(kind)
        return replaced(problem, source, found[2], bare) or _whole(problem, source, found[2], bare) if known else None
    elsewhere = FLUENT_BIT[kind].split()
    name = sole(bare, {*names(kind), *elsewhere})
    return replaced(problem, source, bare, name) if name and name not in set(elsewhere) - set(names(kind)) else None


def _whole(problem: Problem, source: Source, old: str, new: str) -> Edit | None:
    place = problem.place
    return Edit(place.line, place.column, old, new) if place and source.at(place) == old else None


def parser_name(problem: Problem, source: Source) -> Edit | None:
    found = re.search(r"there is no (multiline )?parser '(.+)'", problem.message)
    config = source.context.config
    if not found or config is None:
        return None
    own = {*config.multiline_parsers, *BUILTIN} if found[1] else {*config.parsers, *builtin_parsers()}
    name = sole(found[2], own)
    return replaced(problem, source, found[2], name) if name else None


def section_name(problem: Problem, source: Source) -> Edit | None:
    found = re.search(r"\[(\w+)\] is no section", problem.message)
    name = sole(found[1], SECTIONS) if found else None
    return replaced(problem, source, found[1], as_written(found[1], name)) if found and name else None


def firelens_option(problem: Problem, source: Source) -> Edit | None:
    found = re.search(r"has no option '(.+?)'", problem.message)
    name = sole(found[1], ROUTER_OPTIONS) if found else None
    return replaced(problem, source, found[1], name) if found and name else None


def choice(problem: Problem, source: Source) -> Edit | None:
    """A value that is near one of those which the message names."""
    found = re.search(r" is '([\w-]+)': expected ([\w-]+(?:, [\w-]+)* or [\w-]+)(?:$|;)", problem.message)
    name = sole(found[1], re.split(", | or ", found[2])) if found else None
    return replaced(problem, source, found[1], name) if found and name else None


def boolean(problem: Problem, source: Source) -> Edit | None:
    """enable-ecs-log-metadata, which takes no yes and no on."""
    found = re.search(r" is '(\w+)': expected true or false", problem.message)
    meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(found[1].lower()) if found else None
    return replaced(problem, source, found[1], meant) if found and meant else None


def capital_name(problem: Problem, source: Source) -> Edit | None:
    """`name` of the log options, which the agent knows as `Name` only."""
    task = source.context.task
    for container in task.containers if task else ():
        key = container.log.options.get("name") if container.log and "Name" not in container.log.options else None
        if key and problem.place and f"'{container.name}'" in problem.message:
            shown = source.at(key.key_place)
            if shown.strip("\"'") == "name":
                return Edit(key.key_place.line, key.key_place.column + shown.find("name"), "name", "Name")
    return None


# -- lines of the classic language ------------------------------------------------------------------------------------


def line_of_config(problem: Problem, source: Source) -> Edit | None:
    """A line that cannot be read, and of which one reading is possible."""
    place = problem.place
    if place is None or not place.line or place.file.endswith((".yaml", ".yml", ".json", ".tf")):
        return None
    line = source.line(place.line)
    if place.line == 1 and line.startswith("\ufeff"):
        return Edit(1, 1, "\ufeff", "")
    if problem.message == "a section without its closing bracket":
        name = line.strip(" \t")[1:]
        known = re.fullmatch(r"\w+", name) and kind_of(name) and name.lower() in BY_NAME
        return Edit(place.line, 1, line, f"[{name}]") if known else None
    bare = line.lstrip(" \t")
    if re.fullmatch(r"\[(\w+)\]\s*", bare) and bare != line and kind_of(bare.strip()[1:-1]):
        return Edit(place.line, 1, line[: len(line) - len(bare)], "")
    if problem.message.endswith("has no value"):
        found = re.fullmatch(r"(\s*[A-Za-z][\w.]*)(\t+|=)(\S.*)", line)
        return Edit(place.line, len(found[1]) + 1, found[2], " ") if found else None
    if "indentation" in problem.message:
        indent = _indentation(source)
        entry = re.fullmatch(r"[A-Za-z][\w.]* +\S.*", bare)
        return Edit(place.line, 1, line[: len(line) - len(bare)], indent) if indent and entry else None
    return None


def _indentation(source: Source) -> str:
    """That of the file: of its first indented line."""
    for line in source.text.splitlines():
        if line[:1] in (" ", "\t"):
            return line[: len(line) - len(line.lstrip(" \t"))] if line.strip() else ""
    return ""


def colon_of_name(problem: Problem, source: Source) -> Edit | None:
    """`Name: tail` in the classic language, where the colon belongs to the key."""
    if problem.place is None or not re.search(r"\] needs Name$", problem.message):
        return None
    for entry in _section_at(problem.place, source).entries:
        place = source.place(entry.place)
        if entry.key.lower() == "name:" and place and source.at(place) == entry.key:
            return Edit(place.line, place.column + 4, ":", "")
    return None


def equals_sign(problem: Problem, source: Source) -> Edit | None:
    place = problem.place
    if place is None or not problem.message.startswith("the = belongs"):
        return None
    found = re.compile(r"=[ \t]+").match(source.line(place.line), place.column - 1)
    return Edit(place.line, place.column, found[0], "") if found else None


# -- options -----------------------------------------------------------------------------------------------------------


def _section_at(place: Place, source: Source) -> Section:
    """The section that begins there, or that has an entry there; an empty one if there is none."""
    wanted = (place.file, place.line, place.column)
    for section in source.context.with_processors:
        for each in (section.place, *(p for e in section.entries for p in (e.place, e.value_place))):
            named = source.place(each)
            if named and (named.file, named.line, named.column) == wanted:
                return section
    return Section("", place)


def same_again(problem: Problem, source: Source) -> Edit | None:
    """An option that is given twice with one value."""
    if problem.place is None:
        return None
    section = _section_at(problem.place, source)
    entry = _entry_at(problem.place, section, source)
    alike = [e for e in section.entries if entry and e.key.lower() == entry.key.lower()]
    if entry is None or len({str(e.value) for e in alike}) != 1 or len(alike) < 2:
        return None
    return without(entry, source)


def no_effect(problem: Problem, source: Source) -> Edit | None:
    """An option that does nothing is taken out."""
    section = _section_at(problem.place, source) if problem.place else None
    entry = _entry_at(problem.place, section, source) if problem.place and section else None
    return without(entry, source) if entry else None


def _entry_at(place: Place, section: Section, source: Source) -> Entry | None:
    wanted = (place.line, place.column)
    places = ((e, source.place(p)) for e in section.entries for p in (e.place, e.value_place))
    return next((e for e, p in places if p and (p.line, p.column) == wanted), None)


def without(entry: Entry, source: Source) -> Edit | None:
    """Its line goes; of JSON the member, where it stands in one line and others do."""
    place = source.place(entry.place)
    if place is None or not isinstance(entry.value, str):
        return None
    line = source.line(place.line)
    shown = source.at(place)
    if shown.startswith('"'):
        member = re.compile(rf"{STRING}\s*:\s*{STRING}\s*,[ \t]*").match(line, place.column - 1)
        return Edit(place.line, place.column, member[0], "") if member else None
    alone = re.fullmatch(rf"\s*{re.escape(shown)}\s*[: \t]\s*(.*?)\s*", line)
    if alone is None or alone[1].strip("\"'") != entry.value:
        return None
    return Edit(place.line, 1, line, "", removed=True)


def with_option(section: Section, source: Source, key: str, value: str) -> Edit | None:
    """An option more, below the one that names the plugin."""
    entry = section.get("name")
    place = source.place(entry.place) if entry else None
    if entry is None or place is None:
        return None
    line, shown = source.line(place.line), source.at(place)
    if shown.startswith('"'):
        return Edit(place.line, place.column, shown, f'"{key}": "{value}", {shown}')
    if place.file.endswith((".yaml", ".yml")):
        alone = re.fullmatch(rf"(\s*(?:- )?){re.escape(shown)}\s*:\s*\S+\s*", line)
        return Edit(place.line, 1, "", "", " " * len(alone[1]) + f"{key.lower()}: {value}") if alone else None
    return Edit(place.line, 1, "", "", f"{line[: len(line) - len(line.lstrip())]}{key} {value}")


def serverless_name(problem: Problem, source: Source) -> Edit | None:
    section = _section_at(problem.place, source) if problem.place else None
    if section is None or text(section, "aws_service_name"):
        return None
    return with_option(section, source, "AWS_Service_Name", "aoss")


def tls_on(problem: Problem, source: Source) -> Edit | None:
    section = _section_at(problem.place, source) if problem.place else None
    return with_option(section, source, "tls", "On") if section and not text(section, "tls") else None


def port_443(problem: Problem, source: Source) -> Edit | None:
    section = _section_at(problem.place, source) if problem.place else None
    certain = section is not None and is_on(section, "tls") and not text(section, "port")
    return with_option(section, source, "Port", "443") if section and certain else None


def first_slash(problem: Problem, source: Source) -> Edit | None:
    found = re.search(r"s3_key_format is '([^']+)': it must begin with /", problem.message)
    return replaced(problem, source, found[1], f"/{found[1]}") if found else None


def stop_timeout(problem: Problem, source: Source) -> Edit | None:
    """The longest that Fargate takes."""
    found = re.search(r" is (\d+): Fargate takes up to 120", problem.message)
    return replaced(problem, source, found[1], "120") if found else None


def init_variable(problem: Problem, source: Source) -> Edit | None:
    """The name of a variable in the letters that AWS's init process knows."""
    found = re.fullmatch(r"AWS's init process does not know (\w+)", problem.message)
    fixed = problem.hint.removeprefix("write ")
    return replaced(problem, source, found[1], fixed) if found and fixed == found[1].lower() else None


def dns_resolver(problem: Problem, source: Source) -> Edit | None:
    """A value that another option takes."""
    section = _section_at(problem.place, source) if problem.place else None
    entry = section.get("net.dns.mode") if section else None
    place = source.place(entry.place) if entry else None
    if section is None or place is None or section.get("net.dns.resolver") or "takes it" not in problem.hint:
        return None
    shown = source.at(place)
    at = shown.lower().find("net.dns.mode")
    return Edit(place.line, place.column + at + 8, shown[at + 8 : at + 12], "resolver") if at >= 0 else None
