"""What the outputs may do, by the policy of the task role."""

from collections.abc import Iterator

from pyrolens.check.context import Context, is_on, name, text
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.tasks.example import FARGATE, ROLES, task
from pyrolens.language.document import Section


def actions(section: Section) -> list[str]:
    """What an output asks AWS for. With role_arn it asks with another role."""
    plugin = name(section)
    if text(section, "role_arn") or text(section, "aws_role_arn"):
        return ["sts:AssumeRole"]
    found = list(NEEDED.get(plugin, ()))
    if plugin in ("cloudwatch_logs", "cloudwatch"):
        found += ["logs:CreateLogGroup"] if is_on(section, "auto_create_group") else []
        found += ["logs:PutRetentionPolicy"] if text(section, "log_retention_days") else []
    service = text(section, "aws_service_name").lower()
    if plugin in ("es", "opensearch") and is_on(section, "aws_auth") and service in ("", "es"):
        found.append("es:ESHttpPost")
    return found


NEEDED = {
    **dict.fromkeys(("cloudwatch_logs", "cloudwatch"), ("logs:CreateLogStream", "logs:PutLogEvents")),
    **dict.fromkeys(("kinesis_firehose", "firehose"), ("firehose:PutRecordBatch",)),
    **dict.fromkeys(("kinesis_streams", "kinesis"), ("kinesis:PutRecords",)),
    "s3": ("s3:PutObject",),
}
"""By output. Multipart uploads of s3 need nothing more."""


def missing(context: Context) -> Iterator[Finding]:
    """Actions that the policy does not allow. Nothing is said without a policy."""
    policy = context.policy
    if policy is None:
        return
    for section in context.plugins("output"):
        left = [action for action in actions(section) if not policy.allows(action)]
        entry = section.get("name")
        if left and entry:
            message = f"output {name(section)} needs what the policy does not allow: {', '.join(left)}"
            yield Finding(message, entry.value_place, "allow it to the task role, not to the execution role")


FIREHOSE = (
    '{"logDriver": "awsfirelens", "options": {%s: "kinesis_firehose", "region": "us-east-1",\n'
    '    "delivery_stream": "logs"}}'
)
HEAD = '"taskRoleArn": "arn:aws:iam::123456789012:role/shop",\n ' + ROLES + FARGATE
RULES = [
    Rule(
        "TD023",
        "error",
        "a task role that may not do what an output does",
        "AWS refuses each call of the output, and its records are lost when the retries are used up. With"
        " `--policy FILE` the policies of the task role are looked at, their actions, not their resources.",
        "Allow the actions to the task role.",
        bad=task(FIREHOSE % '«"Name"»', head=HEAD),
        good=task('{"logDriver": "awsfirelens", "options": {"Name": "stdout"}}', head=HEAD),
        find=missing,
        policy='{"Statement": [{"Effect": "Allow", "Action": "firehose:PutRecord", "Resource": "*"}]}',
    ),
]
