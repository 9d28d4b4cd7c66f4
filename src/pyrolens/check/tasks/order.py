"""Which container starts and stops when."""

from collections.abc import Iterator

from pyrolens.check import mends
from pyrolens.check.context import Context, is_number
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import OUT
from pyrolens.check.tasks.example import FARGATE, FILE, HEALTH, ON, ROLES, task


def long_stop(context: Context) -> Iterator[Finding]:
    for container in context.task.containers if context.task and context.task.fargate else ():
        if container.stop_timeout > 120:
            message = f"stopTimeout of '{container.name}' is {container.stop_timeout}: Fargate takes up to 120"
            yield Finding(message, container.stop_place, "set 120")


def waits_for_ever(context: Context) -> Iterator[Finding]:
    task = context.task
    by_name = {c.name: c for c in task.containers} if task else {}
    for container in by_name.values():
        for dependency in container.depends_on:
            other = by_name.get(dependency.container)
            watched = other is None or other.checks_health or "healthCheck" in other.open
            if dependency.condition == "HEALTHY" and other and not watched:
                message = f"'{container.name}' waits until '{other.name}' is healthy, which has no healthCheck"
                yield Finding(message, dependency.place, "give it one, or wait for START")


STOP = 30
"""Seconds from the signal to the end of a container, unless stopTimeout says otherwise."""
GRACE = 5


def grace_and_stop(context: Context) -> Iterator[Finding]:
    """A router that is ended before it has done what it may do at a stop, or that gives up long before."""
    router = context.router
    if router is None or router.firelens is None or router.firelens.type != "fluentbit" or context.config is None:
        return
    stop = router.stop_timeout or STOP
    said = [entry for section in context.document.of("service") for entry in section.all("grace")]
    if "stopTimeout" in router.open:
        return
    if not said:
        if router.stop_timeout > STOP:
            message = f"the router has {stop} seconds to stop, and uses {GRACE} of them: Grace is not set"
            yield Finding(message, router.stop_place, f"set Grace {stop - 2} in [SERVICE] of the extra config file")
        return
    grace = str(said[-1].value)
    if is_number(grace) and int(grace) >= stop:
        message = f"ECS ends the router {stop} seconds after it was told to stop, when its Grace of {grace} is not over"
        hint = f"set Grace {max(stop - 2, 1)}, or a larger stopTimeout"
        yield Finding(message, said[-1].value_place, hint)


RULES = [
    Rule(
        "TD049",
        "warning",
        "a Grace that does not fit stopTimeout",
        "At a stop the router delivers what is there for Grace seconds (5 unless it is said), and then puts away or"
        " gives up the rest. ECS ends it after stopTimeout, 30 unless it is said. With a Grace as long as that there"
        " is no time left for the rest, and none to say what was lost.",
        "Set Grace to two seconds less than stopTimeout.",
        bad=task(firelens=FILE % '"/extra.conf"') + "==> extra.conf <==\n[SERVICE]\n    Grace «30»\n" + OUT,
        good=task(firelens=FILE % '"/extra.conf"', router=', "stopTimeout": 60')
        + "==> extra.conf <==\n[SERVICE]\n    Grace 58\n"
        + OUT,
        find=grace_and_stop,
    ),
    Rule(
        "TD050",
        "error",
        "a stopTimeout that Fargate does not take",
        "Fargate ends a container after 120 seconds at the latest, and refuses more.",
        "Set 120 or less.",
        bad=task(router=', "stopTimeout": «300»', head=ROLES + FARGATE),
        good=task(router=', "stopTimeout": 120', head=ROLES + FARGATE),
        find=long_stop,
        mend=mends.stop_timeout,
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
        "TD066",
        "error",
        "a dependsOn that cannot be met",
        "dependsOn names containers of the same task, with one of the conditions START, COMPLETE, SUCCESS and HEALTHY,"
        " and containers cannot wait for each other. ECS refuses to register anything else.",
        "Write the name and the condition as they are, and break the circle.",
        bad=task(app=',\n   "dependsOn": [{"containerName": "router", "condition": «"START"»}]'),
        good=task(app=',\n   "dependsOn": [{"containerName": "log_router", "condition": "START"}]'),
        told=("depends-on",),
        says="^(?!dependsOn the router)",
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
            router=ON + HEALTH % "pyrolens health",
        ),
        find=waits_for_ever,
    ),
]
