"""The option raw_message_key of tcp and udp: a text of each record instead of the record."""

from collections.abc import Callable, Iterable

from pyrolens.api import Event, OutputEnv
from pyrolens.records.template import Template


def check_raw(text: str | None) -> Iterable[tuple[str, str]]:
    try:
        Template(text or "")
    except ValueError as why:
        yield "raw_message_key", f"raw_message_key: {why}"


def warn_of_raw(env: OutputEnv, text: str | None) -> None:
    if text is not None and not Template(text).needs_record:
        hint = f"write ${text} for the field" if text.isidentifier() else "write $name for a field"
        env.log.warning(
            "raw_message_key names no field, so it is sent for each record", raw_message_key=text, hint=hint
        )


def raw_lines(text: str, tag: str) -> Callable[[list[Event]], list[bytes]]:
    """Each event as its text and a newline. A field that is not there is no text."""
    render = Template(text).render(tag)

    def lines(events: list[Event]) -> list[bytes]:
        return [((render(record, ()) or "") + "\n").encode("utf-8", "surrogateescape") for _, record in events]

    return lines
