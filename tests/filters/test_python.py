import datetime
import decimal
import enum
import math
import re
import time
from collections import OrderedDict, namedtuple
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as every
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from pyrolens.api import ConfigError, Event, OptionError, Record, Stamp
from pyrolens.config import build, read_text
from pyrolens.filters._python_values import BadValueError, given, taken, taken_together
from pyrolens.filters.python import Python
from pyrolens.problems import Problems
from pyrolens.records.event import metadata_of
from pyrolens.records.regex import compile_pattern
from pyrolens.records.regex.budget import take_overruns
from tests.contracts.odd import ODD
from tests.filters.trial import NOW, events, records, run
from tests.lent import Lent

# forms


def code(text: str, **options: Any) -> Python:
    return Python(code=text, **options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(record):\n    return record", [{"n": 1}, {"n": 2}]),
        ("def f(record):\n    return None if record['n'] == 1 else record", [{"n": 2}]),
        ("def f(record):\n    record['a'] = [tag for tag in 'xy']\n    return record", [
            {"n": 1, "a": ["x", "y"]}, {"n": 2, "a": ["x", "y"]}]),
        ("def f(record):\n    return {**record, 'm': record['n'] * 2}", [{"n": 1, "m": 2}, {"n": 2, "m": 4}]),
        ("def f(record):\n    return [record, {'copy': record['n']}]", [
            {"n": 1}, {"copy": 1}, {"n": 2}, {"copy": 2}]),
        ("def f(record):\n    return []", []),
        ("def f(record):\n    return {}", [{}, {}]),
        ("def f(tag, record):\n    return {'tag': tag}", [{"tag": "app.web"}, {"tag": "app.web"}]),
        ("def f(record, *, tag, **more):\n    return {'tag': tag}", [{"tag": "app.web"}, {"tag": "app.web"}]),
        ("def f(record, seen=[]):\n    seen.append(1)\n    return {'seen': len(seen)}", [{"seen": 1}, {"seen": 2}]),
        ("f = lambda record: record", [{"n": 1}, {"n": 2}]),
        ("class F:\n    n = 0\n    def __call__(self, record):\n        self.n += 1\n        return {'n': self.n}\n"
         "f = F()",
         [{"n": 1}, {"n": 2}]),
        ("def f(events):\n    return [e for e in events if e[1]['n'] == 2]", [{"n": 2}]),
        ("def f(tag, events):\n    return [(ns, {'tag': tag}) for ns, _ in events] * 2", [{"tag": "app.web"}] * 4),
        ("def f(events):\n    for _, record in events:\n        record['of'] = len(events)\n    return events", [
            {"n": 1, "of": 2}, {"n": 2, "of": 2}]),
        ("def f(events):\n    return tuple(reversed(events))", [{"n": 2}, {"n": 1}]),
    ],
)  # fmt: skip
def test_what_a_function_can_be(text: str, expected: list[Record]) -> None:
    env = Lent()
    plugin = code(text, call="f")
    assert records(plugin, [{"n": 1}, {"n": 2}], env) == expected
    assert (env.failures, env.said.lines) == (0, [])


def test_times() -> None:
    text = "def f(time, record):\n    return [record, (time + 1.5, {}), (10, {}), (time, {})]"
    batch: list[Event] = [(NOW + 123_456_789, {"n": 1})]
    made = code(text).compile(Lent())("t", batch)
    assert [ns for ns, _ in made] == [
        NOW + 123_456_789,
        pytest.approx(NOW + 1_623_456_789, abs=300),
        10 * 10**9,
        NOW + 123_456_789,
    ]


def test_metadata_stays_with_the_record() -> None:
    batch: list[Event] = [(Stamp(NOW, {"m": 1}), {"n": 1})]
    for text in ("def f(record): return record", "def f(events): return events"):
        ((ns, _),) = code(text).compile(Lent())("t", batch)
        assert (ns, metadata_of(ns)) == (NOW, {"m": 1})
    ((ns, _),) = code("def f(time, record): return time + 60, record").compile(Lent())("t", batch)
    assert (ns, metadata_of(ns)) == (NOW + 60 * 10**9, {"m": 1})


def test_state_is_of_one_filter() -> None:
    text = "n = 0\ndef f(record):\n    global n\n    n += 1\n    return {'n': n}"
    one, other = code(text).compile(Lent()), code(text).compile(Lent())
    assert [one("t", events([{}])), one("t", events([{}]))] == [events([{"n": 1}]), events([{"n": 2}])]
    assert other("t", events([{}])) == events([{"n": 1}])


# what it edits and keeps is its own


NESTED: Record = {"a": {"b": [1, {"c": "d"}]}, "log": "x", "raw": b"\xff", "ext": {"e": Ext(1, b"a")}}


def test_what_a_function_edits_is_a_copy() -> None:
    text = (
        "def f(record):\n    record['a']['b'][1]['c'] = 'new'\n    record['a']['b'].append(2)\n"
        "    del record['log']\n    record['ext']['f'] = 1\n    return record"
    )
    # run() looks whether its own are as they were
    ((_, made),) = run(code(text), [NESTED])
    assert made == {"a": {"b": [1, {"c": "new"}, 2]}, "raw": b"\xff", "ext": {"e": Ext(1, b"a"), "f": 1}}


@pytest.mark.parametrize("of", ["record):\n    made = record", "events):\n    record = made = events[0][1]"])
def test_what_a_function_keeps_is_no_part_of_what_goes_on(of: str) -> None:
    text = (
        f"kept = []\nshared = {{'n': 0, 'list': []}}\ndef f({of}\n    for old in kept: old['edited'] = True\n"
        "    shared['n'] += 1\n    shared['list'].append(1)\n    kept.append(record)\n    record['shared'] = shared\n"
    )
    text += "    return events" if "events" in of else "    return made"
    transform = code(text).compile(Lent())
    first = transform("t", events([{"a": 1}]))
    second = transform("t", events([{"a": 2}]))
    assert [first[0][1], second[0][1]] == [
        {"a": 1, "shared": {"n": 1, "list": [1]}},
        {"a": 2, "shared": {"n": 2, "list": [1, 1]}},
    ]


def test_flat_records_that_are_kept() -> None:
    transform = code(
        "kept = []\ndef f(record):\n    for old in kept: old['x'] = 1\n    kept.append(record)\n    return record"
    ).compile(Lent())
    first = transform("t", events([{"a": 1}]))
    transform("t", events([{"a": 2}]))
    assert first == events([{"a": 1}])


# values


class Color(enum.Enum):
    RED = "red"


class Name(str):
    __slots__ = ()


class Level(enum.IntEnum):
    HIGH = 3


Point = namedtuple("Point", "x y")
PLAIN = "a record holds text, numbers, True and False, None, bytes, lists and dicts"
LOOP: Record = {}
LOOP["in"] = LOOP


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (datetime.datetime.now(datetime.UTC), "record['v'] is a datetime: .isoformat() makes text of it"),
        (datetime.date(2026, 1, 1), "record['v'] is a date: .isoformat() makes text of it"),
        (datetime.timedelta(1), "record['v'] is a timedelta: .total_seconds() makes a number of it"),
        (decimal.Decimal(1), "record['v'] is a Decimal: float(…) or str(…) makes something of it"),
        ({1, 2}, "record['v'] is a set: sorted(…) makes a list of it"),
        ([{"a": {"x"}}], "record['v'][0]['a'] is a set: sorted(…) makes a list of it"),
        (object, f"record['v'] is a type: {PLAIN}"),
        (Color.RED, f"record['v'] is a Color: {PLAIN}"),
        (2 + 3j, f"record['v'] is a complex: {PLAIN}"),
        (bytearray(b"a"), "record['v'] is a bytearray: bytes(…) makes bytes of it"),
        (2**64, "record['v'] is 18446744073709551616: expected a whole number of 64 bits"),
        (-(2**63) - 1, "record['v'] is -9223372036854775809: expected a whole number of 64 bits"),
        (10**5000, "record['v'] is a number of more than 40 digits: expected a whole number of 64 bits"),
        ("\ud800", "record['v'] holds '\\ud800', the half of a character"),
        ({("a",): 1}, "a tuple is the name of a field: expected text"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_no_record_can_hold(value: Any, message: str) -> None:
    for record in ({"v": value}, {"v": value, "nested": [1]}):
        with pytest.raises(BadValueError) as caught:
            taken(record)
        assert str(caught.value) == message
        with pytest.raises(BadValueError):
            taken_together([{"a": 1}, record])


def test_a_record_within_itself_and_odd_names() -> None:
    with pytest.raises(BadValueError, match="is nested more than 200 deep"):
        taken(LOOP)
    with pytest.raises(BadValueError, match="a tuple is the name of a field"):
        taken({("a",): 1})
    with pytest.raises(BadValueError, match="half of a character"):
        taken({"\ud800": 1})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, ("a", 2)), [1, ["a", 2]]),
        (Name("x"), "x"),
        (Level.HIGH, 3),
        (Point(1, 2), [1, 2]),
        (OrderedDict(a=OrderedDict(b=1)), {"a": {"b": 1}}),
        ("caf\udce9", "caf\udce9"),
        (2**64 - 1, 2**64 - 1),
        (Ext(3, b"x"), Ext(3, b"x")),
        ([True, None, 1.5, math.inf, b"\xff"], [True, None, 1.5, math.inf, b"\xff"]),
    ],
)
def test_what_becomes_a_plain_value(value: Any, expected: Any) -> None:
    for record in (taken({"v": value}), taken_together([{"v": value}])[0]):
        assert (record, type(record["v"])) == ({"v": expected}, type(expected))


@pytest.mark.parametrize("odd", ODD)
def test_every_record_comes_through_as_it_is(odd: str) -> None:
    record = ODD[odd]
    copy = given(record)
    assert repr(copy) == repr(record)
    assert copy is not record
    assert repr(taken(copy)) == repr(record)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.binary() | st.integers(-(2**65), 2**65) | st.decimals()
    | st.dates() | st.datetimes() | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    | st.tuples(inner) | st.frozensets(st.integers(), max_size=2),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@every(st.dictionaries(st.text(max_size=3), VALUES, max_size=4))
def test_whatever_comes_back_is_plain_or_refused(record: Any) -> None:
    def is_plain(value: Any) -> bool:
        match value:
            case dict():
                return type(value) is dict and all(map(is_plain, [*value, *value.values()]))
            case list():
                return type(value) is list and all(map(is_plain, value))
            case int() if not isinstance(value, bool):
                return type(value) is int and -(2**63) <= value < 2**64
        return type(value) in (str, bytes, float, bool, type(None))

    try:
        made = taken(record)
    except BadValueError:
        assert not is_plain(record) or any(0xD800 <= ord(c) < 0xDC80 or 0xDCFF < ord(c) < 0xE000 for c in repr(record))
        return
    assert is_plain(made)
    assert is_plain(record) <= (repr(made) == repr(record))


# what goes wrong


def failing(text: str, given_: list[Record], **options: Any) -> tuple[list[Record], Lent]:
    env = Lent()
    return records(code(text, **options), given_, env), env


@pytest.mark.parametrize("form", ["record", "events"])
def test_records_at_which_it_fails_go_on_unchanged(form: str) -> None:
    body = "record['seen'] = True\n{pad}    if record['n'] == 2: raise KeyError('no')\n"
    if form == "record":
        text = f"def f(record):\n    {body.format(pad='')}    return record"
    else:
        text = f"def f(events):\n    for _, record in events:\n        {body.format(pad='    ')}    return events"
    made, env = failing(text, [{"n": n} for n in (1, 2, 3, 2)])
    assert made == [{"n": 1, "seen": True}, {"n": 2}, {"n": 3, "seen": True}, {"n": 2}]
    assert env.failures == 2
    ((level, event, fields),) = env.said.lines
    line = 3 if form == "record" else 4
    assert (level, event) == ("error", "the function failed; its records go on unchanged")
    assert {k: str(v) for k, v in fields.items()} == {
        "function": "f", "script": f"code:{line}:{26 if form == 'record' else 30}", "reason": "KeyError: 'no'",
        "tag": "app.web", "records": "2",
    }  # fmt: skip


def test_records_at_which_it_fails_can_be_dropped() -> None:
    text = "def f(record):\n    return {'log': record['log'].replace('secret', '***')}"
    made, env = failing(text, [{"log": "a secret"}, {"log": 5}, {}], on_error="drop")
    assert made == [{"log": "a ***"}]
    assert env.failures == 2
    assert [(event, fields["reason"]) for _, event, fields in env.said.lines] == [
        ("the function failed; its records are dropped", "AttributeError: 'int' object has no attribute 'replace'"),
        ("the function failed; its records are dropped", "KeyError: 'log'"),
    ]


RESULT = "expected None, a record, (time, record) with seconds, or a list of these"
LONG = "record['v'] is 1180591620717411303424: expected a whole number of 64 bits"
MS = "the time is 1.78e+12: expected seconds since 1970; divide milliseconds by 1000"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def f(record): return 'x'", f"it gave back a str: {RESULT}"),
        ("def f(record): return True", f"it gave back a bool: {RESULT}"),
        ("def f(record): return record, record", f"it gave back a tuple: {RESULT}"),
        ("def f(record): return [None]", f"it gave back a NoneType: {RESULT}"),
        ("def f(record): return {'v': {1}}", "record['v'] is a set: sorted(…) makes a list of it"),
        ("def f(record): return 1780000000000, record", MS),
        ("def f(record): return -1, record", "the time is -1: expected seconds since 1970"),
        ("def f(record): return float('nan'), record", "the time is nan: expected seconds since 1970"),
        ("def f(record): return True, record", "the time is a bool: expected seconds since 1970"),
        ("def f(events): return None", "it gave back a NoneType: expected a list of events"),
        ("def f(events): return [r for _, r in events]",
         "there is a dict among the events: expected (nanoseconds, record)"),
        ("def f(events): return [(n / 1e9, r) for n, r in events]",
         "the time is 1780000000.0: expected whole nanoseconds since 1970"),
        ("def f(events): return [(n, 'x') for n, r in events]", "an event holds a str: expected (nanoseconds, record)"),
        ("def f(events): return [(n, {'v': 2**70}) for n, r in events]", LONG),
        ("import sys\ndef f(record): return sys.exit(3)", "SystemExit: 3"),
    ],
)  # fmt: skip
def test_what_cannot_go_on_is_told_and_the_record_stays(text: str, reason: str) -> None:
    made, env = failing(text, [{"n": 1}])
    assert (made, env.failures) == ([{"n": 1}], 1)
    ((_, _, fields),) = env.said.lines
    assert fields["reason"] == reason
    assert str(fields["script"]).startswith(f"code:{len(text.splitlines())}")


def test_a_datetime_as_a_time_is_told_what_to_do() -> None:
    text = "import datetime\ndef f(record): return datetime.datetime.now(), record"
    _, env = failing(text, [{"n": 1}])
    assert env.said.lines[0][2]["reason"] == (
        "the time is a datetime: expected seconds since 1970; .timestamp() makes a number of it"
    )


def test_the_same_failure_is_told_every_ten_seconds() -> None:
    env = Lent()
    transform = code("def f(record):\n    return int(record['n'])").compile(env)
    for n in range(50):
        transform("t", events([{"n": f"x{n}"}, {}]))
    assert [fields["reason"] for _, _, fields in env.said.lines] == [
        "ValueError: invalid literal for int() with base 10: 'x0'",
        "KeyError: 'n'",
    ]
    assert env.failures == 100
    env.time += 10 * 10**9
    transform("t", events([{"n": "y"}, {"n": "z"}]))
    assert env.said.lines[2:] == [("error", *env.said.lines[0][1:2], env.said.lines[2][2])]
    assert env.said.lines[2][2]["records"] == 2


# time


@pytest.mark.parametrize(
    "wait",
    [
        "while True: pass",
        "time.sleep(1000)",
        "while True:\n            try: time.sleep(1000)\n            except Exception: pass",
        "while not tries:\n            try: time.sleep(9)\n            except: tries.append(1)\n        time.sleep(9)",
    ],
)
@pytest.mark.parametrize("form", ["record", "events"])
def test_a_function_that_hangs_is_stopped(form: str, wait: str) -> None:
    head = "import time\ntries = []\n"
    if form == "record":
        text = head + f"def f(record):\n    if record['n'] == 2:\n        {wait}\n    return {{}}"
    else:
        text = head + f"def f(events):\n    if events:\n        {wait}\n    return []"
    began = time.monotonic()
    made, env = failing(text, [{"n": 1}, {"n": 2}, {"n": 3}], time_limit=0.1)
    assert time.monotonic() - began < 20
    if form == "record":
        assert (made, env.failures) == ([{}, {"n": 2}, {"n": 3}], 2)
    else:
        assert (made, env.failures) == ([{"n": 1}, {"n": 2}, {"n": 3}], 3)
    ((_, event, fields),) = env.said.lines
    assert event == "the function was stopped; its records go on unchanged"
    assert fields["reason"] == "the batch took 0.1 seconds"


def test_a_function_that_hangs_again_has_half_of_the_time_until_it_does_not() -> None:
    env = Lent()
    text = "import time\ndef f(record):\n    if record['hangs']: time.sleep(99)\n    return record"
    transform = code(text, time_limit=0.4).compile(env)
    for hangs in (True, True, True, True, False, True):
        transform("t", events([{"hangs": hangs}]))
        env.time += 10 * 10**9
    seconds = [float(str(fields["reason"]).split()[3]) for _, _, fields in env.said.lines]
    assert seconds == [0.4, 0.2, 0.1, 0.05, 0.4]
    assert env.failures == 5


def test_the_budget_of_patterns_is_as_before_after_a_script() -> None:
    take_overruns()
    pattern, hostile = compile_pattern(r"^(\w+\s?)+$"), "a" * 40 + "!"
    transform = code("def f(record): return record", time_limit=100.0).compile(Lent())
    for _ in range(2):
        assert pattern.test(hostile) is False
        transform("t", events([{"n": 1}]))
    assert take_overruns() == {pattern.text: 2}


# scripts


def refused(tmp_path: Path, text: str | bytes, **options: Any) -> str:
    path = tmp_path / "change.py"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        Python(script=str(path), **options).compile(Lent())
    return str(caught.value).replace(f"{tmp_path}/", "")


TAKES = "a function takes any of tag, time and record; or, for whole batches, events and tag"


def test_how_it_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path, "import re\n\ndef f(ts, record):\n    return record\n") == (
        "change.py:3:7: error[bad-script]: filter python: f takes 'ts', which a filter has not\n"
        f"    def f(ts, record):\n          ^\n  hint: {TAKES}"
    )


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("def f(record)\n    return record", "1:14", "expected ':'", ""),
        ("x = 1\nreturn x", "2:1", "'return' outside function", ""),
        (
            "import nothing_like_it\ndef f(record): return record",
            "1:1",
            "ModuleNotFoundError: No module named 'nothing_like_it'",
            "install nothing_like_it for the Python that runs the router, or name its folder in PYTHONPATH",
        ),
        ("LIST = [1]\nX = LIST[5]\ndef f(record): return record", "2:5", "IndexError: list index out of range", ""),
        ("import sys\nsys.exit(2)", "2:1", "SystemExit: 2", ""),
        ("", "1", "it defines no function", "write one, such as def change(record): return record"),
        (
            "def a(record): return record\ndef b(record): return record",
            "1",
            "it defines a, b",
            "say with call which of them is meant",
        ),
        ("def f(ts, record): return record", "1:7", "f takes 'ts', which a filter has not", TAKES),
        (
            "def f(recrd): return recrd",
            "1:7",
            "f takes 'recrd', which a filter has not",
            f"did you mean 'record'? {TAKES}",
        ),
        (
            "def f(events, record): return events",
            "1:15",
            "f takes events, which are a whole batch, and 'record' of one record",
            TAKES,
        ),
        ("def f(tag): return {}", "1:1", "f takes neither record nor events", TAKES),
        (
            "X = 1\ndef f(record):\n    record['x'] = X",
            "2:1",
            "f never returns anything, so every record would be dropped",
            "end it with return record",
        ),
        ("async def f(record): return record", "1:1", "f is async, and a filter does not wait", "write def"),
        (
            "def f(record): yield record",
            "1:1",
            "f is a generator",
            "return a list of records instead of yielding them",
        ),
        ("x = 'a\0b'\ndef f(record): return record", "", "source code string cannot contain null bytes", ""),
    ],
)
def test_a_script_that_does_not_fit_is_refused(tmp_path: Path, text: str, place: str, message: str, hint: str) -> None:
    said = refused(tmp_path, text)
    assert said.startswith(f"change.py{place and ':'}{place}: error[bad-script]: filter python: {message}")
    assert said.partition("  hint: ")[2] == hint


def test_the_function_that_call_names(tmp_path: Path) -> None:
    text = "def redact(record): return record\ndef other(record): return record\nclass Kept: pass\nnumber = 5\n"
    assert refused(tmp_path, text, call="redct") == (
        "change.py:1: error[bad-script]: filter python: there is no function 'redct' in it\n"
        "  hint: did you mean 'redact'?"
    )
    assert "Kept is a class\n  hint: make an object of it" in refused(tmp_path, text, call="Kept")
    assert "number is no function but a int" in refused(tmp_path, text, call="number")
    helped = "def _helper(record): return record\ndef f(record): return _helper(record)"
    assert records(code(helped), [{"a": 1}]) == [{"a": 1}]


def test_a_script_that_does_not_end_is_refused(tmp_path: Path) -> None:
    text = "while True: pass\ndef f(record): return record"
    assert refused(tmp_path, text, time_limit=0.1) == (
        "change.py: error[bad-script]: filter python: the script has not ended after 0.1 seconds"
    )


def test_code_is_refused_with_its_line() -> None:
    with pytest.raises(OptionError, match=r"expected ':' \(line 2, column 5 of the code\)"):
        code("x = 1\nif x\n    pass").compile(Lent())


def test_a_script_is_a_module_that_nobody_finds(tmp_path: Path) -> None:
    path = tmp_path / "json.py"
    path.write_text(
        "from __future__ import annotations\nimport json, pathlib, sys\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Rule:\n    name: str\n"
        "def f(record):\n    return {'file': pathlib.Path(__file__).name, 'found': __name__ in sys.modules,\n"
        "        'json': json.dumps(1), 'rule': Rule('a').name, 'main': __name__ == '__main__'}\n"
    )
    before = set(__import__("sys").modules)
    assert records(Python(script=str(path)), [{}]) == [
        {"file": "json.py", "found": False, "json": "1", "rule": "a", "main": False}
    ]
    assert {m for m in set(__import__("sys").modules) - before if "script" in m} == set()
    assert not (tmp_path / "__pycache__").exists()


# in a config


def built(text: str, file: str, folder: str = "") -> Python:
    problems = Problems()
    config = build(read_text(text, file, problems, folder), problems, {})
    (one,) = config.filters or config.inputs[0].processors
    assert isinstance(one.plugin, Python)
    assert not problems.found
    return one.plugin


def test_a_script_is_found_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "change.py").write_text("def f(record):\n    record['a'] = 1\n    return record\n")
    text = "[INPUT]\n    Name dummy\n[FILTER]\n    Name python\n    Match *\n    script change.py\n"
    assert records(built(text, "a.conf", str(tmp_path)), [{}]) == [{"a": 1}]
    with pytest.raises(ConfigError, match=r"a\.conf:6:12: error\[bad-value\]: filter python: no such file: change\.py"):
        built(text, "a.conf")
    for more in ("", "    script change.py\n    code x\n"):
        with pytest.raises(ConfigError, match=r"cannot be combined with script|needs script"):
            built(text.replace("    script change.py\n", more), "a.conf", str(tmp_path))


def test_code_in_yaml_as_a_processor() -> None:
    text = """
pipeline:
  inputs:
    - name: dummy
      processors:
        logs:
          - name: python
            code: |
              def f(record):
                  record["a"] = 1
                  return record
"""
    assert records(built(text, "a.yaml"), [{"b": 2}]) == [{"b": 2, "a": 1}]


def test_the_batches_of_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs/guides/python-filter.md").read_text()
    (text,) = re.findall(r"```python\n# batches\.py\n(.*?)```", guide, re.DOTALL)
    given_ = [{"log": "waiting"}] * 3 + [{"log": "ready"}]
    assert records(code(text), given_) == [{"log": "waiting", "times": 3}, {"log": "ready", "times": 1}]
