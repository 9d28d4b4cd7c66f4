"""What is kept of records that a destination refuses for good, or that are given up."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pyrolens.delivery.receipt import Receipt
from pyrolens.records.codecs import json_value
from pyrolens.records.event import Event

Door = Callable[[list[Event], Receipt], None]


class DeadLetters(Protocol):
    """Where the dead letters of one output go."""

    def put(self, tag: str, event: Event, reason: str) -> None:
        """Keep one. Raises: OSError when it cannot be kept."""

    def close(self) -> None: ...


class InFolder:
    """One JSON object a line in FOLDER/OUTPUT.jsonl: tag, time (ns), output, reason, record."""

    def __init__(self, folder: str, output: str, masked: Callable[[str], str] = str) -> None:
        """`masked`: the reason without secrets, which a destination may have repeated."""
        self.path = Path(folder) / f"{output}.jsonl"
        self.output = output
        self._masked = masked
        self._file: int | None = None

    def put(self, tag: str, event: Event, reason: str) -> None:
        if self._file is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        ns, record = event
        head = json.dumps({"tag": tag, "time": int(ns), "output": self.output, "reason": self._masked(reason)})
        line = head[:-1].encode() + b',"record":' + json_value(record) + b"}\n"
        while line:
            line = line[os.write(self._file, line) :]

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

    def put(self, tag: str, event: Event, reason: str) -> None:
        ns, record = event
        told: dict[str, Any] = {**record, "dead_letter_output": self.output, "dead_letter_reason": self._masked(reason)}
        receipt = Receipt(0, lambda _: None)
        self._door(tag)([(ns, told)], receipt)
        receipt.release()

    def close(self) -> None:
        pass
