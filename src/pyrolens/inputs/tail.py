"""input tail: the lines of files, as they are written.

Source: Fluent Bit 5.1.1 plugins/in_tail (tail.c, tail_file.c, tail_scan_glob.c, tail_config.c).
"""

import asyncio
import contextlib
import fnmatch
import glob
import os
import re
import stat
from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Annotated, Literal

from pyrolens.api import (
    Commas,
    Event,
    Input,
    InputEnv,
    Lines,
    OptionError,
    Parse,
    Seconds,
    Size,
    Source,
    lines,
    opt,
    plugin,
)
from pyrolens.inputs._offsets import MARKED, Offsets, mark_of
from pyrolens.inputs._tail_events import Joining, Shape
from pyrolens.inputs._tail_file import Line, TailFile, TooLongError
from pyrolens.inputs._tail_tag import tag_of_parts, tag_of_path
from pyrolens.inputs._text import text_of
from pyrolens.options import Kind, split_commas
from pyrolens.records.regex import Pattern, PatternError, compile_pattern

POLL = 0.25
"""Seconds between two looks at the files."""
ROTATION = 1.0
"""Seconds between two looks at the names of the files."""
TURN = 4
"""Reads of one file before the next has its turn."""
LAST_READS = 64
"""Reads of one file when the input stops."""
MOST_HELD = 16 * 1024 * 1024
"""Bytes of a file that may be held back to be joined."""
MOST_WAITS = 4
"""Times that a line may be held back as long as one waits for the next."""
MOST_REMEMBERED = 10_000
"""Files that were read and closed, whose offsets are kept in memory."""
ENCODINGS = {
    "shiftjis": "shift_jis", "uhc": "cp949", "gbk": "gbk", "gb18030": "gb18030", "big5": "big5",
    "win866": "cp866", "win874": "cp874", **{f"win125{n}": f"cp125{n}" for n in range(9)},
}  # fmt: skip
"""Fluent Bit's names of encodings, and Python's."""
WILD = re.compile(r"[*?\[]")


def read_interval(text: str) -> float:
    """Seconds, with fractions and without units."""
    found = re.match(r"\s*([+-]?\d+(?:\.\d+)?)", text)
    if not found:
        raise ValueError("expected seconds such as 10 or 0.5")
    return float(found[1])


def doubt_interval(text: str) -> str:
    if re.fullmatch(r"\s*\+?\d+(\.\d+)?s?\s*", text):
        return ""
    return f"seconds are expected here, so this counts as {read_interval(text):g}"


Interval = Annotated[float, Kind("seconds", read_interval, doubt=doubt_interval)]


@plugin("tail")
class Tail(Input):
    """Read lines from files, through rotation and restarts."""

    ignored = MappingProxyType(
        {
            "inotify_watcher": "files are looked at every 250 ms",
            "watcher_interval": "rotation is looked for every second",
            "progress_check_interval": "files are looked at every 250 ms",
            "progress_check_interval_nsec": "files are looked at every 250 ms",
            "static_batch_size": "files are read in turns, at most 1 MiB a turn",
            "event_batch_size": "files are read in turns, at most 1 MiB a turn",
        }
    )
    differs = (
        "offsets are saved in the DB once the records before them are delivered, so a crash repeats and never loses",
        "a rotated file is read to its end before it is closed, also when rotate_wait is over",
        "a rotated file that matches Path under its new name is not read again",
        "a file that was replaced while the router did not run is read from its beginning",
        "what was written before a stop is still read",
        "lines that wait to be joined go on Flush_Timeout (multiline_flush, docker_mode_flush) after the last line, at"
        " most four times as long in all; Fluent Bit looks that often and sends what it finds, so it may cut a record",
        "what multiline.parser holds at a stop goes on; Fluent Bit loses it",
        "multiline: a record with an empty line in it is kept, and so is a line that is no first line and is taken by"
        " a Parser_N; Fluent Bit loses them",
        "docker_mode: the offset of a record is that of its first line; Fluent Bit's is that of what it read at once",
    )

    path: Commas = opt("Files to read: paths separated by commas, with wildcards.")
    exclude_path: Commas = opt("Patterns of files not to read, separated by commas.", default=[])
    key: str = opt("Field for the text of a line that is not parsed.", default="log")
    path_key: str | None = opt("Put the path of the file into this field.", default=None)
    offset_key: str | None = opt("Put the offset of the line in the file into this field.", default=None)
    read_from_head: bool = opt("Read files that are there at the start from their beginning.", default=False)
    read_newly_discovered_files_from_head: bool = opt(
        "Read files that appear later from their beginning.", default=True
    )
    refresh_interval: Interval = opt("Seconds between two searches for new files.", default=60.0)
    rotate_wait: Seconds = opt("Seconds that a rotated file is still read.", default=5.0)
    ignore_older: Seconds = opt("Leave out files that were last written longer ago than this; 0: none.", default=0.0)
    ignore_active_older_files: bool = opt("Also stop to read files that become older than that.", default=False)
    parser: str | None = opt("Parser of the lines.", default=None)
    skip_long_lines: bool = opt("Leave out lines that do not fit into the buffer, and go on.", default=False)
    truncate_long_lines: bool = opt("Cut lines that do not fit into the buffer.", default=False)
    skip_empty_lines: bool = opt("Leave out empty lines.", default=False)
    buffer_max_size: Size = opt("Bytes of the buffer of a file: the longest line.", default=32768)
    buffer_chunk_size: Size = opt(
        "Bytes by which the buffer grows; it grows as it needs to, but this may not be more than buffer_max_size.",
        default=32768,
    )
    file_cache_advise: bool = opt("Ask the system not to keep what was read in its cache.", default=True)
    exit_on_eof: bool = opt("Stop the router when all files are read to their end.", default=False)
    db: str | None = opt("SQLite file that keeps how far each file was read.", default=None)
    db_sync: Literal["extra", "full", "normal", "off"] = opt("When it is synced.", default="normal", name="db.sync")
    db_locking: bool = opt("Nobody else may open it meanwhile.", default=False, name="db.locking")
    db_journal_mode: Literal["DELETE", "TRUNCATE", "PERSIST", "MEMORY", "WAL", "OFF"] = opt(
        "Journal of SQLite.", default="WAL", name="db.journal_mode"
    )
    db_compare_filename: bool = opt(
        "A file is known again by inode and name, not by inode alone.", default=False, name="db.compare_filename"
    )

    generic_encoding: str | None = opt(
        "Encoding of the files, such as ShiftJIS or Win1252, if it is not UTF-8.", default=None, name="generic.encoding"
    )
    unicode_encoding: str | None = opt("Not supported: UTF-16.", default=None, name="unicode.encoding")
    tag_regex: str | None = opt("Pattern of paths whose named groups the tag may name as <group>.", default=None)
    multiline_parser: list[str] = opt(
        "Multiline parsers that join lines, with commas between them: docker, cri, java, go, ruby, python, or one of "
        "your own.",
        default=[],
        name="multiline.parser",
    )
    multiline: bool = opt("Join lines with parser_firstline. Better: multiline.parser.", default=False)
    parser_firstline: str | None = opt("Of multiline: the parser that takes the first line of a record.", default=None)
    parser_n: Lines = lines(**{"parser_*": "Of multiline: parsers of further lines, which add fields to the record."})
    multiline_flush: Seconds = opt("Of multiline: seconds to wait for the next line.", default=4.0)
    docker_mode: bool = opt(
        "Join the lines of Docker's JSON files that were cut at 16 KiB. Better: multiline.parser docker.", default=False
    )
    docker_mode_flush: int = opt("Of docker_mode: seconds to wait for the next line.", default=4)
    docker_mode_parser: str | None = opt(
        "Of docker_mode: the parser that takes the first line of a record of several lines.", default=None
    )

    def check(self) -> Iterable[tuple[str, str]]:
        if self.generic_encoding and self.generic_encoding.lower() not in ENCODINGS:
            known = ", ".join(sorted(ENCODINGS))
            yield "generic.encoding", f"generic.encoding is '{self.generic_encoding}': expected one of {known}"
        if self.multiline and not self.parser_firstline:
            yield "multiline", "multiline needs parser_firstline"
        if self.multiline and self.docker_mode:
            yield "docker_mode", "docker_mode cannot be combined with multiline"
        if twice := {line.key for line in self.parser_n if [n.key for n in self.parser_n].count(line.key) > 1}:
            yield sorted(twice)[0], f"{sorted(twice)[0]} is given twice"
        if self.unicode_encoding:
            yield "unicode.encoding", "tail cannot read UTF-16 yet"
        if not self.path:
            yield "path", "path names no file"
        if self.refresh_interval <= 0:
            yield "refresh_interval", "refresh_interval is 0: expected more"
        if self.rotate_wait <= 0:
            yield "rotate_wait", "rotate_wait is 0: expected more"
        if self.buffer_chunk_size > self.buffer_max_size:
            yield "buffer_max_size", "buffer_max_size is less than buffer_chunk_size"
        if self.buffer_max_size < 3:
            yield "buffer_max_size", "buffer_max_size leaves no room for a line"

    def open(self, env: InputEnv) -> Source:
        return TailSource(self, env)


def fits(path: str, pattern: str) -> bool:
    """Whether glob() of the pattern would find it, if it was there."""
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


class TailSource:
    def __init__(self, plan: Tail, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.most = plan.buffer_max_size
        encoding = ENCODINGS[plan.generic_encoding.lower()] if plan.generic_encoding else ""
        parse: Parse | None = None
        if plan.parser:
            parse = env.parser(plan.parser)
            if parse is None:
                # Fluent Bit starts, too
                env.log.error("there is no such parser; lines stay as they are", parser=plan.parser)
        self.shape = Shape(
            plan.key,
            plan.path_key,
            plan.offset_key,
            plan.ignore_older,
            (lambda line: line.decode(encoding, "replace")) if encoding else text_of,
            parse,
            env.now,
        )
        self.join = self._joining()
        self.tag_regex: Pattern | None = None
        if plan.tag_regex:
            try:
                self.tag_regex = compile_pattern(plan.tag_regex)
            except PatternError as why:
                # Fluent Bit starts, too
                env.log.error("tag_regex is no pattern; the tag stays as it is", reason=why)
        self.offsets: Offsets | None = None
        self.files: dict[tuple[int, int], TailFile] = {}
        self.closed: dict[tuple[int, int], int] = {}
        """Offsets of files that were read and are closed, by device and inode."""
        self.too_old: dict[str, int] = {}
        """Sizes of files that were left out for their age, by path."""
        self.given_up: set[tuple[int, int]] = set()
        self.complained: set[str] = set()
        self.changed: dict[tuple[int, int], TailFile] = {}
        """Files with an offset to save."""
        self.paused = False
        self.stopped = False
        self.from_head = plan.read_from_head
        self.scanned_at = self.checked_at = 0.0
        self.timer: asyncio.Handle | None = None
        self._from: list[TailSource] = []
        """Those whose files it goes on with."""

    def _joining(self) -> Joining | None:
        """Raises: OptionError."""
        plan, env = self.plan, self.env
        if plan.parser_n and not plan.multiline:
            env.log.warning(f"{plan.parser_n[0].key} has no effect without multiline")
        if plan.multiline_parser:
            from pyrolens.inputs._tail_join import ByParser  # most files are read line by line

            self._unused("multiline.parser", parser=plan.parser, multiline=plan.multiline, docker_mode=plan.docker_mode)
            return ByParser([n for line in plan.multiline_parser for n in split_commas(line)], self.shape, env)
        if plan.multiline:
            from pyrolens.inputs._tail_multiline import ByFirstLine

            self._unused("multiline", parser=plan.parser)
            self.shape = self.shape._replace(parse=None)
            first = self._parser("parser_firstline", plan.parser_firstline or "")
            others = [self._parser(line.key, line.value) for line in plan.parser_n]
            return ByFirstLine(first, others, plan.multiline_flush, self.shape, env)
        if plan.docker_mode:
            from pyrolens.inputs._tail_docker import DockerMode

            begins = env.parser(plan.docker_mode_parser) if plan.docker_mode_parser else None
            if plan.docker_mode_parser and begins is None:
                # Fluent Bit starts, too
                env.log.error("there is no such parser", docker_mode_parser=plan.docker_mode_parser)
            return DockerMode(begins, plan.docker_mode_flush, self.shape, env)
        return None

    def _parser(self, option: str, name: str) -> Parse:
        parse = self.env.parser(name)
        if parse is None:
            raise OptionError(option, f"there is no parser '{name}'")
        return parse

    def _unused(self, by: str, **options: object) -> None:
        for name in [name for name, value in options.items() if value]:
            self.env.log.warning(f"{name} has no effect, because {by} is set")

    async def start(self) -> None:
        plan = self.plan
        self._open_offsets()
        self.scanned_at = self.checked_at = asyncio.get_running_loop().time()
        others, self._from = self._from, []
        if others:
            # what they would have found next is new, and nothing that was there at the start
            self.from_head = plan.read_from_head or plan.read_newly_discovered_files_from_head
            for other in others:
                self._take_files(other)
            self._scan(plan.path, lambda path: any(other.wants(path) for other in others))
            self.from_head = plan.read_from_head
        self._scan(plan.path)
        if self.offsets:
            self.offsets.keep_only([inode for _, inode in self.files])
        self.from_head = plan.read_from_head or plan.read_newly_discovered_files_from_head
        self.timer = asyncio.get_running_loop().call_soon(self._poll)

    def _open_offsets(self) -> None:
        """Raises: ConfigError."""
        plan = self.plan
        if plan.db and self.offsets is None:
            self.offsets = Offsets(self.env.name, plan.db, plan.db_sync, plan.db_locking, plan.db_journal_mode)

    def inherit(self, old: "TailSource") -> bool:
        plan = self.plan
        if plan.db and old.offsets and self.offsets is None and plan.db == old.plan.db:
            self.offsets = old.offsets.share()
        self._open_offsets()
        self._from.append(old)
        return True

    def wants(self, path: str) -> bool:
        """Whether it is one of the files to read, by its name."""
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in self.plan.exclude_path):
            return False
        return any(fits(path, os.path.expanduser(pattern)) for pattern in self.plan.path)

    def _take_files(self, old: "TailSource") -> None:
        """Those that this one wants to read go on where the other one is."""
        self.closed.update(old.closed)
        self.too_old.update(old.too_old)
        for file in [f for f in old.files.values() if self.wants(f.path) and self._tag(f.path)]:
            old.give(file)
            plan = self.plan
            file.tag = self._tag(file.path)
            file.most, file.skip_long, file.truncate_long = self.most, plan.skip_long_lines, plan.truncate_long_lines
            if self.offsets is not old.offsets:
                file.row = 0
                if self.offsets:
                    offset = file.done if file.parts else file.resume_at
                    mark, now = self._mark(file, offset), self.env.now() // 10**9
                    file.row = self.offsets.add(file.inode, file.path, offset, mark, now)
            file.changed = self._settled
            self.files[file.key] = file
            if file.saved is not None:
                self.changed[file.key] = file

    def give(self, file: TailFile) -> None:
        """Another one goes on with it. What is held back to be joined goes on from here."""
        self._let_go(file)
        if self.join:
            self.join.forget(file)
        self.files.pop(file.key)
        self.changed.pop(file.key, None)

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
        self._save()
        if self.offsets and not any(file.parts for file in self.files.values()):
            self.offsets.close()
            self.offsets = None

    # -- finding files ------------------------------------------------------------------------------------------

    def _scan(self, patterns: Iterable[str], fit: Callable[[str], bool] = lambda path: True) -> None:
        for pattern in patterns:
            for path in filter(fit, sorted(glob.glob(os.path.expanduser(pattern)))):
                self._found(path)

    def _found(self, path: str) -> None:
        try:
            found = os.stat(path)
        except OSError:
            return
        key = found.st_dev, found.st_ino
        if key in self.files or key in self.given_up or not stat.S_ISREG(found.st_mode):
            return
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in self.plan.exclude_path):
            return
        offset: int | None = None
        if self.plan.ignore_older > 0:
            if self._is_old(found):
                self.too_old[path] = found.st_size
                return
            offset = self.too_old.pop(path, None)
        if key in self.closed:
            offset = self.closed[key]
            if found.st_size == offset:
                return
            del self.closed[key]
        if offset is not None and offset > found.st_size:
            offset = 0
        self._open(path, offset)

    def _is_old(self, found: os.stat_result) -> bool:
        return found.st_mtime_ns < self.env.now() - int(self.plan.ignore_older * 10**9)

    def _open(self, path: str, offset: int | None) -> None:
        """`offset`: where to begin, if that is known."""
        plan = self.plan
        try:
            file = TailFile(path, self.most, plan.skip_long_lines, plan.truncate_long_lines)
        except OSError as why:
            self._complain(path, "cannot open", why)
            return
        file.tag = self._tag(path)
        if not file.tag:
            self._complain(path, "cannot make a tag", OSError(0, "tag_regex does not fit the path"))
            self.given_up.add(file.key)
            file.close()
            return
        saved = self.offsets.find(file.inode, path if plan.db_compare_filename else None) if self.offsets else None
        if saved is not None and self.offsets:
            file.row = saved.id
            if saved.offset > file.size or (saved.mark and saved.mark != self._mark(file, saved.offset)):
                self.env.log.info("the file was replaced; it is read from its beginning", path=path)
                offset = 0
            else:
                offset = saved.offset or offset or (0 if self.from_head else file.size)
        elif offset is None:
            offset = 0 if self.from_head else file.size
        if offset and not (file.compressed and offset < file.size):
            file.seek(offset)
        if self.offsets and not file.row:
            file.row = self.offsets.add(
                file.inode, path, file.offset, self._mark(file, file.offset), self.env.now() // 10**9
            )
        file.changed = self._settled
        self.files[file.key] = file
        self.env.count("files_opened")
        self.env.log.debug("reads a file", path=path, offset=file.offset)

    def _tag(self, path: str) -> str:
        """ "": none can be made."""
        if self.tag_regex is None:
            return tag_of_path(self.env.tag, path)
        parts = self.tag_regex.named(path)
        return tag_of_parts(self.env.tag, parts) if parts is not None else ""

    def _mark(self, file: TailFile, offset: int) -> str:
        if not offset or not self.offsets:
            return ""
        return mark_of(file.before(offset, MARKED))

    def _complain(self, path: str, what: str, why: OSError) -> None:
        if path not in self.complained:
            self.complained.add(path)
            self.env.log.error(what, path=path, reason=why.strerror or str(why))

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
        self._save()
        self.timer = loop.call_soon(self._poll) if more and not self.paused else loop.call_later(POLL, self._poll)

    def _search(self, now: float) -> None:
        if now - self.scanned_at >= self.plan.refresh_interval:
            self.scanned_at = now
            self._scan(self.plan.path)
        else:
            # plain paths cost no search
            self._scan(p for p in self.plan.path if not WILD.search(p))

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
                lines = file.read()
                if lines is None:
                    return False
                if lines:
                    self._hand_over(file, lines)
                if self.paused:
                    return True
            if self.plan.file_cache_advise and hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        except TooLongError:
            self.env.log.error(
                "a line does not fit into buffer_max_size; the file is not read any more",
                path=file.path,
                buffer_max_size=self.most,
                hint="set skip_long_lines on, or a larger buffer_max_size",
            )
            self.env.count("long_lines")
            self.given_up.add(file.key)
            self._close(file)
            return False
        except OSError as why:
            self._complain(file.path, "cannot read", why)
            self.given_up.add(file.key)
            self._close(file)
            return False
        return file.has_more

    def _hand_over(self, file: TailFile, lines: list[Line]) -> None:
        if file.long_lines:
            self.env.count("long_lines", file.long_lines)
            if file.path + "\0long" not in self.complained:
                self.complained.add(file.path + "\0long")
                what = "long lines are cut" if self.plan.truncate_long_lines else "long lines are left out"
                self.env.log.warning(what, path=file.path, buffer_max_size=self.most)
            file.long_lines = 0
        if self.plan.skip_empty_lines:
            lines = [line for line in lines if line.text not in (b"", b"\r")]
        file.unsent += sum([len(line.text) for line in lines]) + len(lines)
        if self.join is None:
            self._send(file, self.shape.events(file, lines))
            return
        before = file.held_at
        events = self.join.take(file, lines)
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
        settled = None
        if self.offsets:
            settled = file.sent(self._mark(file, file.resume_at))
        self.env.ingest(file.tag, events, size, settled)

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
            if self.plan.ignore_active_older_files and self.plan.ignore_older > 0 and self._is_old(found):
                self._close(file)
                self.too_old[file.path] = file.resume_at
            return
        if file.deleted:
            if not file.has_more:
                self._close(file)
                self.closed.pop(file.key, None)
                if self.offsets and file.row:
                    self.offsets.remove(file.row)
            return
        file.rotated_at = now
        self.env.count("files_rotated")
        with contextlib.suppress(OSError):
            file.name = os.readlink(f"/proc/self/fd/{file.fd}")
        if self.offsets and file.row:
            self.offsets.rename(file.row, file.name)
        self.env.log.info("the file was rotated", path=file.path, to=file.name)
        if found is not None:
            self._found(file.path)

    def _close(self, file: TailFile) -> None:
        self._let_go(file)
        if self.join:
            self.join.forget(file)
        self.files.pop(file.key, None)
        if len(self.closed) >= MOST_REMEMBERED:
            self.closed.clear()
        self.closed[file.key] = file.resume_at
        file.close()
        self.env.count("files_closed")

    # -- what is done -----------------------------------------------------------------------------------------------

    def _settled(self, file: TailFile) -> None:
        self.changed[file.key] = file
        if self.stopped:
            self._save()
            if self.offsets and not any(f.parts for f in self.files.values()):
                self.offsets.close()
                self.offsets = None

    def _save(self) -> None:
        if not self.offsets:
            return
        for file in self.changed.values():
            if file.saved is not None and file.row:
                self.offsets.save(file.row, *file.saved)
                file.saved = None
        self.changed.clear()
