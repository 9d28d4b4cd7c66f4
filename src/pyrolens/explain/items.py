"""What outputs send for records: the items of their requests."""

from collections.abc import Sequence
from typing import NamedTuple

from pyrolens.problems import ConfigError
from pyrolens.records.event import Event
from pyrolens.rehearsal.rehearsal import Rehearsal


class Item(NamedTuple):
    text: str
    """What is sent; or why it cannot be shown."""
    size: int
    """Bytes."""
    shown: bool = True
    binary: bool = False
    """It is no text."""


class Items:
    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal

    def of(self, label: str, tag: str, events: Sequence[Event]) -> list[Item]:
        try:
            sent = self.rehearsal.sent(label, tag, events)
        except ConfigError as error:
            why = error.problems[0].message.removeprefix("output ")
            return [Item(why.partition(" ")[2].removeprefix(f"{label} "), 0, shown=False)]
        refused = [Item(f"refused: {why}", 0, shown=False) for _, why in sent.refused]
        return [*map(read, sent.items), *refused]


def read(item: bytes | str) -> Item:
    if isinstance(item, str):
        return Item(item, len(item.encode("utf-8", "replace")))
    try:
        return Item(item.decode(), len(item))
    except UnicodeDecodeError:
        return Item(f"{item[:64].hex(' ')}{' …' if len(item) > 64 else ''}", len(item), binary=True)
