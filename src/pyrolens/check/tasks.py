"""The task definition: what ECS refuses, what the agent does not start, and what loses logs or shows secrets."""

import re
from collections.abc import Iterator

from pyrolens.check.context import Context, name
from pyrolens.check.plugins import SECRET
from pyrolens.check.rule import Finding, Rule

LOGS = '{"logDriver": "awslogs", "options": {"awslogs-group": "/router", "awslogs-region": "us-east-1"}}'
USES = '{"logDriver": "awsfirelens", "options": {"Name": "null"}}'
FIRELENS = '{"type": "fluentbit"}'
ROLES = '"executionRoleArn": "arn:aws:iam::123456789012:role/start",\n '


def task(
    log: str = USES, firelens: str = FIRELENS, *, router: str = "", app: str = "", head: str = ROLES, logs: str = LOGS
) -> str:
    """A task definition for an example, with an application and its router."""
    of_router = f',\n   "firelensConfiguration": {firelens}' if firelens else ""
    own = f',\n   "logConfiguration": {logs}' if logs else ""
    image = "" if '"image"' in router else ', "image": "router:1.2.3"'
    return (
        f'{{"family": "shop", "networkMode": "awsvpc",\n {head}"containerDefinitions": [\n'
        f'  {{"name": "app", "image": "shop:1"{app},\n   "logConfiguration": {log}}},\n'
        f'  {{"name": "log_router"{image}{router}{of_router}{own}}}\n]}}\n'
    )


def secret_in_options(context: Context) -> Iterator[Finding]:
    for container in context.firelens:
        for key, value in container.log.options.items() if container.log else ():
            if SECRET.fullmatch(key) and value.text.strip() and "${" not in value.text:
                message = f"{key} of container '{container.name}' stands in the task definition for everyone to read"
                yield Finding(message, value.key_place, "give it by secretOptions, from Secrets Manager or SSM")


def given_twice(context: Context) -> Iterator[Finding]:
    for container in context.firelens:
        log = container.log
        known = {key.lower() for key in log.options} if log else set()
        for secret in log.secrets if log else ():
            if secret.name.lower() in known:
                message = f"{secret.name} is both an option and a secret option of container '{container.name}'"
                yield Finding(message, secret.place, "keep one of them: the config gets it twice")


def router_without_log(context: Context) -> Iterator[Finding]:
    router = context.router
    if router and router.firelens and router.log is None:
        message = f"nobody sees what the router '{router.name}' says: it has no logConfiguration"
        yield Finding(message, router.place, "give it the log driver awslogs")


def router_to_itself(context: Context) -> Iterator[Finding]:
    router = context.router
    if router and router.log and router.uses_firelens:
        message = "the router logs to itself: each error about a destination becomes a record for that destination"
        yield Finding(message, router.log.place, "give it the log driver awslogs")


def no_execution_role(context: Context) -> Iterator[Finding]:
    task = context.task
    if task is None or task.execution_role or not context.roles_known:
        return
    for container in task.containers:
        log = container.log
        if log and log.secrets:
            message = "secretOptions are fetched with the execution role, and the task definition has none"
            yield Finding(message, log.secrets[0].place, "add executionRoleArn")
        elif task.fargate and log and log.driver == "awslogs":
            message = "log driver awslogs needs the execution role on Fargate, and the task definition has none"
            yield Finding(message, log.place, "add executionRoleArn")


AWS = {
    "cloudwatch_logs", "cloudwatch", "kinesis_firehose", "firehose", "kinesis_streams", "kinesis", "s3", "sns",
}  # fmt: skip


def no_task_role(context: Context) -> Iterator[Finding]:
    task = context.task
    if task is None or task.task_role or not task.fargate or not context.roles_known:
        return
    for section in context.plugins("output"):
        entry = section.get("name")
        if name(section) in AWS and entry:
            message = f"output {name(section)} calls AWS with the task role, and the task definition has none"
            yield Finding(message, entry.value_place, "add taskRoleArn")
            return


MUTABLE = re.compile(r"(?:.*[-_.])?(?:latest|stable|main|master)")


def mutable_image(context: Context) -> Iterator[Finding]:
    router = context.router
    if router is None or not router.image or "@" in router.image or re.search(r"[${<]", router.image):
        return
    tag = router.image.rpartition("/")[2].partition(":")[2]
    if not tag or MUTABLE.fullmatch(tag):
        message = f"the image of the router is '{router.image}', which is another one tomorrow"
        yield Finding(message, router.place, "name a version, such as :1.2.3, or a digest")


def health_of_destination(context: Context) -> Iterator[Finding]:
    router = context.router
    if router and router.health and router.essential and "/api/v1/health" in " ".join(router.health.command):
        message = "an essential router that is unhealthy when a destination is away takes the application down with it"
        yield Finding(message, router.health.place, "ask /api/v1/uptime instead")


def health_by_port(context: Context) -> Iterator[Finding]:
    router = context.router
    if router and router.health and re.search(r"\bnc\b.*\b8877\b", " ".join(router.health.command)):
        message = "a health check over port 8877 fails now and then in a router that is well"
        yield Finding(message, router.health.place, "use pyrolens health, or ask /api/v1/uptime")


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


def stops_silently(context: Context) -> Iterator[Finding]:
    router = context.router
    if router and router.firelens and not router.essential and not router.checks_health:
        message = "when the router ends, the task goes on without logs, and nobody is told"
        yield Finding(message, router.place, "make it essential, or give it a health check and watch that")


FARGATE = '"requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",\n '
FILE = '{"type": "fluentbit", "options": {"config-file-type": "file", "config-file-value": %s}}'
HEALTH = ',\n   "healthCheck": {"command": ["CMD-SHELL", "%s"]}'
CHECK = "curl -f http://127.0.0.1:2020/api/v1/%s"
DATADOG = '{"logDriver": "awsfirelens", "options": {"Name": "datadog", "TLS": "on"%s},\n    "secretOptions": [%s]}'
KEY = '{"name": "apikey", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/key"}'
SECRET_KEY = KEY.replace('"apikey"', '«"apikey"»')
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
    ),
    Rule(
        "TD005",
        "error",
        "a config from S3 on Fargate",
        "Fargate does not know config-file-type s3; the task does not start.",
        "Put the file into the router's image and write file, or let `pyrolens init` fetch it.",
        bad=task(
            firelens='{"type": "fluentbit", "options": {"config-file-type": «"s3"», "config-file-value":'
            ' "arn:aws:s3:::shop/extra.conf"}}',
            head=ROLES + FARGATE,
        ),
        good=task(head=ROLES + FARGATE),
        told=("config-file",),
        says="Fargate",
    ),
    Rule(
        "TD006",
        "error",
        "half of an extra config file",
        "config-file-type says whether config-file-value is a path in the image (file) or an object (s3). One"
        " without the"
        " other stops the start, or counts for nothing.",
        "Give both.",
        bad=task(
            firelens='{"type": "fluentbit", "options": {"config-file-type": «"disk"», "config-file-value": "/a"}}'
        ),
        good=task(),
        told=("config-file",),
        says="expected file or s3|needs config-file-value|has no effect without",
    ),
    Rule(
        "TD007",
        "error",
        "no ARN of an object",
        "config-file-value of the type s3 is the ARN of an object. ECS refuses to register anything else.",
        "Write it as `arn:aws:s3:::bucket/key`.",
        bad=task(
            firelens='{"type": "fluentbit", "options": {"config-file-type": "s3", "config-file-value":'
            ' «"s3://shop/extra.conf"»}}'
        ),
        good=task(),
        told=("config-file",),
        says="expected the ARN",
    ),
    Rule(
        "TD008",
        "error",
        "an extra config file where the generated one goes",
        "ECS mounts the config that it writes over this path, so that your file is never read.",
        "Give your file another name, such as /extra.conf.",
        bad=task(firelens=FILE % '«"/fluent-bit/etc/fluent-bit.conf"»'),
        good=task(),
        told=("config-file",),
        says="where the generated config goes",
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
    ),
    Rule(
        "TD013",
        "error",
        "log options without the name of an output",
        "The ECS agent makes an output of the log options. Without `Name` (for fluentd: `@type`), in exactly that case,"
        " the task does not start.",
        'Add "Name", or leave out all options and write the output into the extra config file.',
        bad=task('{"logDriver": "awsfirelens", "options": {«"name"»: "stdout", "Format": "json"}}'),
        good=task('{"logDriver": "awsfirelens", "options": {"Name": "stdout", "Format": "json"}}'),
        told=("no-output-name",),
    ),
    Rule(
        "TD015",
        "warning",
        "a Match of your own in the log options",
        "ECS writes the Match of this output itself, so there are two of them.",
        "Remove it; routes of your own go into an extra config file.",
        bad=task('{"logDriver": "awsfirelens", "options": {"Name": "null", «"Match"»: "*"}}'),
        good=task(),
        told=("own-match",),
    ),
    Rule(
        "TD016",
        "error",
        "a log option that no config can hold",
        "The options become lines of the router's config, of which an empty value or a line break makes other lines.",
        "Remove the option, or give it a value on one line.",
        bad=task('{"logDriver": "awsfirelens", "options": {"Name": "stdout", "Format": «""»}}'),
        good=task('{"logDriver": "awsfirelens", "options": {"Name": "stdout", "Format": "json"}}'),
        told=("empty-option", "line-break"),
    ),
    Rule(
        "TD018",
        "warning",
        "a secret in the task definition",
        "Who may describe task definitions, or sees the repository or the plan of Terraform, reads it. It"
        " cannot be taken"
        " back: every revision keeps it.",
        "Keep it in Secrets Manager or SSM, and name it in secretOptions. Then replace the key.",
        bad=task(DATADOG % (', «"apikey"»: "0123456789abcdef"', "")),
        good=task(DATADOG % ("", KEY)),
        find=secret_in_options,
    ),
    Rule(
        "TD019",
        "error",
        "an option that is also a secret",
        "The config gets both, and which one counts depends on the plugin.",
        "Keep the secret.",
        bad=task(DATADOG % (', "apikey": "${KEY}"', SECRET_KEY)),
        good=task(DATADOG % ("", KEY)),
        find=given_twice,
    ),
    Rule(
        "TD020",
        "error",
        "secretOptions of another log driver",
        "In a task with a router the ECS agent takes the secretOptions of every container for options of an"
        " output, also"
        " those of other log drivers; there is no output to which they belong.",
        "Give the secret in another way.",
        bad=task(
            logs='{"logDriver": "splunk", "secretOptions":\n    [{"name": «"splunk-token"», "valueFrom": "token"}]}'
        ),
        good=task(),
        told=("foreign-secret",),
    ),
    Rule(
        "TD021",
        "error",
        "no execution role",
        "ECS fetches secrets, and writes what the router says to CloudWatch, with the execution role of the task.",
        "Add executionRoleArn.",
        bad=task(DATADOG % ("", SECRET_KEY), head=""),
        good=task(DATADOG % ("", KEY)),
        find=no_execution_role,
    ),
    Rule(
        "TD022",
        "error",
        "no task role",
        "Outputs call AWS with the task role. On Fargate there is no instance whose role could stand in, so"
        " each call is"
        " refused.",
        "Add taskRoleArn, with what the outputs need.",
        bad=task(
            '{"logDriver": "awsfirelens", "options": {«"Name"»: "kinesis_firehose", "region": "us-east-1",\n'
            '    "delivery_stream": "logs"}}',
            head=ROLES + FARGATE,
        ),
        good=task(
            '{"logDriver": "awsfirelens", "options": {"Name": "kinesis_firehose", "region": "us-east-1",\n'
            '    "delivery_stream": "logs"}}',
            head='"taskRoleArn": "arn:aws:iam::123456789012:role/shop",\n ' + ROLES + FARGATE,
        ),
        find=no_task_role,
    ),
    Rule(
        "TD026",
        "error",
        "a log-driver-buffer-limit that is none",
        "It is a number of log lines, for the log driver awsfirelens only. ECS refuses anything else.",
        "Write a whole number below 536870912.",
        bad=task('{"logDriver": "awsfirelens", "options": {"Name": "null", "log-driver-buffer-limit": «"2MB"»}}'),
        good=task('{"logDriver": "awsfirelens", "options": {"Name": "null", "log-driver-buffer-limit": "2000"}}'),
        told=("buffer-limit",),
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
        good=task(router=', "essential": false' + HEALTH % "pyrolens health"),
        find=stops_silently,
    ),
    Rule(
        "TD033",
        "warning",
        "an essential router that is unhealthy with its destination",
        "/api/v1/health answers with an error while a destination refuses records. ECS then replaces the"
        " task, and every"
        " other one of the service: an outage of the logs becomes one of the application.",
        "Ask /api/v1/uptime.",
        bad=task(router=(HEALTH % (CHECK % "health")).replace('"healthCheck"', '«"healthCheck"»')),
        good=task(router=HEALTH % (CHECK % "uptime")),
        find=health_of_destination,
    ),
    Rule(
        "TD034",
        "warning",
        "a health check over port 8877",
        "It only sees that something listens, and fails now and then without a reason.",
        "Use `pyrolens health`, or ask /api/v1/uptime.",
        bad=task(router=(HEALTH % "echo '{}' | nc 127.0.0.1 8877").replace('"healthCheck"', '«"healthCheck"»')),
        good=task(router=HEALTH % "pyrolens health"),
        find=health_by_port,
    ),
    Rule(
        "TD037",
        "warning",
        "an image that changes",
        "Behind latest and stable there is another image tomorrow, and the tasks of a service run different ones.",
        "Name a version or a digest.",
        bad=task(router=', "image": "router:latest"').replace('"log_router"', '«"log_router"»'),
        good=task(),
        find=mutable_image,
    ),
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
    Rule(
        "CF110",
        "warning",
        "a variable that nothing sets",
        "A variable that is neither in the environment of the router nor one of its secrets becomes nothing,"
        " and the option"
        " with it.",
        "Set it in the environment of the router's container, not of the application's.",
        bad=task('{"logDriver": "awsfirelens", "options": {"Name": "datadog", «"apikey"»: "a${KEY}"}}'),
        good=task(
            '{"logDriver": "awsfirelens", "options": {"Name": "datadog", "apikey": "a${KEY}"}}',
            router=',\n   "secrets": [{"name": "KEY", "valueFrom": "key"}]',
        ),
        told=("variable-unset",),
    ),
]
