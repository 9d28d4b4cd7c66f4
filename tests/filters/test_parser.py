import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.api import Event, OptionError, Parse, Record, Stamp
from pyrolens.filters.parser import ParserFilter
from pyrolens.parsers._common import TimeOptions
from pyrolens.parsers.json import Json
from pyrolens.parsers.regex import Regex
from tests.lent import Lent

NOW = 1780000000_000_000_000
PARSERS = {
    "j": Json().compile(Lent()),
    "jt": Json(time=TimeOptions(key="ts", format="%s")).compile(Lent()),
    "jk": Json(time=TimeOptions(key="ts", format="%s", keep=True)).compile(Lent()),
    "kv": Regex(regex=r"^(?<key>\w+)=(?<value>\w+)$").compile(Lent()),
}


def run(records: list[Record], *names: str, key: str = "log", **options: Any) -> list[Event]:
    events = [(NOW + n, record) for n, record in enumerate(records)]
    before = [(ns, dict(record)) for ns, record in events]
    transform = ParserFilter(key_name=key, parser=list(names), **options).compile(Lent(PARSERS))
    result = transform("app", events)
    assert events == before
    return result


def records(result: list[Event]) -> list[Record]:
    return [record for _, record in result]


LOG = '{"level":"warn","log":"own","n":1}'


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"level": "warn", "log": "own", "n": 1}),
        ({"reserve_data": True}, {"level": "warn", "log": "own", "n": 2, "id": 7}),
        ({"preserve_key": True}, {"level": "warn", "log": LOG, "n": 1}),
        ({"reserve_data": True, "preserve_key": True}, {"level": "warn", "log": LOG, "n": 2, "id": 7}),
    ],
)
def test_what_is_kept(options: dict[str, bool], expected: Record) -> None:
    given: Record = {"id": 7, "n": 2, "log": LOG}
    for names in (["j"], ["kv", "j"]):
        assert run([given], *names, key="log", **options) == [(NOW, expected)]


def test_order_of_the_fields() -> None:
    ((_, record),) = run([{"id": 7, "log": '{"b":1,"a":2}', "z": 1}], "j", reserve_data=True)
    assert list(record) == ["b", "a", "id", "z"]


@pytest.mark.parametrize("names", [["j"], ["j", "kv"], ["jt"]])
def test_what_does_not_parse_stays(names: list[str]) -> None:
    given: list[Record] = [
        {"log": "plain text"},
        {"log": 5},
        {"log": {"a": 1}},
        {"log": None},
        {"x": "{}"},
        {"log": ""},
    ]
    assert records(run(given, *names, reserve_data=True)) == given


def test_bytes_and_odd_json_parse_too() -> None:
    given: list[Record] = [{"log": b'{"a":1}'}, {"log": '{"a":2} tail'}, {"log": b'{"a":"\xff"}'}, {"log": "{}"}]
    assert records(run(given, "j")) == [{"a": 1}, {"a": 2}, {"a": "\udcff"}, {}]


def test_the_first_parser_that_fits() -> None:
    given: list[Record] = [{"log": "a=b"}, {"log": '{"a":1}'}, {"log": "neither one"}]
    assert records(run(given, "j", "kv")) == [{"key": "a", "value": "b"}, {"a": 1}, {"log": "neither one"}]


def test_time_of_the_record() -> None:
    given: list[Record] = [{"log": '{"ts":"1779959551","m":1}'}, {"log": '{"ts":"x"}'}, {"log": '{"ts":"0"}'}]
    assert run(given, "jt") == [
        (1779959551_000_000_000, {"m": 1}),
        (NOW + 1, {"ts": "x"}),
        (NOW + 2, {}),
    ]


def test_metadata_stays_with_the_event() -> None:
    transform = ParserFilter(key_name="log", parser=["jt"]).compile(Lent(PARSERS))
    stamp = Stamp(NOW, {"trace": "t1"}, {"resource": {}})
    ((ns, record),) = transform("app", [(stamp, {"log": '{"ts":"1779959551"}'})])
    assert (ns, record) == (1779959551_000_000_000, {})
    assert isinstance(ns, Stamp)
    assert (ns.metadata, ns.group) == ({"trace": "t1"}, {"resource": {}})
    ((ns, _),) = transform("app", [(stamp, {"log": "{}"})])
    assert ns is stamp


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"a": 1}),
        ({"preserve_key": True}, {"a": 1}),
        ({"reserve_data": True}, {"a": 1, "app": {"raw": '{"a":1}'}, "z": 1}),
    ],
)
def test_by_a_record_accessor(options: dict[str, bool], expected: Record) -> None:
    given: list[Record] = [{"app": {"raw": '{"a":1}'}, "z": 1}, {"app": "text"}]
    result = run(given, "j", key="$app['raw']", **options)
    assert records(result) == [expected, {"app": "text"}]


def test_unknown_parsers() -> None:
    env = Lent(PARSERS)
    transform = ParserFilter(key_name="log", parser=["ghost", "kv"]).compile(env)
    assert transform("app", [(NOW, {"log": "a=b"})]) == [(NOW, {"key": "a", "value": "b"})]
    assert env.said.lines == [("error", "there is no such parser; the others are used", {"parser": "ghost"})]
    with pytest.raises(OptionError, match="there is no parser 'ghost' or 'spook'"):
        ParserFilter(key_name="log", parser=["ghost", "spook"]).compile(env)


def test_an_empty_batch() -> None:
    assert run([], "j") == []


def slow(parse: Parse) -> Parse:
    """The same parser, of which the filter does not know what it is."""

    def call(text: str) -> tuple[Record, int | None] | None:
        return parse(text)

    return call


FIELDS = st.sampled_from(["log", "ts", "n", "level"])
WRITTEN = st.dictionaries(FIELDS, st.sampled_from(["1779959551", "0", "x", "-5", 5, 0.5, None, {"ts": "1"}])).map(
    json.dumps
)
LOGS = st.one_of(
    WRITTEN,
    WRITTEN.map(lambda text: text.replace("ts", "\\u0074s")),
    WRITTEN.map(lambda text: text + " tail"),
    WRITTEN.map(lambda text: text[:-1] + ',"ts":"1779959552"}'),
    WRITTEN.map(str.encode),
    st.sampled_from(
        ["text", "", "[]", '{"a":18446744073709551616}', '{"a":"\udcff"}', b'{"a":"\xff"}', 5, None, {"a": 1}]
    ),
)
EVENTS = st.lists(
    st.tuples(
        st.just(NOW) | st.just(Stamp(NOW, {"k": 1})),
        st.fixed_dictionaries({}, optional={"id": st.just(7), "log": LOGS, "n": st.just(2), "ts": st.just("own")}),
    )
)


@given(EVENTS, st.sampled_from(["j", "jt", "jk"]), st.booleans(), st.booleans())
def test_the_way_for_json_gives_what_any_parser_gives(
    events: list[Event], name: str, reserve: bool, preserve: bool
) -> None:
    options = ParserFilter(key_name="log", parser=[name], reserve_data=reserve, preserve_key=preserve)
    fast = options.compile(Lent(PARSERS))("app", events)
    plain = options.compile(Lent({name: slow(PARSERS[name])}))("app", events)
    assert fast == plain
    assert [(list(record), type(ns)) for ns, record in fast] == [(list(record), type(ns)) for ns, record in plain]
