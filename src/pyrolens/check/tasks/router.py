"""The router's container: what ECS refuses, what the agent does not start, and what nobody would see."""

import re
from collections.abc import Iterator

from pyrolens.check import mends
from pyrolens.check.context import Context
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.tasks.example import HEALTH, LOGS, ON, ROLES, USES, task


def router_without_log(context: Context) -> Iterator[Finding]:
    router = context.router
    if router and router.firelens and router.log is None and "logConfiguration" not in router.open:
        message = f"nobody sees what the router '{router.name}' says: it has no logConfiguration"
        yield Finding(message, router.place, "give it the log driver awslogs")


def router_to_itself(context: Context) -> Iterator[Finding]:
    router = context.router
    if router and router.log and router.uses_firelens:
        message = "the router logs to itself: each error about a destination becomes a record for that destination"
        yield Finding(message, router.log.place, "give it the log driver awslogs")


def stops_silently(context: Context) -> Iterator[Finding]:
    router = context.router
    watched = router is not None and (router.checks_health or "healthCheck" in router.open)
    if router and router.firelens and not router.essential and not watched:
        message = "when the router ends, the task goes on without logs, and nobody is told"
        yield Finding(message, router.place, "make it essential, or give it a health check and watch that")


MUTABLE = re.compile(r"(?:.*[-_.])?(?:latest|stable|main|master)")


def mutable_image(context: Context) -> Iterator[Finding]:
    router = context.router
    if router is None or not router.image or "@" in router.image or re.search(r"[${<]", router.image):
        return
    tag = router.image.rpartition("/")[2].partition(":")[2]
    if not tag or MUTABLE.fullmatch(tag):
        message = f"the image of the router is '{router.image}', which is another one tomorrow"
        yield Finding(message, router.image_place, "name a version, such as :1.2.3, or a digest")


RULES = [
    Rule(
        "TD001",
        "error",
        "awsfirelens without a router",
        "A container has the log driver awsfirelens, but no container has a firelensConfiguration. ECS refuses to"
        " register such a task definition.",
        "Add the router: `pyrolens inject`.",
        bad=task(USES.replace('"awsfirelens"', '«"awsfirelens"»'), ""),
        good=task(),
        told=("no-router",),
    ),
    Rule(
        "TD002",
        "error",
        "a router that nobody uses",
        "A container has a firelensConfiguration, but none has the log driver awsfirelens. ECS refuses to"
        " register such a"
        " task definition.",
        "Give the application the log driver awsfirelens, or remove firelensConfiguration.",
        bad=task(LOGS).replace('"firelensConfiguration"', '«"firelensConfiguration"»'),
        good=task(),
        told=("router-unused",),
    ),
    Rule(
        "TD003",
        "error",
        "two routers",
        "The ECS agent takes the config of the first router and the start order of the last one.",
        "Keep one.",
        bad=task(app=',\n   «"firelensConfiguration"»: {"type": "fluentbit"}')
        .replace("«", "")
        .replace("»", "")
        .replace(
            '"name": "log_router", "image": "router:1.2.3",\n   "firelensConfiguration"',
            '"name": "log_router", "image": "router:1.2.3",\n   «"firelensConfiguration"»',
        ),
        good=task(),
        told=("two-routers",),
    ),
    Rule(
        "TD004",
        "error",
        "a type that is neither fluentbit nor fluentd",
        "The type says in which language ECS writes the router's config. The task does not start with another one.",
        "Write fluentbit or fluentd.",
        bad=task(firelens='{"type": «"fluent-bit"»}'),
        good=task(),
        told=("firelens-type",),
        mend=mends.choice,
    ),
    Rule(
        "TD012",
        "warning",
        "an option that firelensConfiguration does not have",
        "ECS ignores unknown options of firelensConfiguration.",
        "The options are enable-ecs-log-metadata, config-file-type and config-file-value.",
        bad=task(firelens='{"type": "fluentbit", "options": {«"config-type"»: "file"}}'),
        good=task(),
        told=("firelens-option",),
        mend=mends.firelens_option,
    ),
    Rule(
        "TD011",
        "warning",
        "enable-ecs-log-metadata that is no boolean",
        "The ECS agent reads it as Go does; anything else means false, and the metadata is gone.",
        'Write "true" or "false".',
        bad=task(firelens='{"type": "fluentbit", "options": {"enable-ecs-log-metadata": «"yes"»}}'),
        good=task(firelens='{"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}}'),
        told=("firelens-metadata",),
        mend=mends.boolean,
    ),
    Rule(
        "TD030",
        "warning",
        "a router that nobody hears",
        "What goes wrong with a destination is said in the log of the router. Without a logConfiguration of"
        " its own it is"
        " nowhere.",
        "Give the router the log driver awslogs.",
        bad=task(logs="").replace('"log_router"', '«"log_router"»'),
        good=task(),
        find=router_without_log,
    ),
    Rule(
        "TD031",
        "warning",
        "a router that logs to itself",
        "Each error about a destination becomes a record for that destination, which fails in turn.",
        "Give the router the log driver awslogs.",
        bad=task(logs='{"logDriver": «"awsfirelens"», "options": {"Name": "null"}}'),
        good=task(),
        find=router_to_itself,
    ),
    Rule(
        "TD032",
        "warning",
        "a router that may end unseen",
        "If a router that is not essential ends, the application goes on, and what it logs is lost.",
        "Make it essential, or give it a health check that somebody watches.",
        bad=task(router=', "essential": false').replace('"log_router"', '«"log_router"»'),
        good=task(router=', "essential": false' + ON + HEALTH % "pyrolens health"),
        find=stops_silently,
    ),
    Rule(
        "TD037",
        "warning",
        "an image that changes",
        "Behind latest and stable there is another image tomorrow, and the tasks of a service run different ones.",
        "Name a version or a digest.",
        bad=task(router=', "image": «"router:latest"»'),
        good=task(),
        find=mutable_image,
    ),
    Rule(
        "TD054",
        "warning",
        "the port of the router open to others",
        "With a mapping of 24224, whoever reaches the instance can send records into the logs of the task.",
        "Remove the mapping; FireLens needs none.",
        bad=task(router=', "portMappings": [{"containerPort": «24224»}]').replace("awsvpc", "bridge"),
        good=task().replace("awsvpc", "bridge"),
        told=("forward-port",),
    ),
    Rule(
        "TD055",
        "error",
        "a user of the router by name",
        "The ECS agent gives the router's files to a number. With a name the task does not start.",
        "Write the number of the user, or number:group.",
        bad=task(router=', "user": «"fluent"»'),
        good=task(router=', "user": "1000"'),
        told=("router-user",),
    ),
    Rule(
        "TD065",
        "error",
        "a name that no container can have",
        "ECS takes up to 255 letters, digits, hyphens and underscores, each name once in a task. The tags of FireLens"
        " begin with it.",
        "Give the container another name.",
        bad=task().replace('"app"', '«"my app"»'),
        good=task(),
        told=("container-name",),
    ),
    Rule(
        "TD060",
        "error",
        "FireLens on Windows",
        "FireLens runs on Linux only.",
        "Send the logs from the application.",
        bad=task(head=ROLES + '"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"},\n ').replace(
            '"firelensConfiguration"', '«"firelensConfiguration"»'
        ),
        good=task(),
        told=("windows",),
    ),
]
