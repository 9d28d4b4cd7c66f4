"""pyrolens explain: where records go and what becomes of them on the way, without running anything."""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from pyrolens.ecs.load import add_task_options, asked_for, pairs, task_options
from pyrolens.explain.as_json import AsJson
from pyrolens.explain.items import Items
from pyrolens.explain.journey_text import trip_lines
from pyrolens.explain.manner import Manner
from pyrolens.explain.matrix import matrix
from pyrolens.explain.matrix_text import matrix_lines
from pyrolens.explain.said import Wanted, said_of
from pyrolens.explain.summary import Summary, summary_lines
from pyrolens.explain.text import line, show
from pyrolens.explain.trips import Said, Trip, travel
from pyrolens.options import SECRET_NAME
from pyrolens.problems import ConfigError, Problem
from pyrolens.rehearsal.rehearsal import START, Rehearsal
from pyrolens.rehearsal.subject import Subject, open_subject
from pyrolens.service.secrets import Mask, plugins_of, secrets_of
from pyrolens.tools.run import tell

FEW = 3
"""So many lines are told one by one; of more there is a summary."""

NO_RECORDS = "there are none, or they are all empty, or none is whole"


def main(argv: Sequence[str]) -> int:
    """0: every record arrives, or a filter drops it on purpose; 1: one reaches no output, or a filter fails at it or
    goes round in a loop with others; without records: some of an input would reach none; 2: it cannot be told."""
    args = arguments().parse_intermixed_args(argv)
    if args.schema:
        print(files("pyrolens.explain").joinpath("schema.json").read_text(encoding="utf-8"), end="")
        return 0
    if args.path is None:
        arguments().error("a config or a task definition is needed")
    hide = Mask()
    try:
        wanted = wanted_of(args)
        given = pairs(args.env)
        hide.add(value for name, value in given.items() if SECRET_NAME.search(name))
        with open_subject(
            args.path, asked=asked_for(args), task=task_options(args), files=pairs(args.file), environ=given
        ) as subject:
            hide.add(secrets(subject))
            # what a variable would say is a part of what is told
            told = (p for p in subject.warnings if args.warnings or p.code == "variable-unset")
            tell(map(with_way_out, told), hide)
            return explain(subject, wanted, args, hide)
    except ConfigError as error:
        tell(map(with_way_out, error.problems), hide)
        return 2


def explain(subject: Subject, wanted: Wanted | None, args: argparse.Namespace, hide: Mask) -> int:
    """Raises: ConfigError, with the places that people know."""
    now_ns = args.at if args.at is not None else START
    try:
        # also where nothing is fed to it, since it tells what does not compile
        with Rehearsal(subject.config, now_ns=now_ns, environ=subject.environ) as rehearsal:
            if wanted is None:
                return explain_config(subject, args, hide)
            lines, unread = said_of(subject, wanted, now_ns)
            if not lines and not unread:
                raise ConfigError([Problem("no-records", "no record comes of these lines", None, NO_RECORDS)])
            status = explain_lines(subject, rehearsal, lines, args, hide) if lines or args.json else 0
            return 2 if tell(unread, hide) else status
    except ConfigError as error:
        raise ConfigError(replace(p, place=subject.place(p.place)) for p in error.problems) from None


def with_way_out(problem: Problem) -> Problem:
    """A variable that is not set here can be, for this command."""
    name = re.search(r"\$\{(\w+)", problem.message)
    if problem.code != "variable-unset" or name is None:
        return problem
    return replace(problem, hint=f"say its value: --env {name[1]}=VALUE")


def secrets(subject: Subject) -> Iterator[str]:
    """What must not be shown."""
    yield from secrets_of(plugins_of(subject.config), {})
    router = subject.task.definition.router if subject.task else None
    for secret in router.secrets if router else ():
        yield subject.environ.get(secret.name, "")


# -- a config ---------------------------------------------------------------------------------------------------------


def explain_config(subject: Subject, args: argparse.Namespace, hide: Mask) -> int:
    found = matrix(subject)
    if args.json:
        print_json(AsJson(subject).matrix(found), hide)
    else:
        show(matrix_lines(found, width(), args.all), hide)
    return int(bool(found.lost))


# -- records ----------------------------------------------------------------------------------------------------------


def explain_lines(
    subject: Subject, rehearsal: Rehearsal, lines: Sequence[Said], args: argparse.Namespace, hide: Mask
) -> int:
    summary, kept = Summary(), list[Trip]()
    each = args.all or len(lines) <= FEW
    items = Items(rehearsal)
    manner = Manner(subject, items, hide, width(), args.all)
    for trip in travel(rehearsal, lines):
        summary.add(trip)
        if args.json:
            kept += [trip] if each else []
        elif each:
            show([*trip_lines(trip, manner), line()], hide)
    if args.json:
        print_json(AsJson(subject, items).journeys(summary, kept if each else summary.trips()), hide)
    elif not each:
        show(summary_lines(summary, width(), hide), hide)
    return int(summary.wrong)


def wanted_of(args: argparse.Namespace) -> Wanted | None:
    """None: nobody asks for a record. Raises: ConfigError."""
    lines = list(args.lines)
    if [args.path, *args.lines_of].count("-") > 1:
        raise ConfigError([Problem("bad-option", "standard input cannot be more than one file")])
    for file in args.lines_of:
        lines += lines_of(file)
    named = [args.container, args.tag, args.input, args.log_file]
    if not lines and not args.lines_of:
        if any(named):
            raise ConfigError([Problem("bad-option", "which records? Give lines, or a file of them with --lines")])
        return None
    return Wanted(lines, args.container, "stderr" if args.stderr else "stdout", args.tag, args.input, args.log_file)


def lines_of(file: str) -> list[str]:
    """Raises: ConfigError."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as why:
        raise ConfigError([Problem("no-file", f"cannot read {file}: {why.strerror}")]) from None
    text = data.decode("utf-8", "surrogateescape")
    return text.removesuffix("\n").split("\n") if text else []


# -- what is printed --------------------------------------------------------------------------------------------------


def width() -> int:
    return shutil.get_terminal_size((110, 24)).columns


def print_json(value: Any, hide: Callable[[str], str]) -> None:
    print(json.dumps(masked(value, hide), indent=2, ensure_ascii=True, default=str))


def masked(value: Any, hide: Callable[[str], str]) -> Any:
    """The same without secrets; bytes as text."""
    match value:
        case str():
            return hide(value)
        case bytes():
            return hide(value.decode("utf-8", "replace"))
        case dict():
            return {hide(str(key)): masked(part, hide) for key, part in value.items()}
        case list() | tuple():
            return [masked(part, hide) for part in value]
    return value


def time_ns(text: str) -> int:
    """Raises: argparse.ArgumentTypeError."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a time such as 2026-01-31T12:00:00Z") from None
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no time zone: expected such as 2026-01-31T12:00:00Z")
    return round(when.timestamp() * 1000) * 10**6


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens explain",
        description="Say where records go and what becomes of them on the way, without running anything. "
        "Without records: what goes where, and on which conditions.",
        epilog="Exit status 0: every record arrives at an output, or a filter drops it on purpose; 1: one reaches no "
        "output, or there would be an error about it in the log; 2: the config or a record cannot be read.",
    )
    parser.add_argument("path", nargs="?", help="a task definition or a router's config; - is standard input")
    parser.add_argument("lines", nargs="*", metavar="LINE", help="what a container prints, or another input reads")
    parser.add_argument(
        "--lines",
        dest="lines_of",
        action="append",
        default=[],
        metavar="FILE",
        help="a file of lines; - is standard input",
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--container", metavar="NAME", help="the container that prints them")
    whose.add_argument("--tag", help="their tag; a line that is a JSON object is the record, any other its field log")
    whose.add_argument("--input", metavar="NAME", help="the input that they are sent to: its alias, name or plugin")
    whose.add_argument(
        "--path", dest="log_file", metavar="FILE", help="the log file that an input tail reads them from"
    )
    parser.add_argument("--stderr", action="store_true", help="the container prints them to stderr")
    parser.add_argument("--all", action="store_true", help="leave nothing out, and tell the way of each of many lines")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text; see --schema")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of --json")
    parser.add_argument("--warnings", action="store_true", help="print all warnings of the config on stderr")
    parser.add_argument(
        "--at", type=time_ns, metavar="TIME", help="when they come, as 2026-01-31T12:00:00Z (default: 2026-01-01)"
    )
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable of the router; may be given for each",
    )
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="PATH=FILE",
        help="the local file for a path in the router's image, or for an address such as an ARN",
    )
    add_task_options(parser)
    return parser
