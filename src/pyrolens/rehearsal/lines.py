"""Lines as events: what an input would make of them."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import count
from typing import Any, NamedTuple

import msgspec

from pyrolens.config import Built
from pyrolens.ecs import firelens
from pyrolens.ecs.copier import Copier, record_of
from pyrolens.plugin import Hears, Input
from pyrolens.problems import ConfigError, Problem
from pyrolens.records.event import Event
from pyrolens.rehearsal.journey import Note
from pyrolens.rehearsal.rehearsed import Entry, Rehearsed, entry_of
from pyrolens.rehearsal.subject import Subject
from pyrolens.rehearsal.surroundings import Surroundings
from pyrolens.rehearsal.virtual_time import VirtualClock


class Fed(NamedTuple):
    """What to feed: events of one tag, and the input they come in by."""

    tag: str
    events: tuple[Event, ...]
    input: str | None
    """Label of the input; None: as Rehearsal.feed finds it."""


def line_events(
    subject: Subject,
    lines: Sequence[str | bytes],
    *,
    container: str | None = None,
    source: str = "stdout",
    file: str | None = None,
    input: str | None = None,  # noqa: A002
    tag: str | None = None,
    now_ns: int,
    notes: list[Note] | None = None,
) -> list[Fed]:
    """What an input would make of lines (without their line ends), one after the other. Exactly one of:

    container: printed by that container to `source`: the fields of Docker's fluentd driver, long ones in pieces.
    file: written to the file of that path, read by the tail input that covers it.
    input: sent to the input of that label, name or plugin, in its format: tcp, udp, stdin, syslog, exec: a line each;
    http, splunk, opentelemetry, elasticsearch: a body each, in which line ends may be; forward: a JSON record each.
    tag: records as they are, of that tag: a line that is a JSON object is the record, any other one is {"log": line}.
    With `input` a tag may be given besides, where the peers choose it (forward), or the path of the request (http).

    Each line comes in a batch of its own, as it would when nothing is in a hurry; what tail has joined comes when the
    next line shows that it is whole, or at the end.

    `notes`: gets what the input has to say, such as why it refuses a line. Such a line is left out.

    Raises: ConfigError for what is not there, or cannot be known."""
    ways = [way for way in (container, file, input) if way is not None]
    if len(ways) != 1 and (ways or tag is None):
        raise refusal("where lines come from: expected one of container, file, input or tag")
    texts = [line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape") for line in lines]
    if container is not None:
        return list(printed(subject, container, source, texts, now_ns))
    if tag is not None and not ways:
        return [Fed(tag, ((now_ns, record_in(text)),), None) for text in texts]
    clock = VirtualClock(now_ns)
    surroundings = Surroundings(subject.config, subject.environ, clock.now)
    with surroundings.around():
        router = Rehearsed(subject.config, clock)
    entry = writing_to(router, file) if file is not None else sending_to(router, input or "")
    at = file if file is not None else tag or ""
    with surroundings.around():
        found = heard(router, entry.built, texts, at)
    fed = [Fed(tag, tuple(events), entry.built.label) for tag, events in found]
    if notes is not None:
        notes += router.pipeline.notes.take()
    return fed


def sending_to(router: Rehearsed, name: str) -> Entry:
    try:
        entry = entry_of(router.entries, "", name)
    except LookupError as why:
        raise refusal(str(why)) from None
    assert entry is not None
    return entry


def writing_to(router: Rehearsed, path: str) -> Entry:
    tails = [entry for entry in router.entries if entry.built.plugin.name == "tail"]
    for entry in tails:
        plugin: Any = entry.built.plugin
        if covers(plugin.path, plugin.exclude_path, path):
            return entry
    known = ", ".join(pattern for entry in tails for pattern in getattr(entry.built.plugin, "path", []))
    raise refusal(f"no tail input reads {path}", f"those that are read: {known}" if known else "")


def covers(patterns: Sequence[str], excluded: Sequence[str], path: str) -> bool:
    parts = path.split("/")
    for pattern in patterns:
        wanted = os.path.expanduser(pattern).split("/")
        if len(wanted) == len(parts) and all(map(fnmatchcase, parts, wanted)):
            return not any(fnmatchcase(path, other) for other in excluded)
    return False


def heard(router: Rehearsed, built: Built[Input], lines: Iterable[bytes], at: str) -> list[tuple[str, list[Event]]]:
    env = router.hearing(built)
    try:
        source = without_tls(built.plugin).open(env)
    except ValueError as error:
        raise ConfigError([built.problem(error)]) from None
    if not isinstance(source, Hears):
        raise refusal(f"input {built.plugin.name} cannot be told lines", "give its records as JSON, with their tag")
    for line in lines:
        source.hear(line, at)
    source.hear(None, at)
    return env.taken


def without_tls(plugin: Input) -> Input:
    """Its certificates are in the image of the router, and may not be here."""
    off: dict[str, Any] = {"tls": False}
    return replace(plugin, **off) if getattr(plugin, "tls", False) else plugin


def printed(subject: Subject, name: str, source: str, lines: Iterable[bytes], now_ns: int) -> Iterator[Fed]:
    """What Docker's log driver sends of a container's lines."""
    if source not in ("stdout", "stderr"):
        raise refusal(f"source is '{source}': expected stdout or stderr")
    try:
        tag = subject.tag_of(name)
    except LookupError as why:
        raise refusal(str(why)) from None
    task, setup = subject.task, subject.setup
    assert task is not None
    assert setup is not None
    container = next(s.container for s in setup.containers if s.container.name == name)
    number = hashlib.sha256(f"{task.arn}/{name}".encode()).hexdigest()
    docker_name = firelens.docker_name(task, container, number[:20])
    socket = next((i.label for i in subject.config.inputs if getattr(i.plugin, "unix_path", None)), None)
    ids = (hashlib.sha256(f"{number}/{n}".encode()).hexdigest() for n in count(1))
    copier = Copier(source, lambda: now_ns, ids.__next__)
    for text in lines:
        messages = copier.feed(text + b"\n")
        yield Fed(tag, tuple((m.ns, record_of(m, number, docker_name)) for m in messages), socket)


def record_in(text: bytes) -> dict[str, object]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"log": text.decode("utf-8", "surrogateescape")}


def refusal(message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem("rehearsal", message, hint=hint)])
