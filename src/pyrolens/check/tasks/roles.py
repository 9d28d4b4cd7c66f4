"""The two roles of a task."""

import re
from collections.abc import Iterator

from pyrolens.check.context import Context, name, text
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


def config_not_allowed(context: Context) -> Iterator[Finding]:
    """Files of an init process that the task role may not read. Nothing is said without a policy."""
    if context.policy is None or context.policy.allows("s3:GetObject"):
        return
    for file in context.init:
        if file.source.value.startswith(("arn:", "s3://")) and ":s3:::" in file.source.value.replace("s3://", ":s3:::"):
            message = f"{file.source.variable} is fetched with the task role, whose policy does not allow s3:GetObject"
            yield Finding(message, file.place, "allow it to the task role, not to the execution role")


ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/.+")
UNKNOWN = re.compile(r"[$<]|#\{")


def not_assumed(context: Context) -> Iterator[Finding]:
    """A role_arn that is none, or, by its trust policy, one that the task role may not assume."""
    own = context.task.task_role if context.task else ""
    for section in context.plugins("output"):
        entry = section.get("role_arn") or section.get("aws_role_arn")
        if entry is None or UNKNOWN.search(role := str(entry.value)):
            continue
        if not ROLE.fullmatch(role):
            hint = "such as arn:aws:iam::123456789012:role/logs"
            yield Finding(f"{entry.key} is '{role}': expected the ARN of a role", entry.value_place, hint)
        elif ROLE.fullmatch(own):
            for trust in context.trusts:
                external = text(section, "external_id") or text(section, "aws_external_id")
                why = trust.refuses(own, external) if trust.role in ("", role) and "$" not in external else ""
                if why:
                    message = f"the task role may not assume {role}: {why}"
                    yield Finding(
                        message, entry.value_place, "name the task role as a principal, and allow it to assume"
                    )


TASK_ROLE = '"taskRoleArn": "arn:aws:iam::123456789012:role/shop",\n '
INIT = ',\n   "environment": [{"name": %s"aws_fluent_bit_init_s3_1"%s, "value": "arn:aws:s3:::shop/more.conf"}]'
OTHER = "==> more.conf <==\n[SERVICE]\n    Flush 1\n"
ASSUMES = (
    '{"logDriver": "awsfirelens", "options": {"Name": "kinesis_firehose", "region": "us-east-1",\n'
    '    "delivery_stream": "logs", %s"role_arn"%s: "arn:aws:iam::210987654321:role/logs"}}'
)
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
            head=TASK_ROLE + ROLES + FARGATE,
        ),
        find=no_task_role,
    ),
    Rule(
        "TD024",
        "error",
        "a config that the wrong role may read",
        "What an init process fetches it fetches as the task, with the task role; what config-file-type s3"
        " names the ECS agent fetches, with the execution role. With the other one the task does not start.",
        "Allow s3:GetObject to the role that fetches it.",
        bad=task(head=ROLES + FARGATE, router=INIT % ("«", "»")),
        good=task(head=TASK_ROLE + ROLES + FARGATE, router=INIT % ("", "")) + OTHER,
        find=config_not_allowed,
        told=("no-task-role", "no-execution-role"),
    ),
    Rule(
        "TD025",
        "warning",
        "a role that the task may not assume",
        "An output with role_arn asks STS for that role as the task. The trust policy of the role must name the task"
        " role or its account, and the policy of the task role must allow sts:AssumeRole for it (`--policy` looks"
        " at that). With `--trust FILE` the trust policy of the role is looked at.",
        "Give role_arn the ARN of a role, and let its trust policy name the task role.",
        bad=task(ASSUMES % ("«", "»"), head=TASK_ROLE + ROLES + FARGATE),
        good=task(ASSUMES % ("", ""), head=TASK_ROLE + ROLES + FARGATE),
        find=not_assumed,
        trust='{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",'
        ' "Principal": {"AWS": "arn:aws:iam::123456789012:role/other"}}]}',
    ),
]
