"""pyrolens eject: the whole config of a task's router as one file that needs no other."""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pyrolens.config import read
from pyrolens.config.streams import BadTaskError, sections_of
from pyrolens.ecs import effective, firelens
from pyrolens.ecs.image import Image
from pyrolens.ecs.init import InitError, Plan
from pyrolens.ecs.load import add_task_options, asked_for, load, pairs, task_options
from pyrolens.language import fluentd
from pyrolens.language.document import Document, Entry, Section
from pyrolens.language.includes import Files, is_elsewhere
from pyrolens.problems import ConfigError, Problem, Problems
from pyrolens.remote import RemoteError, fetch_bytes
from pyrolens.tools.convert import PARSERS, converted
from pyrolens.tools.run import tell

FIELDS = {
    "ecs_cluster": "ECS_CLUSTER",
    "ecs_task_arn": "ECS_TASK_ARN",
    "ecs_task_definition": "ECS_TASK_DEFINITION",
}
"""Metadata that the agent writes out, and the variables of the init process."""
Made = TypeVar("Made")
APART = ("script", "upstream", "plugins_file")
"""Options that name files which are no config."""


def main(argv: Sequence[str]) -> int:
    """Prints the config, or writes it. 1: a part of it cannot be had."""
    args = arguments().parse_args(argv)
    try:
        definition, problems = load(args.task_definition, asked_for(args))
        task = firelens.Task(definition, **task_options(args))
        router = definition.router
        folder, given = Path(args.task_definition).parent, pairs(args.file)
        if router is not None and router.firelens is not None and router.firelens.type == "fluentd":
            if args.to or args.variables:
                message = "a router of type fluentd has its config in Fluentd's language, as the agent writes it"
                hint = "leave out --to and --variables"
                raise ConfigError([Problem("router-type", message, router.firelens.type_place, hint)])
            text = put_together(task, folder, given, problems, of_fluentd)
        else:
            document = put_together(task, folder, given, problems, _inlined)
            if args.variables:
                document = with_variables(document, task)
            to = args.to or ("yaml" if any(s.kind in PARSERS for s in document.sections) else "classic")
            (text,) = converted(replace(document, files=[]), to, None, False, Problems()).values()
    except ConfigError as error:
        tell(error.problems)
        return 1
    tell(problems)
    text = f"# The whole config of the router of {definition.label}, made by pyrolens eject.\n{text}"
    if args.output is None:
        sys.stdout.write(text)
        return 0
    try:
        Path(args.output).write_text(text, encoding="utf-8", errors="surrogateescape")
    except OSError as why:
        tell([Problem("not-written", f"{args.output} cannot be written: {why.strerror}")])
        return 1
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens eject",
        description="Print the whole config of a task's router as one file: what the ECS agent generates, the extra "
        "config file, what an init process fetches, all includes, parsers and stream tasks.",
    )
    parser.add_argument("task_definition", help="file of the task definition")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there")
    parser.add_argument("--to", choices=("yaml", "classic"), help="the language (default: yaml if there are parsers)")
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="PATH=FILE",
        help="the local file for a path in the router's image, or for an address such as an ARN",
    )
    parser.add_argument(
        "--variables",
        action="store_true",
        help="the task's metadata as variables, which pyrolens init sets, instead of this task's",
    )
    add_task_options(parser)
    return parser


class _Silent:
    """The log of an init process whose steps nobody asked for; what is not used is a warning."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def warning(self, event: str, **fields: object) -> None:
        told = "; ".join(f"{key} {value}" for key, value in fields.items())
        self.problems.warning("init", f"{event}: {told}")

    error = warning

    def info(self, event: str, **fields: object) -> None: ...

    debug = info


def put_together(
    task: firelens.Task,
    folder: Path,
    given: dict[str, str],
    problems: Problems,
    inlined: Callable[[Plan, Image, Problems], Made],
) -> Made:
    """What `inlined` makes of the config and all its files. `folder`: of the task definition. `given`: local files by
    path or address.

    Raises: ConfigError."""
    router = task.definition.router
    environ = {**effective.metadata(task), **(router.environment if router else {})}

    def remote(address: str) -> bytes:
        try:
            return fetch_bytes(address)
        except RemoteError as why:
            local = os.path.basename(address.partition("#")[0])
            hint = f"{why.hint}; or say a local file: --file {address}=./{local}".removeprefix("; ")
            raise InitError(str(why), hint=hint) from None

    with tempfile.TemporaryDirectory(prefix="pyrolens-") as made:
        into = Path(made)
        image = Image(folder, given, into, lambda text: None)
        fetch = effective.fetcher(folder, given, remote)
        _, plan = effective.write(task, firelens.Addresses(), image, into, environ, fetch, _Silent(problems))
        return inlined(plan, image, problems)


def of_fluentd(plan: Plan, image: Image, problems: Problems) -> str:
    """The text in Fluentd's language, with what it includes in its place. Raises: ConfigError."""
    found = Problems()
    files = Files(os.path.dirname(plan.config))
    fluentd.parse(_text(plan.config), plan.config, files, os.environ, found)
    if found.errors:
        raise ConfigError(_of_the_user(p, image) for p in found.errors)
    for problem in found:
        problems.add(_of_the_user(problem, image))

    def whole(file: str) -> str:
        lines = re.split(r"(?<=\n)", _text(file).replace("\r\n", "\n"))
        out = []
        for number, line in enumerate(lines, 1):
            included = files.includes.get((file, number))
            out.append(line if included is None else "".join(f"{whole(name).rstrip()}\n" for name in included))
        return "".join(out)

    return whole(plan.config)


def _text(file: str) -> str:
    return Path(file).read_text(encoding="utf-8", errors="surrogateescape")


def _inlined(plan: Plan, image: Image, problems: Problems) -> Document:
    """With the sections of the files that the config names put in. Raises: ConfigError."""
    found = Problems()
    try:
        document = read(plan.config, found)
        sections = [s for path in plan.parsers for s in _of(path, PARSERS)]
        last = [e for s in document.of("service") for e in s.all("streams_file")][-1:]
        for section in document.sections:
            if section.kind == "service":
                kept = []
                for entry in section.entries:
                    inside = _named(entry, entry in last, image, document, found)
                    sections += inside or []
                    kept += [entry] if inside is None else []
                section = replace(section, entries=kept)
            if section.entries or section.kind != "service":
                sections.append(replace(section, entries=[_in_image(e, image, found) for e in section.entries]))
    except ConfigError as error:
        raise ConfigError(_of_the_user(p, image) for p in error.problems) from None
    for problem in found:
        problems.add(_of_the_user(problem, image))
    return replace(document, sections=sections)


def _of_the_user(problem: Problem, image: Image) -> Problem:
    """With the user's file, where it is in a copy of it."""
    place = problem.place
    return replace(problem, place=replace(place, file=image.original(place.file))) if place else problem


def _named(entry: Entry, counts: bool, image: Image, document: Document, problems: Problems) -> list[Section] | None:
    """The sections of a file that [SERVICE] names; None when it names none. `counts`: of several files with stream
    tasks the last one does. Raises: ConfigError."""
    key, path = entry.key.lower(), str(entry.value)
    if key not in ("parsers_file", "streams_file") or "${" in path:
        return None
    if key == "streams_file" and not counts:
        return []
    known = is_elsewhere(path) or os.path.exists(path)
    local = path if known else str(image.local(path, entry.value_place, config=False))
    if key == "parsers_file":
        return _of(local, PARSERS)
    try:
        tasks = sections_of(local, entry.value_place, document, problems, read)
    except BadTaskError:
        return []
    return [replace(task, name="stream_processor") for task in tasks]


def _of(path: str, kinds: Iterable[str]) -> list[Section]:
    """Sections of a file. Raises: ConfigError."""
    return [s for s in read(path, Problems()).sections if s.kind in kinds]


def _in_image(entry: Entry, image: Image, problems: Problems) -> Entry:
    """With the path that a file has in the image, where it has another one here."""
    if entry.key.lower() in APART:
        message = f"{entry.key} names a file that stays one: {image.paths.get(str(entry.value), entry.value)}"
        problems.warning("not-inside", message, entry.place)
    path = image.paths.get(str(entry.value))
    return replace(entry, value=path) if path else entry


def with_variables(document: Document, task: firelens.Task) -> Document:
    """With ${ECS_TASK_ARN} and the like in the filter that the agent writes."""
    router = task.definition.router
    fields = firelens.metadata(task, router) if router else {}
    known = {f"{key} {value}": f"{key} ${{{FIELDS[key]}}}" for key, value in fields.items() if key in FIELDS}

    def changed(entry: Entry) -> Entry:
        return replace(entry, value=known.get(str(entry.value), entry.value)) if entry.key == "Record" else entry

    sections = [
        replace(s, entries=[changed(e) for e in s.entries]) if s.kind == "filter" else s for s in document.sections
    ]
    return replace(document, sections=sections)
