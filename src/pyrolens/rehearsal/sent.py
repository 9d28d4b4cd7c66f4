"""What an output puts on the wire for records, without opening it."""

from collections.abc import Sequence

from pyrolens.config import Config
from pyrolens.problems import ConfigError
from pyrolens.records.event import Event


class NotShownError(ConfigError):
    """An output whose encoding cannot be shown, and why."""


def sent(
    config: Config, label: str, tag: str, events: Sequence[Event], *, now_ns: int | None = None
) -> list[bytes | str]:
    """What the output of that label (or name) sends for events of a tag: the items of its requests, such as a record of
    Firehose, an event of PutLogEvents, a line of http's json_lines; or one for all, where a request has no items.
    Made by the real encoder of the output. Secrets of the config are masked as ***. The events are those behind the
    output's processors (Arrival.event).

    Raises: LookupError when there is no such output, NotShownError."""
    raise NotImplementedError
