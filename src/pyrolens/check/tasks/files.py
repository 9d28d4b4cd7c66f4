"""The extra config file."""

from pyrolens.check.rule import Rule
from pyrolens.check.tasks.example import FARGATE, FILE, ROLES, task

RULES = [
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
]
