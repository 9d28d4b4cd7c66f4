"""Lines of Docker's JSON files that were cut at 16 KiB become one: Docker_Mode of tail.

Source: plugins/in_tail/tail_dockermode.c (Fluent Bit 5.1.1): a line whose `log` does not end with a line feed goes on
in the next one. The other fields are those of the last line.
"""

import json
import re
from collections.abc import Iterable

from pyrolens.api import Event, InputEnv, Parse
from pyrolens.inputs._tail_events import Key, Shape, chomped
from pyrolens.inputs._tail_file import Block, TailFile, lines_of
from pyrolens.multiline.joiner import joined_text
from pyrolens.records.escapes import unescape

USUAL = re.compile(r'\{"log":"((?:[^"\\]+|\\.)*)"')
"""As Docker begins a line."""
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{},]', re.DOTALL)


class Cut:
    """The pieces of a line that have come."""

    __slots__ = ("complete", "first_seen", "last", "span", "start", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        """Of the field log, as they are written in JSON."""
        self.last = ""
        """The whole of the last line; "": nothing has come."""
        self.span = (0, 0)
        """Where the text of its log stands."""
        self.start = 0
        self.complete = False
        self.first_seen = False
        """A line that docker_mode_parser takes has come at some time."""


class DockerMode:
    def __init__(self, first: Parse | None, wait: float, shape: Shape, env: InputEnv) -> None:
        """`first`: docker_mode_parser; what it takes begins a record, of which several lines may be."""
        self.first = first
        self.wait = max(wait, 1.0)
        self.shape = shape
        self.env = env
        self.cuts: dict[Key, Cut] = {}

    def take(self, file: TailFile, blocks: Iterable[Block]) -> list[Event]:
        shape = self.shape
        cut = self.cuts.setdefault(file.key, Cut())
        out: list[Event] = []
        for line in lines_of(blocks):
            text = shape.text_of(chomped(line.text))
            if self.first and not line.cut:
                begins = self.first(text) is not None
                cut.first_seen = cut.first_seen or begins
                if cut.last and cut.complete and (begins or not cut.first_seen):
                    out += self.flush(file)
            span = None if line.cut else span_of_log(text)
            if span is None:
                if not line.cut:
                    out += self.flush(file)
                out += shape.events(file, [line])
                continue
            if not cut.last:
                cut.start = file.held_at = line.start
            log = text[span[0] : span[1]]
            cut.texts.append(log)
            cut.last, cut.span = text, span
            cut.complete = unescape(log).endswith("\n")
            if cut.complete and not self.first:
                out += self.flush(file)
        return out

    def flush(self, file: TailFile) -> list[Event]:
        cut = self.cuts.get(file.key)
        file.held_at = None
        if cut is None or not cut.last:
            return []
        shape = self.shape
        text = joined_text([cut.last[: cut.span[0]], *cut.texts, cut.last[cut.span[1] :]])
        cut.texts, cut.last = [], ""
        found = shape.parse(text) if shape.parse else None
        if found is None:
            return [(shape.now(), shape.raw(file, cut.start, text))]
        record, ns = found
        if ns is not None and shape.is_old(ns):
            return []
        return [(shape.now() if ns is None else ns, {**record, **shape.added(file, cut.start)})]

    def forget(self, file: TailFile) -> None:
        self.cuts.pop(file.key, None)


def span_of_log(text: str) -> tuple[int, int] | None:
    """Where in an object in JSON the text of its field `log` stands, or None when it has no such text."""
    if text[:1] != "{" or '"log"' not in text:
        return None
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    if usual := USUAL.match(text):
        return usual.span(1)
    depth, key = 0, ""
    for found in TOKEN.finditer(text):
        token = found[0]
        if depth == 1 and token[0] == '"':
            if key == '"log"':
                return found.start() + 1, found.end() - 1
            # a key, or the value of one
            key = "" if key else token
            continue
        if depth == 1:
            # the value of the key was no text
            if key == '"log"':
                return None
            key = ""
        depth += 1 if token in "{[" else -1 if token in "}]" else 0
    return None
