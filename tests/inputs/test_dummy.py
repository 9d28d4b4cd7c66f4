"""Records that are made up, and when."""

from typing import Any

import pytest

from pyrolens.inputs.dummy import Dummy, DummySource
from pyrolens.records.event import SECOND, metadata_of
from tests.inputs.lent import Lent, run

START = 1_700_000_000 * SECOND


def made(ticks: int = 1, **options: Any) -> Lent:
    """What so many ticks make."""
    env = Lent(tag="dummy.0")
    env.time = START
    source = DummySource(Dummy(**options), env)
    source._make(ticks)
    return env


def test_the_default_record() -> None:
    assert made().batches == [("dummy.0", [(START, {"message": "dummy"})], 33)]


def test_several_objects_make_several_records() -> None:
    assert made(dummy='{"a":1} {"b":[1,2.5,null]}\n').records == [{"a": 1}, {"b": [1, 2.5, None]}]


def test_what_is_no_object_makes_nothing() -> None:
    assert made(dummy='[1] {"a":1} 5').records == [{"a": 1}]


@pytest.mark.parametrize("text", ['{"a":', "no", 'x {"a":1}', '{"a":1e400}', '{"a":NaN}', '{"a":01}', ""])
def test_bad_json_is_replaced_by_the_default(text: str) -> None:
    assert made(dummy=text).records == [{"message": "dummy"}]


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ('{"a":1}{"b":', [{"a": 1}]),
        ('{"a":1},{"b":2}', [{"a": 1}]),
        ('"s" {"a":1}', [{"a": 1}]),
        ('{"a":1,"a":2}', [{"a": 2}]),
        ('{"a":18446744073709551615,"b":18446744073709551616}', [{"a": 2**64 - 1, "b": 2.0**64}]),
        ('{"a":"\\ud800x"}', [{"a": "\ufffdx"}]),
        ('{"a":"\\ud83d\\ude00"}', [{"a": "\U0001f600"}]),
    ],
)
def test_json_is_read_as_fluent_bit_does(text: str, records: list[Any]) -> None:
    assert made(dummy=text).records == records


def test_copies_and_samples() -> None:
    assert len(made(5, copies=3, samples=2).records) == 6


def test_metadata_travels_beside_the_record() -> None:
    ((_, events, _),) = made(metadata='{"m":1}').batches
    assert [metadata_of(ns) for ns, _ in events] == [{"m": 1}]


def test_start_time_goes_on_from_there() -> None:
    env = Lent()
    env.time = START
    source = DummySource(Dummy(start_time_sec=100, start_time_nsec=7), env)
    env.time = START + 3
    source._make(1)
    assert [ns for _, ns, _ in env.events] == [100 * SECOND + 10]


def test_a_fixed_timestamp() -> None:
    env = Lent()
    env.time = START
    source = DummySource(Dummy(start_time_sec=100, fixed_timestamp=True), env)
    source._make(1)
    env.time += SECOND
    source._make(2)
    assert [ns for _, ns, _ in env.events] == [100 * SECOND] * 3


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 1.0),
        ({"rate": 1}, 1.0),
        ({"rate": 0}, 1.0),
        ({"rate": 50}, 0.02),
        ({"rate": 50, "interval_sec": 2}, 2.0),
        ({"interval_nsec": 5_000_000}, 0.005),
        ({"interval_sec": -1, "interval_nsec": 500}, 1.0),
        ({"interval_sec": -1, "rate": 4}, 0.25),
    ],
)
def test_the_interval(options: dict[str, Any], seconds: float) -> None:
    assert Dummy(**options).interval == seconds


def test_it_ticks_until_its_samples_are_made() -> None:
    async def check() -> None:
        env = Lent()
        source = Dummy(rate=1000, samples=5).open(env)
        await source.start()
        await env.until_events(5)
        assert source.timer is None  # type: ignore[attr-defined]
        await source.stop()
        assert len(env.records) == 5

    run(check())


def test_flush_on_startup_does_not_wait_for_the_interval() -> None:
    async def check() -> None:
        env = Lent()
        source = Dummy(interval_sec=1000, flush_on_startup=True).open(env)
        await source.start()
        await env.until_events(1)
        await source.stop()

    run(check())


def test_a_pause_stops_it_and_resume_goes_on() -> None:
    async def check() -> None:
        env = Lent()
        source = Dummy(rate=500).open(env)
        env.on_ingest = source.pause
        await source.start()
        await env.until_events(1)
        assert len(env.batches) == 1
        source.resume()
        await env.until(lambda: len(env.batches) == 2)
        await source.stop()

    run(check())
