"""pyrolens render: what the ECS agent makes of a task definition."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyrolens.ecs import firelens, rules, task_definition
from pyrolens.problems import ConfigError, Problems


def main(argv: Sequence[str]) -> int:
    """Prints it; 1 when ECS would refuse the task definition."""
    args = arguments().parse_args(argv)
    try:
        setup, problems = load(args.task_definition, **task_options(args))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    for problem in problems:
        print(problem, file=sys.stderr)
    print(json.dumps(as_json(setup), indent=2) if args.json else as_text(setup))
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens render",
        description="Print the router's config, log driver options and environment as ECS makes them.",
    )
    parser.add_argument("task_definition", help="file of the task definition (JSON); - is standard input")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    add_task_options(parser)
    return parser


def add_task_options(parser: argparse.ArgumentParser) -> None:
    """What ECS knows of a running task and the task definition does not say."""
    shown = firelens.Task.__dataclass_fields__
    parser.add_argument("--task-id", metavar="ID", help=f"id of the task (default: {shown['id'].default})")
    parser.add_argument("--cluster", metavar="NAME", help=f"the cluster (default: {shown['cluster'].default})")
    parser.add_argument("--region", metavar="REGION", help=f"AWS region (default: {shown['region'].default})")
    parser.add_argument("--account", metavar="ID", help=f"AWS account (default: {shown['account'].default})")
    parser.add_argument("--instance", metavar="ID", help="the EC2 instance, for tasks on EC2")


def task_options(args: argparse.Namespace) -> dict[str, str]:
    """The arguments of firelens.Task that were given."""
    given = {name: getattr(args, name) for name in ("cluster", "region", "account", "instance")}
    given["id"] = args.task_id
    return {name: value for name, value in given.items() if value is not None}


def load(file: str, **task: str) -> tuple[firelens.Setup, Problems]:
    """What ECS makes of the file, and the warnings.

    Raises: ConfigError with all that ECS refuses."""
    problems = Problems()
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as why:
        reason = why.strerror if isinstance(why, OSError) else "it is not UTF-8"
        problems.error("no-file", f"cannot read {file}: {reason}")
        raise ConfigError(problems) from None
    definition = task_definition.read(text, "standard input" if file == "-" else file, problems)
    rules.check(definition, problems)
    problems.raise_if_any()
    if definition.router is None:
        message = "no container has a firelensConfiguration: this task does not use FireLens"
        problems.error("no-router", message, definition.place)
        problems.raise_if_any()
    return firelens.set_up(firelens.Task(definition, **task)), problems


def as_text(setup: firelens.Setup) -> str:
    """For people. The first line of each part starts with #, and the config stands by itself."""
    router = setup.router
    kind = router.firelens.type if router.firelens else ""
    parts = [f"# config of the router '{router.name}': {firelens.CONFIG_PATH[kind]}\n{setup.config}"]
    if setup.include and setup.include.s3:
        parts.append(f"# {setup.include.path} is downloaded from {setup.include.s3}\n")
    for started in setup.containers:
        name = started.container.name
        if started.log_options is not None:
            parts.append(f"# container '{name}': log driver fluentd\n{_pairs(started.log_options)}")
        if started.environment:
            parts.append(f"# container '{name}': environment\n{_pairs(started.environment)}")
        if started.binds:
            parts.append(f"# container '{name}': mounts\n" + "".join(f"{bind}\n" for bind in started.binds))
    order = ", ".join(s.container.name for s in setup.start_order)
    parts.append(f"# start order: {order}; the stop goes the other way round")
    return "\n".join(parts)


def _pairs(pairs: Mapping[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in pairs.items())


def as_json(setup: firelens.Setup) -> dict[str, object]:
    return {
        "task_arn": setup.task.arn,
        "router": setup.router.name,
        "config": setup.config,
        "include": {"path": setup.include.path, "s3": setup.include.s3 or None} if setup.include else None,
        "containers": {
            started.container.name: {
                "log_driver": None
                if started.log_options is None
                else {"type": "fluentd", "options": dict(started.log_options)},
                "environment": dict(started.environment),
                "mounts": list(started.binds),
                "depends_on": [{"container": name, "condition": c} for name, c in started.depends_on],
            }
            for started in setup.containers
        },
        "start_order": [started.container.name for started in setup.start_order],
    }
