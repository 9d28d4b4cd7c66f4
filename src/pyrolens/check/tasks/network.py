"""Networks of tasks: addresses that change, and those that are not there."""

from collections.abc import Iterator

from pyrolens.check.context import Context, name
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import OUT
from pyrolens.check.tasks.example import FARGATE, FILE, ROLES, task


def no_instance(context: Context) -> Iterator[Finding]:
    """Filters that ask an instance where there is none."""
    if context.task is None or not context.task.fargate:
        return
    for section in context.plugins("filter", "aws", "ecs"):
        entry = section.get("name")
        if entry:
            asks = "the metadata of an EC2 instance" if name(section) == "aws" else "the ECS agent of an instance"
            message = f"filter {name(section)} asks {asks}, and on Fargate there is none: it adds nothing"
            yield Finding(message, entry.value_place, "remove it: FireLens adds the cluster and the task by itself")


def restarts(context: Context) -> Iterator[Finding]:
    """A router that may get another address than its applications know."""
    router, task = context.router, context.task
    if router is None or router.firelens is None or task is None or task.network_mode != "bridge":
        return
    if task.network_place is None and not context.roles_known:
        return  # a list of containers does not say its network
    for member, _, place in router.settings.not_here:
        if member == "restartPolicy":
            message = "a router that is restarted in a bridge network has another address than FLUENT_HOST says"
            yield Finding(message, place, "take network mode awsvpc, or remove restartPolicy")


EXTRA = FILE % '"/extra.conf"'
RULES = [
    Rule(
        "TD059",
        "warning",
        "a router with another address after a restart",
        "In network mode bridge ECS tells the applications the router's address once, as FLUENT_HOST. After a restart"
        " of the router alone it may have another one, and what loggers send there is lost; not what containers print.",
        "Take network mode awsvpc, where the address is the loopback, or remove restartPolicy.",
        bad=task(router=', «"restartPolicy"»: {"enabled": true}').replace("awsvpc", "bridge"),
        good=task(router=', "restartPolicy": {"enabled": true}'),
        find=restarts,
    ),
    Rule(
        "TD061",
        "warning",
        "a filter that asks an instance, on Fargate",
        "The filter aws asks the EC2 instance what it is, and the filter ecs asks the ECS agent on it. On Fargate there"
        " is neither, so the fields that they should add are missing.",
        "Remove the filter. FireLens adds ecs_cluster, ecs_task_arn and ecs_task_definition; the init process sets"
        " variables with more.",
        bad=task(firelens=EXTRA, head=ROLES + FARGATE)
        + "==> extra.conf <==\n[FILTER]\n    Name «aws»\n    Match *\n"
        + OUT,
        good=task(firelens=EXTRA, head=ROLES + FARGATE) + "==> extra.conf <==\n" + OUT,
        find=no_instance,
    ),
]
