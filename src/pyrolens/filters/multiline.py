"""filter multiline.

Source: plugins/filter_multiline/ml.c (Fluent Bit 5.1.1).
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Annotated, Literal

from pyrolens.api import Event, Filter, FilterEnv, MultilineParserNames, OptionError, Transform, opt, plugin
from pyrolens.multiline.joiner import Joined, Joiner, Owner
from pyrolens.multiline.parts import Key, Parts
from pyrolens.options import Kind, read_bool, split_commas

NO_EMITTER = "it has no effect: joined records count for the input that their lines came from"
SHORTEST = 500


def read_storage(text: str) -> str:
    if text.lower() not in ("memory", "filesystem"):
        raise ValueError("expected memory or filesystem")
    return text.lower()


Storage = Annotated[str | None, Kind("storage", read_storage, doubt=lambda text: NO_EMITTER)]
DebugFlush = Annotated[bool, Kind("boolean", read_bool, doubt=lambda text: "it has no effect")]


@plugin("multiline")
class Multiline(Filter):
    """Join lines that belong together into one record: traces of exceptions, and messages that Docker has split.

    Joined records, and those that were alone, enter again at the first filter; this one lets them pass.
    """

    stateful = True
    differs = (
        "Flush_Ms counts from the last line that came; Fluent Bit looks every Flush_Ms and sends what it finds, so it"
        " may cut a record in two while its lines are still coming.",
        "What waits when the router stops goes on; Fluent Bit loses it.",
        "Lines are kept apart by tag alone; Fluent Bit keeps those of two inputs apart, too.",
        "With Buffer Off, records of one tag that come together are joined even if each came in a message of its own.",
    )
    ignored = {"emitter_name": NO_EMITTER, "emitter_mem_buf_limit": NO_EMITTER}

    mode: Literal["parser", "partial_message"] = opt(
        "parser: multiline parsers say what belongs together; partial_message: the fields that Docker adds do.",
        default="parser",
    )
    multiline_parser: list[MultilineParserNames] = opt(
        "Multiline parsers, with commas between them: docker, cri, java, go, ruby, python, or one of your own.",
        default=[],
        name="multiline.parser",
    )
    key_content: str | None = opt("Field that holds the line.", default=None, name="multiline.key_content")
    flush_ms: int = opt("Milliseconds to wait for the next line.", default=2000)
    buffer: bool = opt("Wait for lines of later batches; else only those of one batch are joined.", default=True)
    emitter_storage_type: Storage = opt("Storage of Fluent Bit's emitter.", default=None, name="emitter_storage.type")
    debug_flush: DebugFlush = opt("Print joined records.", default=False)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.mode == "partial_message":
            if not self.key_content:
                yield "mode", "partial_message needs multiline.key_content"
            return
        if not self.names:
            yield "multiline.parser", "the mode parser needs at least one multiline.parser"
        if self.buffer and self.flush_ms < SHORTEST:
            yield "flush_ms", f"expected at least {SHORTEST}"

    @property
    def names(self) -> list[str]:
        return [name for line in self.multiline_parser for name in split_commas(line)]

    def compile(self, env: FilterEnv) -> Transform:
        for option, message in self.check():
            raise OptionError(option, message)
        if self.mode == "partial_message":
            return join_parts(Parts(self.key_content or ""), env, self.flush_ms / 1000)
        joiner = self._joiner(env)
        if not self.buffer:
            return join_within(joiner)
        return join_lines(joiner, env, self.flush_ms / 1000)

    def _joiner(self, env: FilterEnv) -> Joiner:
        parsers = []
        for name in self.names:
            parser = env.multiline_parser(name)
            if parser is None:
                raise OptionError("multiline.parser", f"there is no multiline parser '{name}'")
            parsers.append(parser)
        try:
            return Joiner(parsers, env.parser, self.key_content, env.multiline_limit)
        except ValueError as why:
            raise OptionError("multiline.parser", str(why)) from None


class Patience:
    """Calls `give_up` with a key for which nothing has come for some time."""

    def __init__(self, env: FilterEnv, seconds: float, give_up: Callable[[Hashable], None]) -> None:
        self._env, self._give_up = env, give_up
        self._ns = int(seconds * 1_000_000_000)
        self._since: OrderedDict[Hashable, int] = OrderedDict()
        self._running = False
        env.at_end(self._end)

    def start(self, key: Hashable) -> None:
        self._since[key] = self._env.now()
        self._since.move_to_end(key)
        if not self._running:
            self._sleep(self._ns)

    def stop(self, key: Hashable) -> None:
        self._since.pop(key, None)

    def _sleep(self, ns: int) -> None:
        self._running = True
        self._env.later(ns / 1_000_000_000, self._wake)

    def _wake(self) -> None:
        self._running = False
        now = self._env.now()
        while self._since:
            key, since = next(iter(self._since.items()))
            left = since + self._ns - now
            if 0 < left <= self._ns:
                self._sleep(left)
                return
            del self._since[key]
            self._give_up(key)

    def _end(self) -> None:
        """Nothing more comes."""
        while self._since:
            self._give_up(self._since.popitem(last=False)[0])


def settle(owners: list[Owner]) -> None:
    """The record that their lines waited for is on its way."""
    for owner in owners:
        owner.waiting -= 1
        if not owner.waiting and owner.held is not None:
            owner.held.release()


def join_within(joiner: Joiner) -> Transform:
    """Without a memory: at the end of a batch nothing waits."""

    def transform(tag: str, events: list[Event]) -> list[Event]:
        joined = [j for ns, record in events for j in joiner.feed("", ns, record)]
        joined += joiner.flush("")
        return [(j.ns, j.record) for j in joined]

    return transform


def join_lines(joiner: Joiner, env: FilterEnv, seconds: float) -> Transform:
    def give_up(stream: Hashable) -> None:
        for joined in joiner.flush(stream):
            env.emit(str(stream), [(joined.ns, joined.record)], held=[o.held for o in joined.owners])
            told(joined)

    patience = Patience(env, seconds, give_up)

    def told(joined: Joined) -> None:
        if joined.truncated:
            env.count("truncated")
            env.log.warning("a record is cut at the limit of joined records", tag=joined.stream)
        settle(joined.owners)

    def transform(tag: str, events: list[Event]) -> list[Event]:
        owner = Owner()
        joined: list[Joined] = []
        for ns, record in events:
            joined += joiner.feed(tag, ns, record, owner)
        by_tag: dict[Hashable, list[Event]] = {}
        for j in joined:
            by_tag.setdefault(j.stream, []).append((j.ns, j.record))
        taken = len(events)
        for stream, complete in by_tag.items():
            env.emit(str(stream), complete, moved=taken)
            taken = 0
        for j in joined:
            told(j)
        if owner.waiting or taken:
            owner.held = env.hold(taken)
            patience.start(tag)
        if not joiner.waits(tag):
            patience.stop(tag)
        return []

    return transform


def join_parts(parts: Parts, env: FilterEnv, seconds: float) -> Transform:
    def give_up(id_: Hashable) -> None:
        key: Key = id_  # type: ignore[assignment]
        event, owners = parts.take(key)
        env.emit(key[0], [event], held=[o.held for o in owners])
        settle(owners)

    patience = Patience(env, seconds, give_up)

    def transform(tag: str, events: list[Event]) -> list[Event]:
        owner = Owner()
        out: list[Event] = []
        for event in events:
            ns, record = event
            key = parts.id_of(tag, record)
            if key is None:
                out.append(event)
            elif parts.add(key, ns, record, owner):
                complete, owners = parts.take(key)
                out.append(complete)
                patience.stop(key)
                settle(owners)
            else:
                patience.start(key)
        if taken := len(events) - len(out):
            owner.held = env.hold(taken)
            if not owner.waiting:
                owner.held.release()
        return out

    return transform
