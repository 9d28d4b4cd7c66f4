"""The lines that somebody wants to be told about, as what their input makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyrolens.explain.trips import Said
from pyrolens.problems import ConfigError, Problem
from pyrolens.records.codecs.json import json_text
from pyrolens.rehearsal.journey import Note
from pyrolens.rehearsal.lines import Fed, line_events
from pyrolens.rehearsal.subject import Subject


@dataclass(frozen=True)
class Wanted:
    """Lines, and at most one of a container, a tag, an input and a file that they come from."""

    lines: Sequence[str]
    container: str | None = None
    stream: str = "stdout"
    tag: str | None = None
    input: str | None = None
    file: str | None = None

    @property
    def source(self) -> str:
        if self.container is not None:
            return f"container {self.container}" + (" stderr" if self.stream == "stderr" else "")
        if self.file is not None:
            return f"file {self.file}"
        return f"input {self.input}" if self.input is not None else f"tag {self.tag}"


def said_of(subject: Subject, wanted: Wanted, now_ns: int) -> tuple[list[Said], list[Problem]]:
    """And what the input has to say about lines that it cannot read. Raises: ConfigError."""
    wanted = settled(subject, wanted)
    if wanted.container is not None or wanted.tag is not None:
        return [Said(text, wanted.source, fed(subject, [text], wanted, now_ns)) for text in wanted.lines], []
    # an input may make one record of several lines
    notes: list[Note] = []
    parts = fed(subject, wanted.lines, wanted, now_ns, notes)
    if len(parts) == len(wanted.lines):
        return [Said(text, wanted.source, [part]) for text, part in zip(wanted.lines, parts, strict=True)], []
    doubts = [n for n in notes if n.level in ("warn", "error")]
    unread = [Problem("unread-line", f"{n.who}: {n.text}", None, "it makes no record of such a line") for n in doubts]
    return [Said(record_text(part), wanted.source, [part]) for part in parts], unread


def fed(
    subject: Subject, lines: Sequence[str], wanted: Wanted, now_ns: int, notes: list[Note] | None = None
) -> list[Fed]:
    raw = [text.encode("utf-8", "surrogateescape") for text in lines]
    return line_events(
        subject,
        raw,
        container=wanted.container,
        source=wanted.stream,
        file=wanted.file,
        input=wanted.input,
        tag=wanted.tag,
        now_ns=now_ns,
        notes=notes,
    )


def record_text(part: Fed) -> str:
    return " ".join(json_text(record, escape_unicode=False) for _, record in part.events)


def settled(subject: Subject, wanted: Wanted) -> Wanted:
    """With where they come from, if nobody said and there is only one possibility. Raises: ConfigError."""
    if any(x is not None for x in (wanted.container, wanted.tag, wanted.input, wanted.file)):
        return wanted
    if len(subject.containers) == 1:
        return replace(wanted, container=subject.containers[0])
    inputs = subject.config.inputs
    if not subject.containers and len(inputs) == 1:
        return replace(wanted, input=inputs[0].label)
    ways = [f"--container {name}" for name in subject.containers] or [f"--input {built.label}" for built in inputs]
    hint = " or ".join([*ways, "--tag TAG" if inputs else "--tag app-firelens-1 for a container `app`"])
    raise ConfigError([Problem("bad-option", "where do these lines come from?", None, f"say {hint}")])
