"""Which container starts and stops when."""

from collections.abc import Iterator

from pyrolens.check.context import Context
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.tasks.example import FARGATE, HEALTH, ROLES, task


def long_stop(context: Context) -> Iterator[Finding]:
    for container in context.task.containers if context.task and context.task.fargate else ():
        if container.stop_timeout > 120:
            message = f"stopTimeout of '{container.name}' is {container.stop_timeout}: Fargate takes up to 120"
            yield Finding(message, container.place, "set 120")


def waits_for_ever(context: Context) -> Iterator[Finding]:
    task = context.task
    by_name = {c.name: c for c in task.containers} if task else {}
    for container in by_name.values():
        for dependency in container.depends_on:
            other = by_name.get(dependency.container)
            if dependency.condition == "HEALTHY" and other and not other.checks_health:
                message = f"'{container.name}' waits until '{other.name}' is healthy, which has no healthCheck"
                yield Finding(message, dependency.place, "give it one, or wait for START")


RULES = [
    Rule(
        "TD050",
        "error",
        "a stopTimeout that Fargate does not take",
        "Fargate ends a container after 120 seconds at the latest, and refuses more.",
        "Set 120 or less.",
        bad=task(router=', "stopTimeout": 300', head=ROLES + FARGATE).replace('"log_router"', '«"log_router"»'),
        good=task(router=', "stopTimeout": 120', head=ROLES + FARGATE),
        find=long_stop,
    ),
    Rule(
        "TD051",
        "error",
        "a container that waits for the end of the router",
        "The router runs as long as the application. With COMPLETE or SUCCESS the application never starts.",
        "Write START or HEALTHY.",
        bad=task(app=',\n   "dependsOn": [{"containerName": "log_router", "condition": «"COMPLETE"»}]'),
        good=task(app=',\n   "dependsOn": [{"containerName": "log_router", "condition": "START"}]'),
        told=("depends-on",),
        says="^dependsOn the router",
    ),
    Rule(
        "TD052",
        "warning",
        "a router that depends on others",
        "ECS starts the router before the containers that log through it, and stops it after them, only if"
        " the router has"
        " no dependsOn of its own.",
        "Remove it, or give each of these containers a dependsOn on the router.",
        bad=task(router=', "dependsOn": [{"containerName": "app", "condition": «"START"»}]'),
        good=task(),
        told=("router-order",),
    ),
    Rule(
        "TD053",
        "error",
        "waiting for the health of a container without a health check",
        "A container without a healthCheck never becomes healthy, so the task does not start.",
        "Give it a healthCheck, or wait for START.",
        bad=task(app=',\n   "dependsOn": [{"containerName": "log_router", "condition": «"HEALTHY"»}]'),
        good=task(
            app=',\n   "dependsOn": [{"containerName": "log_router", "condition": "HEALTHY"}]',
            router=HEALTH % "pyrolens health",
        ),
        find=waits_for_ever,
    ),
]
