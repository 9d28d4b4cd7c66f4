"""pyrolens render: what the ECS agent makes of a task definition."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence

from pyrolens.ecs import firelens
from pyrolens.ecs.load import add_task_options, load, task_options
from pyrolens.problems import ConfigError


def main(argv: Sequence[str]) -> int:
    """Prints it; 1 when ECS would refuse the task definition."""
    args = arguments().parse_args(argv)
    try:
        definition, problems = load(args.task_definition)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    for problem in problems:
        print(problem, file=sys.stderr)
    setup = firelens.set_up(firelens.Task(definition, **task_options(args)))
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
