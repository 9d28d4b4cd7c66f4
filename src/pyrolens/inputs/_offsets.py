"""Where each tailed file was read up to, in a SQLite file that Fluent Bit 5.1.1 can read and write, too.

Source: plugins/in_tail/tail_sql.h, tail_db.c (Fluent Bit 5.1.1).
Differs: an offset is saved once the records before it are delivered, not once they are read, so that a crash repeats
records and never loses them. Fluent Bit's mark of the text before an offset is left empty; ours is beside it.
"""

import os
from dataclasses import dataclass
from hashlib import blake2b

from pyrolens.api import ConfigError, Problem

MARKED = 64
"""Bytes before an offset that must still be the same for it to be used."""

CREATE = """CREATE TABLE IF NOT EXISTS in_tail_files (
 id INTEGER PRIMARY KEY, name TEXT NOT NULL, offset INTEGER, inode INTEGER, created INTEGER,
 rotated INTEGER DEFAULT 0, offset_marker INTEGER DEFAULT 0, offset_marker_size INTEGER DEFAULT 0)"""
COLUMNS = {"offset_marker": "INTEGER DEFAULT 0", "offset_marker_size": "INTEGER DEFAULT 0", "text_mark": "TEXT"}
SYNC = {"off": 0, "normal": 1, "full": 2, "extra": 3}


@dataclass(frozen=True)
class Saved:
    id: int
    name: str
    offset: int
    mark: str
    """Of the text before the offset; "": unknown."""


def mark_of(text: bytes) -> str:
    """A mark by which the text is known again, without its content."""
    return blake2b(text, digest_size=8).hexdigest()


class Offsets:
    """Raises: ConfigError when the file cannot be opened."""

    def __init__(self, who: str, path: str, sync: str, locking: bool, journal_mode: str) -> None:
        import sqlite3  # it costs memory, so only who asks for a database pays for it

        self._users = 1
        try:
            # the journal beside it gets the same permissions
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as why:
            problem = Problem("cannot-open", f"{who}: cannot use the database {path}: {why.strerror}")
            raise ConfigError([problem]) from None
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
            self._db.execute(f"PRAGMA synchronous={SYNC[sync]}")
            if locking:
                self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute(f"PRAGMA journal_mode={journal_mode}")
            self._db.execute(CREATE)
            there = {row[1] for row in self._db.execute("PRAGMA table_info(in_tail_files)")}
            for column, kind in COLUMNS.items():
                if column not in there:
                    self._db.execute(f"ALTER TABLE in_tail_files ADD COLUMN {column} {kind}")
        except sqlite3.Error as why:
            raise ConfigError([Problem("cannot-open", f"{who}: cannot use the database {path}: {why}")]) from None

    def find(self, inode: int, name: str | None) -> Saved | None:
        """What is saved for a file; `name`: only if it had this name."""
        rows = self._db.execute(
            "SELECT id, name, offset, coalesce(text_mark, '') FROM in_tail_files WHERE inode=? ORDER BY id DESC",
            (inode,),
        )
        return next((Saved(*row) for row in rows if name is None or row[1] == name), None)

    def add(self, inode: int, name: str, offset: int, mark: str, now: int) -> int:
        """`now`: seconds since the epoch. Gives the id."""
        done = self._db.execute(
            "INSERT INTO in_tail_files (name, offset, inode, created, text_mark) VALUES (?, ?, ?, ?, ?)",
            (name, offset, inode, now, mark),
        )
        return done.lastrowid or 0

    def save(self, id_: int, offset: int, mark: str) -> None:
        self._db.execute(
            "UPDATE in_tail_files SET offset=?, offset_marker=0, offset_marker_size=0, text_mark=? WHERE id=?",
            (offset, mark, id_),
        )

    def rename(self, id_: int, name: str) -> None:
        """The file was rotated to another name."""
        self._db.execute("UPDATE in_tail_files SET name=?, rotated=1 WHERE id=?", (name, id_))

    def remove(self, id_: int) -> None:
        self._db.execute("DELETE FROM in_tail_files WHERE id=?", (id_,))

    def keep_only(self, inodes: list[int]) -> None:
        """Forget the files that are not there any more."""
        for id_, inode in self._db.execute("SELECT id, inode FROM in_tail_files").fetchall():
            if inode not in inodes:
                self.remove(id_)

    def share(self) -> "Offsets":
        """For one more who closes it in the end."""
        self._users += 1
        return self

    def close(self) -> None:
        self._users -= 1
        if not self._users:
            self._db.close()
