"""A task definition from its file, and what the command line adds to it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyrolens.ecs import firelens, rules, task_definition
from pyrolens.ecs.forms import Asked
from pyrolens.problems import ConfigError, Problem, Problems


def add_task_options(parser: argparse.ArgumentParser) -> None:
    """What ECS knows of a running task and the task definition does not say."""
    shown = firelens.Task.__dataclass_fields__
    parser.add_argument("--task-id", metavar="ID", help=f"id of the task (default: {shown['id'].default})")
    parser.add_argument("--cluster", metavar="NAME", help=f"the cluster (default: {shown['cluster'].default})")
    parser.add_argument("--instance", metavar="ID", help="the EC2 instance, for tasks on EC2")
    parser.add_argument(
        "--no-async",
        action="store_false",
        dest="asynchronous",
        help="log drivers wait for the router, as with ECS_ENABLE_FIRELENS_ASYNC=false of the ECS agent",
    )
    add_form_options(parser)


def add_form_options(parser: argparse.ArgumentParser) -> None:
    """What a file leaves open."""
    shown = firelens.Task.__dataclass_fields__
    parser.add_argument("--region", metavar="REGION", help=f"AWS region (default: {shown['region'].default})")
    parser.add_argument("--account", metavar="ID", help=f"AWS account (default: {shown['account'].default})")
    parser.add_argument("--task", metavar="NAME", help="which task definition of the file: its resource or family")
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of a CloudFormation template or of Terraform's files; may be given for each",
    )


def task_options(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of firelens.Task that were given."""
    given = {name: getattr(args, name) for name in ("cluster", "region", "account", "instance", "asynchronous")}
    given["id"] = args.task_id
    return {name: value for name, value in given.items() if value is not None}


def asked_for(args: argparse.Namespace) -> Asked:
    """Raises: ConfigError."""
    known = {"AWS::Region": args.region, "AWS::AccountId": args.account}
    return Asked(args.task or "", {**{k: v for k, v in known.items() if v}, **pairs(args.parameter)})


def pairs(given: Sequence[str]) -> dict[str, str]:
    """Of NAME=VALUE. A name may be an ARN, which has no =. Raises: ConfigError."""
    out = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise ConfigError([Problem("bad-option", f"'{pair}': expected NAME=VALUE")])
        out[name] = value
    return out


def text_of(file: str) -> str:
    """`-` is standard input. Raises: ConfigError."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as why:
        reason = why.strerror if isinstance(why, OSError) else "it is not UTF-8"
        raise ConfigError([Problem("no-file", f"cannot read {file}: {reason}")]) from None


def load(file: str, asked: Asked | None = None) -> tuple[task_definition.TaskDefinition, Problems]:
    """A task definition with FireLens that ECS takes, and the warnings. `-` is standard input.

    Raises: ConfigError with all that ECS refuses."""
    problems = Problems()
    definition = task_definition.read(text_of(file), "standard input" if file == "-" else file, problems, asked)
    rules.check(definition, problems)
    problems.raise_if_any()
    if definition.router is None:
        message = "no container has a firelensConfiguration: this task does not use FireLens"
        problems.error("no-router", message, definition.place)
        problems.raise_if_any()
    return definition, problems
