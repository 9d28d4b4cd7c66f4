"""pyrolens render: what the ECS agent makes of a task definition."""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyrolens.ecs import firelens
from pyrolens.ecs.image import Image
from pyrolens.ecs.init_sources import ignores_firelens, sources
from pyrolens.ecs.load import add_task_options, asked_for, load, pairs, task_options
from pyrolens.ecs.router_config import Line
from pyrolens.ecs.task_definition import HealthCheck
from pyrolens.problems import ConfigError, Place, Problem

COLUMN = 52
"""Where the reasons stand."""


def main(argv: Sequence[str]) -> int:
    """Prints it; 1 when ECS would refuse the task definition, or a file that is asked for is not there."""
    args = arguments().parse_args(argv)
    try:
        definition, problems = load(args.task_definition, asked_for(args))
        for problem in problems:
            print(problem, file=sys.stderr)
        setup = firelens.set_up(firelens.Task(definition, **task_options(args)))
        external = included(setup, args.task_definition, pairs(args.file)) if args.files else None
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(as_json(setup, args.explain, external), indent=2))
    else:
        print(as_text(setup, args.explain, external))
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens render",
        description="Print the router's config, log driver options and environment as ECS makes them.",
    )
    parser.add_argument(
        "task_definition",
        help="file of the task definition: JSON or YAML, a CloudFormation template, or terraform show -json; "
        "- is standard input",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--explain", action="store_true", help="say of each line where it comes from")
    parser.add_argument(
        "--files",
        action="store_true",
        help="print the extra config file, too: from S3, or the local file that goes into the router's image",
    )
    parser.add_argument(
        "--file", action="append", default=[], metavar="PATH=FILE", help="that file, where no Dockerfile tells it"
    )
    add_task_options(parser)
    return parser


def included(setup: firelens.Setup, task_definition: str, given: Mapping[str, str]) -> str | None:
    """Text of the extra config file; None when there is none. Raises: ConfigError."""
    include = setup.include
    if include is None:
        return None
    options = setup.router.firelens.options if setup.router.firelens else {}
    place = options["config-file-value"].place
    if include.s3 and include.s3 not in given:
        from pyrolens.remote import RemoteError, fetch_text  # only who asks for it needs AWS

        try:
            return fetch_text(include.s3)
        except RemoteError as why:
            hint = f"{why.hint}; or say a local file: --file {include.s3}=./extra.conf".removeprefix("; or ")
            raise ConfigError([Problem("no-file", str(why), place, hint)]) from None
    with tempfile.TemporaryDirectory() as folder:
        image = Image(Path(task_definition).parent, given, Path(folder), lambda text: None)
        found = image.local(include.s3 or include.path, place, config=False)
        return found.read_text(encoding="utf-8", errors="surrogateescape")


def as_text(setup: firelens.Setup, explain: bool = False, external: str | None = None) -> str:
    """For people. The first line of each part starts with #, and the config stands by itself."""
    router = setup.router
    kind = router.firelens.type if router.firelens else ""
    config = explained(setup) if explain else setup.config
    parts = [f"# config of the router '{router.name}': {firelens.CONFIG_PATH[kind]}\n{config}"]
    if setup.include and setup.include.s3:
        parts.append(f"# {setup.include.path} is downloaded from {setup.include.s3}\n")
    if fetched := sources(router.environment):
        listed = "".join(f"{s.value}\n" for s in fetched)
        left_out = ignores_firelens(router.environment)
        parts.append(f"# an init process {'uses only' if left_out else 'adds'}, in this order:\n{listed}")
    if setup.include and external is not None:
        parts.append(f"# {setup.include.path}\n\n{external}")
    for started in setup.containers:
        name = started.container.name
        if started.log_options is not None:
            parts.append(f"# container '{name}': log driver fluentd\n{_pairs(started.log_options, explain)}")
        if started.environment:
            parts.append(f"# container '{name}': environment\n{_pairs(started.environment, explain)}")
        if started.binds:
            parts.append(f"# container '{name}': mounts\n" + "".join(f"{bind}\n" for bind in started.binds))
        if explain and started.depends_on:
            parts.append(f"# container '{name}': starts after\n{_dependencies(started)}")
        if started.container.health:
            parts.append(f"# container '{name}': health check\n{_health(started.container.health)}\n")
    if explain and setup.task.definition.fargate:
        parts.append(f"# {FARGATE}\n")
    order = ", ".join(s.container.name for s in setup.start_order)
    parts.append(f"# start order: {order}; the stop goes the other way round")
    return "\n".join(parts)


def explained(setup: firelens.Setup) -> str:
    """The config with the reason of each line that has one behind it."""
    return "".join("\n" + "".join(_explained(line) for line in block) for block in setup.blocks)


def _explained(line: Line) -> str:
    if not line.why:
        return f"{line.text}\n"
    return f"{line.text:{COLUMN}}  # {line.why}{_where(line.place)}\n"


def _where(place: Place | None) -> str:
    return f" ({place})" if place else ""


WHY = {
    "fluentd-address": "the task's socket, on the host",
    "fluentd-async": "the container does not wait for the router",
    "fluentd-buffer-limit": "log-driver-buffer-limit: lines that wait in the log driver; more are lost",
    "fluentd-sub-second-precision": "times to the nanosecond",
    "tag": "<container>-firelens-<task id>; what Match is about",
    "FLUENT_HOST": "the router, for loggers in the application",
    "FLUENT_PORT": "its port",
    "FLUENT_UID": "Fluentd has to reach the socket that Docker makes",
}
"""Of log options and variables."""


def _pairs(pairs: Mapping[str, str], explain: bool) -> str:
    why = WHY if explain else {}
    shown = ((f"{key}={value}", why.get(key) or (SECRET if explain and value.startswith("<secret") else ""))
             for key, value in pairs.items())  # fmt: skip
    return "".join(f"{text:{COLUMN}}  # {reason}\n" if reason else f"{text}\n" for text, reason in shown)


FARGATE = (
    "Fargate runs no ECS agent that can be looked into: the paths on the host are those of EC2, and ecs_cluster may be "
    "the cluster's ARN"
)
SECRET = "a secret log option; ECS fetches its value with the execution role"


def _dependencies(started: firelens.Started) -> str:
    own = {d.container: d.place for d in started.container.depends_on}
    lines = []
    for name, condition in started.depends_on:
        why = f"dependsOn{_where(own[name])}" if name in own else "added by the ECS agent: log driver awsfirelens"
        lines.append(_explained(Line(f"{name} {condition}", why)))
    return "".join(lines)


def _health(health: HealthCheck) -> str:
    shown = " ".join(health.command)
    return (
        f"{shown}\nevery {health.interval} s, {health.timeout} s to answer, unhealthy after {health.retries} failures"
        + (f", not counted in the first {health.start_period} s" if health.start_period else "")
    )


def as_json(setup: firelens.Setup, explain: bool = False, external: str | None = None) -> dict[str, object]:
    lines = [{"line": ln.text, "why": ln.why, "place": str(ln.place) if ln.place else None}
             for block in setup.blocks for ln in block]  # fmt: skip
    include: dict[str, object] | None = None
    if setup.include:
        include = {"path": setup.include.path, "s3": setup.include.s3 or None}
        if external is not None:
            include["text"] = external
    return {
        "task_arn": setup.task.arn,
        "router": setup.router.name,
        "config": setup.config,
        **({"explained": lines} if explain else {}),
        "include": include,
        "init": [s.value for s in sources(setup.router.environment)],
        "containers": {
            started.container.name: {
                "log_driver": None
                if started.log_options is None
                else {"type": "fluentd", "options": dict(started.log_options)},
                "environment": dict(started.environment),
                "mounts": list(started.binds),
                "depends_on": [{"container": name, "condition": c} for name, c in started.depends_on],
                "health_check": started.container.health.command if started.container.health else None,
            }
            for started in setup.containers
        },
        "start_order": [started.container.name for started in setup.start_order],
    }
