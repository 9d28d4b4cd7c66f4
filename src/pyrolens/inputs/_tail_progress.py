"""How far each file is done, as the DB of tail keeps it over restarts."""

from collections.abc import Callable, Collection, Iterable

from pyrolens.api import InputEnv
from pyrolens.inputs._offsets import MARKED, Offsets, mark_of
from pyrolens.inputs._tail_file import TailFile
from pyrolens.inputs.tail import Tail


class Progress:
    """Without a DB, nothing is kept."""

    def __init__(self, plan: Tail, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.offsets: Offsets | None = None
        self.changed: dict[tuple[int, int], TailFile] = {}
        """Files with an offset to save."""
        self.ending: Collection[TailFile] | None = None
        """Once nothing more is read: the files of which something may still settle."""

    def open(self) -> None:
        """Raises: ConfigError."""
        plan = self.plan
        if plan.db and self.offsets is None:
            self.offsets = Offsets(self.env.name, plan.db, plan.db_sync, plan.db_locking, plan.db_journal_mode)

    def inherit(self, old: "Progress") -> None:
        """Go on with the DB of another one, if it is the same. Raises: ConfigError."""
        if self.plan.db and old.offsets and self.offsets is None and self.plan.db == old.plan.db:
            self.offsets = old.offsets.share()
        self.open()

    def keep_only(self, files: Iterable[tuple[int, int]]) -> None:
        if self.offsets:
            self.offsets.keep_only([inode for _, inode in files])

    def resume_at(self, file: TailFile, offset: int | None) -> int | None:
        """Where to go on with a file that is opened: as it is saved, else at `offset`."""
        name = file.path if self.plan.db_compare_filename else None
        saved = self.offsets.find(file.inode, name) if self.offsets else None
        if saved is None:
            return offset
        file.row = saved.id
        if saved.offset > file.size or (saved.mark and saved.mark != self._mark(file, saved.offset)):
            self.env.log.info("the file was replaced; it is read from its beginning", path=file.path)
            return 0
        return saved.offset or offset or None

    def add(self, file: TailFile) -> None:
        """It may be known already."""
        if self.offsets and not file.row:
            mark, now = self._mark(file, file.offset), self.env.now() // 10**9
            file.row = self.offsets.add(file.inode, file.path, file.offset, mark, now)
        file.changed = self._settled

    def take(self, file: TailFile, old: "Progress") -> None:
        """Go on with a file of another one."""
        if self.offsets is not old.offsets:
            file.row = 0
            if self.offsets:
                offset = file.done if file.parts else file.resume_at
                mark, now = self._mark(file, offset), self.env.now() // 10**9
                file.row = self.offsets.add(file.inode, file.path, offset, mark, now)
        file.changed = self._settled
        if file.saved is not None:
            self.changed[file.key] = file

    def give(self, file: TailFile) -> None:
        """Another one goes on with it."""
        self.changed.pop(file.key, None)

    def renamed(self, file: TailFile) -> None:
        if self.offsets and file.row:
            self.offsets.rename(file.row, file.name)

    def remove(self, file: TailFile) -> None:
        if self.offsets and file.row:
            self.offsets.remove(file.row)

    def _mark(self, file: TailFile, offset: int) -> str:
        return mark_of(file.before(offset, MARKED)) if offset and self.offsets else ""

    def sent(self, file: TailFile) -> Callable[[], None] | None:
        """What to call once the batch that is handed over now has settled."""
        return file.sent(self._mark(file, file.resume_at)) if self.offsets else None

    def _settled(self, file: TailFile) -> None:
        self.changed[file.key] = file
        if self.ending is not None:
            self.end(self.ending)

    def save(self) -> None:
        if not self.offsets:
            return
        for file in self.changed.values():
            if file.saved is not None and file.row:
                self.offsets.save(file.row, *file.saved)
                file.saved = None
        self.changed.clear()

    def end(self, files: Collection[TailFile]) -> None:
        """Nothing more of these files is read. The DB is closed once all that is on its way has settled."""
        self.ending = files
        self.save()
        if self.offsets and not any(file.parts for file in files):
            self.offsets.close()
            self.offsets = None
