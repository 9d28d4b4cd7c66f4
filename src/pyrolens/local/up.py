"""pyrolens up: the command line. The work is in `session`, which needs the packages of pyrolens[local]."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pyrolens.ecs.load import add_task_options, asked_for, load, pairs, task_options
from pyrolens.problems import ConfigError

EXTRA = {"boto3", "botocore", "docker", "moto", "requests", "rich", "flask", "flask_cors", "werkzeug"}
"""Top-level packages that come with pyrolens[local]."""


def main(argv: Sequence[str]) -> int:
    """0: every line is accounted for. 1: it could not start, or something does not add up. 130: it was cut short."""
    parser = arguments()
    args = parser.parse_args(argv)
    try:
        commands, files, images = pairs(args.exec), pairs(args.file), pairs(args.image)
    except ConfigError as why:
        parser.error(why.problems[0].message)
    try:
        from pyrolens.local import session
        from pyrolens.local.secrets import read_secrets
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] not in EXTRA:
            raise
        print(f"pyrolens up needs {missing.name}: pip install 'pyrolens[local]'", file=sys.stderr)
        return 1
    try:
        definition, problems = load(args.task_definition, asked_for(args))
        for problem in problems:
            print(problem, file=sys.stderr)
        asked = session.Asked(
            definition=definition,
            folder=Path(args.task_definition).parent,
            task=task_options(args),
            commands=commands,
            files=files,
            demo=args.demo,
            keep=args.keep,
            secrets=read_secrets(args.secrets) if args.secrets else {},
            from_aws=args.from_aws,
            docker=args.docker or bool(images),
            images=images,
        )
        return session.run(asked)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens up",
        description="Run a task here as ECS would run it, with an AWS of its own, and account for each line it prints.",
        epilog="It runs until Ctrl-C, or until an essential container ends. "
        "Exit status 0 says that every line is accounted for.",
    )
    parser.add_argument("task_definition", help="file of the task definition")
    parser.add_argument(
        "--exec",
        action="append",
        default=[],
        metavar="NAME='COMMAND'",
        help="start this for a container instead of its command; may be given for each",
    )
    parser.add_argument(
        "--docker",
        action="store_true",
        help="run the containers in the Docker engine of this machine; those with --exec stay processes",
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="NAME=IMAGE",
        help="run this image for a container, with --docker; the router is a process unless it is given one",
    )
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="PATH=FILE",
        help="the local file for a path in the router's container, or for an object in S3 by its ARN",
    )
    parser.add_argument(
        "--secrets", metavar="FILE", help="values of secrets: lines NAME=VALUE, or a JSON object; by variable or ARN"
    )
    parser.add_argument(
        "--from-aws",
        action="store_true",
        help="fetch secrets and config files that are in AWS from there, with your credentials",
    )
    parser.add_argument(
        "--demo", action="store_true", help="send a fixed mix of requests to the task's port, then stop"
    )
    parser.add_argument("--keep", action="store_true", help="keep the generated files, and say where they are")
    add_task_options(parser)
    return parser
