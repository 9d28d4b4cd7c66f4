"""Reads what is at an address: a few tries, and the checksum."""

import asyncio
import hashlib
import os
import threading
from collections.abc import Awaitable, Callable, Mapping

from pyrolens.language.includes import shown
from pyrolens.remote import https, s3, secrets
from pyrolens.remote.address import Address, read_address
from pyrolens.remote.errors import RemoteError

LARGEST = 16 * 1024 * 1024
"""Bytes of a config: what is larger was not meant."""
WAITS = (0.5, 1.5)
"""Seconds before another try: at the start of a task its network and its role may not be there yet."""


async def variable(address: Address, environ: Mapping[str, str]) -> bytes:
    """Raises: RemoteError."""
    if not (text := environ.get(address.name)):
        hint = "a task definition fills it from SSM or Secrets Manager, by secrets of the container"
        raise RemoteError(f"{address.text} cannot be read: the variable is not set", hint)
    return text.encode("utf-8", "surrogateescape")


READERS: Mapping[str, Callable[[Address, Mapping[str, str]], Awaitable[bytes]]] = {
    "s3": s3.get,
    "ssm": secrets.parameter,
    "secret": secrets.secret,
    "https": https.get,
    "env": variable,
}


async def fetch(address: Address, environ: Mapping[str, str] | None = None) -> bytes:
    """What is there. Raises: RemoteError."""
    environ = os.environ if environ is None else environ
    for wait in (*WAITS, None):
        try:
            found = await READERS[address.kind](address, environ)
        except RemoteError as why:
            if wait is None or not why.again:
                raise
            await asyncio.sleep(wait)
            continue
        break
    if len(found) > LARGEST:
        raise RemoteError(f"{address.text} has {len(found)} bytes: expected a config of at most {LARGEST}")
    if address.sha256 and hashlib.sha256(found).hexdigest() != address.sha256:
        raise RemoteError(
            f"{address.text} is another file than was meant: its SHA-256 is {hashlib.sha256(found).hexdigest()}",
            "say the new one behind #sha256=, if the change was meant",
        )
    return found


def fetch_bytes(text: str, environ: Mapping[str, str] | None = None) -> bytes:
    """What is at an address. It blocks. Raises: RemoteError."""
    try:
        address = read_address(text)
    except ValueError as why:
        raise RemoteError(f"'{shown(text)}' is no address: {why}") from None
    return _run(lambda: fetch(address, environ))


def fetch_text(text: str) -> str:
    """The same as text, with bytes that are not UTF-8 as surrogates."""
    _asked.add(text)
    found = _ready.pop(text, None)
    if isinstance(found, RemoteError):
        raise found
    return (found if found is not None else fetch_bytes(text)).decode("utf-8", "surrogateescape")


_asked: set[str] = set()
"""Addresses of which the text was asked for: a config that is loaded again will name most of them again."""
_ready: dict[str, bytes | RemoteError] = {}
"""What came of them meanwhile."""


async def refetch() -> None:
    """Fetch again, beside all else that goes on, what was asked for before; the next fetch_text of each gives it."""

    async def one(text: str) -> None:
        try:
            _ready[text] = await fetch(read_address(text))
        except RemoteError as why:
            _ready[text] = why

    _ready.clear()
    asked = [text for text in _asked if _is_address(text)]
    _asked.clear()
    await asyncio.gather(*map(one, asked))


def _is_address(text: str) -> bool:
    try:
        read_address(text)
    except ValueError:
        return False
    return True


def fetch_value(source: str, environ: Mapping[str, str] | None = None) -> str:
    """A secret as `valueFrom` of a task definition names it: the ARN of a secret or of a parameter, or a parameter's
    name. It blocks. Raises: RemoteError."""
    address = source if source.startswith("arn:") else f"ssm:{source}"
    return fetch_bytes(address, environ).decode("utf-8", "replace")


def _run(work: Callable[[], Awaitable[bytes]]) -> bytes:
    """In a loop of its own, since the caller may be in one that runs."""
    done: list[bytes] = []
    failed: list[BaseException] = []

    async def call() -> bytes:
        return await work()

    def run() -> None:
        try:
            done.append(asyncio.run(call()))
        except BaseException as why:
            failed.append(why)

    thread = threading.Thread(target=run, name="fetch", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]
