"""filter lua.

Source: plugins/filter_lua, src/flb_lua.c, src/flb_luajit.c (Fluent Bit 5.1.1). The interpreter, lupa, is an extra."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from importlib.util import find_spec
from typing import Annotated, Literal

from pyrolens.api import (
    ConfigError,
    Event,
    Filter,
    FilterEnv,
    OptionError,
    Problem,
    Seconds,
    Transform,
    opt,
    plugin,
)
from pyrolens.filters._lua import Interpreter, Trouble, lua_module
from pyrolens.options import Kind, read_bool
from pyrolens.problems import Place

MISSING = "it needs the package lupa: pip install 'pyrolens[lua]'"
QUIET = 10 * 10**9
"""ns between two lines about the same failure: from the same line of the script, else with the same reason."""
MOST_TOLD = 100
STAYS = "its records go on unchanged"
LONGEST = 300
"""Characters of a reason that are logged."""
MOST_KEYS = 16
REFUSALS = {"syntax": "the script does not compile", "script": "the script failed when it was loaded"}
AT = re.compile(r"[^\n]*?:([0-9]+): ")
"""How Lua begins a message: with the name of the script, and the line."""
NEAR = re.compile(r"near '(.+)'$")
"""Lua says no column, but the last that it has read; of a word that stands twice in the line, the last is taken."""


def read_keys(text: str) -> list[str]:
    """Words; what is left behind the sixteenth is one more."""
    words = text.split(" ")
    out: list[str] = []
    while words and len(out) < MOST_KEYS:
        if word := words.pop(0):
            out.append(word)
    return [*out, rest] if (rest := " ".join(words)) else out


def doubt_protected(text: str) -> str:
    return "" if read_bool(text) else "an error in a script never ends the router, so this has no effect"


Keys = Annotated[list[str], Kind("words", read_keys)]
Protected = Annotated[bool, Kind("boolean", read_bool, doubt=doubt_protected)]


@plugin("lua")
class Lua(Filter):
    """Run a function of a Lua script on each record, which keeps, changes, drops or splits it.

    Needs the package lupa, the extra `lua`. What works and what it costs: [docs/guides/lua.md](../../guides/lua.md).
    """

    stateful = True
    differs = (
        "A record at which the script fails goes on as it was, and all others are filtered; in Fluent Bit all records "
        "that came together go on as they were.",
        "The fields of a record keep their order, and new ones come behind them; in Fluent Bit they are in any order.",
        "protected_mode is always on.",
        "A script that does not end is stopped (time_limit).",
        "os.exit is an error; in Fluent Bit it ends the router at once.",
        "Whole numbers near 2^63 and beyond stay near what they were; Fluent Bit makes -9223372036854775808 of them. "
        "With type_int_key, numbers that are too great for 64 bits stay as they are.",
        "A time of -1 or -2 is out of range; Fluent Bit takes the record for the beginning or the end of a group.",
        "Metadata that is a list, but not of one for each record, counts as not returned; Fluent Bit loses the record.",
        "Metadata that is bytes, as the ids of traces and spans, stays bytes when a script returns it; in Fluent Bit "
        "these ids are lost.",
        "With time_as_table and metadata, a time that is no table is an error; Fluent Bit takes the metadata for the "
        "record.",
        "A table that is an array of more than a million places because of one great number among its keys, one that "
        "has more than 200 levels or is within itself, is an error; Fluent Bit runs out of memory or crashes.",
        "A field whose name is null or NaN is an error; Fluent Bit aborts.",
        "Modules in C cannot be loaded, other than those of LuaJIT. string.find from beyond the end of a text begins at"
        " its end, where it gives nil in Fluent Bit.",
    )

    script: str | None = opt("File with the script, seen from the working folder or from the config.", default=None)
    code: str | None = opt("The script itself, in place of a file.", default=None)
    call: str = opt("Function of the script that is given each record.")
    type_int_key: Keys = opt("Fields whose numbers become whole, with blanks between.", default=[])
    type_array_key: Keys = opt("Fields whose tables become arrays, also empty ones, with blanks between.", default=[])
    protected_mode: Protected = opt("Whether errors in the script are caught; they always are.", default=True)
    time_as_table: bool = opt("Give the time as a table with sec and nsec, in place of a number.", default=False)
    enable_flb_null: bool = opt(
        "Give null as flb_null, in place of nil, with which a field that is null is lost.", default=False
    )
    on_error: Literal["keep", "drop"] = opt(
        "What becomes of a record at which the script fails or does not end: keep, it goes on as it came; or drop, such"
        " as where the script removes what nobody may see. Not in Fluent Bit.",
        default="keep",
    )
    time_limit: Seconds = opt(
        "Seconds that calls which do not end may cost in a batch, each at most half of them; then they have failed."
        " 0: any. Not in Fluent Bit.",
        default=2.0,
        low=0,
    )
    variables: Mapping[str, str] = field(default_factory=dict)
    """Those that the config defines, which the script finds in FLB_ENV."""

    def placed(self, found: Callable[[str], str | None], variables: Mapping[str, str]) -> "Lua":
        path = self.script
        if path is not None and self.code is None and (path := found(path)) is None:
            raise OptionError("script", f"no such file: {self.script}")
        return replace(self, script=path, variables=variables)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.code is None and self.script is None:
            yield "script", "the filter needs script, a file with a function, or code"
        if find_spec("lupa") is None:
            yield "name", MISSING

    def compile(self, env: FilterEnv) -> Transform:
        interpreter, tell = self._started(), Telling(env, self.on_error == "drop")

        def transform(tag: str, events: list[Event]) -> list[Event]:
            made, trouble = interpreter.run(tag, events)
            if trouble is not None:
                tell.all(trouble, tag)
            return made

        return transform

    def _started(self) -> Interpreter:
        """Raises: ConfigError, OptionError."""
        source, file = b"", self.script or ""
        if self.code is not None:
            source, file = self.code.encode(errors="surrogateescape"), ""
        else:
            try:
                with open(file, "rb") as opened:
                    source = opened.read()
            except OSError as why:
                raise OptionError("script", f"{file} cannot be read: {why.strerror}") from None
        lua = lua_module()
        if lua is None:
            raise OptionError("name", MISSING)
        interpreter = Interpreter(lua, source, f"@{file}" if file else "=code", self.time_limit)
        wrong = interpreter.start(
            {
                "call": self.call,
                "type_int_key": self.type_int_key,
                "type_array_key": self.type_array_key,
                "time_as_table": self.time_as_table,
                "flb_null": self.enable_flb_null,
                "drops": self.on_error == "drop",
                "env": {key: value for key, value in self.variables.items() if value},
            }
        )
        if wrong is not None:
            what, reason = wrong
            if what in REFUSALS:
                raise refusal(REFUSALS[what], reason, file, source)
            raise OptionError(what, reason)
        return interpreter


def refusal(what: str, why: str, file: str, source: bytes) -> ValueError | ConfigError:
    """`why`: what Lua says. `file`: "" where the script is in the config."""
    at = AT.match(why)
    if at is None or not file:
        return OptionError("code" if not file else "script", f"{what}: {why}")
    number, reason = int(at[1]), why[at.end() :]
    lines = source.decode(errors="replace").splitlines()
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    near = NEAR.search(reason)
    column = line.rfind(near[1]) + 1 if near else 0
    place = Place(file, number, column, len(near[1]) if near and column else 1, line)
    return ConfigError([Problem("bad-script", f"filter lua: {what}: {reason}", place)])


class Telling:
    """What went wrong is counted and told, without filling the log."""

    def __init__(self, env: FilterEnv, drops: bool) -> None:
        self.env = env
        self.fate = "its records are dropped" if drops else STAYS
        self._told: dict[str, int] = {}
        """When each was told."""

    def all(self, trouble: Trouble, tag: str) -> None:
        failed, reason, slow, odd, code = trouble
        if failed:
            self.one(failed, f"the script failed; {self.fate}", tag, reason)
        if slow:
            self.one(slow, f"the script was stopped; {self.fate}", tag, "it took too long (time_limit)")
        if odd:
            reason = f"it returned the code {code}: expected -1, 0, 1 or 2"
            self.one(odd, f"the script said nothing that means anything; {STAYS}", tag, reason)

    def one(self, records: int, what: str, tag: str, reason: str) -> None:
        env = self.env
        env.failed(records)
        at, now = AT.match(reason), env.now()
        same = at[0] if at else reason[:LONGEST]
        if now - self._told.get(same, -QUIET) >= QUIET:
            if len(self._told) >= MOST_TOLD:
                self._told.clear()
            self._told[same] = now
            env.log.error(what, reason=reason[:LONGEST], tag=tag, records=records)
