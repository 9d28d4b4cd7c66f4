"""pyrolens inject: a task definition without a router in, one with the router out."""

import argparse
import json
import re
import sys
from collections.abc import Sequence

from pyrolens.ecs import forms, rules, task_definition
from pyrolens.ecs.inject import Memory, Wanted, advise, inject, read_rate
from pyrolens.ecs.load import add_form_options, asked_for, pairs, text_of
from pyrolens.problems import ConfigError, Problem, Problems

PASSWORD = re.compile(r"passw|secret|token|api_?key|license_?key|shared_key", re.IGNORECASE)


def main(argv: Sequence[str]) -> int:
    """Prints the new task definition, or writes it. 1: it cannot be made, or ECS would refuse it."""
    args = arguments().parse_args(argv)
    problems = Problems()
    try:
        wanted = wanted_of(args)
        file = "standard input" if args.task_definition == "-" else args.task_definition
        given, asked = text_of(args.task_definition), asked_for(args)
        task_definition.read(given, file, problems, asked)
        problems.raise_if_any()
        root = forms.parse(given, file, Problems(), asked)
        form = forms.find(root, file, asked, Problems())
        made, told = inject(root, form, wanted)
        text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
        told += check(text, asked, problems)
        told += [
            f"option {name} can be read by all who may read the task definition: --secret {name}=ARN hides it"
            for name in wanted.options
            if PASSWORD.search(name)
        ]
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    for problem in problems:
        print(problem, file=sys.stderr)
    for line in told:
        print(line, file=sys.stderr)
    if args.output is None:
        sys.stdout.write(text)
        return 0
    try:
        with open(args.output, "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as why:
        print(Problem("not-written", f"{args.output} cannot be written: {why.strerror}"), file=sys.stderr)
        return 1
    return 0


def wanted_of(args: argparse.Namespace) -> Wanted:
    """Raises: ConfigError."""
    memory = Memory(args.memory) if args.memory else None
    if args.rate is not None:
        try:
            memory = advise(read_rate(args.rate), args.outage)
        except ValueError as why:
            raise ConfigError([Problem("bad-option", f"--rate {args.rate}: {why}")]) from None
    return Wanted(
        name=args.name,
        image=args.image or "",
        configs=args.config,
        options=pairs(args.log),
        secrets=pairs(args.secret),
        containers=args.container,
        memory=memory,
        health=args.health,
        log_group=args.router_log_group or "",
        region=args.region or "",
    )


def check(text: str, asked: forms.Asked, problems: Problems) -> list[str]:
    """What is to be said of the memory of the task. Raises: ConfigError when ECS would refuse what was made."""
    found = Problems()
    definition = task_definition.read(text, "the new task definition", found, asked)
    rules.check(definition, found)
    if found.errors:
        raise ConfigError(found)
    for problem in found:
        # those of values that a template does not know were told of the file itself
        if problem.code != "stack-value":
            problems.add(problem)
    needed = sum(c.memory_reservation or c.memory for c in definition.containers)
    if definition.memory and needed > definition.memory:
        return [f"the containers reserve {needed} MiB, and the task has {definition.memory}: give it more memory"]
    return []


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens inject",
        description="Add the router to a task definition, and the log driver awsfirelens to its containers. "
        "What is there already stays; done twice it is as done once.",
    )
    parser.add_argument("task_definition", help="file of the task definition; - is standard input")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there")
    parser.add_argument("--image", help="of the router; needed where there is none yet")
    parser.add_argument("--name", default="log_router", help="of the router's container (default: log_router)")
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="CONFIG",
        help="config of the router: a path in its image, or s3://, ssm: or https://, which pyrolens init fetches; "
        "may be given several times",
    )
    parser.add_argument(
        "--log", action="append", default=[], metavar="KEY=VALUE", help="log option, such as Name=datadog; for each"
    )
    parser.add_argument(
        "--secret", action="append", default=[], metavar="KEY=ARN", help="secret log option, such as apikey=arn:…"
    )
    parser.add_argument(
        "--container",
        action="append",
        default=[],
        metavar="NAME",
        help="that logs through the router, whatever its log driver is now (default: all without one)",
    )
    parser.add_argument("--memory", type=int, metavar="MIB", help="memoryReservation of the router")
    parser.add_argument("--rate", metavar="RATE", help="of the task's logs, such as 500KB/s: says how much memory")
    parser.add_argument(
        "--outage",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="that a destination may be away without loss, for --rate (default: 30)",
    )
    parser.add_argument("--health", action="store_true", help="health check by pyrolens health")
    parser.add_argument("--router-log-group", metavar="GROUP", help="log group of the router's own log")
    add_form_options(parser)
    return parser
