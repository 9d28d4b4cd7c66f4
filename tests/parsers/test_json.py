from typing import Any

import pytest

from pyrolens.api import Line, OptionError, Parse
from pyrolens.parsers._common import TimeOptions
from pyrolens.parsers.json import Json
from tests.lent import Lent

ISO = "%Y-%m-%dT%H:%M:%S"
MARCH = 1772323200_000_000_000


def parser(decoders: list[Line] | None = None, **time: Any) -> Parse:
    return Json(time=TimeOptions(**time), decoders=decoders or []).compile(Lent())


def test_plain() -> None:
    parse = parser()
    assert parse('{"a":"200","time":"2026-03-01T00:00:00"}') == ({"a": "200", "time": "2026-03-01T00:00:00"}, None)
    assert parse("no json") is None


def test_time_is_taken_out_of_the_field_called_time() -> None:
    parse = parser(format=ISO)
    assert parse('{"a":1,"time":"2026-03-01T00:00:00","b":2}') == ({"a": 1, "b": 2}, MARCH)
    assert parse('{"ts":"2026-03-01T00:00:00"}') == ({"ts": "2026-03-01T00:00:00"}, None)
    assert parse('{"time":1772323200}') == ({"time": 1772323200}, None)
    assert parse('{"time":"bad","a":1}') == ({"time": "bad", "a": 1}, None)
    assert parse('{"time":"1970-01-01T00:00:00","a":1}') == ({"a": 1}, None)
    assert parse('{"time":"1960-01-01T00:00:00","a":1}') is None
    assert parse("text") is None


@pytest.mark.parametrize("keep", [True, None])
def test_time_is_kept(keep: bool | None) -> None:
    parse = parser(key="ts", format=ISO, keep=keep)
    assert parse('{"ts":"2026-03-01T00:00:00"}') == ({"ts": "2026-03-01T00:00:00"}, MARCH)


def test_a_fraction_alone_becomes_the_time() -> None:
    parse = parser(key="ts", format=ISO + ".%L%z")
    assert parse('{"ts":"2026-03-01T00:00:00.25x"}') == ({"ts": "2026-03-01T00:00:00.25x"}, 250_000_000)
    assert parse('{"ts":"2026-03-01T00:00:00.5e1x"}') is None


def test_a_time_key_that_is_there_twice() -> None:
    parse = parser(key="ts", format=ISO)
    text = '{"ts":"2026-03-01T00:00:00","a":1,"ts":"2026-03-02T00:00:00"}'
    assert parse(text) == ({"a": 1, "ts": "2026-03-02T00:00:00"}, MARCH)
    assert parse('{"a":"\\"ts\\"","ts":"bad","ts":5}') == ({"a": '"ts"', "ts": 5}, None)
    assert parse('{"ts":"1960-01-01T00:00:00","ts":5}') is None
    assert parse('{"ts":"ts" "ts"') is None
    kept = parser(key="ts", format=ISO, keep=True)
    assert kept(text) == ({"ts": "2026-03-02T00:00:00", "a": 1}, MARCH)


def test_fields_are_decoded_before_the_time_is_read() -> None:
    parse = parser([Line("decode_field", "json log")], key="ts", format=ISO)
    assert parse('{"log":"{\\"ts\\":\\"2026-03-01T00:00:00\\"}"}') == (
        {"log": '{"ts":"2026-03-01T00:00:00"}'},
        MARCH,
    )
    untimed = parser([Line("decode_field_as", "json log")])
    assert untimed('{"log":"{\\"b\\":1}"}') == ({"log": {"b": 1}}, None)
    assert untimed("text") is None


@pytest.mark.parametrize(
    ("time", "option", "message"),
    [
        ({"format": ISO, "offset": "Tokyo"}, "time_offset", "time_offset is 'Tokyo': expected an offset such as +0900"),
        ({"format": ISO, "zone": "Mars/Base"}, "time_zone", "time_zone is 'Mars/Base': expected a time zone"),
        ({"zone": "Asia/Tokyo"}, "time_zone", "time_zone needs time_format"),
        ({"format": ISO, "zone": "UTC", "offset": "Z"}, "time_zone", "time_zone cannot be combined with time_offset"),
        ({"format": ISO, "zone": "UTC", "system_timezone": True}, "time_zone", "time_zone cannot be combined"),
    ],
)
def test_options_that_cannot_work(time: dict[str, Any], option: str, message: str) -> None:
    plugin = Json(time=TimeOptions(**time))
    ((found, said),) = plugin.check()
    assert found == option
    assert said.startswith(message)
    with pytest.raises(OptionError, match="time_"):
        plugin.compile(Lent())


@pytest.mark.parametrize("time", [{"offset": "Tokyo"}, {"format": ISO, "offset": "Tokyo", "system_timezone": True}])
def test_an_offset_that_nobody_needs_is_not_looked_at(time: dict[str, Any]) -> None:
    assert list(Json(time=TimeOptions(**time)).check()) == []
