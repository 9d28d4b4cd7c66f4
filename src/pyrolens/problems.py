"""Everything that a person is told about a config is a Problem: what, where, why, and the way out."""

import re
from collections.abc import Callable, Iterable, Iterator
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
        lines = [f"{where}{self.severity}[{self.code}]: {_readable(self.message)}"]
        if self.place and self.place.text.strip():
            lines += [f"    {line}" for line in _pointed(self.place)]
        if self.hint:
            lines.append(f"  hint: {_readable(self.hint)}")
        return "\n".join(lines)


WIDEST, BEFORE = 160, 60
"""Characters of a source line that are shown, and those in front of what is pointed at, if it is longer."""
LONGEST = 2000
"""Characters of a message or a hint, which may quote what somebody has written."""


def _readable(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _pointed(place: Place) -> list[str]:
    """The line, or what is around the place in a long one, and carets below it."""
    line, where = _masked(place.text)
    line = "".join(c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    if not place.column:
        return [line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"]
    start = where(place.column - 1)
    length = max(where(place.column - 1 + place.length) - start, 1)
    if len(line) > WIDEST:
        cut = max(min(start - BEFORE, len(line) - WIDEST), 0)
        ends = cut + WIDEST >= len(line)
        line = ("…" if cut else "") + line[cut + bool(cut) : cut + WIDEST - (not ends)] + ("" if ends else "…")
        start -= cut
        length = min(length, WIDEST - start)
    # tabs keep their width, so the caret stands under what it points at
    pad = "".join(c if c == "\t" else " " for c in line[:start].ljust(start))
    return [line, f"{pad}{'^' * max(length, 1)}"]


def without_secret(line: str) -> str:
    """A line of a config, of which it may not be known yet which option it gives: what looks like a password by its
    name is not shown, and neither is a password within an address."""
    return _masked(line)[0]


def _masked(line: str) -> tuple[str, Callable[[int], int]]:
    """The line with *** for its secrets, and where a character of it stands then."""
    hidden: list[tuple[int, int]] = []
    for begin, end in sorted(found.span("secret") for pattern in SECRETS for found in pattern.finditer(line)):
        if hidden and begin <= hidden[-1][1]:
            hidden[-1] = (hidden[-1][0], max(end, hidden[-1][1]))
        else:
            hidden.append((begin, end))
    shown, last = [], 0
    for begin, end in hidden:
        shown += [line[last:begin], "***"]
        last = end

    def where(index: int) -> int:
        moved = 0
        for begin, end in hidden:
            if index >= end:
                moved += 3 - (end - begin)
            elif index > begin:
                return begin + moved + min(index - begin, 2)
        return index + moved

    return "".join([*shown, line[last:]]), where


WORDS = r"(?:passw|secret|token|credential|shared_key|api_?key|license_?key)"
NAMED = rf"[\w.-]*{WORDS}[\w.-]*"
SECRETS = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # KEY VALUE, KEY: VALUE and KEY=VALUE of a line of its own
        rf"^[^\w{{]*{NAMED}[\"']?\s*[:=\s]\s*(?P<secret>(?=\S)(?!\[\s*[{{\"]|[\[{{]\s*$).*)$",
        # within a line of JSON or of YAML
        rf"\"{NAMED}\"\s*:\s*\"(?P<secret>(?:[^\"\\]|\\.)+)",
        rf"[{{,]\s*{NAMED}\s*:\s*(?P<secret>[^\s,{{}}\[\]][^,{{}}]*)",
        # a variable of a container, by its name
        rf"\bname[\"']?\s*:\s*[\"']?{NAMED}[\"']?\s*,\s*[\"']?value[\"']?\s*:\s*[\"']?(?P<secret>[^\s\"',{{}}\[\]][^\"',{{}}]*)",
        rf"\bvalue\"\s*:\s*\"(?P<secret>(?:[^\"\\]|\\.)+)\"\s*,\s*\"name\"\s*:\s*\"{NAMED}\"",
        # a header, a query, an address
        rf"\bheader[\"']?[\s:=]+[\"']?(?:authorization|{NAMED}|x-api-key|api-key)[\s:]+(?P<secret>[^\"']+)",
        rf"[?&](?:{NAMED}|key|sig|signature)=(?P<secret>[^&\s\"',]+)",
        r"://[^/\s:@]*:(?P<secret>[^/\s@]+)@",
    )
]


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
