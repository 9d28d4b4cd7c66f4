"""Changes a test file by its lines, so that all that is not changed stays as it is written, comments too."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from pyrolens.language.yaml_nodes import LOADER, typed_scalar
from pyrolens.testing.renew import Data, Rewriter
from pyrolens.testing.suite import Destination
from pyrolens.testing.write_yaml import entry, flat, lines


@dataclass(frozen=True)
class Edit:
    """Lines from `begin` up to `end`, from 0, that others take the place of."""

    begin: int
    end: int
    lines: list[str]


class NotWrittenError(ValueError):
    """Where a file is written so that it cannot be edited, and why."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


@dataclass
class Editor:
    """Changes a test file by its lines."""

    text: str
    edits: list[Edit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root: Any = yaml.compose(self.text, Loader=LOADER)
        # the ends of lines as YAML has them, each behind its line
        parts = re.split(r"(\r\n|[\n\r\x85\u2028\u2029])", self.text)
        self.lines, self.ends = parts[::2], [*parts[1::2], ""]

    def result(self) -> str:
        newline = "\r\n" if "\r\n" in self.text else "\n"
        made = [line + end for line, end in zip(self.lines, self.ends, strict=True)]
        for edit in sorted(self.edits, key=lambda e: (e.begin, e.end), reverse=True):
            if edit.begin and edit.lines and not self.ends[edit.begin - 1]:
                made[edit.begin - 1] += newline
            made[edit.begin : edit.end] = [line + newline for line in edit.lines]
        return "".join(made)

    def rewrite(self, number: int, rewriter: Rewriter) -> None:
        """What the test of that number expects. Raises: NotWrittenError."""
        tests: Any = member(self.root, "tests")
        test = tests[1].value[number]
        if test.flow_style:
            raise NotWrittenError(test.start_mark.line + 1, "a test in braces cannot be rewritten: write it as a block")
        to, others = rewriter.to(), rewriter.others()
        found = member(test, "expect")
        if found is None or not found[1].value:
            whole: Data = {"to": {k: v for k, v in to.items() if v is not None}, **others}
            self._put(test, found, "expect", {k: v for k, v in whole.items() if v} or {"to": {}})
            return
        expect = found[1]
        block = self._is_block(expect)
        destinations = member(expect, "to")
        if not block or (destinations and to and not self._is_block(destinations[1])):
            whole = typed(expect)
            whole["to"] = {k: v for k, v in {**(whole.get("to") or {}), **to}.items() if v is not None}
            whole |= others
            self._put(test, found, "expect", {k: v for k, v in whole.items() if v not in (None, {})} or {"to": {}})
            return
        rest = {k.value for k, _ in expect.value} - {k for k, v in others.items() if v is None}
        left = {k.value for k, _ in destinations[1].value} - to.keys() if destinations else set()
        if destinations and not left and not any(v is not None for v in to.values()):
            rest.discard("to")
            others = {"to": None, **others}
            to = {}
        if not rest and not any(v is not None for v in others.values()) and not any(to.values()):
            self._put(test, found, "expect", {"to": {}})
            return
        for name, value in others.items():
            self._put(expect, member(expect, name), name, value)
        if to and destinations is None:
            self._put(expect, None, "to", {k: v for k, v in to.items() if v is not None})
            return
        for name, value in to.items():
            one = next((d for d in rewriter.expect.to if d.name == name), None)
            there = member(destinations[1], name) if destinations else None
            if not (one and there and self._items(one, there[1], rewriter)):
                self._put(destinations[1] if destinations else expect, there, name, value)

    def _is_block(self, node: Any) -> bool:
        return isinstance(node, yaml.MappingNode) and not node.flow_style and bool(node.value)

    def _items(self, one: Destination, node: Any, rewriter: Rewriter) -> bool:
        """Where the same number of records stand there, only those that changed are written. False: they are not."""
        if isinstance(node, yaml.MappingNode):
            if any(k.value != "records" for k, _ in node.value) or node.flow_style:
                return False
            node = node.value[0][1]
        pairs = rewriter.records(one) if one.records is not None and one.count is None else []
        if not isinstance(node, yaml.SequenceNode) or node.flow_style or one.any_order:
            return False
        if [pair.expected for pair in pairs] != list(one.records or ()):
            return False
        came = [arrival for _, arrival in rewriter.judge.came(one)]
        for item, pair in zip(node.value, pairs, strict=True):
            if not pair.fits:
                self._item(item, rewriter.record(pair, came))
        return True

    def _item(self, node: Any, value: Any) -> None:
        begin, end = node.start_mark.line, self._last(node) + 1
        column = node.start_mark.column
        dash = self.lines[begin][:column]
        made = lines(value, " " * column) if isinstance(value, dict | list) and value else [" " * column + flat(value)]
        indent = " " * (len(dash) - len(dash.lstrip()))
        comments = [indent + comment for comment in self._comments(begin, end, node)]
        self.edits.append(Edit(begin, end, [*comments, dash + made[0][column:], *made[1:]]))

    def _put(self, parent: Any, found: tuple[Any, Any] | None, name: str, value: Any) -> None:
        """In place of what stands there, or behind all in the parent; None: nothing."""
        if found is None:
            if value is not None:
                column = parent.value[0][0].start_mark.column
                end = self._last(parent) + 1
                self.edits.append(Edit(end, end, entry(name, value, " " * column)))
            return
        key, node = found
        begin, end = key.start_mark.line, max(self._last(node), key.end_mark.line) + 1
        indent = self.lines[begin][: key.start_mark.column]
        # the first key of a list's item stands behind its dash
        blank = " " * len(indent)
        comments = [blank + comment for comment in self._comments(begin, end, key, node)]
        made = entry(name, value, blank) if value is not None else []
        if made and indent.strip():
            self.edits.append(Edit(begin, end, [indent + made[0][len(indent) :], *made[1:], *comments]))
        else:
            self.edits.append(Edit(begin, end, [*comments, *made]))

    def _last(self, node: Any) -> int:
        """The number of its last line, from 0."""
        if isinstance(node, yaml.ScalarNode):
            end: int = node.end_mark.line
            if node.style in ("|", ">"):
                end -= node.end_mark.column == 0  # it ends behind its last line end
                while not self.lines[end].strip():
                    end -= 1
            return end
        if node.flow_style or not node.value:
            return int(node.end_mark.line)
        last = node.value[-1]
        return max(map(self._last, last)) if isinstance(last, tuple) else self._last(last)

    def _comments(self, begin: int, end: int, *nodes: Any) -> Iterator[str]:
        """In the lines that are written anew."""
        inside: set[int] = set()
        behind: dict[int, int] = {}
        for node in (inner for outer in nodes for inner in walk(outer)):
            last = self._last(node)
            if isinstance(node, yaml.ScalarNode):
                # the line of a | or > itself may have a comment
                block = node.style in ("|", ">")
                inside.update(range(node.start_mark.line + block, last + block))
            else:
                block = False
            if isinstance(node, yaml.ScalarNode) or node.flow_style:
                mark = node.start_mark if block else node.end_mark
                behind[mark.line] = max(behind.get(mark.line, 0), mark.column)
        for number in range(begin, end):
            rest = self.lines[number][behind.get(number, 0) :]
            if number not in inside and (found := re.search(r"(?:^|\s)(#.*)$", rest)):
                yield found[1]


def member(node: Any, name: str) -> tuple[Any, Any] | None:
    return next(((key, value) for key, value in node.value if key.value == name), None)


def walk(node: Any) -> Iterator[Any]:
    yield node
    for inner in node.value if not isinstance(node, yaml.ScalarNode) else ():
        for one in inner if isinstance(inner, tuple) else (inner,):
            yield from walk(one)


def typed(node: Any) -> Any:
    """As the reader of test files has it."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: typed(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [typed(item) for item in node.value]
    return typed_scalar(node.value) if node.style in (None, "") else node.value
