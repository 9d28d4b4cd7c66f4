"""Parts of a message that Docker has split: partial_message, partial_id and partial_last in the record.

Source: plugins/filter_multiline/ml_concat.c (Fluent Bit 5.1.1), whose search for a key takes the first field whose name
begins that key: `partial` is as good as `partial_message`.
Differs: a partial_message that is no text is not partial; Fluent Bit aborts.
"""

from typing import Any

from pyrolens.multiline.joiner import Owner, joined_text
from pyrolens.records.event import Record, Stamp

PREFIX = "partial_"
MESSAGE_KEYS = frozenset("partial_message"[:n] for n in range(len("partial_message") + 1))
"""What is taken for partial_message."""


def text_of(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    return value if isinstance(value, str) else None


def find_key(record: Record, wanted: str) -> str | None:
    return next((key for key in record if wanted.startswith(key)), None)


def is_true(record: Record, wanted: str) -> bool:
    key = find_key(record, wanted)
    text = None if key is None else text_of(record[key])
    return text is not None and text[:4].lower() == "true"


class Message:
    """A message of which parts have come."""

    __slots__ = ("ns", "owners", "parts", "record", "tag")

    def __init__(self, tag: str, ns: int, record: Record) -> None:
        self.tag = tag
        self.ns = ns
        self.record = record
        """The other fields, of the first part."""
        self.parts: list[str] = []
        self.owners: list[Owner] = []

    def event(self, key: str) -> tuple[int, Record]:
        return self.ns, {**self.record, key: joined_text(self.parts)}


Key = tuple[str, str]
"""Tag and partial_id."""


class Parts:
    def __init__(self, key_content: str) -> None:
        self.key_content = key_content
        self.waiting: dict[Key, tuple[str, Message]] = {}
        """With the name of the field that is joined."""

    def id_of(self, tag: str, record: Record) -> Key | None:
        """None when the record is no part of anything."""
        if MESSAGE_KEYS.isdisjoint(record) or not is_true(record, "partial_message"):
            return None
        key = find_key(record, "partial_id")
        content = find_key(record, self.key_content)
        if key is None or content is None or text_of(record[content]) is None:
            return None
        return tag, text_of(record[key]) or str(record[key])

    def add(self, id_: Key, ns: int, record: Record, owner: Owner) -> bool:
        """Whether this was the last part: then take() gives the message."""
        found = self.waiting.get(id_)
        content = find_key(record, self.key_content) or self.key_content
        if found is None:
            # what is left of a name that is shorter than the prefix is no field of its own either
            rest = {k: v for k, v in record.items() if k != content and not PREFIX.startswith(k[: len(PREFIX)])}
            found = self.waiting[id_] = (content, Message(id_[0], int(ns) if isinstance(ns, Stamp) else ns, rest))
        message = found[1]
        message.parts.append(text_of(record[content]) or "")
        if not message.owners or message.owners[-1] is not owner:
            message.owners.append(owner)
            owner.waiting += 1
        return is_true(record, "partial_last")

    def take(self, id_: Key) -> tuple[tuple[int, Record], list[Owner]]:
        """The message as far as it has come, and the owners of its parts."""
        content, message = self.waiting.pop(id_)
        return message.event(content), message.owners
