"""A disk that fails when it is told to."""

import errno
import os

from pyrolens.store.disk import Disk


class Broken(Disk):
    def __init__(self) -> None:
        self.room: int | None = None
        """Bytes that can still be written; None: any."""
        self.failing = False
        """Whatever is done there fails."""
        self.synced = 0

    def _check(self) -> None:
        if self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def append(self, fd: int, parts: list[bytes]) -> None:
        self._check()
        data = b"".join(parts)
        if self.room is not None and len(data) > self.room:
            super().append(fd, [data[: self.room]])
            self.room = 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.room is not None:
            self.room -= len(data)
        super().append(fd, parts)

    def read(self, fd: int, size: int, at: int) -> bytes:
        self._check()
        return super().read(fd, size, at)

    def sync(self, fd: int) -> None:
        self._check()
        self.synced += 1
        super().sync(fd)
