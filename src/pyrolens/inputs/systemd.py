"""input systemd: the journal of systemd.

Source: Fluent Bit 5.1.1 plugins/in_systemd (systemd.c, systemd_config.c, systemd_db.c).
"""

import asyncio
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal

from pyrolens.api import ConfigError, Event, Input, InputEnv, Problem, Record, Source, opt, plugin
from pyrolens.inputs._cursors import Cursors
from pyrolens.inputs._journal import Journal, JournalError, is_here, library, machine_id
from pyrolens.inputs._text import text_of

MATCH = re.compile(r"(?!__)[A-Z0-9_]+=", re.ASCII)
LOOK = 1.0
"""Seconds between two looks, also where the system tells what changes."""
TURN = 200
"""Entries before others have their turn."""
MOST = 1024 * 1024
"""Bytes of a turn."""
LAST_READS = 100
"""Turns when the input stops."""
UNIT, UNKNOWN = "_SYSTEMD_UNIT", "unknown"


@plugin("systemd")
class Systemd(Input):
    """Read the journal of systemd, of this machine or of a folder. It takes libsystemd.

    A * in the tag stands for the unit that an entry comes from."""

    differs = (
        "the place in the journal is saved in the DB once the entries before it are delivered, so a crash repeats and"
        " never loses",
        "an entry that was saved and is gone since, as after a rotation, does not take the next one with it",
        "a journal that cannot be read on, such as one with a deleted file, is opened again at the place that was"
        " reached; Fluent Bit begins again and sends all that is there once more",
        "read_from_tail begins at the time of the start, and leaves no new entry out",
        "on a machine without a machine id the journals of all machines are read; Fluent Bit reads none",
        "fields are cut at 1 MiB, Fluent Bit's at 64 KiB",
        "a DB that cannot be opened refuses the start; Fluent Bit goes on without it",
    )

    path: str | None = opt("Folder of the journal, such as /var/log/journal; else the machine's own.", default=None)
    max_fields: int = opt("Fields of an entry that are read.", default=8000)
    max_entries: int = opt("Entries that are read in one go.", default=5000, low=1)
    systemd_filter: list[str] = opt("FIELD=VALUE: read only entries that have this.", default=[])
    systemd_filter_type: Literal["and", "or"] = opt("Whether all of them must fit, or any.", default="or")
    read_from_tail: bool = opt("Read only what comes after the start.", default=False)
    lowercase: bool = opt("Write the names of fields in small letters.", default=False)
    strip_underscores: bool = opt("Take an underscore from the beginning of the names of fields.", default=False)
    db: str | None = opt("SQLite file that keeps how far the journal was read.", default=None)
    db_sync: Literal["extra", "full", "normal", "off"] = opt("When it is synced.", default="full", name="db.sync")

    def check(self) -> Iterable[tuple[str, str]]:
        for match in self.systemd_filter:
            if not MATCH.match(match):
                expected = "expected FIELD=VALUE, such as _SYSTEMD_UNIT=a.service"
                yield "systemd_filter", f"systemd_filter is '{match}': {expected}"
        if self.path is not None and not os.path.isdir(self.path):
            yield "path", f"path is '{self.path}': there is no such folder"

    def open(self, env: InputEnv) -> Source:
        library()
        return SystemdSource(self, env)


class Turn:
    """Entries that were handed over together, and how many of their batches are not settled yet."""

    __slots__ = ("cursor", "left")

    def __init__(self, cursor: str, left: int) -> None:
        self.cursor = cursor
        self.left = left


class Progress:
    """What was handed over, and the place in the journal before which all of it is settled."""

    def __init__(self, cursors: Cursors | None) -> None:
        self.cursors = cursors
        self._turns: deque[Turn] = deque()
        self._place = ""
        """To be saved."""
        self._closing = False

    def begin(self, cursor: str, batches: int) -> Callable[[], None] | None:
        """A turn up to this place. Gives what to call when one of its batches is settled."""
        if not self.cursors:
            return None
        turn = Turn(cursor, batches)
        self._turns.append(turn)
        return partial(self._settled, turn)

    def _settled(self, turn: Turn) -> None:
        turn.left -= 1
        while self._turns and not self._turns[0].left:
            self._place = self._turns.popleft().cursor
        if self._closing:
            self.close()

    def save(self) -> None:
        if self.cursors and self._place:
            self.cursors.set(self._place, int(time.time()))
            self._place = ""

    def close(self) -> None:
        """Save, and close the file once nothing more is to come."""
        self._closing = True
        self.save()
        if self.cursors and not self._turns:
            self.cursors.close()
            self.cursors = None


class SystemdSource:
    def __init__(self, plan: Systemd, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.journal: Journal | None = None
        self.progress = Progress(None)
        self.reached = ""
        """The cursor of the last entry that was read."""
        self.began = 0
        """ns of the start: where read_from_tail begins."""
        self.paused = False
        self.stopped = False
        self._before: SystemdSource | None = None
        self._timer: asyncio.Handle | None = None
        self._watched = -1
        self._failing = False
        self._again = False
        """The next entry may be the one that was reached."""

    # -- running ----------------------------------------------------------------------------------------------------

    def inherit(self, old: Any) -> bool:
        """When the config is loaded again: go on where the other one stands, if it reads the same journal."""
        if self._before is not None or old.plan.path != self.plan.path:
            return False
        self.journal = self._new_journal()
        if (old.plan.db, old.plan.db_sync) != (self.plan.db, self.plan.db_sync):
            self._open_cursors()
        self._before = old
        return True

    async def start(self) -> None:
        self.began = self.env.now()
        before, self._before = self._before, None
        if before is not None:
            before.leave()
            self.reached, self.began = before.reached, before.began
            if (before.plan.db, before.plan.db_sync) == (self.plan.db, self.plan.db_sync):
                self.progress, before.progress = before.progress, Progress(None)
        else:
            self._open_cursors()
            self.journal = self._new_journal()
            self._say_if_there_is_none()
        self._timer = asyncio.get_running_loop().call_soon(self._look)

    def leave(self) -> None:
        """Read no more: another one goes on."""
        self.stopped = True
        if self._timer:
            self._timer.cancel()
        self._close()

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        if not self.stopped and self._timer:
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_soon(self._look)

    async def stop(self) -> None:
        """What was written before is still read, but for what is very much."""
        reads = 0
        try:
            while self._watched >= 0 and not self.paused and reads < LAST_READS and self._read():
                reads += 1
        except JournalError as why:
            self.env.log.warning("the journal cannot be read to its end", reason=why)
        self.leave()
        self.progress.close()

    def _open_cursors(self) -> None:
        """Raises: ConfigError."""
        if self.plan.db:
            cursors = Cursors(self.env.name, self.plan.db, self.plan.db_sync)
            self.progress = Progress(cursors)
            self.reached = cursors.get()

    def _new_journal(self) -> Journal:
        """Raises: ConfigError."""
        try:
            return self._opened()
        except JournalError as why:
            raise ConfigError([Problem("cannot-open", f"{self.env.name}: {why}")]) from None

    def _opened(self) -> Journal:
        plan = self.plan
        return Journal(plan.path, plan.systemd_filter, plan.systemd_filter_type == "and")

    def _say_if_there_is_none(self) -> None:
        if self.plan.path is not None:
            return
        machine = machine_id()
        if not machine:
            self.env.log.warning("this machine has no id, so the journals of all machines are read")
        elif not is_here(machine):
            hint = "in a container, set Path to where the journal of its host is, such as /var/log/journal"
            self.env.log.warning("there is no journal of this machine yet", hint=hint)

    def _place(self, journal: Journal) -> None:
        """Go to what was reached, and wait for news. Raises: JournalError."""
        if self.reached and journal.seek(self.reached):
            # the entry itself has been read, unless it is gone, and this is the one behind it
            self._again = True
        else:
            if self.reached:
                self.env.log.warning("the place in the journal that was saved is none; it is read as without it")
            self._again = False
            if self.plan.read_from_tail:
                journal.seek_time(self.began // 1000)
            else:
                journal.seek_head()
        if journal.fd >= 0:
            asyncio.get_running_loop().add_reader(journal.fd, self._soon)
        self._watched = max(journal.fd, 0)

    def _close(self) -> None:
        if self._watched > 0:
            asyncio.get_running_loop().remove_reader(self._watched)
        self._watched = -1
        if self.journal:
            self.journal.close()
            self.journal = None

    def _soon(self) -> None:
        """Something has changed."""
        if self._timer:
            self._timer.cancel()
        self._look()

    def _look(self) -> None:
        more = False
        try:
            if self.journal is None:
                self.journal = self._opened()
            if self._watched < 0:
                self._place(self.journal)
            self.journal.process()
            more = not self.paused and self._read()
            self._failing = False
        except JournalError as why:
            log = self.env.log.debug if self._failing else self.env.log.warning
            log("the journal cannot be read; it is opened again at the place that was reached", reason=why)
            self._failing = True
            self.env.count("journal_failures")
            self._close()
        self.progress.save()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_soon(self._look) if more else loop.call_later(LOOK, self._look)

    # -- reading ----------------------------------------------------------------------------------------------------

    def _read(self) -> bool:
        """Hand over what is there. True: there is more. Raises: JournalError; what was read is handed over before."""
        batches: dict[str, tuple[list[Event], int]] = {}
        read = 0
        try:
            for _ in range(min(self.plan.max_entries, TURN)):
                if read >= MOST:
                    return True
                size = self._entry(batches)
                if size < 0:
                    return False
                read += size
            return True
        finally:
            self._hand_over(batches)

    def _entry(self, batches: dict[str, tuple[list[Event], int]]) -> int:
        """Add the next entry to the batch of its tag, and give its bytes; -1: there is none. Raises: JournalError."""
        journal = self.journal
        assert journal is not None
        if not journal.next():
            return -1
        if self._again:
            self._again = False
            if journal.is_at(self.reached):
                return 0
        cursor, ns = journal.cursor(), journal.time()
        tag = self.env.tag
        if "*" in tag:
            unit = journal.field(UNIT)
            tag = tag.replace("*", UNKNOWN if unit is None else text_of(unit), 1)
        try:
            record, size = self._record(journal)
        except JournalError as why:
            # of an entry that is damaged; those behind it may be whole
            self.env.count("broken_entries")
            self.env.log.error("an entry of the journal cannot be read; it is left out", reason=why)
            self.reached = cursor
            return 0
        events, sizes = batches.get(tag, ([], 0))
        events.append((ns, record))
        batches[tag] = (events, sizes + size)
        self.reached = cursor
        return size

    def _record(self, journal: Journal) -> tuple[Record, int]:
        plan = self.plan
        record: Record = {}
        size = number = 0
        for field in journal.fields():
            if number >= plan.max_fields:
                break
            name, equals, value = field.partition(b"=")
            if not equals:
                continue
            number += 1
            size += len(field)
            key = text_of(name[1:] if plan.strip_underscores and name.startswith(b"_") else name)
            key = key.lower() if plan.lowercase else key
            text = text_of(value)
            if key not in record:
                record[key] = text
            elif isinstance(record[key], list):
                record[key].append(text)
            else:
                record[key] = [record.pop(key), text]
        return record, size

    def _hand_over(self, batches: dict[str, tuple[list[Event], int]]) -> None:
        if not batches:
            return
        settled = self.progress.begin(self.reached, len(batches))
        for tag, (events, size) in batches.items():
            self.env.ingest(tag, events, size, settled)
