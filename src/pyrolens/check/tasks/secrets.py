"""Secrets: where they may stand, and what becomes of them."""

from collections.abc import Iterator

from pyrolens.check.context import Context
from pyrolens.check.plugins import SECRET
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.tasks.example import DATADOG, KEY, SECRET_KEY, task


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


RULES = [
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
]
