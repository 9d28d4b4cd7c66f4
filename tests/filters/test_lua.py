import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from pyrolens.api import ConfigError, Event, OptionError, Record, Stamp, Transform
from pyrolens.config import build, read_text
from pyrolens.filters import _lua
from pyrolens.filters._lua import rewritten
from pyrolens.filters.lua import MISSING, QUIET, Lua, read_keys
from pyrolens.plugin import Filter
from pyrolens.problems import Problems
from pyrolens.records.event import group_of, metadata_of
from tests.conformance.cases import all_cases, known_differences
from tests.conformance.wire import plain, typed
from tests.contracts.odd import ODD
from tests.filters.trial import NOW, events, records
from tests.lent import Lent

PASS = "function f(tag, ts, r) return 2, ts, r end"
STAYS = "its records go on unchanged"


@pytest.fixture(params=["luajit21", "lua51"])
def any_lua(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """LuaJIT, and Lua 5.1 as on machines for which lupa has no LuaJIT."""
    pytest.importorskip(f"lupa.{request.param}")
    monkeypatch.setattr(_lua, "LUAS", (request.param,))
    return str(request.param)


def code(text: str, **options: Any) -> Lua:
    return Lua(call="f", code=text, **options)


def body(text: str, **options: Any) -> Lua:
    return code(f"function f(tag, ts, r)\n{text}\nend", **options)


def built(text: str, folder: Path) -> list[tuple[Filter, Any]]:
    """The filters of a config, and what they match."""
    problems = Problems()
    whole = f"[INPUT]\n    Name dummy\n{text}\n[OUTPUT]\n    Name null\n"
    config = build(read_text(whole, "a.conf", problems, str(folder)), problems, {})
    return [(each.plugin, each.matches) for each in config.filters]


# what was recorded from Fluent Bit: tests/conformance runs it with LuaJIT, and this with Lua 5.1

LUAJIT_ONLY = {
    "lua/compat-missing": "table.move",
    "lua/compat-others": "load with text, xpcall with arguments",
    "lua/in-a-row": "other filters",
    "lua/language": "goto",
    "lua/libraries": "bit, jit and ffi",
    "lua/not-serialised": "cdata",
}
"""Cases, and what they use that only LuaJIT has."""
RECORDED = {
    found.id: found.case
    for found in all_cases()
    if (found.kind, found.file) == ("filters", "lua")
    if found.id not in known_differences() and found.id not in LUAJIT_ONLY and "expected" in found.case
}


def unpacked(value: Any) -> Any:
    match value:
        case {"$bytes": text}:
            return bytes.fromhex(text)
        case {"$float": text}:
            return float(text)
        case dict():
            return {key: unpacked(inner) for key, inner in value.items()}
        case list():
            return [unpacked(inner) for inner in value]
    return value


def ns_of(seconds: float) -> int:
    """As tests.conformance.wire sends it."""
    whole = int(seconds)
    return whole * 10**9 + round((seconds - whole) * 1e9)


def through(transforms: list[tuple[Transform, Any]], tag: str, batch: list[Event]) -> list[Event]:
    for transform, matches in transforms:
        batch = transform(tag, batch) if matches(tag) else batch
    return batch


@pytest.mark.parametrize("case", RECORDED.values(), ids=RECORDED)
def test_lua_5_1_as_recorded(case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lupa.lua51")
    monkeypatch.setattr(_lua, "LUAS", ("lua51",))
    monkeypatch.chdir(tmp_path)
    for name, text in case["files"].items():
        (tmp_path / name).write_text(text)
    for name, value in case.get("env", {}).items():
        monkeypatch.setenv(name, value)
    transforms = [(plugin.compile(Lent()), matches) for plugin, matches in built(case["config"], tmp_path)]
    given = [(e["tag"], (ns_of(e["time"]), unpacked(e["record"]))) for e in case["input"]]
    if case.get("pack") == "forward":
        made = [(given[0][0], e) for e in through(transforms, given[0][0], [event for _, event in given])]
    else:
        made = [(tag, e) for tag, event in given for e in through(transforms, tag, [event])]
    got = [{"tag": tag, "time_ns": ns, "record": typed(plain(record))} for tag, (ns, record) in made]
    expected = [{**event, "record": typed(event["record"])} for event in case["expected"]]
    for tag in {event["tag"] for event in got + expected}:
        assert [event for event in got if event["tag"] == tag] == [event for event in expected if event["tag"] == tag]


# values


def test_what_comes_back(any_lua: str) -> None:
    given = {
        "text": "é", "bytes": b"a\xff", "half": "\udcff", "ext": Ext(5, b"\x01\x02"), "whole": 5, "float": 1.5,
        "round": 2.0, "list": [1, [], {}], "map": {"a": {"b": []}}, "none": None, "yes": True, "small": 5e-324,
        "great": -1.7976931348623157e308, "deep": {"l": [{"m": [None, 1]}]},
    }  # fmt: skip
    assert records(code(PASS), [given]) == [
        {
            "text": "é", "bytes": "a\udcff", "half": "\udcff", "ext": "\x01\x02", "whole": 5, "float": 1.5,
            "round": 2, "list": [1, [], {}], "map": {"a": {"b": []}}, "yes": True, "small": 5e-324,
            "great": -1.7976931348623157e308, "deep": {"l": [{"m": [None, 1]}]},
        }
    ]  # fmt: skip
    (record,) = records(code(PASS), [{"round": 2.0}])
    assert type(record["round"]) is int


def test_fields_keep_their_order(any_lua: str) -> None:
    """Those that the script adds come behind them."""
    names = [f"k{n}" for n in range(40)]
    given: list[Record] = [dict.fromkeys(names, "x"), dict.fromkeys(reversed(names), "x"), {"k1": 1, "new": 2}]
    made = records(body("r.k7, r.k9, r.new = nil, 9, 5 return 2, ts, r"), given)
    left = [name for name in names if name != "k7"]
    assert [list(record) for record in made] == [[*left, "new"], [*reversed(left), "new"], ["k1", "new", "k9"]]
    made = records(body("return 2, ts, {r, {new = 1, k3 = 3, k1 = 1}}"), given[1:2])
    assert [list(record) for record in made] == [names[::-1], ["k3", "k1", "new"]]
    many = [{f"{n}.{k}": k for k in range(9)} for n in range(3000)]
    assert [list(record) for record in records(code(PASS), many)] == [list(record) for record in many]


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)


def as_in_lua(value: Any) -> Any:
    """Floats without a fraction become whole numbers."""
    match value:
        case dict():
            return {key: as_in_lua(inner) for key, inner in value.items()}
        case list():
            return [as_in_lua(inner) for inner in value]
        case float() if value.is_integer() and -(2**63) <= value < 2**63:
            return int(value)
    return value


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=8), min_size=1, max_size=4))
def test_any_record_comes_back(given: list[Record]) -> None:
    for lua in TRANSFORMS:
        made = [record for _, record in TRANSFORMS[lua]("app", events(given))]
        assert repr(unordered(made)) == repr(unordered(as_in_lua(given)))


def unordered(value: Any) -> Any:
    match value:
        case dict():
            return sorted((key, unordered(inner)) for key, inner in value.items())
        case list():
            return [unordered(inner) for inner in value]
    return value


def made_with(*luas: str) -> dict[str, Transform]:
    out = {}
    before = _lua.LUAS
    for lua in luas:
        _lua.LUAS = (lua,)  # type: ignore[assignment]
        if _lua.lua_module():
            out[lua] = code(PASS).compile(Lent())
    _lua.LUAS = before
    return out


TRANSFORMS = made_with("luajit21", "lua51")


@settings(max_examples=60, deadline=None)
@given(st.floats(), st.integers(-(2**63), 2**64 - 1))
def test_numbers_of_all_sizes(number: float, whole: int) -> None:
    """As with the interpreter of Python, which has the same doubles."""
    for transform in TRANSFORMS.values():
        ((_, made),) = transform("app", events([{"f": number, "i": whole}]))
        assert made["f"] == number or math.isnan(number)
        assert type(made["f"]) is (int if number.is_integer() and -(2**63) <= number < 2**63 else float)
        assert float(made["i"]) == float(whole) or (whole > 2**63 - 1024 and made["i"] == 2**63 - 1024)
        assert type(made["i"]) is (float if whole >= 2**63 else int)


def test_what_is_too_great_for_64_bits(any_lua: str) -> None:
    given = {"most": 2**63 - 1, "unsigned": 2**64 - 1, "great": 1e300, "less": -1e300, "nan": math.nan, "cut": 2.9}
    (made,) = records(code(PASS, type_int_key=list(given)), [given])
    assert math.isnan(made.pop("nan"))
    assert made == {"most": 2**63 - 1024, "unsigned": 2.0**64, "great": 1e300, "less": -1e300, "cut": 2}
    assert [type(made[key]) for key in ("most", "unsigned")] == [int, float]


def test_what_is_no_time_and_no_metadata(any_lua: str) -> None:
    five = "function f(tag, ts, group, meta, r) {} end"
    given = [{"n": 1}]
    assert records(code(five.replace("{}", "return 2, ts, {1, 2, 3}, {{a = 1}, {b = 2}}")), given) == [
        {"a": 1},
        {"b": 2},
    ]
    assert records(code(five.replace("{}", "return 2, ts, {'x'}, {a = 1}")), given) == [{"a": 1}]
    assert records(code(five.replace("{}", "return 2, 0, {x = 1}, {a = 1}"), time_as_table=True), given) == given
    assert records(body("return 1, -1, {a = 1}"), given) == given


def test_what_the_luajit_of_lupa_does_otherwise() -> None:
    pytest.importorskip("lupa.luajit21")
    assert records(body("return 2, ts, {at = ('abc'):find('', 10)}"), [{}]) == [{"at": 4}]
    assert records(body("local goto = 5 return 2, ts, {x = goto}"), [{}]) == [{"x": 5}]


def test_times_are_kept_to_the_nanosecond(any_lua: str) -> None:
    times = [0, 1, 999_999_999, 10**9, 2**31, 2**32 - 1, NOW, NOW + 1, 4_294_967_295_999_999_999]
    batch: list[Event] = [(ns, {"n": 1}) for ns in times]
    assert code(PASS).compile(Lent())("t", batch) == batch
    table = code("function f(tag, ts, r) return 1, ts, r end", time_as_table=True)
    assert table.compile(Lent())("t", batch) == batch


def test_large_records_and_batches(any_lua: str) -> None:
    given = [{"log": "x" * 70_000, "n": n, "l": list(range(66_000))} for n in range(2)]
    assert records(code(PASS), given) == given
    many = [{"n": n} for n in range(66_000)]
    assert records(code(PASS), many) == many
    wide = {f"k{n}": n for n in range(66_000)}
    assert records(code(PASS), [wide]) == [wide]


def test_odd_records_come_through() -> None:
    env = Lent()
    transform = code(PASS).compile(env)
    for odd, record in ODD.items():
        assert len(transform("app", events([record]))) == 1, odd
    assert env.failures == 1
    assert env.said.lines[0][2]["reason"] == "a field of the record has null or NaN for its name"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("r.r = r return 2, ts, r", "the record has more than 200 tables within tables"),
        ("return 2, ts, {[2000000] = 1}", "a table with the key 2000000 is an array of as many places"),
        ("return 2, ts, {a = {[9e8] = 1}}", "a table with the key 900000000 is an array of as many places"),
        ("return 2, ts, {a = print}", "the record has a function in it"),
        ("return 2, ts, {[{}] = 1}", "a field has a table for its name"),
        ("return 2, ts, 'x'", "it returned no table for the record, but a string"),
        ("return 2, ts, {{1}}", "it returned a list, of which number 1 is no record"),
        ("return 1, ts", "it returned no table for the record, but nil"),
        ("return 2, ts, {r, 5}", "it returned a list, of which number 2 is no record"),
        ("return 1, -5, r", "it returned a time that is out of range: -5 seconds and 0 nanoseconds"),
        ("return r.a.b.c", "code:2: attempt to index field 'a' (a nil value)"),
        ("error({})", "an error that is a table"),
        ("error()", "an error that is a nil"),
        ("os.exit(0)", "code:2: os.exit: no script ends the router"),
        ("return python.eval('1')", "code:2: attempt to index global 'python' (a nil value)"),
    ],
)
def test_what_cannot_be_taken(text: str, reason: str, any_lua: str) -> None:
    """The record stays, and those beside it are filtered."""
    env = Lent()
    plugin = body(f"if r.n ~= 2 then r.x = 1 return 2, ts, r end {text}")
    assert records(plugin, [{"n": 1}, {"n": 2}, {"n": 3}], env) == [{"n": 1, "x": 1}, {"n": 2}, {"n": 3, "x": 1}]
    assert env.failures == 1
    assert env.said.lines == [
        ("error", f"the script failed; {STAYS}", {"reason": reason, "tag": "app.web", "records": 1})
    ]


def test_what_fails_may_be_dropped(any_lua: str) -> None:
    env = Lent()
    text = "if r.n == 2 then error('no') end if r.n == 3 then while true do end end if r.n == 4 then return 7 end"
    plugin = body(f"{text} if r.n == 5 then return 0 end r.x = 1 return 2, ts, r", on_error="drop", time_limit=0.1)
    assert records(plugin, [{"n": n} for n in range(1, 7)], env) == [
        {"n": 1, "x": 1}, {"n": 4}, {"n": 5}, {"n": 6, "x": 1}
    ]  # fmt: skip
    assert env.failures == 3
    assert [line[1] for line in env.said.lines] == [
        "the script failed; its records are dropped",
        "the script was stopped; its records are dropped",
        f"the script said nothing that means anything; {STAYS}",
    ]
    alone = Lent()
    assert records(plugin, [{"n": 2}], alone) == []
    assert alone.failures == 1


def test_a_code_without_meaning() -> None:
    env = Lent()
    assert records(body("return r.n, ts, {}"), [{"n": 7}, {"n": 0}, {"n": 8}], env) == [{"n": 7}, {"n": 0}, {"n": 8}]
    assert env.failures == 2
    assert env.said.lines[0][2] == {
        "reason": "it returned the code 8: expected -1, 0, 1 or 2", "tag": "app.web", "records": 2
    }  # fmt: skip


def test_what_goes_wrong_again_and_again_is_told_now_and_then() -> None:
    """Once for each line of the script."""
    env = Lent()
    transform = body("if r.n % 2 == 0 then error('even ' .. r.n) end\nerror('odd ' .. r.n)").compile(env)
    for n in range(6):
        transform("app", [(NOW, {"n": n})])
    assert [line[2]["reason"] for line in env.said.lines] == ["code:2: even 0", "code:3: odd 1"]
    env.time += QUIET
    transform("app", [(NOW, {"n": 8})])
    assert [line[2]["reason"] for line in env.said.lines[2:]] == ["code:2: even 8"]
    assert env.failures == 7


# metadata


def test_metadata_and_groups(any_lua: str) -> None:
    plain_event: Event = (NOW, {"n": 1})
    stamped: Event = (Stamp(NOW, {"m": 1}, {"resource": {"a": "b"}}), {"n": 2})

    def shown(batch: list[Event]) -> list[tuple[int, Record, Record, Record]]:
        return [(int(ns), metadata_of(ns), group_of(ns), record) for ns, record in batch]

    group = {"resource": {"a": "b"}}
    three = body("r.x = 1 return 1, 5, {r, {y = 2}}").compile(Lent())
    assert shown(three("t", [plain_event, stamped])) == [
        (5 * 10**9, {}, {}, {"n": 1, "x": 1}),
        (5 * 10**9, {}, {}, {"y": 2}),
        (5 * 10**9, {"m": 1}, group, {"n": 2, "x": 1}),
        (5 * 10**9, {"m": 1}, group, {"y": 2}),
    ]
    kept = body("if r.n == 1 then return -1 end return 0").compile(Lent())
    assert kept("t", [plain_event, stamped]) == [stamped]
    five = code(
        "function f(tag, ts, group, meta, r)\n r.group, r.meta = group, meta.m\n meta.m, meta.k = nil, 5\n"
        " return 2, ts, meta, r end"
    ).compile(Lent())
    assert shown(five("t", [plain_event, stamped])) == [
        (NOW, {"k": 5}, {}, {"n": 1, "group": {}}),
        (NOW, {"k": 5}, group, {"n": 2, "group": group, "meta": 1}),
    ]
    without = code("function f(tag, ts, group, meta, r) return 2, ts, nil, r end").compile(Lent())
    assert shown(without("t", [plain_event, stamped])) == shown([plain_event, stamped])
    emptied = code("function f(tag, ts, group, meta, r) return 2, ts, {}, r end").compile(Lent())
    assert shown(emptied("t", [stamped])) == [(NOW, {}, group, {"n": 2})]
    each = code(
        "function f(tag, ts, group, meta, r) return 2, ts, {{m = 2}, 'x', {}}, {{a = 1}, {b = 2}, {c = 3}} end"
    ).compile(Lent())
    assert [(m, r) for _, m, _, r in shown(each("t", [stamped]))] == [
        ({"m": 2}, {"a": 1}),
        ({}, {"b": 2}),
        ({}, {"c": 3}),
    ]


def test_ids_of_traces_stay_bytes() -> None:
    metadata = {"otlp": {"trace_id": b"[\x8e\xff", "span_id": b"plain", "attributes": {"k": "v"}, "old": b"a"}}
    transform = code(
        "function f(tag, ts, group, meta, r) meta.otlp.old = 'b' meta.otlp.attributes.n = 1 return 2, ts, meta, r end"
    ).compile(Lent())
    ((ns, _),) = transform("t", [(Stamp(NOW, metadata), {})])
    assert metadata_of(ns) == {
        "otlp": {"trace_id": b"[\x8e\xff", "span_id": b"plain", "attributes": {"k": "v", "n": 1}, "old": "b"}
    }


@pytest.mark.parametrize(
    ("parameters", "five"),
    [("a, b, c", False), ("a, b, c, d", False), ("a, b, c, d, e", True), ("a, b, c, d, e, g", True), ("...", False)],
)
def test_the_number_of_parameters(parameters: str, five: bool, any_lua: str) -> None:
    """Also where Lua does not tell it, and whatever stands around the function."""
    text = f"local up, value = 1, 2\nfunction f({parameters})\n return 2, up + value, {{}}, {{five = true}}\nend"
    (record,) = records(code(text), [{"n": 1}])
    assert (record == {"five": True}) is five


# what does not end

ENDLESS = [
    "while true do end",
    "while true do local x = 1 end",
    "repeat until false",
    "for i = 1, 1e18 do end",
    "for i = 1, math.huge do n = i end",
    "for k in function() return 1 end do end",
    "local function g() return g() end return g()",
    "while true do pcall(error, 'x') end",
    "while true do pcall(function() while true do end end) end",
    "local co = coroutine.wrap(function() while true do end end) co()",
    "while true do coroutine.wrap(function() while true do end end)() end",
    "local t = setmetatable({}, {__index = function(t, k) while true do end end}) return t.x",
    "for _ in pairs(r) do for _ in pairs(r) do while 1 do r.x = (r.x or 0) + 1 end end end",
]


@pytest.mark.parametrize("text", ENDLESS)
def test_what_does_not_end_is_ended(text: str, any_lua: str) -> None:
    env = Lent()
    plugin = body(f"if r.n == 1 then {text} end r.x = 1 return 2, ts, r", time_limit=0.1)
    began = time.monotonic()
    assert records(plugin, [{"n": 0}, {"n": 1}, {"n": 2}], env) == [{"n": 0, "x": 1}, {"n": 1}, {"n": 2, "x": 1}]
    assert time.monotonic() - began < 5
    assert env.failures == 1
    assert env.said.lines[0][1:] == (
        f"the script was stopped; {STAYS}",
        {"reason": "it took too long (time_limit)", "tag": "app.web", "records": 1},
    )


def test_goto_that_does_not_end_is_ended() -> None:
    pytest.importorskip("lupa.luajit21")
    assert records(body("::top:: goto top", time_limit=0.1), [{"n": 1}]) == [{"n": 1}]
    assert records(body("for i = 1, 3 do if i == 2 then goto next end r.i = i ::next:: end return 2, ts, r"), [{}]) == [
        {"i": 3}
    ]


def test_a_batch_of_such_costs_no_more_than_its_time(any_lua: str) -> None:
    env = Lent()
    transform = body("while r.bad do end r.x = 1 return 2, ts, r", time_limit=0.2).compile(env)
    batch = events([{"n": n, "bad": True} for n in range(1000)])
    began = time.process_time()
    for _ in range(3):
        assert transform("t", batch) == batch
    assert time.process_time() - began < 2
    assert env.failures == 3000
    # with what can be done it goes on at once
    assert transform("t", [(NOW, {"n": 1})]) == [(NOW, {"n": 1, "x": 1})]


def test_what_takes_long_but_ends_is_left_alone(any_lua: str) -> None:
    plugin = body("for i = 1, 200000 do r.n = i end return 2, ts, r")
    assert records(plugin, [{}] * 5) == [{"n": 200000}] * 5


def test_without_a_limit_the_script_is_as_it_is_written() -> None:
    text = "function f(tag, ts, r)\n r.size = #string.dump(f) return 2, ts, r end"
    (watched,), (free,) = records(code(text), [{}]), records(code(text, time_limit=0), [{}])
    assert watched["size"] > free["size"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("while x do y() end", "while x do T y() end"),
        ("do local do_it = redo end", "do T local do_it = redo end"),
        ("repeat x() until y", "repeat T x() until y"),
        ("function M.a:b(c, ...) end", "function M.a:b(c, ...) T end"),
        ("x(function() return 1 end)", "x(function() T return 1 end)"),
        ("if a then goto done end ::done::", "if a then T goto done end ::done::"),
        ('-- do repeat\nx = \'do\' .. "\\" do" .. [[ do ]] .. [==[ ]] do ]==]', None),
        ("--[[ do\n function() ]] x = 1 --[=[ ]] repeat ]=]", None),
        ("x = 'a\\\\' y = 'function()'", None),
        ("t = {1; 2} f(); (g or h)()", None),
        ("while x do break; end", "while x do T do break end; end"),
        (";; x = 1;\n ; y = 2", "; x = 1;\n y = 2"),
        ("if x then ; y() else; z() end", "if x then y() else z() end"),
        ("do\n;\n\nx() end", "do T\n\n\nx() end"),
    ],
)
def test_how_a_script_is_rewritten(script: str, expected: str | None) -> None:
    head, turn = _lua.FIRST.decode(), _lua.TURN.decode().strip()
    found = rewritten(script.encode(), watch=True).decode().removeprefix(head)
    assert " ".join(found.replace(turn, "T").split(" ")).replace("  ", " ") == (expected or script)
    assert found.count("\n") == script.count("\n")


def test_what_is_too_full_for_one_more_local_variable_is_taken_as_it_is() -> None:
    text = (
        "".join(f"local v{n} = {n}\n" for n in range(200)) + "f = function(tag, ts, r) r.v = v199 return 2, ts, r end"
    )
    assert records(code(text), [{"n": 1}]) == [{"n": 1, "v": 199}]


def test_a_compiled_script(tmp_path: Path) -> None:
    lua: Any = _lua.lua_module()
    text = lua.LuaRuntime(encoding=None).execute(f"return string.dump(loadstring([[{PASS}]]))")
    (tmp_path / "s.luac").write_bytes(text)
    assert records(Lua(call="f", script=str(tmp_path / "s.luac")), [{"n": 1}]) == [{"n": 1}]


# how it begins


def problem_of(plugin: Lua) -> str:
    with pytest.raises((ConfigError, OptionError)) as caught:
        plugin.compile(Lent())
    return str(caught.value)


def test_mistakes_in_a_file_have_their_place(tmp_path: Path, any_lua: str) -> None:
    script = tmp_path / "s.lua"
    plugin = Lua(call="f", script=str(script))
    script.write_text("-- one\nfunction f(tag, ts, r)\n    retrun 2\nend\n")
    assert problem_of(plugin).splitlines()[0] == (
        f"{script}:3:12: error[bad-script]: filter lua: the script does not compile: '=' expected near '2'"
    )
    script.write_text("-- one\nlocal x = nil .. 'a'\n")
    assert problem_of(plugin).splitlines()[:2] == [
        f"{script}:2: error[bad-script]: filter lua: the script failed when it was loaded: "
        "attempt to concatenate a nil value",
        "    local x = nil .. 'a'",
    ]
    script.write_text("x = 1\n")
    assert problem_of(plugin) == "the script has no function f"
    script.write_text("while true do end")
    assert "it did not come to its end" in problem_of(Lua(call="f", script=str(script), time_limit=0.05))
    script.write_text("error({})")
    assert problem_of(plugin) == "the script failed when it was loaded: an error that is a table"
    script.unlink()
    assert problem_of(plugin) == f"{script} cannot be read: No such file or directory"


def test_mistakes_in_code() -> None:
    assert problem_of(code("\nfunction f(")) == (
        "the script does not compile: code:2: <name> or '...' expected near '<eof>'"
    )
    assert problem_of(code("f = 5")) == "the script has no function f"
    with pytest.raises(OptionError) as caught:
        code("f = 5").compile(Lent())
    assert caught.value.option == "call"


def test_long_paths_have_their_place(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    (folder / "s.lua").write_text("\n\nx = = 1")
    assert problem_of(Lua(call="f", script=str(folder / "s.lua"))).startswith(f"{folder}/s.lua:3:5: error[bad-script]")


def test_without_lupa(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lupa", *(f"lupa.{lua}" for lua in _lua.LUAS)):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("pyrolens.filters.lua.find_spec", lambda name: None)
    plugin = code(PASS)
    assert list(plugin.check()) == [("name", MISSING)]
    assert problem_of(plugin) == MISSING
    assert "pip install 'pyrolens[lua]'" in MISSING
    problems = Problems()
    text = f"[INPUT]\n    Name dummy\n[FILTER]\n    Name lua\n    Match *\n    Call f\n    Code {PASS}\n"
    with pytest.raises(ConfigError) as caught:
        build(read_text(text + "[OUTPUT]\n    Name null\n", "a.conf", problems, ""), problems, {})
    (problem,) = caught.value.problems
    assert str(problem).splitlines()[0] == f"a.conf:4:10: error[bad-value]: filter lua: {MISSING}"


def test_options_that_miss_or_mean_nothing(tmp_path: Path) -> None:
    def told(options: str) -> list[str]:
        problems = Problems()
        text = f"[INPUT]\n    Name dummy\n[FILTER]\n    Name lua\n    Match *\n{options}[OUTPUT]\n    Name null\n"
        try:
            build(read_text(text, "a.conf", problems, str(tmp_path)), problems, {})
        except ConfigError as error:
            return [f"{p.place and p.place.line}: {p.message}" for p in error.problems]
        return [f"{p.place and p.place.line}: {p.message}" for p in problems]

    assert told("    Call f\n") == ["3: filter lua: the filter needs script, a file with a function, or code"]
    assert told("    Call f\n    Script gone.lua\n") == ["7: filter lua: no such file: gone.lua"]
    assert told("    Code x = 1\n") == ["3: filter lua needs call"]
    (tmp_path / "s.lua").write_text(PASS)
    assert told("    Call f\n    Script s.lua\n") == []
    assert told("    Call f\n    Script s.lua\n    Protected_Mode off\n") == [
        "8: filter lua: Protected_Mode is 'off': an error in a script never ends the router, so this has no effect"
    ]


def test_a_script_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "s.lua").write_text("function f(tag, ts, r) return 2, ts, {color = FLB_ENV.COLOR} end")
    text = "@SET COLOR=blue\n[FILTER]\n    Name lua\n    Match *\n    Call f\n    Script s.lua\n"
    problems = Problems()
    whole = f"{text}[INPUT]\n    Name dummy\n[OUTPUT]\n    Name null\n"
    config = build(read_text(whole, "a.conf", problems, str(tmp_path)), problems, {})
    assert records(config.filters[0].plugin, [{"n": 1}]) == [{"color": "blue"}]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", []),
        ("a", ["a"]),
        (" a  b ", ["a", "b"]),
        (" ".join(f"k{n}" for n in range(16)), [f"k{n}" for n in range(16)]),
        (" ".join(f"k{n}" for n in range(18)), [*(f"k{n}" for n in range(16)), "k16 k17"]),
    ],
)
def test_keys(text: str, keys: list[str]) -> None:
    assert read_keys(text) == keys


def test_prints_are_seen_at_once(tmp_path: Path) -> None:
    """They are Lua's own, beside what Python writes."""
    program = (
        "import os, sys\n"
        "from pyrolens.filters.lua import Lua\n"
        "from tests.lent import Lent\n"
        "run = Lua(call='f', code=\"function f(tag, ts, r) print('seen', r.n) return 0 end\").compile(Lent())\n"
        "run('t', [(1, {'n': 1})])\n"
        "os._exit(0)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, cwd=Path(__file__).parents[2], env=os.environ
    )
    assert ran.stdout == b"seen\t1\n"


def test_each_filter_has_its_own_lua() -> None:
    text = "n = (n or 0) + 1\nfunction f(tag, ts, r) n = n + 1 r.n = n return 2, ts, r end"
    one, other = code(text).compile(Lent()), code(text).compile(Lent())
    assert [one("t", [(NOW, {})])[0][1], one("t", [(NOW, {})])[0][1], other("t", [(NOW, {})])[0][1]] == [
        {"n": 2}, {"n": 3}, {"n": 2}
    ]  # fmt: skip


def test_a_script_that_spoils_what_is_around_it(any_lua: str) -> None:
    """It may take away or change what Lua has, but for itself alone."""
    spoiled = (
        "for _, name in ipairs({'type', 'next', 'error', 'pcall', 'tostring', 'rawget', 'setmetatable'}) do\n"
        "    _G[name] = nil\nend\nstring.byte, math.floor, table.concat, os.clock, string.find = nil\n"
        "debug.getmetatable, io.stdout = nil\n"
    )
    given = {"a": [1, None, 3], "b": 1.5, "c": "x"}
    assert records(code(spoiled + PASS), [given]) == [given]
    assert records(code("setmetatable(_G, {__index = function(_, k) error(k) end})\n" + PASS), [given]) == [given]


def test_no_batch_is_packed_for_nothing() -> None:
    batch = events([{"n": n} for n in range(3)])
    transform = body("return 0").compile(Lent())
    assert transform("t", batch) is batch
    some = body("return r.n == 1 and 2 or 0, ts, r").compile(Lent())("t", batch)
    assert [a is b for a, b in zip(some, batch, strict=True)] == [True, False, True]
