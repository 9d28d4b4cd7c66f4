"""What the inputs that speak HTTP have in common: JSON bodies, tags of paths and fields, the address of the client."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from orjson import JSONDecodeError, loads

from pyrolens.api import Event, Record
from pyrolens.inputs._http_server import Take
from pyrolens.inputs._json import NotJsonError, values
from pyrolens.inputs._text import text_of
from pyrolens.net.requests import Request, RequestError
from pyrolens.options import Kind, read_int
from pyrolens.records.accessor import accessor

NO_TAG = re.compile(r"[^0-9A-Za-z_.]")
TagOf = Callable[[Record], str | None]

CODES = (200, 201, 204)


def read_code(text: str) -> int:
    code = read_int(text)
    return code if code in CODES else 201


def doubt_code(text: str) -> str:
    return (
        "" if text.strip() in map(str, CODES) else f"200, 201 or 204 is expected, so this counts as {read_code(text)}"
    )


SuccessCode = Annotated[int, Kind("200, 201 or 204", read_code, doubt=doubt_code)]


MOST_CONTAINERS = 1_000_000
"""Objects and arrays of one body: an empty one is two bytes, and some hundred in memory."""


def json_values(body: bytes) -> list[Any]:
    """The JSON values of a body, one after the other; an array counts as what is in it. Raises: RequestError."""
    found = json_stream(body)
    if len(found) == 1 and isinstance(found[0], list):
        return found[0]
    out: list[Any] = []
    for value in found:
        if isinstance(value, list):
            out += value
        else:
            out.append(value)
    return out


def json_stream(body: bytes) -> list[Any]:
    """The JSON values of a body, one after the other. Raises: RequestError."""
    if body.count(b"{") + body.count(b"[") > MOST_CONTAINERS:
        raise RequestError(413, f"a body has more than {MOST_CONTAINERS} objects and arrays")
    try:
        return [loads(body)]
    except JSONDecodeError:
        pass
    try:
        return [loads(line) for line in body.split(b"\n") if line and not line.isspace()]
    except JSONDecodeError:
        pass
    # text that is not UTF-8, and all else that the strict reader minds
    try:
        return list(values(text_of(body)))
    except NotJsonError as why:
        raise RequestError(400, "unable to process records", str(why)) from None


def tag_of_path(path: str, slash: str | None = None) -> str | None:
    """The tag that a path stands for: what follows the first /, with _ for all that may not be in it. `slash`: what
    stands for a slash between two parts; then all else may be in it."""
    if slash is not None:
        return slash.join(part for part in path.split("/") if part) or None
    tag = path[1:]
    return NO_TAG.sub("_", tag) if tag else None


def tag_key(text: str | None) -> TagOf:
    """The tag that a record gives itself. Raises: ValueError."""
    if not text:
        return lambda record: None
    get = accessor(text)

    def tag_of(record: Record) -> str | None:
        value = get(record)
        return NO_TAG.sub("_", _latin(value)) if value and isinstance(value, str) else None

    return tag_of


def _latin(text: str) -> str:
    """With a character for each byte of it."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def forwarded_for(request: Request) -> str:
    """The client that a proxy names, or nothing."""
    return request.headers.get("x-forwarded-for", "").partition(",")[0].strip()


def hand_over(take: Take, events: list[tuple[str, Event]], size: int) -> None:
    """Hand over events with their tags, a batch for each tag."""
    batches: dict[str, list[Event]] = {}
    for tag, event in events:
        batches.setdefault(tag, []).append(event)
    for tag, batch in batches.items():
        take(tag, batch, size * len(batch) // len(events))
