"""How tcp and udp write records: in a format, or only a text of each (raw_message_key)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pyrolens.api import Event, OutputEnv, opt
from pyrolens.outputs._formats import format_of, json_of
from pyrolens.records.codecs import Json
from pyrolens.records.template import Template


@dataclass(frozen=True, kw_only=True)
class Written:
    format: str | None = opt("json, json_lines, json_stream or msgpack; msgpack if not given.", default=None)
    json_date_key: str = opt("Field for the time of a record; false: none.", default="date")
    json_date_format: str | None = opt(
        "double, iso8601, epoch, epoch_ms or java_sql_timestamp; double if not given.", default=None
    )
    raw_message_key: str | None = opt(
        "Send only this text of each record, as a line; with accessors, such as $log.", default=None
    )

    def check(self) -> Iterable[tuple[str, str]]:
        try:
            Template(self.raw_message_key or "")
        except ValueError as why:
            yield "raw_message_key", f"raw_message_key: {why}"

    def read(self, env: OutputEnv) -> tuple[str, Json]:
        """The format, which is raw with raw_message_key, and what writes JSON. What is odd is told in the log."""
        form, json = format_of(env, self.format), json_of(env, self.json_date_key, self.json_date_format)
        if self.raw_message_key is None:
            return form, json
        self._warn(env, self.raw_message_key)
        return "raw", json

    def _warn(self, env: OutputEnv, text: str) -> None:
        if not Template(text).needs_record:
            hint = f"write ${text} for the field" if text.isidentifier() else "write $name for a field"
            env.log.warning(
                "raw_message_key names no field, so it is sent for each record", raw_message_key=text, hint=hint
            )

    def raw_lines(self, tag: str) -> Callable[[list[Event]], list[bytes]]:
        """Each event as its text and a newline. A field that is not there is no text."""
        render = Template(self.raw_message_key or "").render(tag)

        def lines(events: list[Event]) -> list[bytes]:
            return [((render(record, ()) or "") + "\n").encode("utf-8", "surrogateescape") for _, record in events]

        return lines
