"""pyrolens graph: the pipeline of a config or a task definition as a picture."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pyrolens.check.reading import Checked, Reader
from pyrolens.ecs.load import add_form_options, asked_for, pairs
from pyrolens.graph import live
from pyrolens.graph.build import build_graph
from pyrolens.graph.dot import dot
from pyrolens.graph.mermaid import mermaid
from pyrolens.graph.model import Graph
from pyrolens.graph.svg import svg
from pyrolens.graph.text import text
from pyrolens.problems import ConfigError, Place, Problem
from pyrolens.tools.check import files
from pyrolens.tools.run import tell

FORMATS: dict[str, Callable[[Graph, bool], str]] = {
    "svg": svg,
    "mermaid": mermaid,
    "dot": dot,
    "text": lambda graph, right: text(graph),
}
SUFFIXES = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".dot": "dot", ".gv": "dot"}


def main(argv: Sequence[str]) -> int:
    """0: it is drawn; 2: it cannot be."""
    args = arguments().parse_args(argv)
    try:
        graph = drawn(args)
        form = args.format or form_of(args.out or "")
        picture = FORMATS[form](graph, args.direction == "right")
        if args.out:
            write(args.out, picture)
        else:
            sys.stdout.write(picture)
    except ConfigError as error:
        tell(error.problems)
        return 2
    return 0


def form_of(out: str) -> str:
    """By its suffix. Raises: ConfigError for a form that there is not."""
    suffix = os.path.splitext(out)[1].lower()
    if suffix in (".png", ".pdf", ".jpg", ".jpeg", ".gif", ".webp", ".html"):
        hint = f"name it {os.path.splitext(out)[0]}.svg, .mmd or .dot, or say --format"
        raise ConfigError([Problem("bad-option", f"no {suffix} is drawn", None, hint)])
    return SUFFIXES.get(suffix, "text")


def drawn(args: argparse.Namespace) -> Graph:
    """Raises: ConfigError."""
    reader = Reader(asked_for(args), pairs(args.file))
    checked = read(reader, args.path)
    graph = graph_of(checked, reader, everything=args.all, sockets=bool(args.live))
    if not args.live:
        return graph
    before = live.read(args.live)
    if strangers := live.missing(graph, before):
        message = f"the router at {args.live} has no {strangers[0]}: it does not run this config"
        raise ConfigError([Problem("other-config", message, None, "draw the config that it was started with")])
    time.sleep(args.seconds)
    return live.with_rates(graph, before, live.read(args.live))


def read(reader: Reader, path: str) -> Checked:
    """Raises: ConfigError for what does not load."""
    if os.path.isdir(path):
        raise ConfigError([Problem("no-file", f"{path} is a folder: name a config or a task definition")])
    ((path, content, kind, _),) = files([path])
    checked = reader.file(path, content, kind)
    if checked.context.config is None:
        errors = [p for p in checked.problems if p.severity == "error"]
        if not errors:
            hint = "no container has the log driver awsfirelens"
            errors = [Problem("no-router", f"{path}: this task does not use FireLens", None, hint)]
        raise ConfigError(errors)
    return checked


def graph_of(checked: Checked, reader: Reader, *, everything: bool = False, sockets: bool = False) -> Graph:
    task = checked.context.task
    title = task.family if task else os.path.basename(checked.file) if checked.file != "-" else "standard input"

    def place(place: Place | None) -> Place | None:
        known = reader.place(place)
        if known is None or not (known.file == checked.file or os.path.isfile(known.file)):
            return None
        short = os.path.relpath(known.file) if os.path.isabs(known.file) else known.file
        return known if short.startswith("..") else replace(known, file=short)

    return build_graph(checked.context, title=title, everything=everything, sockets=sockets, place=place)


def write(path: str, picture: str) -> None:
    """Raises: ConfigError."""
    try:
        Path(path).write_text(picture, encoding="utf-8")
    except OSError as why:
        raise ConfigError([Problem("no-file", f"cannot write {path}: {why.strerror}")]) from None


def _seconds(given: str) -> float:
    value = float(given)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError("expected seconds, more than 0 and at most 3600")
    return value


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens graph",
        description="Draw what leads where: containers and inputs, filters, new tags, outputs; with tags, conditions"
        " and, of a running router, rates.",
    )
    parser.add_argument("path", help="a config or a task definition; - is standard input")
    parser.add_argument("--format", choices=list(FORMATS), help="else the suffix of --out says it, or it is text")
    parser.add_argument("--out", metavar="FILE", help="write it there")
    parser.add_argument("--direction", choices=["down", "right"], default="down", help="of the way (default: down)")
    parser.add_argument("--all", action="store_true", help="with what ECS adds for health checks and loggers over TCP")
    parser.add_argument("--live", metavar="URL", help="rates of the router with this HTTP API: http://127.0.0.1:2020")
    parser.add_argument("--seconds", type=_seconds, default=2.0, metavar="N", help="between two readings (default: 2)")
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="PATH=FILE",
        help="the local file for a path in the router's image, or for an address such as an ARN",
    )
    add_form_options(parser)
    return parser
