"""Recorded lines and records: where each came from, and what an input makes of it.

A file holds either lines as a container, a file or another input has them, or one JSON object a line: what `tap`
writes and what is kept as dead letters, {"container": NAME, "line": TEXT} and the like; or what the outputs file and
stdout write.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from pyrolens.problems import ConfigError, Place, Problem
from pyrolens.records.codecs.text import stdout_text
from pyrolens.records.event import SECOND, Event
from pyrolens.records.recorded import read_recorded, read_time
from pyrolens.rehearsal.lines import Fed, line_events
from pyrolens.rehearsal.rehearsal import START
from pyrolens.rehearsal.subject import Subject

STEP = 1_000_000
"""ns between two lines, so that each has a time of its own."""
NAMED = re.compile(r"(container|tag|input|path):([^=]+)=(.+)")
FILE = re.compile(r"(?P<tag>\S*): \[(?P<s>\d{1,12})\.(?P<ns>\d{9}), (?P<record>\{.*\})\]", re.DOTALL)
"""A line of the output file."""
STDOUT = re.compile(
    r"\[\d+\] (?P<tag>\S*): \[\[(?P<s>\d{1,12})\.(?P<ns>\d{9}), (?P<meta>\{.*?\})\], (?P<record>\{.*\})\]", re.DOTALL
)
"""A record as the output stdout prints it."""


class Whence(NamedTuple):
    """Where lines come from: one of these, or nothing, where each line says it by itself."""

    container: str | None = None
    tag: str | None = None
    input: str | None = None
    path: str | None = None
    source: str = "stdout"
    """Of a container: stdout or stderr."""

    @property
    def said(self) -> bool:
        return any((self.container, self.tag, self.input, self.path))


@dataclass(frozen=True)
class Sampled:
    """A line, or a record."""

    number: int
    """Of its line in the file, from 1."""
    file: str
    text: str
    """As it is shown."""
    whence: Whence
    event: Event | None = None
    """Of a record as it is, with the tag of `whence`."""
    behind: str = ""
    """The input behind whose processors it was recorded."""


@dataclass
class Item:
    """A line of the sample, and what a config's inputs make of it."""

    sampled: Sampled
    fed: list[Fed] = field(default_factory=list)


def read_samples(names: Sequence[str], whence: Whence) -> list[Sampled]:
    """`names`: files, `-`, or such as container:NAME=FILE. Raises: ConfigError."""
    out: list[Sampled] = []
    for name in names:
        if found := NAMED.fullmatch(name):
            here = Whence(**{found[1]: found[2]}, source=whence.source)
            out += sampled(found[3], here)
        else:
            out += sampled(name, whence)
    return out


def sampled(file: str, whence: Whence) -> Iterator[Sampled]:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as why:
        raise ConfigError([Problem("no-file", f"cannot read {file}: {why.strerror}")]) from None
    shown = "standard input" if file == "-" else file
    text = data.decode("utf-8", "surrogateescape")
    elsewhere: set[str] = set()
    some = False
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], 1):
        line = line.removesuffix("\r")
        if whence.said and not (whence.tag and read_recorded(line)):
            yield Sampled(number, shown, line, whence)
            some = True
        elif line.strip():
            try:
                one, point = read_line(line)
            except ValueError as why:
                place = Place(shown, number, 1, len(line), line)
                raise ConfigError([Problem("bad-sample", str(why), place)]) from None
            if point and not point.startswith("input"):
                elsewhere.add(point)
                continue
            some = True
            yield replace(one, number=number, file=shown, behind=point.partition(":")[2])
    if elsewhere and not some:
        message = f"{shown}: these records were seen at {', '.join(sorted(elsewhere))}, and not where they came in"
        raise ConfigError(
            [Problem("bad-sample", message, None, "record them at the inputs, as tap does if no point is named")]
        )


def read_line(line: str) -> tuple[Sampled, str]:
    """(a line that says where it comes from, the point where tap saw it). Raises: ValueError; Sampled without a
    whence for a line that does not say."""
    if recorded := read_recorded(line):
        return Sampled(0, "", shown(recorded.event), Whence(tag=recorded.tag), recorded.event), recorded.point
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("line"), str):
        known = {key: found[key] for key in ("container", "tag", "input", "path", "source") if key in found}
        if not all(isinstance(value, str) for value in known.values()):
            raise ValueError("container, tag, input, path and source are texts")
        whence = Whence(**known)
        if whence.said:
            return Sampled(0, "", found["line"], whence), ""
    if isinstance(found, dict) and isinstance(found.get("tag"), str) and isinstance(found.get("record"), dict):
        ns = read_time(found["time"]) if "time" in found else START
        return Sampled(0, "", shown((ns, found["record"])), Whence(tag=found["tag"]), (ns, found["record"])), ""
    if match := FILE.fullmatch(line):
        try:
            record = json.loads(match["record"])
        except ValueError:
            raise ValueError("the record is no JSON") from None
        event = (int(match["s"]) * SECOND + int(match["ns"]), record)
        return Sampled(0, "", shown(event), Whence(tag=match["tag"]), event), ""
    if match := STDOUT.fullmatch(line):
        event = (int(match["s"]) * SECOND + int(match["ns"]), printed(match["record"]))
        if not line.endswith(stdout_text(*event)) and match["meta"] == "{}":
            raise ValueError("what stdout prints has no escapes, and this can be read in several ways: use tap")
        return Sampled(0, "", shown(event), Whence(tag=match["tag"]), event), ""
    return Sampled(0, "", line, Whence()), ""


def shown(event: Event) -> str:
    return json.dumps(event[1], ensure_ascii=False, default=str)


# -- what stdout prints ----------------------------------------------------------------------------------------------

TOKEN = re.compile(r'"((?:.*?))"(?==>|, |\}|\]|$)|(=>|, |[{}\[\]])|(true|false|nil|-?\d+\.\d+|-?\d+)', re.DOTALL)


def printed(text: str) -> dict[str, Any]:
    """{"key"=>"value", "n"=>1, "none"=>nil}. Raises: ValueError."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise ValueError("this is no record as stdout prints it")
        kind = "text" if found[1] is not None else "mark" if found[2] else "word"
        tokens.append((kind, found[1] if kind == "text" else found[0]))
        at = found.end()
    value, rest = _value(tokens, 0)
    if rest != len(tokens) or not isinstance(value, dict):
        raise ValueError("this is no record as stdout prints it")
    return value


def _value(tokens: list[tuple[str, str]], at: int) -> tuple[Any, int]:
    if at >= len(tokens):
        raise ValueError("the record is cut off")
    kind, text = tokens[at]
    if kind == "text":
        return text, at + 1
    if kind == "word":
        words = {"true": True, "false": False, "nil": None}
        return (words[text] if text in words else float(text) if "." in text else int(text)), at + 1
    if text == "{":
        return _map(tokens, at + 1)
    if text == "[":
        return _list(tokens, at + 1)
    raise ValueError("this is no record as stdout prints it")


def _map(tokens: list[tuple[str, str]], at: int) -> tuple[dict[str, Any], int]:
    out: dict[str, Any] = {}
    while tokens[at : at + 1] != [("mark", "}")]:
        if out:
            at = _mark(tokens, at, ", ")
        key, at = _value(tokens, at)
        at = _mark(tokens, at, "=>")
        out[str(key)], at = _value(tokens, at)
    return out, at + 1


def _list(tokens: list[tuple[str, str]], at: int) -> tuple[list[Any], int]:
    out: list[Any] = []
    while tokens[at : at + 1] != [("mark", "]")]:
        if out:
            at = _mark(tokens, at, ", ")
        value, at = _value(tokens, at)
        out.append(value)
    return out, at + 1


def _mark(tokens: list[tuple[str, str]], at: int, mark: str) -> int:
    if tokens[at : at + 1] != [("mark", mark)]:
        raise ValueError("this is no record as stdout prints it")
    return at + 1


# -- what inputs make of it --------------------------------------------------------------------------------------------


def items(subject: Subject, sample: Sequence[Sampled]) -> list[Item]:
    """Each line with what the config's inputs make of it, in the order of the sample. Raises: ConfigError."""
    out = [Item(one) for one in sample]
    several: dict[Whence, list[Item]] = {}
    for item in out:
        whence = item.sampled.whence
        if item.sampled.event is not None:
            name = item.sampled.behind
            known = any(name in (built.label, built.name) for built in subject.config.inputs)
            item.fed = [Fed(whence.tag or "", (item.sampled.event,), name if known else None)]
        elif not whence.said:
            several.setdefault(only(subject, item.sampled), []).append(item)
        else:
            several.setdefault(whence, []).append(item)
    for whence, group in several.items():
        attribute(group, told(subject, group, whence))
    for number, item in enumerate(out):
        item.fed = [fed._replace(events=tuple(at_its_time(e, number) for e in fed.events)) for fed in item.fed]
    return out


def only(subject: Subject, one: Sampled) -> Whence:
    """The container or input that a line must come from, where there is one alone. Raises: ConfigError."""
    if len(subject.containers) == 1:
        return Whence(container=subject.containers[0])
    inputs = subject.config.inputs
    if not subject.task and len(inputs) == 1:
        return Whence(input=inputs[0].label)
    place = Place(one.file, one.number, 1, max(len(one.text), 1), one.text)
    known = f"containers are {', '.join(subject.containers)}" if subject.containers else ""
    hint = "; ".join(filter(None, ["say it with --container, --input, --path or --tag", known]))
    raise ConfigError([Problem("bad-sample", "it is not known where this line comes from", place, hint)])


def told(subject: Subject, group: list[Item], whence: Whence) -> list[Fed]:
    lines = [item.sampled.text.encode("utf-8", "surrogateescape") for item in group]
    return line_events(
        subject,
        lines,
        container=whence.container,
        source=whence.source,
        file=whence.path,
        input=whence.input,
        tag=whence.tag,
        now_ns=START,
    )


def attribute(group: list[Item], found: Iterable[Fed]) -> None:
    """Each batch to the line that it is made of, the first one if the input has joined several."""
    batches = list(found)
    if len(batches) == len(group):
        for item, fed in zip(group, batches, strict=True):
            item.fed = [fed]
        return
    at = 0
    for fed in (batch._replace(events=(event,)) for batch in batches for event in batch.events):
        texts = [v for v in fed.events[0][1].values() if isinstance(v, str)]
        fits = (n for n in range(at, len(group)) if any(group[n].sampled.text in text for text in texts))
        at = next(fits, min(at, len(group) - 1))
        group[at].fed.append(fed)
        at = min(at + 1, len(group) - 1)


def at_its_time(event: Event, number: int) -> Event:
    """A line that says no time of its own gets one that no other line has."""
    ns, record = event
    return (START + number * STEP, record) if ns.__class__ is int and ns == START else event
