"""Words that several pages of explain share."""

import os
from datetime import UTC, datetime

from pyrolens.problems import Place


def place_text(place: Place | None) -> str:
    """File and line, the file as seen from here."""
    if place is None or not place.file:
        return ""
    file = os.path.relpath(place.file) if os.path.isabs(place.file) else place.file
    short = file if not file.startswith("../..") else place.file
    return f"{short}:{place.line}" if place.line else short


def iso(ns: int) -> str:
    """A time in UTC, to the millisecond or as exactly as it is."""
    seconds, rest = divmod(int(ns), 10**9)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{rest:09}".rstrip("0")
    return f"{whole}.{digits:0<3}Z"
