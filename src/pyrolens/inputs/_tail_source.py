"""tail at work: reads its files in turns, hands their lines over, and follows them when they are rotated."""

import asyncio
import contextlib
import os
import re

from pyrolens.api import Event, InputEnv
from pyrolens.inputs._offsets import Offsets
from pyrolens.inputs._tail_file import Block, TailFile, TooLongError, without_empty
from pyrolens.inputs._tail_finder import Finder
from pyrolens.inputs._tail_joining import joining, shape_of
from pyrolens.inputs._tail_progress import Progress
from pyrolens.inputs.tail import Tail

POLL = 0.25
"""Seconds between two looks at the files."""
ROTATION = 1.0
"""Seconds between two looks at the names of the files."""
TURN = 16
"""Reads of one file before the next has its turn."""
LAST_READS = 256
"""Reads of one file when the input stops."""
MOST_HELD = 16 * 1024 * 1024
"""Bytes of a file that may be held back to be joined."""
MOST_WAITS = 4
"""Times that a line may be held back as long as one waits for the next."""
WILD = re.compile(r"[*?\[]")


class TailSource:
    def __init__(self, plan: Tail, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.shape = shape_of(plan, env)
        self.join = joining(plan, self.shape, env)
        self.progress = Progress(plan, env)
        self.finder = Finder(plan, env, self.progress)
        self.files = self.finder.files
        self.paused = False
        self.stopped = False
        self.scanned_at = self.checked_at = 0.0
        self.timer: asyncio.Handle | None = None
        self._from: list[TailSource] = []
        """Those whose files it goes on with."""

    @property
    def offsets(self) -> Offsets | None:
        return self.progress.offsets

    async def start(self) -> None:
        plan, progress, finder = self.plan, self.progress, self.finder
        progress.open()
        self.scanned_at = self.checked_at = asyncio.get_running_loop().time()
        others, self._from = self._from, []
        if others:
            # what they would have found next is new, and nothing that was there at the start
            finder.from_head = plan.read_from_head or plan.read_newly_discovered_files_from_head
            for other in others:
                other.search_no_more()
                self._take_files(other)
            finder.scan(plan.path, lambda path: any(other.finder.wants(path) for other in others))
            finder.from_head = plan.read_from_head
        finder.scan(plan.path)
        progress.keep_only(self.files)
        finder.from_head = plan.read_from_head or plan.read_newly_discovered_files_from_head
        self.timer = asyncio.get_running_loop().call_soon(self._poll)

    def hear(self, data: bytes | None, at: str) -> None:
        if data is None:
            for file in self.files.values():
                self._heard(file, self.join.flush(file) if self.join else [])
            return
        file = next((f for f in self.files.values() if f.path == at), None) or self.finder.unseen(at)
        try:
            blocks = file.blocks(data + b"\n")
        except TooLongError as long:
            blocks = long.before
            self.env.log.error("a line does not fit into buffer_max_size", buffer_max_size=self.plan.buffer_max_size)
            file.rest = b""
        if self.plan.skip_empty_lines:
            blocks = list(without_empty(blocks))
        self._heard(file, self.join.take(file, blocks) if self.join else self.shape.events(file, blocks))

    def _heard(self, file: TailFile, events: list[Event]) -> None:
        if events:
            self.env.ingest(file.tag, events, 0)

    def inherit(self, old: "TailSource") -> bool:
        self.progress.inherit(old.progress)
        self._from.append(old)
        return True

    def search_no_more(self) -> None:
        """Another one finds what comes from now on; stop() will read what this one has still to read."""
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def _take_files(self, old: "TailSource") -> None:
        """Those that this one wants to read go on where the other one is."""
        self.finder.remember(old.finder)
        for file in [f for f in old.files.values() if self.finder.wants(f.path)]:
            if tag := self.finder.tag_of(file.path):
                old.give(file)
                self.finder.take(file, tag)
                self.progress.take(file, old.progress)

    def give(self, file: TailFile) -> None:
        """Another one goes on with it. What is held back to be joined goes on from here."""
        self._let_go(file)
        if self.join:
            self.join.forget(file)
        self.files.pop(file.key)
        self.progress.give(file)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        if not self.stopped and self.timer:
            self.timer.cancel()
            self.timer = asyncio.get_running_loop().call_soon(self._poll)

    async def stop(self) -> None:
        if self.timer:
            self.timer.cancel()
        if not self.paused:
            for file in list(self.files.values()):
                self._read(file, LAST_READS)
        self.stopped = True
        for file in self.files.values():
            self._let_go(file)
            file.close()
        self.progress.end(self.files.values())

    # -- reading ------------------------------------------------------------------------------------------------

    def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        more = False
        if not self.paused:
            self._search(now)
            for file in list(self.files.values()):
                more = self._read(file, TURN) or more
                if self.paused:
                    break
            self._waited(now)
            if now - self.checked_at >= ROTATION:
                self.checked_at = now
                for file in list(self.files.values()):
                    self._check(file, now)
            if self.plan.exit_on_eof and not more and not self.paused and self.files:
                self.env.log.info("all files are read to their end")
                self.env.exit()
        self.progress.save()
        self.timer = loop.call_soon(self._poll) if more and not self.paused else loop.call_later(POLL, self._poll)

    def _search(self, now: float) -> None:
        if now - self.scanned_at >= self.plan.refresh_interval:
            self.scanned_at = now
            self.finder.scan(self.plan.path)
        else:
            # plain paths cost no search
            self.finder.scan(p for p in self.plan.path if not WILD.search(p))

    def _read(self, file: TailFile, turns: int) -> bool:
        """Hand over what is new. True: there may be more."""
        try:
            if file.look():
                self.env.log.info("the file was truncated; it is read from its beginning", path=file.path)
                self._let_go(file)
                file.forget_parts()
            for _ in range(turns):
                if not file.has_more:
                    return False
                blocks = file.read()
                if blocks is None:
                    return False
                if blocks:
                    self._hand_over(file, blocks)
                if self.paused:
                    return True
            if self.plan.file_cache_advise and hasattr(os, "posix_fadvise"):
                # not what was read ahead
                os.posix_fadvise(file.fd, 0, file.offset, os.POSIX_FADV_DONTNEED)
        except TooLongError as long:
            if long.before:
                self._hand_over(file, long.before)
            self.env.log.error(
                "a line does not fit into buffer_max_size; the file is not read any more",
                path=file.path,
                buffer_max_size=self.plan.buffer_max_size,
                hint="set skip_long_lines on, or a larger buffer_max_size",
            )
            self.env.count("long_lines")
            self.finder.given_up.add(file.key)
            self._close(file)
            return False
        except OSError as why:
            self.finder.complain(file.path, "cannot read", why)
            self.finder.given_up.add(file.key)
            self._close(file)
            return False
        return file.has_more

    def _hand_over(self, file: TailFile, blocks: list[Block]) -> None:
        if file.long_lines:
            self.env.count("long_lines", file.long_lines)
            if file.path + "\0long" not in self.finder.complained:
                self.finder.complained.add(file.path + "\0long")
                what = "long lines are cut" if self.plan.truncate_long_lines else "long lines are left out"
                self.env.log.warning(what, path=file.path, buffer_max_size=self.plan.buffer_max_size)
            file.long_lines = 0
        if self.plan.skip_empty_lines:
            blocks = list(without_empty(blocks))
        file.unsent += sum([len(block.text) + 1 for block in blocks])
        if self.join is None:
            self._send(file, self.shape.events(file, blocks))
            return
        before = file.held_at
        events = self.join.take(file, blocks)
        file.fed_at = asyncio.get_running_loop().time()
        if file.held_at != before:
            file.held_since = file.fed_at
        self._send(file, events)
        if file.held_at is not None and file.text_at - file.held_at > MOST_HELD:
            self.env.log.warning("lines that are to be joined have no end; they go on as they are", path=file.path)
            self._let_go(file)

    def _send(self, file: TailFile, events: list[Event]) -> None:
        if not events:
            return
        size, file.unsent = file.unsent, 0
        safe = self.progress.sent(file)
        if self.env.stores:
            # the store brings it again after a crash, so the file must not
            self.env.ingest(file.tag, events, size, stored=safe)
        else:
            self.env.ingest(file.tag, events, size, safe)

    def _let_go(self, file: TailFile) -> None:
        """What is held back to be joined goes on as it is."""
        if self.join and file.held_at is not None:
            self._send(file, self.join.flush(file))

    def _waited(self, now: float) -> None:
        """Let go what nothing has come for."""
        if self.join:
            wait = self.join.wait
            for file in list(self.files.values()):
                over = now - file.fed_at >= wait or now - file.held_since >= MOST_WAITS * wait
                if file.held_at is not None and over and not self.paused:
                    self._let_go(file)

    # -- rotation and ends ----------------------------------------------------------------------------------------

    def _check(self, file: TailFile, now: float) -> None:
        """See whether the file was rotated, deleted, or is no longer wanted."""
        if file.rotated_at is not None:
            if now - file.rotated_at >= self.plan.rotate_wait and not file.has_more:
                self._close(file)
            return
        try:
            found = os.stat(file.name)
        except OSError:
            found = None
        if found is not None and (found.st_dev, found.st_ino) == file.key:
            if self.plan.ignore_active_older_files and self.plan.ignore_older > 0 and self.finder.is_old(found):
                self._close(file)
                self.finder.too_old[file.path] = file.resume_at
            return
        if file.deleted:
            if not file.has_more:
                self._close(file)
                self.finder.closed.pop(file.key, None)
                self.progress.remove(file)
            return
        file.rotated_at = now
        self.env.count("files_rotated")
        with contextlib.suppress(OSError):
            file.name = os.readlink(f"/proc/self/fd/{file.fd}")
        self.progress.renamed(file)
        self.env.log.info("the file was rotated", path=file.path, to=file.name)
        if found is not None:
            self.finder.found(file.path)

    def _close(self, file: TailFile) -> None:
        self._let_go(file)
        if self.join:
            self.join.forget(file)
        self.finder.close(file)
