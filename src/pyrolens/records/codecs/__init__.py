"""Records as bytes, as Fluent Bit 5.1.1 writes them: JSON, MessagePack and the forward protocol, and plain text."""

from pyrolens.records.codecs.dates import DATE_FORMATS, read_date_format, second_text
from pyrolens.records.codecs.json import Json, json_text, json_value
from pyrolens.records.codecs.msgpack import (
    event_time,
    forward_message,
    pack,
    pack_entries,
    pack_entries_integer_time,
    pack_entries_without_metadata,
    pack_entry,
)
from pyrolens.records.codecs.text import stdout_text, text_of

__all__ = [
    "DATE_FORMATS",
    "Json",
    "event_time",
    "forward_message",
    "json_text",
    "json_value",
    "pack",
    "pack_entries",
    "pack_entries_integer_time",
    "pack_entries_without_metadata",
    "pack_entry",
    "read_date_format",
    "second_text",
    "stdout_text",
    "text_of",
]
