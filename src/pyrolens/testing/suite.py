"""A test file as data, with the places of what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyrolens.language.yaml_nodes import documents
from pyrolens.problems import ConfigError, Place, Problem, Problems
from pyrolens.records.event import Record
from pyrolens.records.recorded import Recorded, read_recorded
from pyrolens.records.regex import Pattern
from pyrolens.rehearsal.rehearsal import START
from pyrolens.testing.format import FILE
from pyrolens.testing.kinds import CODE, WRONG
from pyrolens.testing.shapes import Read

Patterns = Mapping[str, "Pattern | Patterns"]


@dataclass(frozen=True)
class Step:
    """Lines or records that come in by one of container, input, file and tag; or time that passes."""

    place: Place
    wait: float | None = None
    """Seconds."""
    container: str | None = None
    stream: str = "stdout"
    input: str | None = None
    file: str | None = None
    tag: str | None = None
    lines: tuple[str, ...] = ()
    records: tuple[Record, ...] | None = None
    recorded: tuple[Recorded, ...] = ()
    """Records with their own tags and times, which come in by the input of their tag."""
    source: Place | None = None
    """Where it is said where they come in."""


@dataclass(frozen=True, eq=False)
class Expected:
    """What one record is like; None: nobody said."""

    place: Place
    contains: Mapping[str, Any] | None = None
    exact: Mapping[str, Any] | None = None
    matches: Patterns | None = None
    absent: tuple[str, ...] = ()
    tag: str | None = None
    time: int | None = None
    """ns."""
    sent: str | Mapping[str, Any] | None = None
    """All of its text, or fields that it has as JSON."""


@dataclass(frozen=True)
class Destination:
    name: str
    place: Place
    records: tuple[Expected, ...] | None = None
    count: int | None = None
    tag: str | None = None
    any_order: bool = False


@dataclass(frozen=True)
class Dropped:
    """How many records filters take out. `filter`: "" for all of them together; `count`: None for any number."""

    filter: str
    count: int | None
    place: Place


@dataclass(frozen=True)
class Expectation:
    place: Place
    to: tuple[Destination, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    unrouted: int | None = None
    unrouted_place: Place | None = None
    nothing_else: bool = True


@dataclass(frozen=True)
class Case:
    name: str
    place: Place
    given: tuple[Step, ...]
    expect: Expectation | None
    env: Mapping[str, str]
    time: int
    """ns."""


@dataclass(frozen=True)
class Suite:
    file: str
    text: str
    place: Place
    """The first line."""
    cases: tuple[Case, ...]
    subject: str | None = None
    subject_place: Place | None = None
    files: tuple[tuple[str, str], ...] = ()
    task: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    recorded: tuple[str, ...] = ()
    """Files with lines that it names."""


def read_suite(file: str) -> Suite:
    """Raises: ConfigError with all that is wrong in the file."""
    try:
        text = Path(file).read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as why:
        reason = why.strerror if isinstance(why, OSError) else "it is not UTF-8"
        raise ConfigError([Problem("no-file", f"cannot read {file}: {reason}")]) from None
    problems = Problems()
    nodes = documents(text, file, problems)
    problems.raise_if_any()
    place = Place(file, 1)
    if len(nodes) != 1:
        told = "there is nothing in it" if not nodes else "it has more than one document"
        raise ConfigError([Problem(CODE, f"{told}: expected `tests:` and a list", place)])
    read = FILE.read("the file", nodes[0], problems)
    if read is WRONG:
        raise ConfigError(sorted(problems, key=lambda p: (p.place.line, p.place.column) if p.place else (0, 0)))
    reader = _Reader(file, read, problems)
    cases = tuple(reader.case(test) for test in read.get("tests"))
    reader.names(cases)
    problems.raise_if_any()
    folder = Path(file).parent
    return Suite(
        file=file,
        text=text,
        place=place,
        cases=cases,
        subject=read.get("subject"),
        subject_place=read.places.get("subject"),
        files=tuple((name, str(folder / value)) for name, value in plain(read.get("files")).items()),
        task=read.get("task", ""),
        parameters=tuple(plain(read.get("parameters")).items()),
        recorded=tuple(reader.recorded),
    )


def plain(named: Mapping[str, tuple[Place, Any]] | None) -> dict[str, Any]:
    return {name: value for name, (_, value) in (named or {}).items()}


class _Reader:
    def __init__(self, file: str, read: Read, problems: Problems) -> None:
        self.file, self.problems = file, problems
        self.env = plain(read.get("env"))
        self.time = read.get("time", START)
        self.recorded: list[str] = []

    def names(self, cases: tuple[Case, ...]) -> None:
        seen: dict[str, Place] = {}
        for case in cases:
            if case.name in seen:
                told = f"there is a test of that name already, in line {seen[case.name].line}"
                self.problems.error(CODE, told, case.place, "each needs a name of its own")
            seen[case.name] = case.place

    def case(self, read: Read) -> Case:
        return Case(
            name=read.get("name"),
            place=read.places["name"],
            given=tuple(self.step(step) for step in read.get("given")),
            expect=self.expectation(read.get("expect"), read.places["expect"]) if read.get("expect") else None,
            env={**self.env, **plain(read.get("env"))},
            time=read.get("time", self.time),
        )

    def step(self, read: Read) -> Step:
        if "wait" in read.values:
            return Step(read.places["wait"], wait=read.get("wait"))
        source = next((name for name in ("container", "input", "file", "tag") if name in read.values), "")
        if not source and "recorded" in read.values:
            name, place = read.get("recorded"), read.places["recorded"]
            return Step(place, recorded=self.recorded_of(name, self.lines_of(name, place), place), source=place)
        if not source:
            told = "a step needs to say where it comes in"
            self.problems.error(CODE, told, read.place, "one of container, input, file, tag")
        if "stream" in read.values and source != "container":
            self.problems.error(CODE, "stream belongs to a container", read.places["stream"])
        lines = read.get("lines", ())
        if "recorded" in read.values:
            lines = self.lines_of(read.get("recorded"), read.places["recorded"])
        return Step(
            place=next(iter(read.places.values())),
            container=read.get("container"),
            stream=read.get("stream", "stdout"),
            input=read.get("input"),
            file=read.get("file"),
            tag=read.get("tag"),
            lines=lines,
            records=read.get("records"),
            source=read.places.get(source),
        )

    def lines_of(self, name: str, place: Place) -> tuple[str, ...]:
        path = Path(self.file).parent / name
        self.recorded.append(str(path))
        try:
            return tuple(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"))
        except (OSError, UnicodeDecodeError) as why:
            reason = why.strerror if isinstance(why, OSError) else "it is not UTF-8"
            self.problems.error("no-file", f"{path} cannot be read: {reason}", place)
            return ()

    def recorded_of(self, name: str, lines: tuple[str, ...], place: Place) -> tuple[Recorded, ...]:
        out = []
        for number, line in enumerate(lines, 1):
            try:
                made = read_recorded(line)
                why = "it has no tag, time and record"
            except ValueError as error:
                made, why = None, str(error)
            if made is None:
                told = f"line {number} of {name} is none that pyrolens tap writes: {why}"
                hint = "say where the lines come in: one of container, input, file, tag"
                self.problems.error(CODE, told, place, hint)
                break
            out.append(made)
        return tuple(out)

    def expectation(self, read: Read, place: Place) -> Expectation:
        return Expectation(
            place=place,
            to=tuple(self.destination(name, at, value) for name, (at, value) in (read.get("to") or {}).items()),
            dropped=tuple(self.dropped(read.get("dropped"), read.places.get("dropped", place))),
            unrouted=read.get("unrouted"),
            unrouted_place=read.places.get("unrouted"),
            nothing_else=read.get("nothing_else", True),
        )

    def destination(self, name: str, place: Place, value: Any) -> Destination:
        if isinstance(value, int):
            return Destination(name, place, count=value)
        if isinstance(value, tuple):
            return Destination(name, place, records=self.records(value))
        records = self.records(value.get("records")) if "records" in value.values else None
        count, order = value.get("count"), value.get("order")
        if records is not None and count is not None and count < len(records):
            told = f"{name}: count is {count}, but there are {len(records)} records"
            self.problems.error(CODE, told, value.places["count"], "leave count out")
        if order and records is None:
            self.problems.error(CODE, f"{name}: order needs records", value.places["order"])
        return Destination(name, place, records, count, value.get("tag"), order == "any")

    def records(self, values: tuple[Any, ...]) -> tuple[Expected, ...]:
        return tuple(self.record(value) for value in values)

    def record(self, value: Any) -> Expected:
        if not isinstance(value, Read):
            text, place = value
            return Expected(place, contains={"log": text})
        return Expected(
            place=value.place,
            contains=value.get("contains"),
            exact=value.get("exact"),
            matches=value.get("matches"),
            absent=value.get("absent", ()),
            tag=value.get("tag"),
            time=value.get("time"),
            sent=value.get("sent"),
        )

    def dropped(self, value: Any, place: Place) -> list[Dropped]:
        if value is None:
            return []
        if isinstance(value, str):
            if value.isdecimal():
                return [Dropped("", int(value), place)]
            return [Dropped(value.removeprefix("by ").strip(), None, place)]
        return [Dropped(name, count, at) for name, (at, count) in value.items()]
