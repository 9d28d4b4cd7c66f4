"""The log of a rehearsal: kept, and shown nowhere."""

from pyrolens.rehearsal.journey import Note
from pyrolens.service.log import LEVELS, NAMES, Logger, Logs, line_text


class Notes(Logs):
    """Of the same levels as in the router, but for what would flood: debug and trace are left out."""

    def __init__(self) -> None:
        super().__init__("info")
        self.kept: list[Note] = []

    def say(self, log: Logger, level: int, event: str, fields: dict[str, object]) -> None:
        if level <= LEVELS["info"]:
            self.kept.append(Note(NAMES[level], log.name.rpartition(":")[2], self.masked(line_text(event, fields))))

    def add(self, level: str, who: str, text: str) -> None:
        self.kept.append(Note(level, who, text))

    def take(self) -> tuple[Note, ...]:
        """What was said since the last time."""
        if not self.kept:
            return ()
        kept, self.kept = self.kept, []
        return tuple(kept)
