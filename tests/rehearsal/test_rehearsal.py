"""What becomes of records, step by step."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import Event
from pyrolens.config import load
from pyrolens.problems import ConfigError
from pyrolens.rehearsal.journey import Journey, Leg
from pyrolens.rehearsal.rehearsal import START, Rehearsal
from tests.rehearsal.configs import FORWARD, NULL, config, rehearsal

NS = 1_000_000_000


def way(leg: Leg) -> list[str]:
    """Each station of a leg."""
    return [f"{s.label} {s.result}" for s in leg.stations]


def ways(journey: Journey) -> list[tuple[str, str, list[str]]]:
    return [(leg.tag, leg.origin, way(leg)) for leg in journey.legs]


def arrived(journey: Journey) -> list[tuple[str, str, dict[str, Any]]]:
    return [(a.output, a.tag, a.event[1]) for a in journey.arrivals]


def section(name: str, *lines: str) -> str:
    return f"[{name}]\n" + "".join(f"    {line}\n" for line in lines)


PIPELINE = (
    FORWARD
    + section("FILTER", "Name record_modifier", "Match *", "Record by x")
    + section("FILTER", "Name grep", "Match app*", "Exclude log ^health")
    + section(
        "FILTER", "Name rewrite_tag", "Match app*", "Rule $log ^ERR errors.$TAG false", "Rule $log ^COPY copy true"
    )
    + section("OUTPUT", "Name http", "Match errors.*", "Host h")
    + section("OUTPUT", "Name null", "Match app*", "Alias rest")
)


def test_a_record_that_goes_through(tmp_path: Path) -> None:
    with rehearsal(tmp_path, PIPELINE) as r:
        journey = r.feed("app", [(NS, {"log": "hello"})])
    (leg,) = journey.legs
    assert (leg.tag, leg.events, leg.origin, leg.came_as) == ("app", ((NS, {"log": "hello"}),), "", "")
    assert way(leg) == [
        "record_modifier.0 changed",
        "grep.0 same",
        "rewrite_tag.0 same",
        "http.0 skipped",
        "rest sent",
    ]
    first, *_, skipped, last = leg.stations
    assert first[:6] == ("filter", "record_modifier.0", "record_modifier", first.place, "app", "changed")
    assert str(first.place) == f"{tmp_path}/router.conf:4:1"
    assert (first.before, first.after) == (((NS, {"log": "hello"}),), ((NS, {"log": "hello", "by": "x"}),))
    assert skipped.why == "Match errors.* does not take the tag app"
    assert (last.kind, last.after) == ("output", first.after)
    assert arrived(journey) == [("rest", "app", {"log": "hello", "by": "x"})]
    assert (journey.dropped, journey.unrouted, journey.held, journey.notes) == ((), (), (), ())


def test_records_that_are_dropped_moved_and_copied(tmp_path: Path) -> None:
    with rehearsal(tmp_path, PIPELINE) as r:
        health, error, copied = (r.feed("app", [(NS, {"log": log})]) for log in ("health", "ERR 1", "COPY"))
    assert ways(health) == [("app", "", ["record_modifier.0 changed", "grep.0 dropped"])]
    (drop,) = health.dropped
    assert (drop.by, drop.tag, drop.event) == ("grep.0", "app", (NS, {"log": "health", "by": "x"}))
    first, second = error.legs
    assert way(first)[-1] == "rewrite_tag.0 moved"
    assert first.stations[-1].why == "entered again as errors.app"
    assert (second.tag, second.origin, second.came_as) == ("errors.app", "rewrite_tag.0", "app")
    assert way(second) == [
        "record_modifier.0 same", "grep.0 skipped", "rewrite_tag.0 skipped", "http.0 sent", "rest skipped",
    ]  # fmt: skip
    assert [s.why for s in second.stations[1:3]] == [
        "Match app* does not take the tag errors.app",
        "it emitted them itself",
    ]
    assert arrived(error) == [("http.0", "errors.app", {"log": "ERR 1", "by": "x"})]
    assert arrived(copied) == [("rest", "app", {"log": "COPY", "by": "x"})]
    assert [(u.tag, u.event[1]["log"], u.intended) for u in copied.unrouted] == [("copy", "COPY", False)]
    assert "no output matches the tag" in copied.notes[0].text


def test_a_batch_in_which_each_record_has_its_own_fate(tmp_path: Path) -> None:
    events: list[Event] = [(NS, {"log": log}) for log in ("health 1", "a", "ERR", "health 2", "b")]
    with rehearsal(tmp_path, PIPELINE) as r:
        journey = r.feed("app", events)
    grep, rewrite = journey.legs[0].stations[1:3]
    assert (grep.result, grep.gone) == ("changed", (0, 3))
    assert (rewrite.result, rewrite.gone) == ("changed", ())
    assert [d.event[1]["log"] for d in journey.dropped] == ["health 1", "health 2"]
    assert [(a.output, a.event[1]["log"]) for a in journey.arrivals] == [
        ("rest", "a"),
        ("rest", "b"),
        ("http.0", "ERR"),
    ]


def test_what_was_fed_is_not_edited(tmp_path: Path) -> None:
    record = {"log": "hello"}
    events: list[Event] = [(NS, record)]
    with rehearsal(tmp_path, PIPELINE) as r:
        r.feed("app", events)
    assert (events, record) == ([(NS, record)], {"log": "hello"})


# -- filters that fail ------------------------------------------------------------------------------------------------

FRAGILE = """\
pipeline:
  inputs: [{name: forward, unix_path: /tmp/nobody.sock}]
  filters:
    - name: python
      match: '*'
      alias: script
      code: |
        def change(tag, time, record):
            print("saw", record["n"])
            return {**record, "double": 2 * record["n"] + 0}
  outputs: [{name: 'null', match: '*'}]
"""


def test_a_filter_that_fails_tells_why_and_what_it_prints_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with rehearsal(tmp_path, FRAGILE, "router.yaml") as r:
        good, bad = r.feed("t", [(NS, {"n": 2})]), r.feed("t", [(NS, {"n": "x"})])
    assert way(good.legs[0]) == ["script changed", "null.0 sent"]
    assert [(note.level, note.text) for note in good.notes] == [("print", "saw 2")]
    station = bad.legs[0].stations[0]
    assert (station.result, station.before, station.after) == ("failed", ((NS, {"n": "x"}),), ((NS, {"n": "x"}),))
    assert "the function failed" in station.why
    assert "can only concatenate str" in station.why
    assert arrived(bad) == [("null.0", "t", {"n": "x"})]
    assert capsys.readouterr() == ("", "")


def test_what_a_filter_drops_since_it_failed_is_dropped(tmp_path: Path) -> None:
    text = FRAGILE.replace("alias: script", "alias: script\n      on_error: drop")
    with rehearsal(tmp_path, text, "router.yaml") as r:
        journey = r.feed("t", [(NS, {"n": "x"}), (NS + 1, {"n": 2})])
        assert (r.used.filters[0].failed, r.used.filters[0].dropped) == (1, 1)
    (station, _) = journey.legs[0].stations
    assert (station.result, station.gone) == ("failed", (0,))
    assert [(d.by, d.event, "the function failed" in d.why) for d in journey.dropped] == [
        ("script", (NS, {"n": "x"}), True)
    ]
    assert arrived(journey) == [("null.0", "t", {"n": 2, "double": 4})]


def test_a_filter_that_raises_is_given_its_records_one_by_one(tmp_path: Path) -> None:
    text = FORWARD + section("FILTER", "Name record_modifier", "Match *", "Record a b") + NULL
    with rehearsal(tmp_path, text) as r:
        step = r._pipeline.steps[0]
        plain = step.transform

        def raising(tag: str, events: list[Event]) -> list[Event]:
            if any("bad" in record for _, record in events):
                raise ValueError("no way")
            return [(ns, {**record, "ok": 1}) for ns, record in events]

        step.transform = raising
        r._pipeline.watch(step, r._pipeline.watches[step])
        journey = r.feed("t", [(NS, {}), (NS, {"bad": 1}), (NS, {})])
        assert plain is not step.transform
    station = journey.legs[0].stations[0]
    assert (station.result, station.why) == ("failed", "ValueError: no way")
    assert [record for _, record in station.after] == [{"ok": 1}, {"bad": 1}, {"ok": 1}]
    assert len(journey.legs[0].stations) == 2
    (use,) = r.used.filters
    assert (use.records, use.failed, use.changed) == (3, 1, 2)


# -- memory and time --------------------------------------------------------------------------------------------------

JAVA = (
    FORWARD
    + section(
        "FILTER", "Name multiline", "Match *", "multiline.parser java", "multiline.key_content log", "Flush_Ms 1000"
    )
    + NULL
)
TRACE = ["java.lang.RuntimeException: x", "    at a.b(C.java:1)", "    at d.e(F.java:2)"]


def test_lines_are_held_until_it_is_clear_that_they_are_whole(tmp_path: Path) -> None:
    with rehearsal(tmp_path, JAVA) as r:
        first = r.feed("t", [(NS, {"log": TRACE[0]})])
        assert ways(first) == [("t", "", ["multiline.0 held"])]
        assert [(h.by, h.records) for h in first.held] == [("multiline.0", 1)] == [(h.by, h.records) for h in r.holding]
        for line in TRACE[1:]:
            assert r.feed("t", [(NS, {"log": line})]).arrivals == ()
        assert r.advance(0.9).legs == ()
        late = r.advance(0.2)
        assert r.holding == ()
    assert ways(late) == [("t", "multiline.0", ["multiline.0 skipped", "null.0 sent"])]
    assert arrived(late) == [("null.0", "t", {"log": "\n".join(TRACE)})]


def test_the_next_record_lets_go_the_one_before_it(tmp_path: Path) -> None:
    with rehearsal(tmp_path, JAVA) as r:
        for line in TRACE:
            r.feed("t", [(NS, {"log": line})])
        journey = r.feed("t", [(NS, {"log": "next"})])
    assert way(journey.legs[0]) == ["multiline.0 moved"]
    assert [record["log"].count("\n") for _, _, record in arrived(journey)] == [2, 0]


def test_the_end_lets_go_what_is_held(tmp_path: Path) -> None:
    with rehearsal(tmp_path, JAVA) as r:
        r.feed("t", [(NS, {"log": TRACE[0]})])
        assert len(r.finish().arrivals) == 1
        assert r.finish().legs == ()


def test_what_an_input_lets_go_at_the_end_does_not_stay_in_a_filter(tmp_path: Path) -> None:
    piece = {
        "log": TRACE[0],
        "partial_message": "true",
        "partial_id": "a",
        "partial_ordinal": "1",
        "partial_last": "false",
    }
    text = JAVA.replace("Unix_Path", "Join_Partial_Messages on\n    Unix_Path")
    with rehearsal(tmp_path, text) as r:
        assert [h.by for h in r.feed("t", [(NS, piece)]).held] == ["forward.0"]
        end = r.finish()
        assert [(leg.origin, way(leg)[0]) for leg in end.legs] == [
            ("forward.0", "multiline.0 held"),
            ("multiline.0", "multiline.0 skipped"),
        ]
    assert len(end.arrivals) == 1


def test_throttle_goes_by_virtual_time(tmp_path: Path) -> None:
    text = FORWARD + section("FILTER", "Name throttle", "Match *", "Rate 1", "Window 2", "Interval 60s") + NULL
    with rehearsal(tmp_path, text) as r:
        took = [len(r.feed("t", [(NS, {"n": n})]).arrivals) for n in range(4)]
        assert took == [1, 1, 0, 0]
        r.advance(60)
        assert len(r.feed("t", [(NS, {})]).arrivals) == 0
        r.advance(60)
        batch = r.feed("t", [(NS, {"n": n}) for n in range(3)])
        assert (len(batch.arrivals), [d.event[1]["n"] for d in batch.dropped]) == (2, [2])


def test_a_time_without_a_year_is_of_the_virtual_one(tmp_path: Path) -> None:
    text = (
        section("SERVICE", "Parsers_File parsers.conf")
        + FORWARD
        + section("FILTER", "Name parser", "Match *", "Key_Name log", "Parser short")
        + NULL
    )
    parsers = section(
        "PARSER", "Name short", "Format regex", r"Regex ^(?<t>\S+) (?<m>.*)$", "Time_Key t", "Time_Format %H:%M:%S"
    )
    (tmp_path / "parsers.conf").write_text(parsers)
    noon = START // 10**9 + 12 * 3600
    with Rehearsal(config(tmp_path, text), now_ns=START) as r:
        (arrival,) = r.feed("t", [(NS, {"log": "12:00:00 hi"})]).arrivals
        assert arrival.event == (noon * 10**9, {"m": "hi"})
        r.advance(86400)
        (arrival,) = r.feed("t", [(NS, {"log": "12:00:00 hi"})]).arrivals
        assert arrival.event[0] == (noon + 86400) * 10**9


# -- stream tasks, routes, processors, flows --------------------------------------------------------------------------


def test_stream_tasks_and_their_windows(tmp_path: Path) -> None:
    (tmp_path / "streams.conf").write_text(
        section(
            "STREAM_TASK",
            "Name errors",
            "Exec CREATE STREAM errors WITH (tag='errors') AS SELECT log FROM TAG:'app' WHERE log = 'E';",
        )
        + section(
            "STREAM_TASK",
            "Name count",
            "Exec CREATE STREAM c AS SELECT COUNT(*) AS n FROM TAG:'app' WINDOW TUMBLING (5 SECOND);",
        )
    )
    text = section("SERVICE", "Streams_File streams.conf") + FORWARD + NULL
    with rehearsal(tmp_path, text) as r:
        journey = r.feed("app", [(NS, {"log": "E", "x": 1})])
        assert ways(journey) == [
            ("app", "", ["stream_task:errors same", "stream_task:count same", "null.0 sent"]),
            (
                "errors",
                "stream_task:errors",
                ["stream_task:errors skipped", "stream_task:count skipped", "null.0 sent"],
            ),
        ]
        assert journey.legs[1].stations[1].why == "FROM TAG:'app' does not take the tag errors"
        r.feed("app", [(NS, {"log": "x"})])
        assert r.advance(4.9).legs == ()
        late = r.advance(0.2)
        assert arrived(late) == [("null.0", "c", {"n": 2})]
        assert late.arrivals[0].event[0] == 1_000_000_000_000 + 5 * 10**9


ROUTED = """\
pipeline:
  inputs:
    - name: forward
      unix_path: /tmp/nobody.sock
      processors:
        logs:
          - {name: content_modifier, action: insert, key: seen, value: 'yes'}
      routes:
        logs:
          - name: errors
            condition: {rules: [{field: $level, op: eq, value: error}]}
            to: {outputs: [bad]}
          - name: others
            condition: {default: true}
            to: {outputs: [good]}
  outputs:
    - {name: 'null', alias: bad}
    - name: 'null'
      alias: good
      processors:
        logs:
          - {name: content_modifier, action: insert, key: late, value: '1'}
          - {name: grep, exclude: log secret}
"""


def test_routes_part_what_comes_in(tmp_path: Path) -> None:
    with rehearsal(tmp_path, ROUTED, "router.yaml") as r:
        journey = r.feed("t", [(NS, {"level": "error"}), (NS, {"level": "info"}), (NS, {"log": "secret"})])
    assert [(leg.tag, leg.came_as, way(leg)) for leg in journey.legs] == [
        ("t", "", ["content_modifier.0 changed"]),
        ("errors", "t", ["bad sent", "good skipped"]),
        ("others", "t", ["bad skipped", "content_modifier.1 changed", "grep.0 changed", "good sent"]),
    ]
    assert {s.kind for s in journey.legs[0].stations} == {"processor"} == {journey.legs[2].stations[1].kind}
    assert arrived(journey) == [
        ("bad", "errors", {"level": "error", "seen": "yes"}),
        ("good", "others", {"level": "info", "seen": "yes", "late": "1"}),
    ]
    assert [(d.by, d.event[1]["log"]) for d in journey.dropped] == [("grep.0", "secret")]


def test_fluentd_flows(tmp_path: Path) -> None:
    text = (
        "<source>\n  @type forward\n  @label @in\n</source>\n"
        "<label @in>\n"
        "  <filter app.**>\n    @type grep\n"
        "    <exclude>\n      key log\n      pattern /health/\n    </exclude>\n  </filter>\n"
        "  <match app.**>\n    @type null\n  </match>\n"
        "  <match **>\n    @type null\n  </match>\n"
        "</label>\n"
    )
    path = tmp_path / "fluent.conf"
    path.write_text(text)
    with Rehearsal(load(str(path), environ={})) as r:
        app, other, health = (r.feed(tag, [(NS, {"log": log})], "forward") for tag, log in
                              (("app.x", "a"), ("web", "b"), ("app.x", "health")))  # fmt: skip
    assert [s.result for s in app.legs[0].stations] == ["same", "sent", "skipped"]
    assert app.legs[0].stations[2].why == "an earlier match has taken the tag"
    assert [s.result for s in other.legs[0].stations] == ["skipped", "skipped", "sent"]
    assert [s.result for s in health.legs[0].stations] == ["dropped"]


def test_a_loop_is_left(tmp_path: Path) -> None:
    text = (
        FORWARD
        + section("FILTER", "Name rewrite_tag", "Match *", "Rule $log . a false", "Alias one")
        + section("FILTER", "Name rewrite_tag", "Match *", "Rule $log . b false", "Alias two")
        + NULL
    )
    with rehearsal(tmp_path, text) as r:
        journey = r.feed("a", [(NS, {"log": "x"})])
    assert journey.legs[-1].stations[0].why == "the records have left a loop, so no filter sees them"
    assert len(journey.arrivals) == 1
    assert any("go round in a loop" in note.text for note in journey.notes)


def test_a_filter_that_asks_others_does_not_hold_up_a_rehearsal(tmp_path: Path) -> None:
    text = FORWARD + section("FILTER", "Name ecs", "Match *", "ADD cluster $ClusterName") + NULL
    with rehearsal(tmp_path, text) as r:
        journey = r.feed("t", [(NS, {"log": "x"})])
        again = r.feed("t", [(NS, {"log": "y"})])
    assert ways(journey) == [("t", "", ["ecs.0 held"]), ("t", "ecs.0", ["null.0 sent"])]
    assert [(n.who, n.text) for n in journey.notes] == [
        ("ecs.0", "what it asks others for is not known in a rehearsal, so records go on without it")
    ]
    assert len(again.arrivals) == 1


# -- inputs -----------------------------------------------------------------------------------------------------------


def test_which_input_it_comes_in_by(tmp_path: Path) -> None:
    text = ROUTED.replace(
        "  outputs:", "    - {name: tcp, tag: x, alias: net}\n    - {name: tcp, tag: y}\n  outputs:", 1
    )
    text = text.replace("alias: bad}", "alias: bad, match: '*'}", 1)
    with rehearsal(tmp_path, text, "router.yaml") as r:
        by_socket, by_tag, named = r.feed("t", [(NS, {})]), r.feed("x", [(NS, {})]), r.feed("t", [(NS, {})], "net")
        assert by_socket.legs[0].stations[0].label == "content_modifier.0"
        assert arrived(by_tag) == [("bad", "x", {})]
        assert arrived(named) == [("bad", "t", {})]
        assert r.feed("t", [(NS, {})], "tcp.1").arrivals
        with pytest.raises(LookupError, match=r"there is no one input tcp; inputs are forward\.0, net, tcp\.1"):
            r.feed("t", [], "tcp")


def test_the_input_of_a_file_is_found_by_its_tag(tmp_path: Path) -> None:
    text = """\
pipeline:
  inputs:
    - name: tail
      path: /var/log/*.log
      tag: file.*
      processors: {logs: [{name: content_modifier, action: insert, key: of, value: file}]}
  outputs: [{name: 'null', match: '*'}]
"""
    with rehearsal(tmp_path, text, "router.yaml") as r:
        assert arrived(r.feed("file.var.log.a.log", [(NS, {})])) == [("null.0", "file.var.log.a.log", {"of": "file"})]
        assert arrived(r.feed("other", [(NS, {})])) == [("null.0", "other", {})]


WAITING = """\
pipeline:
  inputs:
    - name: forward
      unix_path: /tmp/nobody.sock
      processors: {logs: [{name: ecs, add: a $ClusterName, alias: asks}, {name: modify, add: in 1}]}
  outputs:
    - name: 'null'
      match: '*'
      processors: {logs: [{name: ecs, add: a $ClusterName}, {name: modify, add: out 1}]}
"""


def test_processors_that_wait_for_others(tmp_path: Path) -> None:
    with rehearsal(tmp_path, WAITING, "router.yaml") as r:
        journey = r.feed("t", [(NS, {"log": "x"})])
    assert ways(journey) == [
        ("t", "", ["asks held"]),
        ("t", "asks", ["modify.0 changed", "ecs.1 held"]),
        ("t", "ecs.1", ["modify.1 changed", "null.0 sent"]),
    ]
    assert arrived(journey) == [("null.0", "t", {"log": "x", "in": "1", "out": "1"})]
    assert journey.held == ()


# -- what was used ----------------------------------------------------------------------------------------------------


def test_what_has_been_used(tmp_path: Path) -> None:
    with rehearsal(tmp_path, PIPELINE) as r:
        for log in ("health", "ERR", "a", "b"):
            r.feed("app", [(NS, {"log": log})])
        modifier, grep, rewrite = r.used.filters
        assert (modifier.records, modifier.changed) == (5, 4)
        assert (grep.records, grep.dropped, grep.changed) == (4, 1, 0)
        assert (rewrite.records, rewrite.moved, rewrite.dropped) == (3, 1, 0)
        assert r.used.outputs == (("http.0", 1), ("rest", 2))


# -- the rest ---------------------------------------------------------------------------------------------------------


def test_all_that_does_not_compile_is_told(tmp_path: Path) -> None:
    text = FORWARD + section(
        "FILTER", "Name multiline", "Match *", "multiline.parser ghost", "multiline.key_content log"
    )
    with pytest.raises(ConfigError, match="there is no multiline parser 'ghost'"):
        rehearsal(tmp_path, text + NULL)


def test_secrets_do_not_show_in_notes(tmp_path: Path) -> None:
    text = FORWARD + section("FILTER", "Name rewrite_tag", "Match *", "Rule $log . $log false")
    text += section("OUTPUT", "Name http", "Match x", "Host h", "http_User u", "http_Passwd sesame-open")
    with rehearsal(tmp_path, text) as r:
        (note,) = r.feed("t", [(NS, {"log": "sesame-open"})]).notes
    assert note.text == "no output matches the tag; its records are dropped tag=***"


def test_it_needs_no_loop_and_runs_in_one_too(tmp_path: Path) -> None:
    async def run() -> Journey:
        with rehearsal(tmp_path, JAVA) as r:
            r.feed("t", [(NS, {"log": TRACE[0]})])
            return r.advance(2)

    assert len(asyncio.run(run()).arrivals) == 1
