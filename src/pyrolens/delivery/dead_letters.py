"""What is kept of records that a destination refuses for good, or that are given up."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pyrolens.delivery.receipt import Receipt
from pyrolens.records.codecs import json_value
from pyrolens.records.event import Event

LONGEST = 1 << 24
"""Bytes of a dead letter, at most."""

Door = Callable[[list[Event], Receipt], None]


class DeadLetters(Protocol):
    """Where the dead letters of one output go."""

    def put(self, tag: str, event: Event, reason: str, receipt: Receipt | None) -> None:
        """Keep one. Where that takes longer than the call, `receipt` is held until it is done. Raises: OSError when it
        cannot be kept; then nothing of it is."""

    def close(self) -> None: ...


class Letter(NamedTuple):
    """A dead letter that waits to be kept."""

    tag: str
    event: Event
    reason: str
    receipt: Receipt | None
    """Of what it came from."""


class InFolder:
    """One JSON object a line in FOLDER/OUTPUT.jsonl: tag, time (ns), output, reason, record."""

    def __init__(self, folder: str, output: str, masked: Callable[[str], str] = str) -> None:
        """`masked`: the reason without secrets, which a destination may have repeated."""
        self.path = Path(folder) / f"{output}.jsonl"
        self.output = output
        self._masked = masked
        self._file: int | None = None

    def _open(self) -> int:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            # the last run ended within a line, of which nobody was told
            whole = os.pread(fd, min(size, LONGEST), max(size - LONGEST, 0)).rfind(b"\n") + 1
            os.ftruncate(fd, max(size - LONGEST, 0) + whole)
        return fd

    def put(self, tag: str, event: Event, reason: str, receipt: Receipt | None = None) -> None:
        if self._file is None:
            self._file = self._open()
        ns, record = event
        head = json.dumps({"tag": tag, "time": int(ns), "output": self.output, "reason": self._masked(reason)})
        try:
            body = json_value(record)
        except (ValueError, RecursionError):
            # the very reason, perhaps, why no destination takes it
            body = json.dumps({"unreadable": repr(record)[:LONGEST]}).encode()
        line = head[:-1].encode() + b',"record":' + body + b"}\n"
        size = os.fstat(self._file).st_size
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, size)
            raise

    def close(self) -> None:
        if self._file is not None:
            os.fsync(self._file)
            os.close(self._file)
            self._file = None


class ToOutput:
    """Another output gets the record, with why and from where."""

    def __init__(self, door: Callable[[str], Door], output: str, masked: Callable[[str], str] = str) -> None:
        self._door = door
        self.output = output
        self._masked = masked

    def put(self, tag: str, event: Event, reason: str, receipt: Receipt | None = None) -> None:
        ns, record = event
        told: dict[str, Any] = {**record, "dead_letter_output": self.output, "dead_letter_reason": self._masked(reason)}
        self._door(tag)([(ns, told)], Receipt(0, lambda _: None) if receipt is None else receipt)

    def close(self) -> None:
        pass
