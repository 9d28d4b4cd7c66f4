"""Reading the members of a JSON object that has places: each with the shape that it must have."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pyrolens.language.json import Node
from pyrolens.problems import Place, Problems


@dataclass(frozen=True, slots=True)
class Text:
    """A text and where it stands."""

    text: str
    place: Place
    key_place: Place


T = TypeVar("T")
UNKNOWN = re.compile(r"<.+>")
"""Stands for what a template does not know, of which a warning has told already."""
SHAPES: dict[type, str] = {str: "text", int: "a whole number", bool: "true or false", dict: "an object", list: "a list"}


def is_open(node: Node) -> bool:
    """Whether only a deployment knows this value, or some items of this list."""
    if isinstance(node.value, list):
        return any(is_open(item) for item in node.value)
    return isinstance(node.value, str) and UNKNOWN.fullmatch(node.value) is not None


class Reader:
    """What is wrong goes into `problems`."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def member(self, node: Node, key: str, shape: type[T]) -> Node | None:
        """The member, if it is there and has that shape."""
        found = node.get(key)
        if found is None or (shape is not str and UNKNOWN.fullmatch(str(found.value))):
            return None
        if not isinstance(found.value, shape) or (shape is int and isinstance(found.value, bool)):
            shown = SHAPES.get(type(found.value)) or repr(found.value)
            if isinstance(found.value, (str, int, float, bool)):
                shown = repr(found.value)
            self.problems.error("wrong-shape", f"{key} is {shown}: expected {SHAPES[shape]}", found.place)
            return None
        return found

    def value(self, node: Node, key: str, default: T) -> T:
        found = self.member(node, key, type(default))
        return default if found is None else found.value

    def each(self, node: Node, key: str, read: Callable[[Node], T | None]) -> list[T]:
        """What `read` makes of each object of the list."""
        found = self.member(node, key, list)
        out: list[T] = []
        for item in found.value if found else ():
            if is_open(item):
                continue
            if not isinstance(item.value, dict):
                self.problems.error("wrong-shape", f"an item of {key} is no object", item.place)
            elif (made := read(item)) is not None:
                out.append(made)
        return out

    def texts(self, node: Node, key: str) -> list[str]:
        found = self.member(node, key, list)
        for item in (items := found.value if found else []):
            if not isinstance(item.value, str):
                self.problems.error("wrong-shape", f"an item of {key} is no text", item.place)
        return [item.value for item in items if isinstance(item.value, str)]

    def texts_by_name(self, node: Node, key: str) -> dict[str, str]:
        found = self.member(node, key, dict)
        return {name: self.value(found, name, "") for name, _ in found.items()} if found else {}

    def required(self, node: Node, key: str, who: str) -> Node | None:
        found = self.member(node, key, str)
        if found is None and node.get(key) is None:
            self.problems.error("missing-member", f"{who} needs {key}", node.place)
        return found

    def options(self, node: Node, who: str) -> dict[str, Text]:
        found = self.member(node, "options", dict)
        out: dict[str, Text] = {}
        for key, item in found.items() if found else ():
            if isinstance(item.value, str):
                out[key] = Text(item.value, item.place, item.key_place or item.place)
            elif item.value is not None:
                hint = f'write "{_as_text(item.value)}"' if isinstance(item.value, (int, float, bool)) else ""
                self.problems.error("wrong-shape", f"option {key} of {who} is no text", item.place, hint)
        return out


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
