"""The calls to the disk that can fail, in one place: a test puts another one in their stead."""

import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path


class Disk:
    """Files are for the owner only."""

    def folder(self, path: Path) -> None:
        """Make it, with those above it. Raises: OSError."""
        if not path.is_dir():
            self.folder(path.parent)
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)

    def create(self, path: Path) -> int:
        """A new file to append to and to read from. Raises: OSError."""
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def extend(self, path: Path) -> int:
        """A file to append to, whether it is there or not. Raises: OSError."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def open(self, path: Path) -> int:
        """A file to read from. Raises: OSError."""
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def append(self, fd: int, parts: list[bytes]) -> None:
        """Write all of it behind what is there. Raises: OSError; then a part of it may be there."""
        left = sum(map(len, parts)) - os.writev(fd, parts)
        if left:
            rest = memoryview(b"".join(parts))[-left:]
            while rest:
                rest = rest[os.write(fd, rest) :]

    def read(self, fd: int, size: int, at: int) -> bytes:
        """Less than `size` at the end. Raises: OSError."""
        return os.pread(fd, size, at)

    def sync(self, fd: int) -> None:
        """What was written outlasts the machine. Raises: OSError."""
        if sys.platform == "darwin":
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(fd)

    def sync_folder(self, path: Path) -> None:
        """New names in it outlast the machine. Raises: OSError."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with suppress(PermissionError):
                os.fsync(fd)
        finally:
            os.close(fd)
