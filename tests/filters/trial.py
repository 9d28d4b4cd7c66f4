"""A filter tried on records: what it lets through, and that it leaves alone what it was given."""

import copy
from typing import Any

from pyrolens.api import Event, Filter, OptionError, Record
from pyrolens.plugin import Plugin
from tests.lent import Lent

NOW = 1_780_000_000_000_000_000


def events(records: list[Record]) -> list[Event]:
    return [(NOW + n, record) for n, record in enumerate(records)]


def run(plugin: Filter, given: list[Record], env: Lent | None = None, tag: str = "app.web") -> list[Event]:
    transform = plugin.compile(env or Lent())
    assert transform(tag, []) == []
    batch = events(given)
    before = copy.deepcopy(batch)
    result = transform(tag, batch)
    assert batch == before
    return result


def records(plugin: Filter, given: list[Record], env: Lent | None = None) -> list[Record]:
    return [record for _, record in run(plugin, given, env)]


def shown(given: list[Record]) -> list[list[tuple[str, Any]]]:
    """With the order of the fields."""
    return [list(record.items()) for record in given]


def misfits(plugin: Plugin) -> list[tuple[str, str]]:
    """(option, message) of all that its check finds."""
    return [(m.option, str(m)) if isinstance(m, OptionError) else m for m in plugin.check()]
