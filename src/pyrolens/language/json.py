"""JSON with places: every value knows its line and column, so that a task definition's mistakes can be pointed at.

It reads what the JSON standard allows and nothing else; what people write by habit (comments, a comma too many,
single quotes) is named as such.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyrolens.problems import ConfigError, Place, Problem, Problems

DEEPEST = 200
"""Nesting beyond this is refused; a task definition has less than ten levels."""

BLANKS = re.compile(r"[ \t\r\n]*")
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*"')
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
WORD = re.compile(r"[A-Za-z_]+")
WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands. Of an object `value` is dict[str, Node], of an array list[Node]."""

    value: Any
    place: Place
    key_place: Place | None = None
    """Of a member of an object: where its name stands."""

    @property
    def plain(self) -> Any:
        """The value without places, as json.loads gives it."""
        if isinstance(self.value, dict):
            return {k: n.plain for k, n in self.value.items()}
        if isinstance(self.value, list):
            return [n.plain for n in self.value]
        return self.value

    def get(self, key: str) -> "Node | None":
        """The member of that name; None when it is missing, null, or this is no object."""
        node = self.value.get(key) if isinstance(self.value, dict) else None
        return node if node is not None and node.value is not None else None

    @property
    def listed(self) -> "list[Node]":
        """The items of an array; none when this is no array."""
        return self.value if isinstance(self.value, list) else []

    def items(self) -> Iterator[tuple[str, "Node"]]:
        return iter(self.value.items() if isinstance(self.value, dict) else ())


def parse(text: str, file: str, problems: Problems | None = None) -> Node:
    """The document. A name given twice is a warning in `problems`; the last one counts, as in ECS.

    Raises: ConfigError at the first place that is not JSON."""
    return _Scanner(text.removeprefix("\ufeff"), file, problems or Problems()).document()


class _Scanner:
    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self.text, self.file, self.problems = text, file, problems
        self.at = 0
        self.lines = text.split("\n")
        self.line, self.line_start = 1, 0

    def document(self) -> Node:
        node = self.value(0)
        self.blanks()
        if self.at < len(self.text):
            raise self.wrong("text after the end of the document", "expected nothing more")
        return node

    def place(self, start: int, end: int) -> Place:
        """Asked for in rising order of `start`, so lines are counted once."""
        passed = self.text.count("\n", self.line_start, start)
        if passed:
            self.line += passed
            self.line_start = self.text.rindex("\n", 0, start) + 1
        shown = self.lines[self.line - 1].rstrip("\r")
        stop = min(end, self.line_start + len(shown))
        return Place(self.file, self.line, start - self.line_start + 1, max(stop - start, 1), shown)

    def wrong(self, message: str, expected: str, hint: str = "") -> ConfigError:
        shown = f"{message}: {expected}"
        place = self.place(self.at, self.at + 1)
        return ConfigError([*self.problems, Problem("json-syntax", shown, place, hint)])

    def blanks(self) -> None:
        found = BLANKS.match(self.text, self.at)
        self.at = found.end() if found else self.at
        if self.text.startswith(("//", "/*", "#"), self.at):
            raise self.wrong(
                "JSON has no comments", "expected a value, a comma or a closing bracket", "remove the comment"
            )

    def value(self, depth: int) -> Node:
        self.blanks()
        if depth > DEEPEST:
            raise self.wrong("nested too deeply", f"expected at most {DEEPEST} levels")
        start = self.at
        head = self.text[start : start + 1]
        if head == "{":
            return self.object(depth)
        if head == "[":
            return self.array(depth)
        if head == '"':
            place, text = self.string()
            return Node(text, place)
        if found := NUMBER.match(self.text, start):
            self.at = found.end()
            place = self.place(start, found.end())
            return Node(float(found[0]) if found[1] or found[2] else int(found[0]), place)
        if (word := WORD.match(self.text, start)) and word[0] in WORDS:
            self.at = word.end()
            return Node(WORDS[word[0]], self.place(start, word.end()))
        if not head:
            raise self.wrong("the text ends here", "expected a value")
        hint = "JSON text stands in double quotes" if head == "'" or word else ""
        if head in "]}":
            hint = "remove the comma before it"
        raise self.wrong(
            f"'{word[0] if word else head}' is no value",
            "expected an object, array, text, number, true, false or null",
            hint,
        )

    def string(self) -> tuple[Place, str]:
        start = self.at
        found = STRING.match(self.text, start)
        if not found:
            raise self.wrong(
                "text without its end", "expected a closing double quote on the same line, and only JSON's escapes"
            )
        self.at = found.end()
        place = self.place(start, found.end())
        text: str = json.loads(found[0])
        return place, text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def object(self, depth: int) -> Node:
        place = self.place(self.at, self.at + 1)
        self.at += 1
        members: dict[str, Node] = {}
        self.blanks()
        while not self.text.startswith("}", self.at):
            if not self.text.startswith('"', self.at):
                hint = "remove the comma before it" if members and self.text[self.at : self.at + 1] in "]}" else ""
                raise self.wrong("no name of a member", "expected text in double quotes or }", hint)
            key_place, key = self.string()
            self.blanks()
            if not self.text.startswith(":", self.at):
                raise self.wrong(f"no value for '{key}'", "expected a colon")
            self.at += 1
            node = self.value(depth + 1)
            if key in members:
                self.problems.warning("given-twice", f"'{key}' is given twice; the last one counts", key_place)
            members[key] = Node(node.value, node.place, key_place)
            self.separator("}")
        self.at += 1
        return Node(members, place)

    def array(self, depth: int) -> Node:
        place = self.place(self.at, self.at + 1)
        self.at += 1
        items: list[Node] = []
        self.blanks()
        while not self.text.startswith("]", self.at):
            items.append(self.value(depth + 1))
            self.separator("]")
        self.at += 1
        return Node(items, place)

    def separator(self, end: str) -> None:
        """Goes past a comma, or stops before the closing bracket."""
        self.blanks()
        if self.text.startswith(",", self.at):
            comma = self.at
            self.at += 1
            self.blanks()
            if self.text.startswith(end, self.at):
                self.at = comma
                raise self.wrong(
                    "a comma with nothing after it", f"expected another value, or {end} right away", "remove the comma"
                )
        elif not self.text.startswith(end, self.at):
            at_end = self.at >= len(self.text)
            hint = "" if at_end else "a comma may be missing before it"
            raise self.wrong(
                "the text ends here" if at_end else "no end of the value", f"expected a comma or {end}", hint
            )
