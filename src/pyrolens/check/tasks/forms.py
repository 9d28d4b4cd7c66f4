"""How a task definition is written: what ECS cannot read."""

from pyrolens.check.rule import Rule
from pyrolens.check.tasks.example import DATADOG, KEY, task

RULES = [
    Rule(
        "TD017",
        "error",
        "secretOptions that are no list of names and sources",
        "secretOptions is a list of objects, each with name and valueFrom. ECS refuses to register anything else.",
        'Write it as `[{"name": "apikey", "valueFrom": "arn:aws:secretsmanager:…"}]`.',
        bad=task((DATADOG % ("", KEY)).replace("[{", "«{»").replace("}]", "}")),
        good=task(DATADOG % ("", KEY)),
        told=("wrong-shape", "missing-member"),
        says=r"\bsecretOptions\b",
    ),
    Rule(
        "TD064",
        "error",
        "a task definition that ECS cannot read",
        "JSON has no comments, each member but the last ends with a comma, and texts stand in straight double quotes."
        " Numbers, switches and texts are different things. ECS refuses to register anything else.",
        "Write what is expected at this place.",
        bad=task().replace('"containerDefinitions": [', '"memory": "512" «"»containerDefinitions": ['),
        good=task().replace('"containerDefinitions": [', '"memory": "512", "containerDefinitions": ['),
        told=(
            "json-syntax",
            "hcl-syntax",
            "yaml-key",
            "yaml-alias",
            "wrong-shape",
            "missing-member",
            "task-definition",
        ),
    ),
]
