"""The interpreter of a filter lua: LuaJIT, or Lua 5.1, of the package lupa. What runs in it is in _lua*.lua."""

import importlib
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import msgpack
import msgspec

from pyrolens.records.codecs import pack
from pyrolens.records.event import Event, Stamp, group_of, metadata_of

LUAS = ("luajit21", "luajit20", "lua51")
"""Modules of lupa, the best first. Fluent Bit has LuaJIT, whose language is Lua 5.1."""
LEAST = 16
"""In the batch after one with calls that took too long there is half of the time for such calls, and so on, down to one
part in so many."""
TURN = b" __pyrolens_turn();"
FIRST = b"local __pyrolens_turn = __pyrolens_turn; "
TOKENS = re.compile(
    rb"""--\[(=*)\[.*?\]\1\]|--[^\n]*|\[(=*)\[.*?\]\2\]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
    rb"""|(?:\bfunction\b[\w.:\s]*\([^)]*\)|\b(?:do|repeat|then|else)\b|;)(?:\s*;)*|\bbreak\b|\bgoto\b(?=\s+[A-Za-z_])""",
    re.DOTALL,
)
"""What is no code, where functions and the turns of loops begin, and what only Lua 5.2 takes everywhere."""
SHEBANG = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:#[^\n]*)?")

decode_events = msgspec.msgpack.Decoder(list[tuple[int, dict[Any, Any]]]).decode
decode = msgspec.msgpack.Decoder().decode


def lua_module() -> Any | None:
    """That of lupa with the best Lua there is; None: lupa is not installed."""
    for name in LUAS:
        try:
            return importlib.import_module(f"lupa.{name}")
        except ImportError:
            continue
    return None


class Trouble(NamedTuple):
    """What went wrong with some events of a batch."""

    failed: int
    reason: str
    """Of the first that failed."""
    slow: int
    """They took too long, or there was no time left for them."""
    odd: int
    """The code that was returned means nothing; they stay as they are."""
    code: int
    """The last of these."""


class Interpreter:
    """One Lua with one script."""

    def __init__(self, lua: Any, script: bytes, name: str, time_limit: float) -> None:
        """`name`: of the script in Lua's messages: @FILE or =WORD. `time_limit`: seconds that calls which take too long
        may cost in a batch, each at most half of them; 0: any."""
        state = lua.LuaRuntime(encoding=None, register_eval=False, register_builtins=False)
        here = files("pyrolens.filters")
        parts: list[Any] = []
        for part in ("bytes", "values"):
            source = (here / f"_lua_{part}.lua").read_bytes()
            parts.append(state.execute(source, *parts, name=b"=" + part.encode()))
        around = (here / "_lua.lua").read_bytes()
        self._mistake, self._start, self._run = state.execute(around, *parts, name=b"=around")
        self._name = name.encode(errors="surrogateescape")
        self._script = SHEBANG.sub(b"", script)
        self._limit = self._seconds = time_limit
        self._with_metadata = False

    def start(self, options: Mapping[str, Any]) -> tuple[str, str] | None:
        """Run the script, so that its functions are there. Returns what is wrong, `syntax`, `script` or an option, and
        why."""
        script = rewritten(self._script, watch=self._limit > 0)
        if self._mistake(script, self._name):
            script = self._script  # such as with too many local variables for one more
            if why := self._mistake(script, self._name):
                return "syntax", _text(why)
        given = pack({**options, "seconds": self._limit})
        option, why, self._with_metadata = self._start(script, self._name, given)
        return (_text(option), _text(why)) if option else None

    def run(self, tag: str, events: list[Event]) -> tuple[list[Event], Trouble | None]:
        if not events:
            return events, None
        full = self._with_metadata or any(ns.__class__ is not int for ns, _ in events)
        packed = pack([(int(ns), record, metadata_of(ns), group_of(ns)) for ns, record in events] if full else events)
        seconds = self._seconds or 1.0
        ran = self._run(tag.encode(errors="surrogateescape"), packed, seconds, full)
        made, stay, failed, reason, slow, odd, code = ran
        self._seconds = max(self._seconds / 2, self._limit / LEAST) if slow else self._limit
        trouble = Trouble(failed, _text(reason), slow, odd, int(code or 0)) if failed or slow or odd else None
        if stay == len(events):
            return events, trouble
        if full:
            return [_full(each, events) for each in _decoded(made)], trouble
        if stay:
            return [events[each] if each.__class__ is int else (each[0], each[1]) for each in _decoded(made)], trouble
        try:
            return decode_events(made), trouble
        except ValueError:
            return [(ns, record) for ns, record in _decoded(made)], trouble


def _full(each: Any, events: list[Event]) -> Event:
    """From the number of an event that stays, or [time, record, number of the event, metadata or None]."""
    if isinstance(each, int):
        return events[each]
    ns, record, number, metadata = each
    before = events[number][0]
    metadata = metadata_of(before) if metadata is None else _bytes_kept(metadata_of(before), metadata)
    group = group_of(before)
    return (Stamp(ns, metadata, group) if metadata or group else ns), record


def _bytes_kept(before: Any, after: Any) -> Any:
    """With the bytes that the script has left alone, such as ids of traces: to Lua they are text."""
    if isinstance(before, dict) and isinstance(after, dict):
        return {key: _bytes_kept(before.get(key), value) for key, value in after.items()}
    kept = isinstance(before, bytes) and isinstance(after, str) and before == after.encode(errors="surrogateescape")
    return before if kept else after


def _decoded(packed: bytes) -> Any:
    try:
        return decode(packed)
    except ValueError:  # text that is not UTF-8
        return msgpack.unpackb(packed, strict_map_key=False, unicode_errors="surrogateescape")


def _text(said: bytes | None) -> str:
    return said.decode(errors="replace") if said else ""


def rewritten(script: bytes, watch: bool) -> bytes:
    """The script as any Lua 5.1 takes it that Fluent Bit's takes: with a break that does not end its block, with empty
    statements. Its lines stay where they are.

    `watch`: with a call at the beginning of functions and of the turns of loops, by which those are ended that do not
    end by themselves. LuaJIT looks at no hooks in what it has compiled."""
    if script.startswith(b"\x1b"):
        return script  # compiled

    def part(found: re.Match[bytes]) -> bytes:
        token = found[0]
        if token == b"break":
            return b"do break end"
        if watch and token == b"goto":
            return TURN + b" goto"
        if token.startswith((b"function", b"do", b"repeat", b"then", b"else", b";")):
            # without the semicolons behind it
            begins = token.rstrip(b"; \t\r\n")
            turn = TURN if watch and begins.startswith((b"function", b"do", b"repeat")) else b""
            return (begins or b";") + turn + b"\n" * token.count(b"\n", len(begins))
        return token

    return (FIRST if watch else b"") + TOKENS.sub(part, script)
