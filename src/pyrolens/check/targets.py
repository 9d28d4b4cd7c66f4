"""What a line of Fluent Bit would refuse or ignore of a config, when `--target` names one."""

import re
from collections.abc import Iterator

from pyrolens.check.context import Context
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import IN, OUT
from pyrolens.check.versions import IN_GO, Line, first_line
from pyrolens.config.elsewhere import PROCESSORS
from pyrolens.config.service import Service
from pyrolens.language.document import Entry, Section
from pyrolens.options import spec_of
from pyrolens.plugin import find
from pyrolens.problems import Place

OF_THE_CORE = {"name", "active", "routes", "condition", "processors", "match", "match_regex", "alias", "log_level"}
"""Keys of a section that no table of options has; routes and conditions are looked at by themselves."""
OWN = "Pyrolens alone has it"
DEFAULT = re.compile(r"\$\{\s*\w+\s*:-[^}]*\}")


def _targets(context: Context) -> Iterator[Line]:
    """The line, if there is one and the config is in its language."""
    if context.target and not (context.config and context.config.flows is not None):
        yield Line(context.target)


def _plugins(context: Context) -> Iterator[tuple[str, str, Section, Entry]]:
    """(kind in the table, plugin as written, section, the entry that names it)."""
    for section in context.with_processors:
        entry = section.get("name")
        if entry is None or section.kind not in ("input", "filter", "output", "processor"):
            continue
        plugin = str(entry.value).partition("://")[0].lower()
        kind = section.kind
        if kind == "processor" and plugin not in PROCESSORS.split():
            kind = "filter"
        if not (kind == "output" and plugin in IN_GO):
            yield kind, plugin, section, entry


def _since(kind: str, plugin: str, option: str, line: Line) -> str:
    first = first_line(kind, plugin, option)
    return OWN if not first else f"it came with {first}" if float(first) > float(line.number) else "it is there no more"


def no_plugin(context: Context) -> Iterator[Finding]:
    for line in _targets(context):
        for kind, plugin, _, entry in _plugins(context):
            if not line.has(kind, plugin) and "$" not in plugin:
                if not first_line(kind, plugin) and not _here(kind, plugin, "alias"):
                    continue  # nobody has it
                since = _since(kind, plugin, "", line)
                yield Finding(f"{line.label} has no {kind} {plugin}: {since}", entry.value_place)


def no_option(context: Context) -> Iterator[Finding]:
    for line in _targets(context):
        for kind, plugin, section, _ in _plugins(context):
            if not line.has(kind, plugin):
                continue
            for entry in section.entries:
                key = entry.key.lower()
                core = kind if kind != "processor" else "filter"
                if key in OF_THE_CORE or line.takes(core, "core", key) or line.takes(kind, plugin, key):
                    continue
                found = [_since(core, "core", key, line), _since(kind, plugin, key, line)]
                since = next((s for s in found if s != OWN), OWN)
                if since == OWN and not _here(kind, plugin, key):
                    continue  # nobody has it
                yield Finding(f"{line.label} has no {entry.key} for {kind} {plugin}: {since}", entry.place)


def _here(kind: str, plugin: str, key: str) -> bool:
    cls = find("input" if kind == "input" else "output" if kind == "output" else "filter", plugin)
    return cls is not None and key in {n for spec in spec_of(cls) for n in spec.names}


def no_key(context: Context) -> Iterator[Finding]:
    for line in _targets(context):
        for section in context.document.of("service"):
            for entry in section.entries:
                key = entry.key.lower()
                if not line.takes("section", "service", key):
                    since = _since("section", "service", key, line)
                    if since == OWN and key not in {n for spec in spec_of(Service) for n in spec.names}:
                        continue
                    yield Finding(f"{line.label} has no {entry.key} in [SERVICE]: {since}", entry.place)


IN_YAML = {
    "parser": "parsers",
    "multiline_parser": "multiline_parsers",
    "stream_task": "stream_processor",
    "plugins": "plugins",
    "upstream": "upstream_servers",
}
"""Sections that a file in YAML may have since some line, and their names there."""


def no_section(context: Context) -> Iterator[Finding]:
    for line in _targets(context):
        for section in context.document.sections:
            in_yaml = section.place.file in _yaml_files(context)
            if in_yaml and (key := IN_YAML.get(section.kind)):
                yield from _section(line, key, section.place)
            for processor in (*section.processors, *section.metrics_processors):
                yield from _section(line, "processors", processor.place)
                condition = processor.get("condition")
                if condition and float(line.number) < 4.0 and line.takes("section", "yaml", "processors"):
                    message = f"{line.label} has no condition for processors: it came with 4.0"
                    yield Finding(message, condition.place)
            if routes := section.get("routes"):
                yield from _section(line, "routes", routes.place)


def _section(line: Line, key: str, place: Place) -> Iterator[Finding]:
    if not line.takes("section", "yaml", key):
        since = _since("section", "yaml", key, line)
        yield Finding(f"{line.label} has no {key} in YAML: {since}", place)


def _yaml_files(context: Context) -> set[str]:
    return context.document.yaml


def preview(context: Context) -> Iterator[Finding]:
    for line in _targets(context):
        if line.number == "1.9" and (place := _main_in_yaml(context)):
            message = f"{line.label} has YAML as a preview, which is not meant for production before 2.0"
            yield Finding(message, place, "pyrolens convert makes it classic")


def _main_in_yaml(context: Context) -> Place | None:
    main = context.document.files[:1]
    first = next((s.place for s in context.document.sections if s.place.file in main), None)
    return first if main and main[0] in context.document.yaml else None


def mixed(context: Context) -> Iterator[Finding]:
    """A classic file that includes YAML."""
    for line in _targets(context):
        if _main_in_yaml(context) or not context.document.yaml:
            continue
        place = next((s.place for s in context.document.sections if s.place.file in context.document.yaml), None)
        if place:
            message = f"{line.label} does not include a file in YAML into a classic one"
            yield Finding(message, place, "pyrolens convert makes it classic")


def no_default(context: Context) -> Iterator[Finding]:
    for line in _targets(context):
        for section in context.with_processors:
            for entry in section.entries:
                found = DEFAULT.search(str(entry.value)) if isinstance(entry.value, str) else None
                if found and not line.takes("section", "variable", ":-"):
                    message = f"{line.label} puts nothing in place of {found[0]}: defaults came with 4.2"
                    yield Finding(message, entry.value_place)


YAML_MAIN = "pipeline:\n  inputs:\n    - name: dummy\n      tag: app\n"
RULES = [
    Rule(
        "FB401",
        "error",
        "a plugin that the target does not have",
        "The Fluent Bit that `--target` names does not start with a plugin that it does not have. What came when was"
        " read from the tags of its repository.",
        "Use another plugin, or a later version.",
        bad="[INPUT]\n    Name «splunk»\n    Tag app\n" + OUT,
        good="[INPUT]\n    Name http\n    Tag app\n" + OUT,
        find=no_plugin,
        target="1.9",
    ),
    Rule(
        "FB402",
        "error",
        "an option that the target does not have",
        "A plugin of Fluent Bit that is given an option it does not know stops the start. Some options are of later"
        " versions, and some of Pyrolens alone.",
        "Remove it, or use a later version.",
        bad=IN + "[OUTPUT]\n    Name http\n    Match *\n    Host logs.example.com\n    tls On\n"
        "    «tls.verify_hostname» On\n",
        good=IN + "[OUTPUT]\n    Name http\n    Match *\n    Host logs.example.com\n    tls On\n",
        find=no_option,
        target="2",
    ),
    Rule(
        "FB403",
        "warning",
        "an option of [SERVICE] that the target ignores",
        "What [SERVICE] does not know does nothing, and nobody is told.",
        "Remove it, or use a later version.",
        bad="[SERVICE]\n    «json.escape_unicode» Off\n" + IN + OUT,
        good="[SERVICE]\n    Flush 1\n" + IN + OUT,
        find=no_key,
        target="3",
    ),
    Rule(
        "FB404",
        "error",
        "a part of YAML that the target does not have",
        "Processors came with 2.1, parsers and the other sections beside the pipeline with 3.2, conditions with 4.0 and"
        " routes with 4.2. Before, they stop the start or do nothing.",
        "Use filters instead of processors, and files of parsers; or a later version.",
        bad="==> router.yaml <==\n"
        + YAML_MAIN
        + "      processors:\n        logs:\n          - «name: content_modifier»\n"
        "            action: insert\n            key: a\n            value: b\n"
        "  outputs:\n    - name: stdout\n      match: '*'\n",
        good="==> router.yaml <==\n" + YAML_MAIN + "  outputs:\n    - name: stdout\n      match: '*'\n",
        find=no_section,
        target="2.0",
    ),
    Rule(
        "FB405",
        "warning",
        "YAML for 1.9",
        "Version 1.9, which aws-for-fluent-bit 2 is, reads YAML as a preview.",
        "`pyrolens convert` writes it in the classic language.",
        bad="==> router.yaml <==\npipeline:\n  inputs:\n    - «name: dummy»\n      tag: app\n"
        "  outputs:\n    - name: stdout\n      match: '*'\n",
        good=IN + OUT,
        find=preview,
        target="1.9",
    ),
    Rule(
        "FB406",
        "error",
        "YAML within a classic file",
        "Fluent Bit reads an included file in the language of the file that includes it; Pyrolens by its name.",
        "`pyrolens convert` writes it in the classic language.",
        bad=IN
        + OUT
        + "@INCLUDE other.yaml\n==> other.yaml <==\npipeline:\n  inputs:\n    - «name: dummy»\n      tag: b\n",
        good=IN + OUT,
        find=mixed,
        target="5",
    ),
    Rule(
        "FB407",
        "warning",
        "a default that the target does not know",
        "Versions before 4.2 look for a variable with the whole text between the braces as its name, and find none.",
        "Set the variable, and write `${NAME}`.",
        bad=IN + "[OUTPUT]\n    Name stdout\n    Match «${WHICH:-*}»\n",
        good=IN + OUT,
        find=no_default,
        target="4.1",
    ),
]
