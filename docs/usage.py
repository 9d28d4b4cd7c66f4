"""The part of docs/compatibility.md about what FireLens users write, and about all plugins of Fluent Bit."""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docs import standing
from docs.standing import DIFFERS, NO_EFFECT, REFUSED, SUPPORTED, UNKNOWN, Standing

from pyrolens.config.elsewhere import ALIASES, FLUENT_BIT
from pyrolens.plugin import KINDS, PluginKind, find, names

HERE = Path(__file__).parent
OPTIONS = HERE.parent / "tests" / "fluent_bit_options"
FILES = {"input": "inputs", "filter": "filters", "output": "outputs"}
SECTIONS = {"service": "[SERVICE]", "parser": "[PARSER]", "multiline_parser": "[MULTILINE_PARSER]"}


@cache
def usage() -> dict[str, Any]:
    return tomllib.loads((HERE / "usage.toml").read_text())


@cache
def fluent_bit(file: str) -> dict[str, list[str]]:
    """The options of Fluent Bit by plugin; `core` for those that each has."""
    path = OPTIONS / f"{file}.toml"
    return {name: each["options"] for name, each in tomllib.loads(path.read_text()).items()} if path.exists() else {}


def here(kind: PluginKind, name: str) -> bool:
    return find(kind, ALIASES.get((kind, name), name)) is not None


def of_used(kind: PluginKind, name: str, option: str) -> Standing:
    if option in usage()["agent"]:
        return Standing(NO_EFFECT, usage()["agent"][option])
    found = standing.of_option(kind, name, option)
    return Standing(REFUSED, found.why) if found.what == UNKNOWN else found


def parts() -> Iterator[str]:
    yield "## What FireLens users write"
    yield (
        "Every plugin and option in AWS's FireLens examples, the configs of aws-for-fluent-bit, articles and load "
        "tests, with how often it is there, and what becomes of it here. It is found by giving it to the router. "
        f"*{DIFFERS}*: what is different stands above. *{NO_EFFECT}*: a warning at the start says so. *{REFUSED}*: "
        "the router does not start, and says why."
    )
    for kind in KINDS:
        for name, each in usage().get(kind, {}).items():
            yield f"### {kind} {name} ({each['sections']})"
            if not here(kind, name):
                yield sentence(standing.of_plugin(kind, name))
                continue
            rows = [(f"`{o}`", n, of_used(kind, name, o)) for o, n in each["options"].items()]
            if rows:
                yield table("option", rows)
            if rest := others(kind, name):
                yield rest
    for key, title in SECTIONS.items():
        each = usage()["section"][key]
        yield f"### {title} ({each['sections']})"
        yield table("key", [(f"`{o}`", n, standing.of_key(key, o)) for o, n in each["options"].items()])
        if rest := summary(
            {o: standing.of_key(key, o) for o in fluent_bit("service" if key == "service" else "parsers").get(key, [])}
        ):
            yield rest
    for other, title in (("construct", "Other things in configs"), ("value", "Values")):
        yield f"### {title}"
        rows = [
            (
                f"`{each['name']}`",
                each.get("uses", ""),
                standing.of_config(each["config"], each.get("files"), each.get("main", "router.conf")),
            )
            for each in usage()[other]
        ]
        yield table("", rows)
    yield "## All plugins of Fluent Bit 5.1.1"
    for kind in KINDS:
        yield f"### {kind}s"
        known = sorted({*FLUENT_BIT[kind].split(), *names(kind)})
        yield table(kind, [(f"`{name}`", "", whole(kind, name)) for name in known])


def whole(kind: PluginKind, name: str) -> Standing:
    found = standing.of_plugin(kind, name)
    if name not in FLUENT_BIT[kind].split():
        return Standing(
            "ours" if found.what in (SUPPORTED, DIFFERS) else found.what, "Fluent Bit has none of this name"
        )
    return found


def others(kind: PluginKind, name: str) -> str:
    """What becomes of all options of Fluent Bit for a plugin."""
    options = fluent_bit(FILES.get(kind, "")).get(name, [])
    return summary({option: standing.of_option(kind, name, option) for option in options})


def summary(found: dict[str, Standing]) -> str:
    if not found:
        return ""
    good = sum(each.what in (SUPPORTED, DIFFERS) for each in found.values())
    lines = [f"Of the {len(found)} options that Fluent Bit has for it, {good} are honoured."]
    for what in (NO_EFFECT, REFUSED):
        lines += [f"- {what}: `{option}`: {each.why}" for option, each in found.items() if each.what == what]
    return "\n".join([lines[0], "", *lines[1:]]).strip()


def sentence(found: Standing) -> str:
    return f"{found.what.capitalize()}{f': {found.why}' if found.why else ''}."


def table(title: str, rows: list[tuple[str, Any, Standing]]) -> str:
    counted = any(uses for _, uses, _ in rows)
    lines = [f"| {title} |{' uses |' if counted else ''} | |", f"|---|{'---|' if counted else ''}---|---|"]
    for name, uses, found in rows:
        why = "" if found.what in (SUPPORTED, DIFFERS) and "_" not in name else found.why
        cells = [name, *([str(uses)] if counted else []), found.what, why]
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)
