"""Where what filters print goes in a rehearsal."""

import io
from typing import Any


class Nowhere(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data)


def nowhere() -> io.TextIOWrapper:
    """In place of sys.stdout, with its buffer."""
    return io.TextIOWrapper(io.BufferedWriter(Nowhere()), encoding="utf-8", errors="replace")
