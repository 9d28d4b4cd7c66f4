from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.api import Line, OptionError, lines_parser
from pyrolens.parsers._common import TimeOptions
from pyrolens.parsers.regex import Regex
from tests.lent import Lent

ACCESS = (
    r"^(?<remote>[^ ]*) - (?<user>[^ ]*) \[(?<time>[^\]]*)\] (?<code>\d+) (?<size>\S+)"
    r'(?: "(?<referer>[^"]*)" "(?<agent>[^"]*)")?$'
)
FULL = '198.51.100.7 - bob [28/May/2026:09:12:31 +0200] 200 1832 "https://shop.example/" "Mozilla/5.0 (X11)"'
SHORT = "198.51.100.7 - - [28/May/2026:09:12:32 +0200] 503 -"


def parse(text: str, regex: str, **options: Any) -> Any:
    return Regex(regex=regex, **options).compile(Lent())(text)


def test_groups_are_fields_in_the_order_of_the_pattern() -> None:
    result = parse(FULL, ACCESS)
    assert result == (
        {
            "remote": "198.51.100.7",
            "user": "bob",
            "time": "28/May/2026:09:12:31 +0200",
            "code": "200",
            "size": "1832",
            "referer": "https://shop.example/",
            "agent": "Mozilla/5.0 (X11)",
        },
        None,
    )
    assert list(result[0]) == ["remote", "user", "time", "code", "size", "referer", "agent"]


def test_time_and_types() -> None:
    time = TimeOptions(key="time", format="%d/%b/%Y:%H:%M:%S %z")
    assert parse(SHORT, ACCESS, time=time, types="code:integer size:integer") == (
        {"remote": "198.51.100.7", "user": "-", "code": 503, "size": 0},
        1779952352_000_000_000,
    )


@pytest.mark.parametrize(
    ("regex", "text", "skip", "record"),
    [
        (r"^(?<a>\d*)(?<b>x*)$", "7", True, {"a": "7"}),
        (r"^(?<a>\d*)(?<b>x*)$", "7", False, {"a": "7", "b": ""}),
        (r"^(?<a>\d*)(?<b>x*)$", "", True, {}),
        (r"^(?<a>\d)?(?<b>x)?$", "", True, None),
        (r"^(?<a>\d)?(?<b>x)?$", "", False, None),
        (r"^(?<a>\d)?(?<b>x)?$", "x", False, {"a": "", "b": "x"}),
        (r"^(?<a>\d)?(?<b>x)?$", "x", None, {"b": "x"}),
        (r"^(?:a=(?<v>\w+)|b=(?<v>\w+))$", "a=1", True, {"v": "1"}),
        (r"^(?:a=(?<v>\w+)|b=(?<v>\w+))$", "a=1", False, {"v": ""}),
        (r"^(?:a=(?<v>\w+)|b=(?<v>\w+))$", "b=2", False, {"v": "2"}),
        (r"^(?:a(?<v>\w)?|b(?<v>\w)?)$", "a", True, None),
        (r"^(\w+) (\w+)$", "hello world", True, None),
        (r"^hello", "hello world", True, None),
        (r"(?<ms>\d+)ms", "took 35ms, then 99ms", True, {"ms": "35"}),
        (r"(?<ms>\d+)ms", "took long", True, None),
        (r"^(?<level>[A-Z]+) (?<msg>.*)$", "x\nERROR three\ny", True, {"level": "ERROR", "msg": "three"}),
        (r"/^(?<level>error|warn) (?<msg>.*)$/i", "ERROR boom", True, {"level": "ERROR", "msg": "boom"}),
    ],
)
def test_matches(regex: str, text: str, skip: bool | None, record: dict[str, str] | None) -> None:
    expected = None if record is None else (record, None)
    assert parse(text, regex, skip_empty_values=skip) == expected


@pytest.mark.parametrize(
    ("text", "keep", "expected"),
    [
        ("2026-05-28T09:12:31 hello", True, ({"ts": "2026-05-28T09:12:31", "m": "hello"}, 1779959551_000_000_000)),
        ("2026-05-28T09:12:31 hello", None, ({"ts": "2026-05-28T09:12:31", "m": "hello"}, 1779959551_000_000_000)),
        ("2026-05-28T09:12:31 hello", False, ({"m": "hello"}, 1779959551_000_000_000)),
        ("nodate hello", True, ({"m": "hello"}, None)),
        ("1970-01-01T00:00:00 hello", False, ({"m": "hello"}, None)),
        ("1960-01-01T00:00:00 hello", False, None),
        (" hello", True, ({"m": "hello"}, None)),
    ],
)
def test_time(text: str, keep: bool | None, expected: Any) -> None:
    time = TimeOptions(key="ts", format="%Y-%m-%dT%H:%M:%S", keep=keep)
    assert parse(text, r"^(?<ts>\S*) (?<m>.*)$", time=time) == expected


def test_decoded_after_all() -> None:
    decoders = [Line("decode_field_as", "json payload")]
    regex = r"^(?<level>\w+) (?<payload>.*)$"
    assert parse('INFO {"a":1}', regex, decoders=decoders) == ({"level": "INFO", "payload": {"a": 1}}, None)
    assert parse("INFO text", regex, decoders=decoders) == ({"level": "INFO", "payload": "text"}, None)


def test_a_pattern_that_does_not_compile() -> None:
    plugin = Regex(regex=r"^(?<a-b>\w+)$")
    assert [option for option, _ in plugin.check()] == ["regex"]
    with pytest.raises(OptionError) as raised:
        plugin.compile(Lent())
    assert raised.value.option == "regex"


TIMED: dict[str, Any] = {"time": TimeOptions(key="t", format="%H:%M:%S")}
KEPT: dict[str, Any] = {"time": TimeOptions(key="t", format="%H:%M:%S", keep=True)}
CLOCK = r"^(?<t>[^ ]*) (?<n>\d*)(?: (?<m>\S*))?$"


@pytest.mark.parametrize(
    ("regex", "options"),
    [
        (CLOCK, {}),
        (CLOCK, {"skip_empty_values": False}),
        (CLOCK, {"types": "n:integer m:bool t:hex"}),
        (CLOCK, TIMED),
        (CLOCK, KEPT),
        (CLOCK, {**KEPT, "types": "t:integer", "skip_empty_values": False}),
        (CLOCK, {**TIMED, "skip_empty_values": False}),
        (CLOCK, {"time": TimeOptions(key="n", format="%s")}),
        (r"^(?<t>\d\d):(?:(?<v>a+)|(?<v>b+)|)", {}),
        (r"^(?<t>\d\d):(?:(?<v>a+)|(?<v>b+)|)", {"skip_empty_values": False}),
    ],
)
@given(
    st.lists(
        st.sampled_from(
            ["10:20:30 5 x", "10:20:31 5", "10:20:31  x", "nodate 7 true", " 7 ", "10:20:30 0", "none", "",
             "10:20:59 99999999999 ü", "10:aa", "11:bb", "12:", "10:20:30 4102444800 y"]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_many_lines_are_read_as_each_of_them(regex: str, options: dict[str, Any], texts: list[str]) -> None:
    one = Regex(regex=regex, **options).compile(Lent())
    expected = []
    for text in texts:
        found = one(text)
        expected.append((7, {"raw": text}) if found is None else (7 if found[1] is None else found[1], found[0]))
    many = lines_parser(one)
    assert many
    events = many("".join(f"{text}\n" for text in texts).encode(), 7, lambda line: {"raw": line})
    if events is not None:
        assert events == expected
        assert [list(record) for _, record in events] == [list(record) for _, record in expected]


def test_many_lines_that_all_fit_are_read_at_once() -> None:
    many = lines_parser(Regex(regex=CLOCK, **TIMED).compile(Lent()))
    assert many
    text = b"10:20:30 5 x\n10:20:31 5\nnodate 6 y\nnone\n"
    events = many(text, 7, lambda line: {"raw": line})
    assert events is not None
    assert [record for _, record in events] == [{"n": "5", "m": "x"}, {"n": "5"}, {"n": "6", "m": "y"}, {"raw": "none"}]


def test_what_is_decoded_is_read_one_by_one() -> None:
    decoders = [Line("decode_field_as", "json payload")]
    assert lines_parser(Regex(regex=CLOCK, decoders=decoders).compile(Lent())) is None
