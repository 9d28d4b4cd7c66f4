"""Which files tail reads: finds them, opens them where reading begins, and remembers those that it is done with."""

import fnmatch
import glob
import os
import stat
from collections.abc import Callable, Iterable

from pyrolens.api import InputEnv
from pyrolens.inputs._tail_file import TailFile
from pyrolens.inputs._tail_progress import Progress
from pyrolens.inputs._tail_tag import tag_of_parts, tag_of_path
from pyrolens.inputs.tail import Tail
from pyrolens.records.regex import Pattern, PatternError, compile_pattern

MOST_REMEMBERED = 10_000
"""Files that were read and closed, whose offsets are kept in memory."""


def fits(path: str, pattern: str) -> bool:
    """Whether glob() of the pattern would find it, if it was there."""
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


class Finder:
    def __init__(self, plan: Tail, env: InputEnv, progress: Progress) -> None:
        self.plan = plan
        self.env = env
        self.progress = progress
        self.tag_regex: Pattern | None = None
        if plan.tag_regex:
            try:
                self.tag_regex = compile_pattern(plan.tag_regex)
            except PatternError as why:
                # Fluent Bit starts, too
                env.log.error("tag_regex is no pattern; the tag stays as it is", reason=why)
        self.files: dict[tuple[int, int], TailFile] = {}
        """Those that are open, by device and inode."""
        self.from_head = plan.read_from_head
        self.closed: dict[tuple[int, int], int] = {}
        """Offsets of files that were read and are closed."""
        self.too_old: dict[str, int] = {}
        """Sizes of files that were left out for their age, by path."""
        self.given_up: set[tuple[int, int]] = set()
        self.complained: set[str] = set()

    def scan(self, patterns: Iterable[str], fit: Callable[[str], bool] = lambda path: True) -> None:
        for pattern in patterns:
            for path in filter(fit, sorted(glob.glob(os.path.expanduser(pattern)))):
                self.found(path)

    def wants(self, path: str) -> bool:
        """Whether it is one of the files to read, by its name."""
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in self.plan.exclude_path):
            return False
        return any(fits(path, os.path.expanduser(pattern)) for pattern in self.plan.path)

    def remember(self, old: "Finder") -> None:
        """What another one is done with."""
        self.closed.update(old.closed)
        self.too_old.update(old.too_old)

    def take(self, file: TailFile, tag: str) -> None:
        """Go on with a file that another one has opened."""
        plan = self.plan
        file.tag = tag
        file.most, file.skip_long, file.truncate_long = (
            plan.buffer_max_size,
            plan.skip_long_lines,
            plan.truncate_long_lines,
        )
        self.files[file.key] = file

    def found(self, path: str) -> None:
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
            if self.is_old(found):
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

    def is_old(self, found: os.stat_result) -> bool:
        return found.st_mtime_ns < self.env.now() - int(self.plan.ignore_older * 10**9)

    def _open(self, path: str, offset: int | None) -> None:
        """`offset`: where to begin, if that is known."""
        plan = self.plan
        try:
            file = TailFile(path, plan.buffer_max_size, plan.skip_long_lines, plan.truncate_long_lines)
        except OSError as why:
            self.complain(path, "cannot open", why)
            return
        file.tag = self.tag_of(path)
        if not file.tag:
            self.complain(path, "cannot make a tag", OSError(0, "tag_regex does not fit the path"))
            self.given_up.add(file.key)
            file.close()
            return
        offset = self.progress.resume_at(file, offset)
        if offset is None:
            offset = 0 if self.from_head else file.size
        if offset and not (file.compressed and offset < file.size):
            file.seek(offset)
        self.progress.add(file)
        self.files[file.key] = file
        self.env.count("files_opened")
        self.env.log.debug("reads a file", path=path, offset=file.offset)

    def tag_of(self, path: str) -> str:
        """ "": none can be made."""
        if self.tag_regex is None:
            return tag_of_path(self.env.tag, path)
        parts = self.tag_regex.named(path)
        return tag_of_parts(self.env.tag, parts) if parts is not None else ""

    def unseen(self, path: str) -> TailFile:
        """A file that need not be there, of which the lines are known."""
        plan = self.plan
        file = TailFile(os.devnull, plan.buffer_max_size, plan.skip_long_lines, plan.truncate_long_lines)
        file.close()
        file.path = file.name = path
        file.inode = -1 - len(self.files)
        file.tag = self.tag_of(path)
        self.files[file.key] = file
        return file

    def complain(self, path: str, what: str, why: OSError) -> None:
        """Once for each path."""
        if path not in self.complained:
            self.complained.add(path)
            self.env.log.error(what, path=path, reason=why.strerror or str(why))

    def close(self, file: TailFile) -> None:
        self.files.pop(file.key, None)
        if len(self.closed) >= MOST_REMEMBERED:
            self.closed.clear()
        self.closed[file.key] = file.resume_at
        file.close()
        self.env.count("files_closed")
