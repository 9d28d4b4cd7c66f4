"""Everything that a person is told about a config is a Problem: what, where, why, and the way out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of one line. Line and column count from 1; 0 means that none is known (a command line)."""

    file: str
    line: int = 0
    column: int = 0
    length: int = 1
    text: str = ""

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (error) or doubtful (warning). The code is listed in the manual."""

    code: str
    message: str
    place: Place | None = None
    hint: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        lines = [f"{where}{self.severity}[{self.code}]: {self.message}"]
        if self.place and self.place.text.strip():
            # tabs keep their width, so the caret stands under what it points at
            before = self.place.text[: max(self.place.column - 1, 0)]
            pad = "".join(c if c == "\t" else " " for c in before)
            lines.append(f"    {without_secret(self.place.text)}")
            if self.place.column:
                lines.append(f"    {pad}{'^' * max(self.place.length, 1)}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


def without_secret(line: str) -> str:
    """A line of a config, of which it may not be known yet which option it gives: what looks like a password by its
    name is not shown, and neither is a password within an address."""
    return USERINFO.sub(r"\1***@", HIDDEN.sub(r"\1***", line))


HIDDEN = re.compile(
    r"^(\W*[\w.-]*(?:passw|secret|token|credential|shared_key|api_?key|license_?key)[\w.-]*[\"']?\s*[:=\s]\s*)(?=\S).*$",
    re.IGNORECASE | re.DOTALL,
)
USERINFO = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


@dataclass(slots=True)
class Problems:
    """The problems of one run, in the order they were found."""

    found: list[Problem] = field(default_factory=list)

    def error(self, code: str, message: str, place: Place | None = None, hint: str = "") -> None:
        self.add(Problem(code, message, place, hint, "error"))

    def warning(self, code: str, message: str, place: Place | None = None, hint: str = "") -> None:
        self.add(Problem(code, message, place, hint, "warning"))

    def add(self, problem: Problem) -> None:
        if problem not in self.found:
            self.found.append(problem)

    @property
    def errors(self) -> list[Problem]:
        return [p for p in self.found if p.severity == "error"]

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.found)

    def raise_if_any(self) -> None:
        """Raises: ConfigError if there is an error among them."""
        if self.errors:
            raise ConfigError(self.found)


class ConfigError(Exception):
    """A config that cannot run, with all that is wrong in it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint such as "did you mean 'match'?", or "" when nothing is near."""
    import difflib  # most configs have no problem

    by_lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return f"did you mean '{by_lower[close[0]]}'?" if close else ""
