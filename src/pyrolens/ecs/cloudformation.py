"""CloudFormation: the properties of a task definition, with what can be known of references put in.

Parameters have their default or what the command line says; the name of a resource of the same template is used where
it has one. What is known only once the stack is there is shown as <Name> or <Name.Attribute>, with a warning.
Source: CloudFormation user guide, intrinsic function reference and condition functions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyrolens.language.json import Node
from pyrolens.problems import Problems

TYPE = "AWS::ECS::TaskDefinition"
PSEUDO = {
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::StackName": "stack",
    "AWS::StackId": "<stack>",
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = "AWS::NoValue"
NAME_OF = {
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SSM::Parameter": "Name",
    "AWS::ECS::Cluster": "ClusterName",
}
"""What Ref gives for a resource."""
FUNCTION = re.compile(r"Ref|Condition|Fn::\w+(?:::\w+)?")
VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")
FREE = {"Options", "DockerLabels", "DriverOpts", "Labels"}
"""Maps whose keys are the user's."""
NUMBERS = {
    "memory", "memoryReservation", "containerPort", "hostPort", "stopTimeout", "startTimeout", "interval", "timeout",
    "retries", "startPeriod", "revision",
}  # fmt: skip
SWITCHES = {"essential", "readOnly", "readonlyRootFilesystem", "privileged"}
TEXTS = {"Options", "Environment"}
"""Where numbers and booleans mean their text."""


def properties(given: Node, template: Node, parameters: Mapping[str, str], problems: Problems) -> Node:
    """The properties as ECS takes them: references put in, names in camelCase."""
    resolver = _Resolver(template, parameters, problems)
    found = resolver.node(given) or Node({}, given.place)
    return _camel(found, top=True)


def _camel(node: Node, *, top: bool = False, texts: bool = False) -> Node:
    value = node.value
    if isinstance(value, list):
        return Node([_camel(n, texts=texts) for n in value], node.place, node.key_place)
    if isinstance(value, dict):
        members = {}
        for key, inner in value.items():
            name = key[:1].lower() + key[1:]
            made = _free(inner) if key in FREE else _camel(inner, texts=key in TEXTS or (texts and key == "Value"))
            members[name] = _typed(name, made, top)
        return Node(members, node.place, node.key_place)
    return _as_text(node) if texts else node


def _free(node: Node) -> Node:
    if isinstance(node.value, dict):
        return Node({k: _as_text(n) for k, n in node.value.items()}, node.place, node.key_place)
    return node


def _as_text(node: Node) -> Node:
    value = node.value
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, (int, float)):
        value = str(value)
    return Node(value, node.place, node.key_place)


def _typed(name: str, node: Node, top: bool) -> Node:
    """CloudFormation takes a text for a number and the other way round."""
    value: Any = node.value
    if name in NUMBERS and not (top and name == "memory") and isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    elif name in SWITCHES and isinstance(value, str) and value.lower() in ("true", "false"):
        value = value.lower() == "true"
    elif name in ("name", "family", "image", "user", "value", "valueFrom") and isinstance(value, (int, float, bool)):
        return _as_text(node)
    return Node(value, node.place, node.key_place)


@dataclass
class _Resolver:
    template: Node
    parameters: Mapping[str, str]
    problems: Problems
    told: set[str] = field(default_factory=set)
    within: list[str] = field(default_factory=list)
    """Names that are being looked up: one that leads back to itself has no value."""

    def node(self, node: Node) -> Node | None:
        """With what is known put in; None for AWS::NoValue."""
        value = node.value
        if isinstance(value, list):
            return Node([n for item in value if (n := self.node(item))], node.place, node.key_place)
        if not isinstance(value, dict):
            return node
        if len(value) == 1 and FUNCTION.fullmatch(name := next(iter(value))) and name != "Condition":
            found = self.call(name, value[name], node)
            return None if found is None else Node(found.value, node.place, node.key_place)
        members = {k: n for k, v in value.items() if (n := self.node(v))}
        return Node(members, node.place, node.key_place)

    def call(self, name: str, argument: Node, at: Node) -> Node | None:
        made = {
            "Ref": self._ref, "Fn::Sub": self._sub, "Fn::Join": self._join, "Fn::If": self._if,
            "Fn::Select": self._select, "Fn::Split": self._split, "Fn::FindInMap": self._find,
            "Fn::GetAtt": self._attribute,
        }.get(name)  # fmt: skip
        return made(argument) if made else Node(self.unknown(name.removeprefix("Fn::"), at), at.place)

    def unknown(self, what: str, at: Node) -> str:
        shown = f"<{what}>"
        if shown not in self.told:
            self.told.add(shown)
            message = f"{what} is known only once the stack is there: it is shown as {shown}"
            self.problems.warning("stack-value", message, at.place, f"--parameter {what}=VALUE says what it is")
        return shown

    def text(self, node: Node | None) -> str:
        made = self.node(node) if node else None
        return str(_as_text(made).value) if made and not isinstance(made.value, (dict, list)) else ""

    def items(self, node: Node) -> list[Node]:
        made = self.node(node)
        return made.value if made and isinstance(made.value, list) else []

    # -- the functions ---------------------------------------------------------------------------------------------

    def _ref(self, argument: Node) -> Node | None:
        name = str(argument.value)
        return None if name == NO_VALUE else Node(self.name(name, argument), argument.place)

    def name(self, name: str, at: Node) -> Any:
        """What a Ref gives."""
        if name in self.parameters or name in PSEUDO:
            return self.parameters.get(name, PSEUDO.get(name, ""))
        parameter = (self.template.get("Parameters") or at).get(name)
        if parameter and (default := parameter.get("Default")):
            return default.value
        resource = (self.template.get("Resources") or at).get(name)
        kind = resource.get("Type") if resource else None
        own = (resource.get("Properties") or at).get(NAME_OF.get(kind.value, "")) if resource and kind else None
        if own and name not in self.within:
            self.within.append(name)
            said = self.text(own)
            self.within.pop()
            return said
        return self.unknown(name, at)

    def _attribute(self, argument: Node) -> Node:
        parts = [self.text(n) for n in argument.value] if isinstance(argument.value, list) else [str(argument.value)]
        name = ".".join(parts)
        return Node(self.parameters.get(name) or self.unknown(name, argument), argument.place)

    def _sub(self, argument: Node) -> Node:
        own: dict[str, Node] = {}
        template = argument
        if isinstance(argument.value, list) and argument.value:
            template = argument.value[0]
            own = dict(argument.value[1].items()) if len(argument.value) > 1 else {}

        def put(found: re.Match[str]) -> str:
            literal, name = found[1], found[2].strip()
            if literal:
                return f"${{{name}}}"
            if name in own:
                return self.text(own[name])
            if "." in name:
                return self.parameters.get(name) or self.unknown(name, argument)
            return str(self.name(name, argument))

        return Node(VARIABLE.sub(put, str(template.value)), argument.place)

    def _join(self, argument: Node) -> Node:
        parts = (
            argument.value if isinstance(argument.value, list) and len(argument.value) == 2 else [argument, argument]
        )
        return Node(self.text(parts[0]).join(self.text(n) for n in self.items(parts[1])), argument.place)

    def _split(self, argument: Node) -> Node:
        parts = self.items(argument)
        texts = self.text(parts[1]).split(self.text(parts[0]) or " ") if len(parts) == 2 else []
        return Node([Node(text, argument.place) for text in texts], argument.place)

    def _select(self, argument: Node) -> Node:
        parts = argument.value if isinstance(argument.value, list) and len(argument.value) == 2 else None
        index, listed = (self.text(parts[0]), self.items(parts[1])) if parts else ("", [])
        if index.isdecimal() and int(index) < len(listed):
            return listed[int(index)]
        return Node(self.unknown("Select", argument), argument.place)

    def _find(self, argument: Node) -> Node:
        words = [self.text(n) for n in argument.value][:3] if isinstance(argument.value, list) else []
        found: Node | None = self.template.get("Mappings")
        for word in words:
            found = found.get(word) if found else None
        return found or Node(self.unknown(f"FindInMap {'.'.join(words)}", argument), argument.place)

    def _if(self, argument: Node) -> Node | None:
        if not isinstance(argument.value, list) or len(argument.value) != 3:
            return Node(self.unknown("If", argument), argument.place)
        name, then, otherwise = argument.value
        return self.node(then if self.holds(str(name.value)) else otherwise)

    def holds(self, name: str) -> bool:
        condition = (self.template.get("Conditions") or self.template).get(name)
        if condition is None or name in self.within:
            return False
        self.within.append(name)
        said = self.true(condition)
        self.within.pop()
        return said

    def true(self, node: Node) -> bool:
        """Of a condition function."""
        if not isinstance(node.value, dict) or len(node.value) != 1:
            return False
        name, argument = next(iter(node.value.items()))
        if name == "Condition":
            return self.holds(str(argument.value))
        parts: list[Node] = argument.value if isinstance(argument.value, list) else []
        if name == "Fn::Equals" and len(parts) == 2:
            return self.text(parts[0]) == self.text(parts[1])
        if name == "Fn::Not" and parts:
            return not self.true(parts[0])
        if name == "Fn::And":
            return all(self.true(n) for n in parts)
        return name == "Fn::Or" and any(self.true(n) for n in parts)
