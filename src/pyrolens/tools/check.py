"""pyrolens check: what is wrong with configs and task definitions, without running anything."""

import argparse
import os
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyrolens.check.catalogue import RULES, findings, kept
from pyrolens.check.fixing import Found, changes, diff, mendable, write
from pyrolens.check.kinds import is_no_task, kind_of
from pyrolens.check.policy import Trust, read_policy, read_trust
from pyrolens.check.reading import Reader
from pyrolens.check.report import FORMATS, count
from pyrolens.check.rule import page
from pyrolens.ecs import forms
from pyrolens.ecs.forms import Asked
from pyrolens.ecs.load import add_form_options, asked_for, pairs, text_of
from pyrolens.problems import ConfigError, Problem, nearest
from pyrolens.tools.run import tell

SETTINGS = "pyrolens.toml"
MOST_MENDED = 10_000
"""Findings after which a run stops to mend, whatever is left."""
SKIPPED = {"node_modules", "__pycache__", "venv"}
"""Folders, besides those whose names begin with a dot."""


def main(argv: Sequence[str]) -> int:
    """0: no error; 1: an error, with --strict also a warning; 2: it could not be checked."""
    args = arguments().parse_args(argv)
    if args.explain:
        return explain(args.explain)
    try:
        settings = read_settings(args.settings)
        checks = Checks(args, settings)
        found = checks.run()
        mended: Counter[str] = Counter()
        while args.fix and not args.diff and (made := changes(found)) and mended.total() < MOST_MENDED:
            for file, (_, text, number) in made.items():
                write(file, text)
                mended[file] += number
            found = checks.run()
    except ConfigError as error:
        tell(error.problems)
        return 2
    except OSError as error:
        tell([Problem("not-written", f"{error.filename} cannot be written: {error.strerror}")])
        return 2
    if args.diff:
        made = changes(found)
        print("".join(line for file, (old, new, _) in made.items() for line in diff(file, old, new)), end="")
        return int(bool(made))
    if args.fix:
        told = f"mended {count(mended.total(), 'finding')} in {count(len(mended), 'file')}"
        print(told, file=sys.stderr)
    shown = [each.problem for each in found]
    printed = FORMATS[args.format](shown)
    if printed:
        print(printed)
    if args.format == "text" and not args.fix and (number := mendable(found)):
        print(f"{count(number, 'finding')} can be mended: --fix, or --diff to see how")
    return int(any(p.severity == "error" or args.strict for p in shown))


class Checks:
    """What is looked at, and how. Raises: ConfigError for arguments that cannot be read."""

    def __init__(self, args: argparse.Namespace, settings: Mapping[str, Any]) -> None:
        self.paths, self.by_file = args.paths, settings["files"]
        self.ignored = [*settings["ignore"], *(c.strip() for codes in args.ignore for c in codes.split(","))]
        self.asked, self.given = asked_for(args), pairs(args.file)
        self.policy = read_policy([text_of(file) for file in args.policy]) if args.policy else None
        self.trusts = [trust_of(given_one) for given_one in args.trust]
        self.target = target_of(args.target)

    def run(self) -> list[Found]:
        """What is wrong and to be told. Raises: ConfigError."""
        found: dict[Problem, Found] = {}
        used: set[str] = set()
        # a task definition first: what it names is looked at with it, and not by itself
        for path, text, kind, named in sorted(
            files(self.paths), key=lambda p: (p[2] != "task", "@include" not in p[1].lower())
        ):
            if not named and os.path.realpath(path) in used:
                continue
            for asked in self._asked(path, text, kind):
                reader = Reader(asked, self.given, self.policy, self.trusts, target=self.target)
                checked = reader.file(path, text, kind)
                used |= checked.uses
                if not named and is_no_task(checked.problems):
                    continue
                for problem in findings(checked, reader):
                    found.setdefault(problem, Found(problem, checked, reader.place))
        return [found[problem] for problem in kept(list(found), self.ignored, self.by_file)]

    def _asked(self, path: str, text: str, kind: str) -> list[Asked]:
        """For each task definition of a file, unless one is asked for."""
        several = forms.names(text, path, self.asked) if kind == "task" and not self.asked.name else []
        return [replace(self.asked, name=name) for name in several] or [self.asked]


def trust_of(given: str) -> Trust:
    """Of FILE or ROLE=FILE. Raises: ConfigError."""
    role, _, file = given.rpartition("=")
    return read_trust(text_of(file), role)


def target_of(named: str | None) -> str:
    """The line of Fluent Bit that is meant; "" for none. Raises: ConfigError."""
    if named is None:
        return ""
    from pyrolens.check.versions import NEWEST, line_of, lines  # few ask for it

    line = line_of(named)
    if line is None:
        known = ", ".join([*NEWEST, *lines()])
        raise ConfigError([Problem("bad-option", f"--target is '{named}': expected one of {known}")])
    return line


def explain(code: str) -> int:
    rule = RULES.get(code.upper())
    if rule is None:
        print(f"there is no rule '{code}'; {nearest(code, RULES) or 'there are ' + ', '.join(RULES)}", file=sys.stderr)
        return 2
    print(page(rule), end="")
    return 0


def files(paths: Sequence[str]) -> Iterator[tuple[str, str, str, bool]]:
    """(path, text, kind, whether it was named) of each file. Raises: ConfigError."""
    for path in paths:
        if os.path.isdir(path):
            yield from _below(path)
            continue
        text = text_of(path)
        kind = "task" if path == "-" and re.match(r"\s*(?:\{|\[\s*\{)", text) else kind_of(path, text)
        if not kind:
            kind = "task" if path.endswith((".json", ".tf")) else "config"
        yield path, text, kind, True


def _below(folder: str) -> Iterator[tuple[str, str, str, bool]]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in SKIPPED)
        for name in sorted(names):
            path = os.path.normpath(os.path.join(here, name))
            if name.endswith((".conf", ".yaml", ".yml", ".json", ".tf")) and os.path.isfile(path):
                text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
                if kind := kind_of(path, text):
                    yield path, text, kind, False


def read_settings(path: str | None) -> dict[str, Any]:
    """`ignore` and `files` of [check]. Raises: ConfigError."""
    settings: dict[str, Any] = {"ignore": [], "files": {}}
    if path is None and not os.path.exists(SETTINGS):
        return settings
    file = path or SETTINGS
    try:
        with open(file, "rb") as stream:
            given = tomllib.load(stream).get("check", {})
    except (OSError, tomllib.TOMLDecodeError) as why:
        raise ConfigError([Problem("bad-option", f"{file} cannot be read: {why}")]) from None
    for key, value in given.items():
        if key not in settings:
            raise ConfigError([Problem("bad-option", f"{file}: [check] has no {key}", None, nearest(key, settings))])
        lists = value.values() if key == "files" and isinstance(value, dict) else [value]
        if isinstance(value, dict) != (key == "files") or not all(_codes(codes) for codes in lists):
            raise ConfigError([Problem("bad-option", f"{file}: {key}: expected a list of codes")])
        settings[key] = value
    return settings


def _codes(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(code, str) for code in value)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens check",
        description="Say what is wrong with configs and task definitions, without running them.",
    )
    parser.add_argument("paths", nargs="*", default=["."], help="files and folders; - is standard input (default: .)")
    parser.add_argument("--format", choices=sorted(FORMATS), default="text", help="of what is printed (default: text)")
    parser.add_argument("--ignore", action="append", default=[], metavar="CODES", help="not to be told, with commas")
    parser.add_argument("--fix", action="store_true", help="mend in place what can only be meant one way")
    parser.add_argument("--diff", action="store_true", help="show what --fix would change first, and change nothing")
    parser.add_argument("--strict", action="store_true", help="a warning is enough for the exit status 1")
    parser.add_argument(
        "--target",
        metavar="VERSION",
        help="also what that Fluent Bit refuses or ignores: 1.9 (aws-for-fluent-bit 2), 2, 3, 4, 5, or such as 3.1",
    )
    parser.add_argument("--explain", metavar="CODE", help="print the page of a rule")
    parser.add_argument("--settings", metavar="FILE", help=f"instead of {SETTINGS} in this folder")
    parser.add_argument(
        "--policy", action="append", default=[], metavar="FILE", help="of the task role: what its outputs may do"
    )
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="[ROLE=]FILE",
        help="trust policy of a role that outputs assume: whether it admits the task role",
    )
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="PATH=FILE",
        help="the local file for a path in the router's image, or for an address such as an ARN",
    )
    add_form_options(parser)
    return parser
