"""The forms in which people have a task definition, each brought into the one in which ECS takes it.

What `register-task-definition` takes and what `describe-task-definition` prints, as JSON or YAML; a list of containers
alone; a CloudFormation template (also what CDK, Copilot and SAM make) or the properties of its resource; a manifest of
Copilot; Terraform's files, what `terraform show -json` prints, and a state.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pyrolens.ecs import cloudformation, copilot, terraform
from pyrolens.language import json, yaml_nodes
from pyrolens.language.json import Node
from pyrolens.problems import ConfigError, Place, Problem, Problems, nearest

CONTAINERS = "containerDefinitions"
SNAKE = {
    "family": "family",
    "revision": "revision",
    "network_mode": "networkMode",
    "requires_compatibilities": "requiresCompatibilities",
    "task_role_arn": "taskRoleArn",
    "execution_role_arn": "executionRoleArn",
    "cpu": "cpu",
    "memory": "memory",
    "volume": "volumes",
}
"""Attributes of Terraform's resource."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which task definition of a file, and what a template needs to be known."""

    name: str = ""
    """Of a resource or family; "": the only one."""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Form:
    """A task definition that was found in a file."""

    kind: str
    """ecs, list, cloudformation, copilot or terraform."""
    node: Node
    """As ECS takes it."""
    path: tuple[str, ...] = ()
    """The keys that lead to it in the file."""
    name: str = ""
    """Of the resource."""
    warnings: Problems = field(default_factory=Problems)


def parse(text: str, file: str, problems: Problems, asked: Asked | None = None) -> Node:
    """Terraform's language, JSON, or YAML where the text does not begin as JSON does. Raises: ConfigError."""
    parameters = asked.parameters if asked else {}
    if terraform.is_terraform(text):
        return terraform.read(text, file, parameters, problems)
    if terraform.is_part(text):
        return terraform.read_part(text, file, parameters, problems)
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return json.parse(text, file, problems)
    found = Problems()
    nodes = yaml_nodes.documents(text, file, found)
    found.raise_if_any()
    if len(nodes) != 1 or nodes[0].text is not None:
        raise ConfigError(
            [Problem("task-definition", f"{file} is no JSON, and no YAML with a map or a list", Place(file))]
        )
    return _of_yaml(nodes[0], None)


def _of_yaml(node: yaml_nodes.Node, key_place: Place | None) -> Node:
    """The same in JSON's tree. A tag such as !Sub becomes CloudFormation's long form, {"Fn::Sub": …}."""
    value: object
    if node.items is not None:
        value = [_of_yaml(n, None) for n in node.items]
    elif node.pairs is not None:
        value = {k.text or "": _of_yaml(v, k.place) for k, v in node.pairs}
    else:
        value = _scalar(node)
    made = Node(value, node.place, key_place)
    if not node.tag.startswith("!") or node.tag == "!":
        return made
    name = node.tag[1:]
    long = name if name in ("Ref", "Condition") else f"Fn::{name}"
    if long == "Fn::GetAtt" and isinstance(value, str):
        value = [Node(part, node.place) for part in value.split(".", 1)]
    return Node({long: replace(made, value=value, key_place=node.place)}, node.place, key_place)


def _scalar(node: yaml_nodes.Node) -> object:
    """A number is one only if it is written as JSON would: 007 and 1.10 are accounts and versions."""
    typed, text = node.typed, node.text or ""
    if node.plain and not text:
        return None
    is_number = isinstance(typed, (int, float)) and not isinstance(typed, bool)
    return text if is_number and not re.fullmatch(r"0|-?[1-9][0-9]*", text) else typed


def names(text: str, file: str, asked: Asked) -> list[str]:
    """Of the task definitions with FireLens of a file that has several; [] where `find` finds one or none."""
    try:
        root = parse(text, file, Problems(), asked)
        forms = list(_forms(root, file, asked))
    except ConfigError:
        return []
    with_router = [f.name or _family(f) for f in forms if _has_router(f)]
    return with_router if len(with_router) > 1 else []


def find(root: Node, file: str, asked: Asked, problems: Problems) -> Form:
    """The one that is asked for. Raises: ConfigError when there is none, or it is not clear which one."""
    forms = list(_forms(root, file, asked))
    if asked.name:
        chosen = [f for f in forms if asked.name in (f.name, _family(f))]
        if not chosen:
            known = sorted({n for f in forms for n in (f.name, _family(f)) if n})
            hint = nearest(asked.name, known) or (f"there are {', '.join(known)}" if known else "")
            raise ConfigError([Problem("task-definition", f"no task definition '{asked.name}'", root.place, hint)])
        forms = chosen
    if len(forms) > 1:
        with_router = [f for f in forms if _has_router(f)]
        forms = with_router if len(with_router) == 1 else forms
    if len(forms) == 1:
        for problem in forms[0].warnings:
            problems.add(problem)
        return forms[0]
    if forms:
        names = ", ".join(f.name or _family(f) for f in forms)
        message = f"{len(forms)} task definitions: {names}"
        raise ConfigError([Problem("task-definition", message, root.place, "say which one with --task NAME")])
    hint = nearest(CONTAINERS, [k for k, _ in root.items()])
    message = "no task definition: expected an object with containerDefinitions, a list"
    containers = root.get(CONTAINERS)
    at = containers.place if containers else root.place
    raise ConfigError([*problems, Problem("task-definition", message, at, hint)])


def _family(form: Form) -> str:
    family = form.node.get("family")
    return family.value if family and isinstance(family.value, str) else ""


def _has_router(form: Form) -> bool:
    containers = form.node.get(CONTAINERS)
    return any(c.get("firelensConfiguration") for c in (containers.listed if containers else ()))


def _forms(root: Node, file: str, asked: Asked) -> Iterator[Form]:
    if isinstance(root.value, list):
        if root.value and all(isinstance(item.value, dict) and "name" in item.value for item in root.value):
            yield Form("list", _alone(root, file))
        return
    wrapped = root.get("taskDefinition")
    node, path = (wrapped, ("taskDefinition",)) if wrapped else (root, ())
    if _is_list(node.get(CONTAINERS)):
        yield Form("ecs", node, path)
    elif _is_list(root.get("ContainerDefinitions")):
        problems = Problems()
        found = cloudformation.properties(root, Node({}, root.place), asked.parameters, problems)
        yield Form("cloudformation", _with_family(found, file), warnings=problems)
    elif copilot.is_manifest(root):
        yield Form("copilot", copilot.task(root, asked.parameters.get("environment", "")))
    elif isinstance((resources := root.get("Resources") or Node(None, root.place)).value, dict):
        for name, resource in resources.items():
            kind = resource.get("Type")
            if kind and kind.value == cloudformation.TYPE:
                yield from _of_stack(root, name, resource, asked)
    else:
        for name, attributes in _terraform(root):
            if attributes.get("container_definitions"):
                yield Form("terraform", _of_terraform(attributes), name=name)


def _of_stack(root: Node, name: str, resource: Node, asked: Asked) -> Iterator[Form]:
    given = resource.get("Properties")
    if given is None:
        return
    problems = Problems()
    found = cloudformation.properties(given, root, asked.parameters, problems)
    if _is_list(found.get(CONTAINERS)):
        yield Form("cloudformation", _with_family(found, name), ("Resources", name, "Properties"), name, problems)


def _text(node: Node, key: str) -> str:
    found = node.get(key)
    return found.value if found and isinstance(found.value, str) else ""


def _is_list(node: Node | None) -> bool:
    return node is not None and isinstance(node.value, list)


def _alone(containers: Node, file: str) -> Node:
    return _with_family(Node({CONTAINERS: containers}, containers.place), file)


def _with_family(node: Node, name: str) -> Node:
    """A family is not needed in a template, which then makes one up."""
    if node.get("family"):
        return node
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", os.path.splitext(os.path.basename(name))[0]).strip("-")
    return replace(node, value={**node.value, "family": Node(stem or "task", node.place)})


# -- Terraform ---------------------------------------------------------------------------------------------------------


def _terraform(root: Node) -> Iterator[tuple[str, Node]]:
    """(address, attributes) of each task definition of a plan or a state."""
    for key in ("planned_values", "values"):
        if (values := root.get(key)) and (module := values.get("root_module")):
            yield from _of_module(module)
            return
    listed = root.get("resources")
    for resource in listed.listed if listed else ():
        if _text(resource, "type") == terraform.TYPE:
            instances = resource.get("instances")
            for instance in instances.listed if instances else ():
                if attributes := instance.get("attributes"):
                    yield f"{terraform.TYPE}.{_text(resource, 'name')}", attributes


def _of_module(module: Node) -> Iterator[tuple[str, Node]]:
    resources, below = module.get("resources"), module.get("child_modules")
    for resource in resources.listed if resources else ():
        values = resource.get("values")
        if _text(resource, "type") == terraform.TYPE and values:
            yield _text(resource, "address"), values
    for inner in below.listed if below else ():
        yield from _of_module(inner)


def _of_terraform(attributes: Node) -> Node:
    members = {SNAKE[key]: value for key, value in attributes.items() if key in SNAKE and value.value is not None}
    containers = attributes.get("container_definitions")
    if containers and isinstance(containers.value, str):
        members[CONTAINERS] = terraform.containers(containers)
    elif containers:
        members[CONTAINERS] = containers
    platform = attributes.get("runtime_platform")
    if platform and platform.listed:
        system = platform.listed[0].get("operating_system_family")
        members["runtimePlatform"] = Node({"operatingSystemFamily": system} if system else {}, platform.place)
    return Node(members, attributes.place)
