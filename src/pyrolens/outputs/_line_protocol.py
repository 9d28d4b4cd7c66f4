"""Names and values as InfluxDB's line protocol wants them."""

import re

from pyrolens.records.codecs.json import valid_text

SPECIAL = re.compile(r"([,= ])")
"""In names and in tag values."""
IN_MEASUREMENT = re.compile(r"([, ])")


def text_of(value: str | bytes) -> str:
    """Valid text."""
    if isinstance(value, str) and value.isascii():
        return value
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return valid_text(data, escape=False)


def one_line(text: str) -> str:
    """A line break would end the point, and a backslash at the end would escape what comes after it."""
    return text.replace("\n", "\\n").replace("\r", "\\r").rstrip("\\")


def measurement(text: str) -> str:
    return IN_MEASUREMENT.sub(r"\\\1", one_line(text_of(text)))


def name(text: str) -> str:
    """A name or a tag's value, escaped."""
    return SPECIAL.sub(r"\\\1", one_line(text_of(text)))
