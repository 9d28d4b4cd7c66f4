"""The two roles of a task."""

from collections.abc import Iterator

from pyrolens.check.context import Context, name
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.tasks.example import DATADOG, FARGATE, KEY, ROLES, SECRET_KEY, task


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


RULES = [
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
]
