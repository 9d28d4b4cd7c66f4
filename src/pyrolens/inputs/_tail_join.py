"""Lines of files that belong together become one record: multiline.parser of tail."""

from collections import deque
from collections.abc import Iterable, Sequence

from pyrolens.api import Event, InputEnv, OptionError
from pyrolens.inputs._tail_events import Key, Shape, chomped
from pyrolens.inputs._tail_file import Block, TailFile, lines_of
from pyrolens.multiline import MultilineParser
from pyrolens.multiline.joiner import Joined, Joiner, Owner

SHORTEST = 500
"""Milliseconds of Flush_Timeout."""


class ByParser:
    """With multiline parsers.

    Source: plugins/in_tail/tail_file.c (Fluent Bit 5.1.1), where a line that was cut stands alone and ends nothing, and
    the offset of a record is that of the line with which it was known to be complete."""

    def __init__(self, names: Sequence[str], shape: Shape, env: InputEnv) -> None:
        parsers = [self._parser(name, env) for name in names]
        longest = max((parser.flush_timeout for parser in parsers), default=0)
        if longest < SHORTEST:
            raise OptionError(
                "multiline.parser",
                f"the Flush_Timeout of its parsers is {longest}: expected at least {SHORTEST} milliseconds",
            )
        self.wait = longest / 1000
        self.shape = shape
        self.env = env
        try:
            self.joiner = Joiner(parsers, env.parser, None, env.multiline_limit)
        except ValueError as why:
            raise OptionError("multiline.parser", str(why)) from None
        self.starts: dict[Key, deque[Owner]] = {}
        """Of each file: where its lines begin of which some may still be held, in order."""

    @staticmethod
    def _parser(name: str, env: InputEnv) -> MultilineParser:
        parser = env.multiline_parser(name)
        if parser is None:
            raise OptionError("multiline.parser", f"there is no multiline parser '{name}'")
        return parser

    def take(self, file: TailFile, blocks: Iterable[Block]) -> list[Event]:
        shape, feed, key = self.shape, self.joiner.feed_text, file.key
        now, plain = shape.now(), not (shape.path_key or shape.offset_key)
        out: list[Event] = []
        starts = self.starts.setdefault(key, deque())
        for line in lines_of(blocks):
            if line.cut:
                out.append((now, shape.raw(file, line.start, shape.text_of(line.text))))
                continue
            owner = Owner()
            owner.held = line.start
            for joined in feed(key, now, shape.text_of(chomped(line.text)), owner):
                self._left(joined)
                out.append((joined.ns, joined.record if plain else {**joined.record, **shape.added(file, line.start)}))
            if owner.waiting:
                starts.append(owner)
        self._note(file, starts)
        return out

    def flush(self, file: TailFile) -> list[Event]:
        out: list[Event] = []
        for joined in self.joiner.flush(file.key):
            self._left(joined)
            out.append((joined.ns, {**joined.record, **self.shape.added(file, file.text_at)}))
        self._note(file, self.starts.get(file.key, deque()))
        return out

    def forget(self, file: TailFile) -> None:
        self.joiner.forget(file.key)
        self.starts.pop(file.key, None)

    def _left(self, joined: Joined) -> None:
        for owner in joined.owners:
            owner.waiting -= 1
        if joined.truncated:
            self.env.count("multiline_truncated")
            self.env.log.warning("a record is cut at the limit of joined records")

    @staticmethod
    def _note(file: TailFile, starts: deque[Owner]) -> None:
        while starts and not starts[0].waiting:
            starts.popleft()
        file.held_at = starts[0].held if starts else None
