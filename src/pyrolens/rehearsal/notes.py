"""The log of a rehearsal: kept, and shown nowhere."""

from collections.abc import Iterable

from pyrolens.rehearsal.journey import Note
from pyrolens.service.log import LEVELS, NAMES, Logger, Logs, line_text
from pyrolens.service.secrets import Mask


class LateMask(Mask):
    """Looks for the secrets only once there is a text: most rehearsals have none to show."""

    def __init__(self) -> None:
        super().__init__()
        self._later: list[Iterable[str]] = []

    def add(self, secrets: Iterable[str]) -> None:
        self._later.append(secrets)

    def __call__(self, text: str) -> str:
        later, self._later = self._later, []
        for secrets in later:
            super().add(secrets)
        return super().__call__(text)


class Notes(Logs):
    """Of the same levels as in the router, but for what would flood: debug and trace are left out."""

    def __init__(self) -> None:
        super().__init__("info")
        self.masked = LateMask()
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
