"""Which files are looked at, and as what."""

import re
from collections.abc import Sequence

from pyrolens.ecs.copilot import SERVICES
from pyrolens.ecs.terraform import is_part, is_terraform
from pyrolens.language.includes import is_yaml, looks_like_fluentd
from pyrolens.problems import Problem

TASK = re.compile(r"container_?definitions|logConfiguration|aws_ecs_task_definition|AWS::ECS::TaskDefinition", re.I)
"""In the text of a task definition of any form."""
COPILOT = re.compile(rf"^type:\s*['\"]?(?:{'|'.join(SERVICES)})", re.MULTILINE)
"""A manifest of Copilot."""
CLASSIC = re.compile(r"^\[(?:INPUT|OUTPUT|FILTER|SERVICE|PARSER|MULTILINE_PARSER)\]", re.MULTILINE | re.IGNORECASE)
YAML = re.compile(r"^(?:pipeline|service|parsers|multiline_parsers):", re.MULTILINE)


def kind_of(path: str, text: str) -> str:
    """task, config, or "" for what is neither."""
    if path.endswith((".pyrolens.yaml", ".pyrolens.yml")):
        return ""  # tests of a config
    if path.endswith(".tf"):
        return "task" if is_terraform(text) or is_part(text) else ""
    if path.endswith((".json", ".yaml", ".yml")) and (TASK.search(text) or COPILOT.search(text)):
        return "task"
    if is_yaml(path):
        return "config" if YAML.search(text) else ""
    return "config" if path.endswith(".conf") and (CLASSIC.search(text) or looks_like_fluentd(text)) else ""


def is_no_task(problems: Sequence[Problem]) -> bool:
    """Whether a file only looks like a task definition: it has none, or is a template that becomes one."""
    for problem in problems:
        place = problem.place
        at = place.text[place.column - 1 :][:1] if place else ""
        doubled = place is not None and place.text[max(place.column - 2, 0) :][:2] == "{{"
        if problem.code == "json-syntax" and ((at in "$<%" and at) or doubled):
            return True
        if problem.code == "task-definition" and "only Terraform knows" not in problem.message:
            return True
    return False
