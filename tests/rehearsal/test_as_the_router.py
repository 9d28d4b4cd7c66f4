"""A rehearsal gives what a router gives that runs: the same records, tags and destinations, in the same order."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.api import Event
from pyrolens.config import Config, load
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.service.router import Router
from tests.running import message, running, until

T0 = 1_780_000_000 * 10**9
Batch = tuple[str, list[dict[str, Any]]]

TAGS = ["app", "app.web", "java", "x"]
MATCHES = ["*", "app*", "app.*", "java", "x", "err.*", "*.app"]
LINES = [
    "E1 broken",
    "ok 1",
    "GET /health",
    '{"a": 1, "b": "c"}',
    "java.lang.RuntimeException: x",
    "    at a.b(C.java:1)",
    "",
]
RECORDS = st.fixed_dictionaries(
    {"log": st.sampled_from(LINES)},
    optional={"level": st.sampled_from(["error", "info"]), "n": st.integers(0, 3)},
)
BATCHES = st.lists(st.tuples(st.sampled_from(TAGS), st.lists(RECORDS, min_size=1, max_size=4)), min_size=1, max_size=6)
KINDS: list[dict[str, Any]] = [
    {"name": "record_modifier", "record": "by me"},
    {"name": "record_modifier", "remove_key": "level"},
    {"name": "grep", "exclude": "log health"},
    {"name": "grep", "regex": "level error"},
    {"name": "modify", "condition": "Key_exists n", "add": "seen yes", "rename": "level severity"},
    {"name": "nest", "operation": "nest", "wildcard": "l*", "nest_under": "m"},
    {"name": "parser", "key_name": "log", "parser": "json", "reserve_data": True},
    {"name": "multiline", "multiline.parser": "java", "multiline.key_content": "log"},
    {"name": "rewrite_tag", "rule": "$log ^E err.$TAG false"},
    {"name": "rewrite_tag", "rule": "$level ^(e) $TAG[0].$1 true"},
    {"name": "rewrite_tag", "rule": "$n . x false"},
]
OF_PROCESSORS: list[dict[str, Any]] = [
    {"name": "content_modifier", "action": "insert", "key": "late", "value": "1"},
    {"name": "grep", "exclude": "log ^GET"},
    {"name": "record_modifier", "remove_key": "n"},
    {"name": "content_modifier", "action": "upsert", "key": "level", "value": "info",
     "condition": {"op": "and", "rules": [{"field": "$log", "op": "regex", "value": "^ok"}]}},
]  # fmt: skip
MATCHED = st.builds(lambda kind, match: {**kind, "match": match}, st.sampled_from(KINDS), st.sampled_from(MATCHES))
FILTERS = st.lists(MATCHED, max_size=4)
PROCESSORS = st.lists(st.sampled_from(OF_PROCESSORS), max_size=2)
ROUTES: list[Any] = [
    None,
    {"logs": [
        {"name": "errors", "condition": {"rules": [{"field": "$level", "op": "eq", "value": "error"}]},
         "to": {"outputs": ["o0"]}},
        {"name": "others", "condition": {"default": True}, "to": {"outputs": ["o1"]}},
    ]},
]  # fmt: skip


@st.composite
def pipelines(draw: st.DrawFn) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": "forward", "unix_path": "{dir}/in.sock", "processors": {"logs": draw(PROCESSORS)}}
    if routes := draw(st.sampled_from(ROUTES)):
        entry["routes"] = routes
    outputs = [
        {"name": "file", "alias": f"o{n}", "match": match, "path": "{dir}", "file": f"o{n}",
         "processors": {"logs": draw(PROCESSORS)}}
        for n, match in enumerate(draw(st.lists(st.sampled_from(MATCHES), min_size=2, max_size=3)))
    ]  # fmt: skip
    return {"inputs": [entry], "filters": draw(FILTERS), "outputs": outputs}


def configured(folder: Path, pipeline: dict[str, Any]) -> Config:
    path = folder / "router.yaml"
    text = json.dumps({"service": {"flush": 1, "log_level": "off"}, "pipeline": pipeline})
    path.write_text(text.replace("{dir}", str(folder)))
    return load(str(path), environ={})


def events_of(batches: list[Batch]) -> list[tuple[str, list[Event]]]:
    """Each record at a second of its own."""
    seconds = iter(range(1000))
    return [(tag, [(T0 + next(seconds) * 10**9, record) for record in records]) for tag, records in batches]


def by_rehearsal(config: Config, batches: list[tuple[str, list[Event]]]) -> dict[str, list[str]]:
    """What stands in the file of each output at the end."""
    found: dict[str, list[str]] = {built.label: [] for built in config.outputs}
    with Rehearsal(config, now_ns=T0) as r:
        for journey in [*(r.feed(tag, events, "forward.0") for tag, events in batches), r.finish()]:
            for output, tag, event in journey.arrivals:
                found[output] += map(text, r.sent(output, tag, [event]).items)
    return found


def text(item: bytes | str) -> str:
    return item if isinstance(item, str) else item.decode()


def by_router(config: Config, batches: list[tuple[str, list[Event]]], folder: Path) -> dict[str, list[str]]:
    async def run() -> None:
        router = Router(config)
        await router.start()
        for tag, events in batches:
            router.inputs[0].ingest(tag, list(events), 100)
        await router.stop()

    asyncio.run(run())
    return written(folder, config)


def written(folder: Path, config: Config) -> dict[str, list[str]]:
    files = {built.label: folder / built.label for built in config.outputs}
    return {label: file.read_text().splitlines(keepends=True) if file.exists() else [] for label, file in files.items()}


@settings(max_examples=60, deadline=None)
@given(pipelines(), BATCHES)
def test_a_rehearsal_gives_what_the_router_gives(pipeline: dict[str, Any], batches: list[Batch]) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        config, events = configured(folder, pipeline), events_of(batches)
        assert by_rehearsal(config, events) == by_router(config, events, folder)


@settings(max_examples=100, deadline=None)
@given(pipelines(), BATCHES)
def test_the_way_of_records_has_no_gap(pipeline: dict[str, Any], batches: list[Batch]) -> None:
    """What comes to a station is what the one before it let go on; what does not go on is dropped, moved or held; and
    what arrives has passed the last station."""
    with tempfile.TemporaryDirectory() as made:
        config = configured(Path(made), pipeline)
        one_after_the_other = {built.label for built in (*config.inputs[0].processors, *config.filters)}
        order = [*(built.label for built in config.filters), *(built.label for built in config.outputs)]
        with Rehearsal(config, now_ns=T0) as r:
            journeys = [r.feed(tag, events, "forward.0") for tag, events in events_of(batches)] + [r.finish()]
            used, holding = r.used, r.holding
    arrived, dropped = [], []
    for leg in [leg for journey in journeys for leg in journey.legs]:
        labels = [s.label for s in leg.stations if s.kind in ("filter", "output")]
        assert labels == sorted(labels, key=order.index)
        flowing = leg.events
        for station in (s for s in leg.stations if s.result != "skipped" and s.kind != "output"):
            assert station.tag == leg.tag
            assert len(station.before) >= len(station.gone)
            dropped += [(station.label, station.before[n]) for n in station.gone]
        for station in (s for s in leg.stations if s.result != "skipped" and s.label in one_after_the_other):
            assert station.before == flowing
            flowing = station.after
        arrived += [(s.label, leg.tag, event) for s in leg.stations if s.result == "sent" for event in s.after]
    assert arrived == [tuple(arrival) for journey in journeys for arrival in journey.arrivals]
    assert dropped == [(drop.by, drop.event) for journey in journeys for drop in journey.dropped]
    assert holding == ()
    for use in used.filters:
        assert use.records >= use.dropped + use.moved
        assert use.dropped == sum(by == use.label for by, _ in dropped)
    assert dict(used.outputs) == {label: sum(a[0] == label for a in arrived) for label, _ in used.outputs}


LIVE = """\
[SERVICE]
    Flush 0.2
    Streams_File streams.conf
[INPUT]
    Name forward
    Unix_Path {dir}/in.sock
    Join_Partial_Messages on
[FILTER]
    Name multiline
    Match app*
    multiline.parser java
    multiline.key_content log
    Flush_Ms 500
[FILTER]
    Name rewrite_tag
    Match app*
    Rule $log ^E err.$TAG false
[OUTPUT]
    Name file
    Alias all
    Match *
    Path {dir}
    File all
"""
STREAM = """\
[STREAM_TASK]
    Name bad
    Exec CREATE STREAM bad WITH (tag='bad') AS SELECT log FROM TAG:'err.*' WHERE log <> '';
"""


def test_a_router_in_a_process_of_its_own(tmp_path: Path) -> None:
    """With timers: what the multiline filter holds goes on after half a second."""
    asyncio.run(compare(tmp_path))


async def compare(tmp_path: Path) -> None:
    (tmp_path / "streams.conf").write_text(STREAM)
    logs = ["E1 broken", "java.lang.RuntimeException: x", "    at a.b(C.java:1)", "ok"]
    pieces = [
        {"log": text, "partial_message": "true", "partial_id": "p", "partial_ordinal": str(n), "partial_last": last}
        for n, (text, last) in enumerate([("E long ", "false"), ("line", "true")], 1)
    ]
    sent = [("app", {"log": log}) for log in logs] + [("app.web", piece) for piece in pieces]
    async with running(tmp_path, LIVE) as router:
        _, writer = await asyncio.open_unix_connection(str(tmp_path / "in.sock"))
        for n, (tag, record) in enumerate(sent):
            writer.write(message(tag, record, T0 // 10**9 + n))
        await writer.drain()
        config = load(str(router.config), environ={})
        with Rehearsal(config, now_ns=T0) as r:
            journeys = [r.feed(tag, [(T0 + n * 10**9, record)]) for n, (tag, record) in enumerate(sent)]
            journeys.append(r.advance(0.6))
            arrivals = [a for journey in journeys for a in journey.arrivals]
            expected = sorted(text(r.sent(a.output, a.tag, [a.event]).items[0]) for a in arrivals)
        assert len(expected) == 6
        await until(lambda: len(written(tmp_path, config)["all"]) >= len(expected), "all is written")
        assert sorted(written(tmp_path, config)["all"]) == expected
        writer.close()
