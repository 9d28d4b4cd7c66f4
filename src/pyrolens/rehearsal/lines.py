"""Lines as events: what an input would make of them."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

import msgspec

from pyrolens.ecs import firelens
from pyrolens.ecs.copier import Copier, record_of
from pyrolens.problems import ConfigError, Problem
from pyrolens.records.event import Event
from pyrolens.rehearsal.subject import Subject


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
) -> list[Fed]:
    """What an input would make of lines (without their line ends), one after the other. Exactly one of:

    container: printed by that container to `source`: the fields of Docker's fluentd driver, long ones in pieces.
    file: written to the file of that path, read by the tail input that covers it.
    input: sent to the input of that label, name or plugin (tcp, udp, http, stdin, syslog …), in its format.
    tag: records as they are, of that tag: a line that is a JSON object is the record, any other one is {"log": line}.
    With `input` a tag may be given besides, where the input's peers may choose it (http, forward).

    Each line comes in a batch of its own, as it would when nothing is in a hurry.

    Raises: ConfigError for what is not there, or cannot be known."""
    ways = [way for way in (container, file, input) if way is not None]
    if len(ways) != 1 and (ways or tag is None):
        raise refusal("where lines come from: expected one of container, file, input or tag")
    texts = [line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape") for line in lines]
    if container is not None:
        return list(printed(subject, container, source, texts, now_ns))
    if tag is not None and not ways:
        return [Fed(tag, ((now_ns, record_in(text)),), None) for text in texts]
    raise refusal("not yet")


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


def refusal(message: str) -> ConfigError:
    return ConfigError([Problem("rehearsal", message)])
