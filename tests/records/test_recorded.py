"""Lines of recorded records: what is written is read again."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.records.event import Stamp, group_of, metadata_of
from pyrolens.records.recorded import Recorded, read_recorded, read_time, recorded_line

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
NAMES = st.text(max_size=10)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(NAMES, NAMES, st.integers(-(10**17), 2**64), st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_written_is_read_again(point: str, tag: str, ns: int, record: dict[str, object]) -> None:
    if abs(ns) > 253402300799 * 10**9 or ns < 0:
        ns = abs(ns) % (253402300799 * 10**9)
    line = recorded_line(point, tag, (ns, record))
    assert line.count(b"\n") == 1
    assert read_recorded(line) == Recorded(tag, (ns, record), point)


def test_a_line() -> None:
    line = recorded_line("output:s3.0", "app.web", (1780000000_000000007, {"log": "a", "n": 0.1}))
    assert line == (
        b'{"point":"output:s3.0","tag":"app.web","time":"2026-05-28T20:26:40.000000007Z",'
        b'"record":{"log":"a","n":0.1}}\n'
    )  # fmt: skip


def test_metadata_goes_with_its_record() -> None:
    line = recorded_line("p", "t", (Stamp(5, {"severity": 9}, {"resource": {}}), {}))
    read = read_recorded(line)
    assert read is not None
    ns = read.event[0]
    assert (ns, metadata_of(ns), group_of(ns)) == (5, {"severity": 9}, {"resource": {}})


def test_what_json_has_no_word_for_is_as_outputs_write_it() -> None:
    record = {"b": b"\xff", "nan": math.nan, "cut": "a\udcff", "big": 2**70, 5: 1}
    line = recorded_line("p", "t", (0, record))  # type: ignore[arg-type]
    assert json.loads(line)["record"] == {"b": "\ufffd", "nan": None, "cut": "a\ufffd", "big": 2**70, "5": 1}


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        ("2026-05-28T20:26:40Z", 1780000000_000000000),
        ("2026-05-28T22:26:40.5+02:00", 1780000000_500000000),
        ("2026-05-28 20:26:40.123456789123", 1780000000_123456789),
        ("1969-12-31T23:59:59.25Z", -750000000),
        (1780000000, 1780000000_000000000),
        (1780000000.5, 1780000000_500000000),
        (1780000000_000000007, 1780000000_000000007),
    ],
)
def test_times(value: object, ns: int) -> None:
    assert read_time(value) == ns


@pytest.mark.parametrize("value", ["yesterday", "", None, True, [], "2026-05-28T20:26:40.5.5Z", 1e300])
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(ValueError, match="the time is"):
        read_time(value)


def test_a_dead_letter_can_be_read() -> None:
    line = '{"tag": "t", "time": 1780000000000000007, "output": "s3.0", "reason": "x", "record": {"a": 1}}'
    assert read_recorded(line) == Recorded("t", (1780000000000000007, {"a": 1}), "s3.0")


@pytest.mark.parametrize(
    "line",
    ["", "GET / 200", "[1]", '{"log":"x"}', '{"record":{"a":1},"tag":"t"}', '{"record":[],"tag":"t","time":1}',
     '{"tap":{"event":"end"}}'],
)  # fmt: skip
def test_what_is_no_such_line(line: str) -> None:
    assert read_recorded(line) is None
