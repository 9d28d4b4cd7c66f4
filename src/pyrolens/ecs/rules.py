"""What ECS refuses in a task definition that uses FireLens, and what it takes without doing what was meant.

Each rule says where it is enforced: when the task definition is registered, or by the ECS agent when the task starts,
where people see it only as a stopped task. All are found at once.
"""

import re
from collections.abc import Mapping

from pyrolens.ecs.init_sources import sources
from pyrolens.ecs.reading import Text
from pyrolens.ecs.task_definition import Container, TaskDefinition, valid_name
from pyrolens.language.includes import is_elsewhere
from pyrolens.problems import Problems, nearest

OUTPUT_KEY = {"fluentbit": "Name", "fluentd": "@type"}
"""The log option that names the output; its case counts."""
BUFFER_LIMIT = "log-driver-buffer-limit"
PATTERNS = {"include-pattern", "exclude-pattern"}
MOST_BUFFERED = 536_870_912
ROUTER_OPTIONS = ("enable-ecs-log-metadata", "config-file-type", "config-file-value")
RESERVED = {"/fluent-bit/etc/fluent-bit.conf", "/fluentd/etc/fluent.conf"}
"""Paths that the generated config takes in the router container."""
S3_ARN = re.compile(r"arn:([^:]+):s3:::([^/]+)/(.+)")
PARSE_BOOL = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
"""Go's spellings of a boolean."""
FORWARD_PORT = 24224
CONDITIONS = ("START", "COMPLETE", "SUCCESS", "HEALTHY")
USER = re.compile(r"\d+(:[^:]+)?")


def check(task: TaskDefinition, problems: Problems) -> None:
    """Add all that is wrong."""
    _containers(task, problems)
    _roles(task, problems)
    for container in task.containers:
        if container.firelens:
            _router(task, container, problems)
        _dependencies(task, container, problems)
        _log(task, container, problems)
    _circles(task, problems)


def _containers(task: TaskDefinition, problems: Problems) -> None:
    seen: set[str] = set()
    for container in task.containers:
        if not valid_name(container.name) and "<" not in container.name:
            message = f"container name '{container.name}': expected up to 255 letters, digits, hyphens and underscores"
            problems.error("container-name", message, container.place)
        if container.name in seen:
            problems.error("container-name", f"two containers are named '{container.name}'", container.place)
        seen.add(container.name)


def _roles(task: TaskDefinition, problems: Problems) -> None:
    users = [c for c in task.containers if c.log and c.uses_firelens]
    routers = [c for c in task.containers if c.firelens]
    some = "containerDefinitions" in task.open or any(
        {"logConfiguration", "firelensConfiguration"} & c.open for c in task.containers
    )
    if users and not routers and not some and users[0].log:
        problems.error(
            "no-router",
            "log driver awsfirelens, but no container has a firelensConfiguration; ECS refuses to register this",
            users[0].log.place,
            'give the router container "firelensConfiguration": {"type": "fluentbit"}',
        )
    if routers and not users and not some and routers[0].firelens:
        problems.error(
            "router-unused",
            "firelensConfiguration, but no container has the log driver awsfirelens; ECS refuses to register this",
            routers[0].firelens.place,
            'give the application\'s container "logConfiguration": {"logDriver": "awsfirelens"}',
        )
    for extra in routers[1:]:
        if extra.firelens:
            message = (
                f"a second router, beside '{routers[0].name}': a task has one container with firelensConfiguration"
            )
            problems.error("two-routers", message, extra.firelens.place)
    if routers and task.windows and routers[0].firelens:
        message = "FireLens runs on Linux only; this task is for Windows"
        problems.error("windows", message, routers[0].firelens.place)


def _router(task: TaskDefinition, router: Container, problems: Problems) -> None:
    firelens = router.firelens
    if firelens is None:
        return
    if not firelens.type:
        message = "firelensConfiguration needs type: expected fluentbit or fluentd"
        problems.error("firelens-type", message, firelens.place)
    elif firelens.type not in OUTPUT_KEY:
        message = f"firelensConfiguration type is '{firelens.type}': expected fluentbit or fluentd"
        problems.error("firelens-type", message, firelens.type_place, nearest(firelens.type, OUTPUT_KEY))
    for key, text in firelens.options.items():
        if key not in ROUTER_OPTIONS:
            message = f"firelensConfiguration has no option '{key}'; ECS ignores it"
            problems.warning("firelens-option", message, text.key_place, nearest(key, ROUTER_OPTIONS))
    metadata = firelens.options.get("enable-ecs-log-metadata")
    if metadata and metadata.text not in PARSE_BOOL:
        message = f"enable-ecs-log-metadata is '{metadata.text}': expected true or false; as it is, it means false"
        problems.warning("firelens-metadata", message, metadata.place)
    _external(task, firelens.options, problems)
    _role(task, router, problems)
    if router.user and not USER.fullmatch(router.user.text):
        message = (
            f"user of the router is '{router.user.text}': expected a number, or number:group; the task would not start"
        )
        problems.error("router-user", message, router.user.place)
    if task.network_mode == "bridge":
        for port, place in router.ports:
            if port == FORWARD_PORT:
                message = f"the router maps port {FORWARD_PORT}, which opens it to others: FireLens needs no mapping"
                problems.warning("forward-port", message, place, "remove the port mapping")


def _external(task: TaskDefinition, options: Mapping[str, Text], problems: Problems) -> None:
    kind, value = options.get("config-file-type"), options.get("config-file-value")
    if kind is None:
        if value:
            message = "config-file-value has no effect without config-file-type"
            problems.warning("config-file", message, value.key_place, "add config-file-type: file or s3")
        return
    if kind.text not in ("file", "s3"):
        message = f"config-file-type is '{kind.text}': expected file or s3; the task would not start"
        problems.error("config-file", message, kind.place, nearest(kind.text, ("file", "s3")))
    if value is None:
        message = "config-file-type needs config-file-value; the task would not start"
        problems.error("config-file", message, kind.key_place)
    elif kind.text == "s3" and not S3_ARN.fullmatch(value.text):
        message = f"config-file-value is '{value.text}': expected the ARN of an S3 object; ECS refuses to register this"
        problems.error("config-file", message, value.place, "such as arn:aws:s3:::my-bucket/router/extra.conf")
    elif kind.text == "file" and value.text in RESERVED:
        message = f"config-file-value is '{value.text}', where the generated config goes"
        problems.error("config-file", message, value.place, "keep your file under another name, such as extra.conf")
    if kind.text == "s3" and task.fargate:
        message = "config-file-type is 's3', which Fargate does not know; the task would not start"
        hint = "put the file into the router's image, and use file; or let pyrolens init fetch it"
        problems.error("config-file", message, kind.place, hint)


def _role(task: TaskDefinition, router: Container, problems: Problems) -> None:
    """Where one role is said and the other is needed, they were mixed up."""
    fetched = [s for s in sources(router.environment) if is_elsewhere(s.value) and not s.value.startswith("http")]
    if fetched and task.fargate and task.execution_role and not task.task_role:
        message = f"{fetched[0].variable} names {fetched[0].value}, which is fetched with the task role: there is none"
        hint = "add taskRoleArn; executionRoleArn is for the ECS agent"
        place = router.variable_places.get(fetched[0].variable, router.place)
        problems.warning("no-task-role", message, place, hint)
    kind = router.firelens.options.get("config-file-type") if router.firelens else None
    if kind and kind.text == "s3" and task.task_role and not task.execution_role and not task.fargate:
        message = "config-file-type s3 needs the execution role, and there is none; the task would not start"
        problems.error(
            "no-execution-role", message, kind.place, "add executionRoleArn; taskRoleArn is for the containers"
        )


def _dependencies(task: TaskDefinition, container: Container, problems: Problems) -> None:
    names = {c.name for c in task.containers}
    routers = {c.name for c in task.containers if c.firelens}
    for dependency in container.depends_on:
        if dependency.container not in names and "containerDefinitions" not in task.open:
            message = f"'{container.name}' depends on '{dependency.container}', which is not in this task definition"
            problems.error("depends-on", message, dependency.place, nearest(dependency.container, names))
        elif dependency.condition not in CONDITIONS:
            message = f"condition is '{dependency.condition}': expected {', '.join(CONDITIONS)}"
            problems.error("depends-on", message, dependency.place, nearest(dependency.condition, CONDITIONS))
        elif dependency.container in routers and dependency.condition not in ("START", "HEALTHY"):
            message = f"dependsOn the router with condition '{dependency.condition}': expected START or HEALTHY"
            problems.error("depends-on", message, dependency.place, "the router never ends before the application")
    if (
        container.firelens
        and container.depends_on
        and any(c.uses_firelens and c is not container for c in task.containers)
    ):
        message = "the router depends on another container, so ECS does not start it before the application"
        hint = "give the application's containers a dependsOn of their own, or lose their first lines"
        problems.warning("router-order", message, container.depends_on[0].place, hint)


def _circles(task: TaskDefinition, problems: Problems) -> None:
    """Each is told once, at the first of its containers."""
    by_name = {c.name: c for c in task.containers}
    told: set[str] = set()
    for container in task.containers:
        path = _way_back(by_name, container.name, [container.name])
        if path and not told & set(path):
            told |= set(path)
            message = f"containers wait for each other: {' → '.join(path)}; ECS refuses to register this"
            problems.error("depends-on", message, container.depends_on[0].place)


def _way_back(by_name: Mapping[str, Container], target: str, path: list[str]) -> list[str]:
    for dependency in by_name[path[-1]].depends_on if path[-1] in by_name else ():
        if dependency.container == target:
            return [*path, target]
        if dependency.container not in path and (found := _way_back(by_name, target, [*path, dependency.container])):
            return found
    return []


def _log(task: TaskDefinition, container: Container, problems: Problems) -> None:
    log = container.log
    if log is None:
        return
    limit = log.options.get(BUFFER_LIMIT)
    if limit and not log.firelens:
        message = f"{BUFFER_LIMIT} is for the log driver awsfirelens, not {log.driver}"
        problems.error("buffer-limit", message, limit.key_place)
    elif limit and not (limit.text.isascii() and limit.text.isdigit() and int(limit.text) < MOST_BUFFERED):
        message = f"{BUFFER_LIMIT} is '{limit.text}': expected a whole number of log lines below {MOST_BUFFERED}"
        problems.error("buffer-limit", message, limit.place)
    router = task.router
    kind = router.firelens.type if router and router.firelens else ""
    output_key = OUTPUT_KEY.get(kind)
    if output_key is None:
        return
    if not log.firelens:
        if log.secrets:
            message = (
                f"secretOptions of log driver {log.driver} in a task with FireLens: the ECS agent takes them for "
                "options of an output, and the task may not start"
            )
            problems.warning("foreign-secret", message, log.secrets[0].place)
        return
    others = {k: t.key_place for k, t in log.options.items() if k not in {BUFFER_LIMIT, output_key, *PATTERNS}}
    others |= {s.name: s.place for s in log.secrets if s.name != output_key}
    names = {*log.options, *(s.name for s in log.secrets)}
    if others and output_key not in names:
        foreign = next((k for other, k in OUTPUT_KEY.items() if other != kind and k in others), "")
        near = foreign or next((k for k in others if k.lower() == output_key.lower()), "")
        message = (
            f"container '{container.name}' has options for an output but no {output_key}; the task would not start"
        )
        if foreign:
            message += (
                f": {foreign} is for routers of the type {next(t for t, k in OUTPUT_KEY.items() if k == foreign)}"
            )
        place = log.options[near].key_place if near in log.options else next(iter(others.values()))
        hint = f"write {output_key} instead of {near}" if near else f'"{output_key}" names the output plugin'
        problems.error("no-output-name", message, place, hint)
    for key, text in log.options.items():
        if key.lower() in ("match", "match_regex") and kind == "fluentbit":
            message = f"option {key}: FireLens writes the Match of this output itself, for the logs of this container"
            problems.warning("own-match", message, text.key_place, "routes of your own go into an extra config file")
        if "\n" in text.text or "\r" in text.text:
            message = f"option {key} holds a line break, which becomes another line of the router's config"
            problems.warning("line-break", message, text.place)
        if re.search(r"\s", key):
            first, _, rest = key.strip().partition(" ")
            message = f"option '{key}' has a blank in its name: the config gets {first}, with '{rest}' in its value"
            problems.warning("blank-in-option", message, text.key_place, "remove the blank")
        if not text.text.strip():
            message = f"option {key} is empty, and comes out as a key without a value"
            problems.warning("empty-option", message, text.place)
