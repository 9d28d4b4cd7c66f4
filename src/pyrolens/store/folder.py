"""storage.path: who has it, and what of it belongs to whom.

inputs/NAME/            the log of an input: what came in
outputs/NAME-DIGEST/    the log of an output: what waits for it
damaged/                segments that could not be read as a whole
lock
"""

import fcntl
import os
import re
from pathlib import Path

from pyrolens.store.disk import Disk

INPUTS, OUTPUTS, DAMAGED, LOCK = "inputs", "outputs", "damaged", "lock"


class InUseError(Exception):
    """Another process has the folder."""


class Folder:
    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self.path = path
        self.disk = disk or Disk()
        self._lock = -1

    @property
    def damaged(self) -> Path:
        return self.path / DAMAGED

    def open(self) -> bool:
        """Take it for this process. False: the file system knows no locks, so others cannot be kept out.
        Raises: OSError, InUseError."""
        self.disk.folder(self.path)
        self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.pread(self._lock, 20, 0).decode("ascii", "replace")
            self.close()
            raise InUseError(f"another router has it (process {who})" if who else "another router has it") from None
        except OSError:
            return False
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, b"%d" % os.getpid(), 0)
        return True

    def close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def of(self, kind: str, name: str) -> Path:
        """The folder of an input or output."""
        return self.path / kind / file_name(name)

    def names(self, kind: str) -> list[str]:
        """Those that have a folder. Raises: OSError."""
        folder = self.path / kind
        return sorted(map(name_of, os.listdir(folder))) if folder.is_dir() else []


def file_name(name: str) -> str:
    """A name as one of a file: whatever it holds, no other name has the same."""
    return re.sub(rb"[^A-Za-z0-9_.-]|^\.", lambda found: b"%%%02X" % found[0][0], name.encode()).decode()


def name_of(file: str) -> str:
    return re.sub(rb"%([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), file.encode()).decode(
        "utf-8", "replace"
    )
