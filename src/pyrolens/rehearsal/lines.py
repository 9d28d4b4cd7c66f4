"""Lines as events: what an input would make of them."""

from collections.abc import Sequence
from typing import NamedTuple

from pyrolens.records.event import Event
from pyrolens.rehearsal.subject import Subject


class Fed(NamedTuple):
    """What to feed: events of one tag, and the input they come in by."""

    tag: str
    events: tuple[Event, ...]
    input: str | None
    """Label of the input; None: as Rehearsal.feed finds it."""


def line_events(
    subject: Subject,
    lines: Sequence[str | bytes],
    *,
    container: str | None = None,
    source: str = "stdout",
    file: str | None = None,
    input: str | None = None,  # noqa: A002
    tag: str | None = None,
    now_ns: int,
) -> list[Fed]:
    """What an input would make of lines (without their line ends), one after the other. Exactly one of:

    container: printed by that container to `source`: the fields of Docker's fluentd driver, long ones in pieces.
    file: written to the file of that path, read by the tail input that covers it.
    input: sent to the input of that label, name or plugin (tcp, udp, http, stdin, syslog …), in its format.
    tag: records as they are, of that tag: a line that is a JSON object is the record, any other one is {"log": line}.
    With `input` or `file`, a tag may be given besides, where the input's peers may choose it (http, forward).

    Each line comes in a batch of its own, as it would when nothing is in a hurry.

    Raises: ConfigError for what is not there, or cannot be known."""
    raise NotImplementedError
