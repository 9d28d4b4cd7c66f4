"""pyrolens diff: what two versions of a config do differently with the same records."""

import argparse
import shutil
from collections.abc import Sequence
from contextlib import ExitStack

from pyrolens.diff.compare import Options
from pyrolens.diff.report import as_data, structure_data, structure_text, text_of
from pyrolens.diff.run import run
from pyrolens.diff.sample import Whence, read_samples
from pyrolens.diff.structure import structure
from pyrolens.ecs.load import add_form_options, asked_for, pairs
from pyrolens.explain.text import show
from pyrolens.options import SECRET_NAME
from pyrolens.problems import ConfigError, Problem
from pyrolens.rehearsal.subject import Subject, open_subject
from pyrolens.service.secrets import Mask
from pyrolens.tools.explain import print_json, secrets
from pyrolens.tools.run import tell


def main(argv: Sequence[str]) -> int:
    """0: no difference; 1: there is one; 2: a config or the sample cannot be read."""
    args = arguments().parse_args(argv)
    hide = Mask()
    try:
        with ExitStack() as opened:
            one, other = (opened.enter_context(subject(path, args, hide)) for path in (args.before, args.after))
            whence = Whence(args.container, args.tag, args.input, args.path, "stderr" if args.stderr else "stdout")
            if not args.sample:
                if whence.said:
                    raise ConfigError([Problem("bad-option", "which lines? Give a file of them with --sample")])
                return differences(one, other, args, hide)
            sample = read_samples(args.sample, whence)
            found = run(one, other, sample, Options(args.ignore_time, tuple(args.ignore)))
    except ConfigError as error:
        tell(error.problems, hide)
        return 2
    if args.json:
        print_json(as_data(found), hide)
    else:
        show(text_of(found, shutil.get_terminal_size((110, 24)).columns), hide)
    return int(bool(found.changed))


def differences(one: Subject, other: Subject, args: argparse.Namespace, hide: Mask) -> int:
    """Without a sample."""
    found = structure(one, other)
    if args.json:
        print_json(structure_data(found), hide)
    else:
        show(structure_text(found), hide)
    return int(found.differs)


def subject(path: str, args: argparse.Namespace, hide: Mask) -> Subject:
    """Raises: ConfigError."""
    given = pairs(args.env)
    hide.add(value for name, value in given.items() if SECRET_NAME.search(name))
    made = open_subject(path, asked=asked_for(args), files=pairs(args.file), environ=given)
    hide.add(secrets(made))
    return made


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens diff",
        description="Say what two versions of a config or a task definition do differently with the same records: which"
        " of them go elsewhere, are dropped, kept or doubled, or arrive with another tag or other fields. Without a"
        " sample: what goes elsewhere by the configs alone, and which sections differ.",
        epilog="Exit status 0: no difference; 1: there is one; 2: a config or the sample cannot be read.",
    )
    parser.add_argument("before", help="a config or a task definition")
    parser.add_argument("after", help="another version of it")
    parser.add_argument(
        "--sample",
        action="append",
        default=[],
        metavar="FILE",
        help="lines, or records as tap and the outputs file and stdout write them; - is standard input; may be given"
        " several times, also as container:NAME=FILE, input:NAME=FILE, path:LOG_FILE=FILE, tag:TAG=FILE",
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--container", metavar="NAME", help="the container that prints the lines")
    whose.add_argument("--tag", help="their tag; a line that is a JSON object is the record, any other its field log")
    whose.add_argument("--input", metavar="NAME", help="the input that they are sent to: its alias, name or plugin")
    whose.add_argument("--path", metavar="FILE", help="the log file that an input tail reads them from")
    parser.add_argument("--stderr", action="store_true", help="the container prints them to stderr")
    parser.add_argument("--ignore-time", action="store_true", help="records with other times are not different")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="FIELD",
        help="nor are those with other values of this field, such as ecs_task_definition or meta['id']",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
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
    add_form_options(parser)
    return parser
