"""Task definitions of Terraform's files: references are put in where they are known.

Known are variables with a default, or a value in terraform.tfvars or on the command line; locals; attributes of other
resources; files. All of the folder counts, as in Terraform. What only Terraform knows is shown as <its source>, with a
warning.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyrolens.ecs import hcl
from pyrolens.language import json
from pyrolens.language.json import Node
from pyrolens.problems import ConfigError, Place, Problem, Problems

TYPE = "aws_ecs_task_definition"
LOOKS = re.compile(rf'^\s*resource\s+"{TYPE}"', re.MULTILINE)
ALONE = re.compile(r"^\s*(?:container_definitions\s*=\s*)?jsonencode\s*\(|\A\s*[\[{](?:\s|#[^\n]*)*[\[{]?\s*[\w-]+\s*=")
"""A part of such a file: the list of containers."""
REFERENCE = re.compile(r"[\w.-]+")
NOT_TEXT = (dict, list)


def is_terraform(text: str) -> bool:
    return LOOKS.search(text) is not None


def is_part(text: str) -> bool:
    return ALONE.search(text) is not None


def read(text: str, file: str, parameters: Mapping[str, str], problems: Problems) -> Node:
    """Its task definitions, in the shape of `terraform show -json`. Raises: ConfigError."""
    folder = Path(file).parent
    own = hcl.parse(text, file)
    module = Module([own, *_beside(folder, file, problems)], parameters, folder, problems)
    made = []
    for block in own.blocks:
        if block.kind == "resource" and block.labels[:1] == [TYPE]:
            values = module.body(block)
            name = Node(f"{TYPE}.{block.labels[1] if len(block.labels) > 1 else ''}", block.place)
            members = {"type": Node(TYPE, block.place), "address": name, "values": values}
            made.append(Node(members, block.place))
    top = Place(file, 1, 1)
    return Node({"values": Node({"root_module": Node({"resources": Node(made, top)}, top)}, top)}, top)


def read_part(text: str, file: str, parameters: Mapping[str, str], problems: Problems) -> Node:
    """A list of containers. Raises: ConfigError."""
    text = re.sub(r"^(\s*)container_definitions(\s*)=", lambda m: " " * len(m[0]), text)
    module = Module([], parameters, Path(file).parent, problems)
    return module.value(hcl.parse_expression(text.rstrip(), file))


def _beside(folder: Path, file: str, problems: Problems) -> list[hcl.Block]:
    """The other files of the module. One that cannot be read is a warning: what is asked for may not need it."""
    out = []
    for path in sorted([*folder.glob("*.tf"), *folder.glob("terraform.tfvars")]) if os.path.exists(file) else ():
        if path.resolve() == Path(file).resolve():
            continue
        try:
            made = hcl.parse(path.read_text(encoding="utf-8", errors="replace"), str(path))
        except ConfigError as error:
            for problem in error.problems:
                problems.add(replace(problem, severity="warning"))
            continue
        if path.suffix == ".tfvars":
            made = hcl.Block("", [], made.place, {}, [hcl.Block("tfvars", [], made.place, made.attributes)])
        out.append(made)
    return out


@dataclass
class Module:
    """All files of a folder together."""

    files: list[hcl.Block]
    parameters: Mapping[str, str]
    folder: Path
    problems: Problems
    told: set[str] = field(default_factory=set)
    within: list[str] = field(default_factory=list)
    """References that are being looked up: one that leads back to itself has no value."""

    def blocks(self, kind: str, *labels: str) -> list[hcl.Block]:
        return [b for f in self.files for b in f.blocks if b.kind == kind and b.labels == list(labels)]

    def body(self, block: hcl.Block) -> Node:
        """A resource: its attributes, and its blocks as lists."""
        members = {}
        for key, expression in block.attributes.items():
            if key not in ("tags", "depends_on", "count", "for_each", "provider"):
                members[key] = self.value(expression)
        for inner in block.blocks:
            if inner.kind not in ("lifecycle", "dynamic", "timeouts"):
                listed = members.setdefault(inner.kind, Node([], inner.place))
                if isinstance(listed.value, list):
                    listed.value.append(self.body(inner))
        return Node(members, block.place)

    def value(self, expression: hcl.Expression, key_place: Place | None = None) -> Node:
        place = expression.place
        if isinstance(expression, hcl.Literal):
            return Node(expression.value, place, key_place)
        if isinstance(expression, hcl.Template) and expression.alone is not None:
            return self.value(expression.alone, key_place)
        if isinstance(expression, hcl.Template):
            return Node(self._text(expression), place, key_place)
        if isinstance(expression, hcl.Tuple):
            return Node([self.value(e) for e in expression.items], place, key_place)
        if isinstance(expression, hcl.Object):
            members = {str(self.value(k).value): self.value(v, k.place) for k, v in expression.members}
            return Node(members, place, key_place)
        if isinstance(expression, hcl.Reference):
            found = self._reference(expression)
        elif isinstance(expression, hcl.Call):
            found = self._call(expression)
        else:
            found = None
        if found is None:
            source = expression.path if isinstance(expression, hcl.Reference) else _source(expression)
            return Node(self._unknown(source, place), place, key_place)
        return Node(found.value, found.place if isinstance(found.value, NOT_TEXT) else place, key_place)

    def _unknown(self, source: str, place: Place) -> str:
        shown = f"<{source}>"
        if shown not in self.told:
            self.told.add(shown)
            message = f"{source} is known only to Terraform: it is shown as {shown}"
            name = source.removeprefix("var.")
            hint = f"--parameter {name}=VALUE says what it is" if REFERENCE.fullmatch(source) else ""
            self.problems.warning("stack-value", message, place, hint)
        return shown

    def _text(self, template: hcl.Template) -> str:
        out = ""
        for part in template.parts:
            if isinstance(part, str):
                out += part
            else:
                value = self.value(part).value
                out += _shown(value) if not isinstance(value, NOT_TEXT) else self._unknown(_source(part), part.place)
        return out

    def _reference(self, reference: hcl.Reference) -> Node | None:
        path = reference.path
        if path in self.parameters:
            return Node(self.parameters[path], reference.place)
        if path in self.within or path == "path.module":
            return Node(str(self.folder), reference.place) if path == "path.module" else None
        self.within.append(path)
        try:
            return self._look_up(path.split("."), reference.place)
        finally:
            self.within.pop()

    def _look_up(self, parts: list[str], place: Place) -> Node | None:
        head, rest = parts[0], parts[1:]
        if not rest or "[" in ".".join(parts[:2]):
            return None
        if head == "var":
            return _inner(self._variable(rest[0], place), rest[1:])
        if head == "local":
            found = [b.attributes[rest[0]] for b in self.blocks("locals") if rest[0] in b.attributes]
            return _inner(self.value(found[-1]), rest[1:]) if found else None
        kind, labels, after = (
            ("data", rest[:2], rest[2:]) if head == "data" else ("resource", [head, rest[0]], rest[1:])
        )
        if after and (blocks := self.blocks(kind, *labels)) and after[0] in blocks[0].attributes:
            return _inner(self.value(blocks[0].attributes[after[0]]), after[1:])
        return None

    def _variable(self, name: str, place: Place) -> Node | None:
        if name in self.parameters:
            return Node(self.parameters[name], place)
        given = [b.attributes[name] for b in self.blocks("tfvars") if name in b.attributes]
        given += [b.attributes["default"] for b in self.blocks("variable", name) if "default" in b.attributes]
        return self.value(given[0]) if given else None

    def _call(self, call: hcl.Call) -> Node | None:
        arguments = [self.value(a) for a in call.arguments]
        values = [a.value for a in arguments]
        if call.name == "tostring" and arguments and not isinstance(values[0], NOT_TEXT):
            return Node(_shown(values[0]), call.place)
        if call.name in ("jsonencode", "tolist", "tomap", "sensitive", "nonsensitive", "try") and arguments:
            return arguments[0]
        if call.name == "concat" and all(isinstance(v, list) for v in values):
            return Node([item for v in values for item in v], call.place)
        if call.name == "merge" and all(isinstance(v, dict) for v in values):
            return Node({key: node for v in values for key, node in v.items()}, call.place)
        if call.name == "join" and len(values) == 2 and isinstance(values[1], list):
            return Node(_shown(values[0]).join(_shown(n.value) for n in values[1]), call.place)
        if call.name in ("file", "templatefile") and values and isinstance(values[0], str):
            given = arguments[1] if len(arguments) > 1 else Node({}, call.place)
            return self._file(values[0], dict(given.items()), call.name == "templatefile", call.place)
        return None

    def _file(self, path: str, given: Mapping[str, Node], template: bool, place: Place) -> Node:
        """Raises: ConfigError."""
        where = Path(path) if os.path.isabs(path) or os.path.exists(path) else self.folder / path
        try:
            text = where.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise ConfigError([Problem("no-file", f"{path} cannot be read", place)]) from None

        def put(found: re.Match[str]) -> str:
            node = given.get(found[1])
            return _shown(node.value) if node is not None else self._unknown(found[1], place)

        return Node(re.sub(r"(?<!\$)\$\{\s*(\w+)\s*\}", put, text) if template else text, place)


def _source(expression: hcl.Expression) -> str:
    if isinstance(expression, hcl.Reference):
        return expression.path
    if isinstance(expression, hcl.Call):
        return expression.source
    return expression.text if isinstance(expression, hcl.Source) else "expression"


def _inner(node: Node | None, path: list[str]) -> Node | None:
    for name in path:
        node = node.get(name) if node else None
    return node


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


OPEN_VALUE = re.compile(r"([:\[,]\s*)(<[^<>\"\n]*>)(?=\s*[,}\]])")


def containers(text: Node) -> Node:
    """JSON within a text: everything in it has the text's place. Raises: ConfigError."""
    if text.value.startswith("<"):
        message = f"container_definitions is {text.value[1:-1]}, which only Terraform knows"
        hint = "terraform show -json prints it, once there is a plan or a state"
        raise ConfigError([Problem("task-definition", message, text.place, hint)])
    try:
        # a number that only Terraform knows stands there without quotes
        found = json.parse(OPEN_VALUE.sub(r'\1"\2"', text.value), text.place.file)
    except ConfigError as error:
        message = f"container_definitions: {error.problems[0].message}"
        raise ConfigError([Problem("json-syntax", message, text.place)]) from None
    return _at(found, text.place)


def _at(node: Node, place: Place) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {key: _at(inner, place) for key, inner in value.items()}
    elif isinstance(value, list):
        value = [_at(inner, place) for inner in value]
    return Node(value, place, place if node.key_place else None)
