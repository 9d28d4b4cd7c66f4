"""What becomes of an option of Fluent Bit: found by giving it to the router, so it is never out of date."""

import re
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pyrolens.config import load
from pyrolens.config.elsewhere import ALIASES, hint_for
from pyrolens.plugin import Plugin, PluginKind, find
from pyrolens.problems import ConfigError, Problem
from pyrolens.service.router import Router

SUPPORTED, DIFFERS, NO_EFFECT, REFUSED, UNKNOWN = "supported", "differs", "no effect", "refused", "unknown"


class Standing(NamedTuple):
    what: str
    why: str = ""


def problems_of(
    text: str, files: dict[str, str] | None = None, name: str = "router.conf", compiled: bool = False
) -> list[Problem]:
    """What a start would say of a config: errors and warnings. `compiled`: also when all of it is built."""
    with tempfile.TemporaryDirectory() as folder:
        for path, content in {**(files or {}), name: text}.items():
            Path(folder, path).write_text(content)
        try:
            config = load(str(Path(folder, name)), environ={"FOLDER": folder})
            if compiled:
                Router(config)
        except ConfigError as error:
            return list(error.problems)
        return config.warnings


def of_plugin(kind: PluginKind, name: str) -> Standing:
    cls = find(kind, ALIASES.get((kind, name.lower()), name))
    if cls is None:
        why = hint_for(kind, name).partition("; ")[2]
        return Standing(REFUSED, "" if why.startswith(f"the {kind}s here") else why)
    return Standing(DIFFERS if cls.differs else SUPPORTED)


@cache
def of_option(kind: PluginKind, name: str, option: str, value: str = "on") -> Standing:
    """Of a plugin that is here."""
    cls: type[Plugin] | None = find(kind, ALIASES.get((kind, name.lower()), name))
    assert cls is not None, name
    found = _in_line(f"[{kind.upper()}]\n    Name {name}\n    {option} {value}\n", 3)
    if found.what == SUPPORTED and (why := _difference(cls, option)):
        return Standing(DIFFERS, why)
    return found


def _difference(cls: type[Plugin], option: str) -> str:
    """What the plugin says about the option where it lists its differences: a name of one word is its name only where
    it is written as one, such as DB or Path."""
    if "_" in option or "." in option:
        return next((line for line in cls.differs if option in line.lower()), "")
    written = re.compile(rf"(?<!^)\b(?:{option.upper()}|{option.capitalize()})\b")
    return next((line for line in cls.differs if written.search(line)), "")


@cache
def of_key(section: str, key: str, value: str = "on") -> Standing:
    """Of [SERVICE], [PARSER] or [MULTILINE_PARSER]."""
    if section == "service":
        return _in_line(f"[SERVICE]\n    {key} {value}\n", 2)
    needed = {"parser": "Name p\n    Format regex\n    Regex ^(?<a>.*)$", "multiline_parser": "Name m\n    Type regex"}
    before = [line for line in needed[section].split("\n    ") if line.split()[0].lower() != key]
    if len(before) < needed[section].count("\n") + 1:
        return Standing(SUPPORTED)
    lines = "".join(f"    {line}\n" for line in [*before, f"{key} {value}"])
    return _in_line(
        "[SERVICE]\n    Parsers_File ${FOLDER}/p.conf\n", 2 + len(before), {"p.conf": f"[{section}]\n{lines}"}
    )


def of_config(config: str, files: dict[str, str] | None = None, name: str = "router.conf") -> Standing:
    """Of something that no option stands for."""
    problems = problems_of(config, files, name, compiled=True)
    errors = [problem for problem in problems if problem.severity == "error"]
    for what, found in ((REFUSED, errors), (NO_EFFECT, problems)):
        if found:
            return Standing(what, found[0].message)
    return Standing(SUPPORTED)


def _in_line(text: str, line: int, files: dict[str, str] | None = None) -> Standing:
    """What the problems at that line say. Whether its value is good is not the question."""
    for problem in problems_of(text, files):
        if problem.place is None or problem.place.line != line:
            continue
        if (Path(problem.place.file).name == "router.conf") is bool(files):
            continue
        why = problem.message.partition(": ")[2]
        match problem.code:
            case "unknown-option":
                return Standing(UNKNOWN, problem.message)
            case "option-ignored":
                return Standing(NO_EFFECT, problem.message.partition(" has no effect: ")[2])
            case "odd-value" if "has no effect: " in problem.message:
                return Standing(NO_EFFECT, problem.message.partition(" has no effect: ")[2])
            case "refused-option":
                return Standing(REFUSED, why)
            case "bad-value" if "does not speak TLS" in problem.message:
                return Standing(REFUSED, "it does not speak TLS")
    return Standing(SUPPORTED)
