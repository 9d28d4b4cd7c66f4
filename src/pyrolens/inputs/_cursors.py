"""How far the journal was read, in a SQLite file that Fluent Bit 5.1.1 can read and write, too.

Source: plugins/in_systemd/systemd_db.h, systemd_db.c (Fluent Bit 5.1.1).
"""

from pyrolens.api import ConfigError, Problem
from pyrolens.inputs._offsets import SYNC

CREATE = "CREATE TABLE IF NOT EXISTS in_systemd_cursor (cursor TEXT NOT NULL, updated INTEGER)"
NONE = "(null)"
"""What Fluent Bit writes before it has read anything."""


class Cursors:
    """Raises: ConfigError when the file cannot be opened."""

    def __init__(self, who: str, path: str, sync: str) -> None:
        import sqlite3  # it costs memory, so only who asks for a database pays for it

        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
            self._db.execute(f"PRAGMA synchronous={SYNC[sync]}")
            self._db.execute(CREATE)
        except sqlite3.Error as why:
            raise ConfigError([Problem("cannot-open", f"{who}: cannot use the database {path}: {why}")]) from None

    def get(self) -> str:
        """The cursor that was saved last; "": none."""
        row = self._db.execute("SELECT cursor FROM in_systemd_cursor ORDER BY rowid DESC LIMIT 1").fetchone()
        return row[0] if row and row[0] != NONE else ""

    def set(self, cursor: str, now: int) -> None:
        """`now`: seconds since the epoch."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("DELETE FROM in_systemd_cursor")
        self._db.execute("INSERT INTO in_systemd_cursor (cursor, updated) VALUES (?, ?)", (cursor, now))
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()
