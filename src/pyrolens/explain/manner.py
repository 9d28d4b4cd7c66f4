"""What all parts of a page about a record need: of what it tells, for whom, and how wide."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pyrolens.check.tags import new_tags
from pyrolens.config import Built
from pyrolens.explain.items import Items
from pyrolens.explain.matrix import input_tags
from pyrolens.explain.text import Line, line, value_text
from pyrolens.explain.trips import Hide
from pyrolens.explain.words import place_text
from pyrolens.problems import Place
from pyrolens.rehearsal.subject import Subject

LONG_ID = re.compile(r"(?<![0-9a-f])([0-9a-f]{8})[0-9a-f]{24,}(?![0-9a-f])")
"""Of a container or a task."""

MOST_LINES = 12
"""Of one value or item."""


@dataclass
class Manner:
    subject: Subject
    items: Items
    hide: Hide
    width: int
    everything: bool = False
    """Nothing is left out."""

    @cached_property
    def built(self) -> dict[str, Built[Any]]:
        """Filters and outputs by their labels."""
        filters, outputs = self.subject.config.filters, self.subject.config.outputs
        return {**{built.label: built for built in filters}, **{built.label: built for built in outputs}}

    @cached_property
    def tags(self) -> list[str]:
        """All sets of tags that records may have, as Match is written."""
        subject = self.subject
        known = [subject.tag_of(name) for name in subject.containers]
        sockets = [i for i in subject.config.inputs if known and getattr(i.plugin, "unix_path", None)]
        known += [tags for i in subject.config.inputs if i not in sockets and (tags := input_tags(i)) != "*"]
        filters: list[Any] = [built.plugin for built in subject.config.filters]
        rules = (rule for plugin in filters for rule in getattr(plugin, "rule", ()) if plugin.name == "rewrite_tag")
        return known + [new_tags(rule.new_tag, "*") for rule in rules]

    def brief(self, text: str) -> str:
        """Without secrets, and with long ids cut unless all is wanted."""
        text = self.hide(text)
        return text if self.everything else LONG_ID.sub(r"\1…", text)

    def json(self, record: Any) -> str:
        return self.brief(value_text(record))

    def place(self, place: Place | None) -> str:
        return place_text(self.subject.place(place))

    def wrapped(self, text: str, before: str, style: str = "") -> Iterator[Line]:
        """In lines of the width, of which there are only so many unless all is wanted."""
        room = max(self.width - len(before) - 10, 40)
        parts = (part for each in text.split("\n") for part in cut(each, room))
        for n, part in enumerate(parts):
            if n >= MOST_LINES and not self.everything:
                size = len(text.encode("utf-8", "replace"))
                yield line(" " * len(before), (f"… {size} bytes in all (--all shows them)", "dim"))
                return
            yield line(before if n == 0 else " " * len(before), (part, style))


def cut(text: str, room: int) -> Iterator[str]:
    """To lines, behind a comma or a blank where there is one in their last third."""
    while len(text) > room:
        end = max(text.rfind(",", room * 2 // 3, room), text.rfind(" ", room * 2 // 3, room))
        end = end + 1 if end >= 0 else room
        yield text[:end]
        text = text[end:]
    yield text
