"""The local store of s3: what has not been uploaded yet, in files that survive a crash of the router.

A file holds the lines of one tag, just as they are uploaded. Beside it stands its journal, a line of JSON for all
that happened to it: what it is, each append with its length and checksum, and the key of the object that it becomes.
An append counts once its line is in the journal, so what a crash left of an unfinished one is cut off. An upload of
several parts has a journal of its own, which says what of it S3 has."""

import fcntl
import hashlib
import json
import mmap
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, cast

from xxhash import xxh3_64_intdigest

from pyrolens.net.body import FileBody

JOURNAL, UPLOAD = ".journal", ".upload"
QUARANTINE = "quarantine"
IN_MEMORY = 32 * 1024 * 1024
"""Bytes of a file that is read as a whole; larger ones are mapped into memory."""

_number = count(1)


class StoreInUseError(Exception):
    """Another router has this store."""


def _append(path: Path, data: bytes, at: int) -> None:
    """Write data at this offset, which is the end; if it fails nothing of it is left. Raises: OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        try:
            view = memoryview(data)
            done = 0
            while done < len(data):
                done += os.pwrite(descriptor, view[done:], at + done)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, at)
            raise
    finally:
        os.close(descriptor)


def _said(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """The whole lines of a journal with their lengths, up to the first that is none."""
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            said = json.loads(line)
        except ValueError:
            return
        if not line.endswith(b"\n") or not isinstance(said, dict):
            return
        yield said, len(line)


class Journal:
    """A file of lines of JSON."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = 0

    def write(self, **said: Any) -> None:
        """Raises: OSError."""
        line = json.dumps(said).encode() + b"\n"
        _append(self.path, line, self._size)
        self._size += len(line)

    def read(self) -> list[dict[str, Any]]:
        """What is in it. Half a line at its end is cut off. Raises: OSError."""
        said = list(_said(self.path))
        self._size = sum(length for _, length in said)
        os.truncate(self.path, self._size)
        return [one for one, _ in said]

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


@dataclass
class Stored:
    """A file of lines of one tag."""

    path: Path
    journal: Journal
    tag: str
    first: int
    """Second of the record that came first."""
    created: float
    """Seconds since the epoch."""
    size: int = 0
    records: int = 0
    key: str | None = None
    """Of its object, once an upload was tried: another try must not make another object."""
    old: bool = False
    """Of an earlier run."""
    whole: bool = False
    """Its time was over, so it begins no upload in parts."""
    pieces: list[tuple[int, int]] = field(default_factory=list)
    """Of an old one: end and checksum of each append."""
    sha: "hashlib._Hash | None" = None
    """Of all that was appended, if anybody asks for it: what is still in the processor's cache is not read again."""

    def append(self, data: bytes, records: int) -> None:
        """Once this returns the data are safe from the end of the process. Raises: OSError; nothing is stored then."""
        _append(self.path, data, self.size)
        self.journal.write(end=self.size + len(data), sum=xxh3_64_intdigest(data), records=records)
        self.size += len(data)
        self.records += records
        if self.sha:
            self.sha.update(data)

    def flush(self) -> None:
        """Let the disk confirm all that was appended; one that is uploaded by now has nothing to confirm.
        Raises: OSError."""
        for path in (self.path, self.journal.path, self.path.parent):
            with suppress(FileNotFoundError):
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def name(self, key: str) -> None:
        """Raises: OSError."""
        self.journal.write(key=key)
        self.key = key

    def body(self) -> FileBody:
        """All of it, read when it is sent. Raises: OSError."""
        return FileBody(self.path, self.size, self.sha.hexdigest() if self.sha else None)

    def data(self) -> bytes:
        """All of it; a large one is mapped, not read."""
        with self.path.open("rb") as file:
            if self.size <= IN_MEMORY:
                return file.read(self.size)
            view = memoryview(mmap.mmap(file.fileno(), self.size, access=mmap.ACCESS_READ))
        return cast(bytes, view)  # whoever sends and compresses it takes either

    def repair(self) -> int:
        """Cut off what does not have its checksum (the machine itself went down). Gives the bytes that are lost."""
        claimed, start = self.size, 0
        with self.path.open("rb") as file:
            for end, checksum in self.pieces:
                data = file.read(end - start)
                if len(data) < end - start or xxh3_64_intdigest(data) != checksum:
                    break
                start = end
        self.size = start
        self.pieces = []
        return claimed - start

    def remove(self) -> None:
        # without its journal a file is nothing, so the journal goes first
        self.journal.remove()
        self.path.unlink(missing_ok=True)


@dataclass
class Upload:
    """An upload of several parts that S3 knows of."""

    journal: Journal
    tag: str
    key: str
    id: str
    created: float
    etags: list[str] = field(default_factory=list)
    size: int = 0
    complete: bool = False
    """It takes no more parts."""
    old: bool = False

    def add(self, etag: str, size: int, file: Path) -> None:
        """A part has arrived; the file that it was is not needed any more. Raises: OSError."""
        self.journal.write(etag=etag, size=size, file=file.name)
        self.etags.append(etag)
        self.size += size

    def remove(self) -> None:
        self.journal.remove()


class Folder:
    """A folder of a store, shared by the outputs of this process and by no other process."""

    known: "ClassVar[dict[Path, Folder]]" = {}

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outputs: set[str] = set()
        self._users = 0
        self._lock = -1

    @classmethod
    def of(cls, path: Path, output: str) -> "Folder":
        folder = cls.known.setdefault(path, cls(path))
        folder.outputs.add(output)
        return folder

    def open(self) -> None:
        """Raises: OSError, StoreInUseError."""
        if not self._users:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path, os.O_RDONLY)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
                raise StoreInUseError(f"{self.path} is in use by another process") from None
            except OSError:
                pass  # a file system without locks
        self._users += 1

    def close(self) -> None:
        self._users -= 1
        if not self._users:
            os.close(self._lock)


class Store:
    """The part of a folder that belongs to one output."""

    def __init__(self, path: Path, output: str, *, sync: bool = False) -> None:
        """output: its name; files of outputs that are not there any more belong to the first who asks.
        sync: for the one who appends: flush after it."""
        self.folder = Folder.of(path, output)
        self.path, self.output, self.sync = path, output, sync
        self.is_open = False
        self.used = 0
        """Bytes."""

    def open(self) -> tuple[list[Stored], list[Upload]]:
        """What earlier runs left, oldest first. Raises: OSError, StoreInUseError."""
        self.folder.open()
        self.is_open = True
        uploads = [u for path in self._sorted(UPLOAD) if (u := self._upload(path))]
        files = [f for path in self._sorted(JOURNAL) if (f := self._stored(path))]
        self.used = sum(f.size for f in files)
        return files, uploads

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self.folder.close()

    def create(self, tag: str, first: int, *, hashed: bool = False) -> Stored:
        """hashed: its bytes are uploaded as they are. Raises: OSError."""
        path = self._path()
        journal = Journal(path.with_name(path.name + JOURNAL))
        created = time.time()
        journal.write(output=self.output, tag=tag, first=first, created=created)
        return Stored(path, journal, tag, first, created, sha=hashlib.sha256() if hashed else None)

    def begin(self, file: Stored, key: str, id_: str) -> Upload:
        """Raises: OSError."""
        path = self._path()
        journal = Journal(path.with_name(path.name + UPLOAD))
        journal.write(output=self.output, tag=file.tag, key=key, id=id_, created=file.created)
        return Upload(journal, file.tag, key, id_, file.created)

    def index(self) -> int:
        """The next number for $INDEX: from 0 on, and on after a restart. Raises: OSError."""
        path = self.path / f"index-{re.sub(r'[^A-Za-z0-9._-]', '_', self.output)}"
        try:
            number = int(path.read_text())
        except (FileNotFoundError, ValueError):
            number = 0
        new = path.with_name(path.name + ".new")
        _append(new, str(number + 1).encode(), 0)
        new.replace(path)
        return number

    def quarantine(self, file: Stored, limit: int) -> Path | None:
        """Put a file aside, where it stays; None: there is no room for it, and it is deleted. limit: 0 for none."""
        folder = self.path / QUARANTINE
        self.used -= file.size
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            there = sum(f.stat().st_size for f in folder.iterdir()) if limit else 0
            if limit and there + file.size > limit:
                file.remove()
                return None
            os.truncate(file.path, file.size)
            return file.path.rename(folder / file.path.name)
        finally:
            file.journal.remove()

    def _path(self) -> Path:
        return self.path / f"{time.time_ns()}-{next(_number)}"

    def _sorted(self, ending: str) -> list[Path]:
        def order(path: Path) -> tuple[int, ...]:
            return tuple(map(int, path.name.removesuffix(ending).split("-")))

        return sorted((p for p in self.path.glob(f"*{ending}") if re.match(r"\d+-\d+\.", p.name)), key=order)

    def _ours(self, said: dict[str, Any]) -> bool:
        return said.get("output") == self.output or said.get("output") not in self.folder.outputs

    def _stored(self, path: Path) -> Stored | None:
        journal = Journal(path)
        said = journal.read()
        data = path.with_name(path.name.removesuffix(JOURNAL))
        if not said:
            journal.remove()
            return None
        if not self._ours(said[0]):
            return None
        head = said[0]
        file = Stored(data, journal, head["tag"], head["first"], head["created"], old=True)
        for one in said[1:]:
            if "end" in one:
                file.pieces.append((one["end"], one["sum"]))
                file.size = one["end"]
                file.records += one["records"]
            file.key = one.get("key", file.key)
        if not file.size or not data.exists():
            file.remove()
            return None
        return file

    def _upload(self, path: Path) -> Upload | None:
        journal = Journal(path)
        said = journal.read()
        if not said:
            journal.remove()
            return None
        if not self._ours(said[0]):
            return None
        head = said[0]
        upload = Upload(journal, head["tag"], head["key"], head["id"], head["created"], old=True)
        for one in said[1:]:
            upload.etags.append(one["etag"])
            upload.size += one["size"]
            # the end came between the part and the removal of its file
            part = self.path / one["file"]
            part.with_name(part.name + JOURNAL).unlink(missing_ok=True)
            part.unlink(missing_ok=True)
        return upload
