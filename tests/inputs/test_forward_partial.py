"""Lines that Docker has cut at 16 KiB: what is joined, what is not, and what is settled when."""

import asyncio
import json
import random
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.api import ConfigError, Event, Record
from pyrolens.ecs.copier import MOST, Copier, record_of
from pyrolens.inputs import _forward_partial as module
from pyrolens.inputs._forward_partial import PartialMessages
from pyrolens.inputs.forward import Forward, switched_on
from pyrolens.local.fluentd_driver import encode
from tests.lent import Lent
from tests.running import HttpSink, Router, message, running, until

SECOND = 1_000_000_000


def record(log: str, **more: Any) -> Record:
    return {"container_id": "c1", "container_name": "/app", "source": "stdout", "log": log, **more}


def piece(log: str, ordinal: int, last: bool = False, id_: str = "i", **more: Any) -> Record:
    """As Docker writes it: all values are text."""
    marks = {
        "partial_message": "true",
        "partial_id": id_,
        "partial_ordinal": str(ordinal),
        "partial_last": str(last).lower(),
    }
    return {**record(log), **marks, **more}


def events(records: Iterable[Record], ns: int = 1) -> list[Event]:
    return [(ns + n, r) for n, r in enumerate(records)]


class Trial:
    """The transform, and all that leaves it, in order."""

    def __init__(self, most: int = 100, wait: float = 5.0) -> None:
        self.env = Lent()
        self.join = PartialMessages(self.env, most, wait)
        self.out: list[Record] = []

    def give(self, *records: Record, tag: str = "t") -> list[Record]:
        given = events(records)
        before = [dict(r) for r in records]
        left = [r for _, r in self.join(tag, given)]
        assert [r for _, r in given] == before
        self.out += left
        return left

    @property
    def emitted(self) -> list[Record]:
        return [r for _, batch, _ in self.env.emitted for _, r in batch]

    @property
    def held(self) -> list[bool]:
        """Of each batch that was held: whether it still is."""
        return [not keeping.released for keeping in self.env.held]


def test_pieces_become_the_line_that_they_are_of() -> None:
    trial = Trial()
    assert trial.give(piece("one ", 1), piece("two ", 2)) == []
    assert trial.held == [True]
    assert trial.give(record("between"), piece("three", 3, True), record("after")) == [
        record("between"),
        record("one two three"),
        record("after"),
    ]
    assert trial.held == [False]
    assert trial.env.counts == {"partial_joined": 1}
    assert trial.join.size == 0


def test_the_time_and_the_fields_are_those_of_the_first_piece() -> None:
    trial = Trial()
    first = {**piece("a", 1), "more": 1}
    assert trial.join("t", [(5, first)]) == []
    assert trial.join("t", [(9, {**piece("b", 2, True), "more": 2})]) == [(5, record("ab", more=1))]
    assert list(trial.join("t", events([{"partial_message": "true", **piece("x", 1, True)}]))[0][1]) == list(record(""))


def test_a_batch_without_pieces_is_left_alone() -> None:
    trial = Trial()
    batch = events([record("a"), record("b")])
    assert trial.join("t", batch) is batch
    assert trial.env.held == []


def test_all_in_one_batch_holds_nothing_back() -> None:
    trial = Trial()
    assert trial.give(piece("a", 1), piece("b", 2), piece("c", 3, True)) == [record("abc")]
    assert trial.held == [False]
    assert [keeping.records for keeping in trial.env.held] == [2]


@pytest.mark.parametrize(
    "other",
    [{"container_id": "c2"}, {"source": "stderr"}, {"partial_id": "j"}],
    ids=["container", "source", "id"],
)
def test_streams_are_never_mixed(other: Record) -> None:
    trial = Trial()
    assert trial.give(piece("a1", 1), piece("b1", 1, **other), piece("a2", 2, True)) == [record("a1a2")]
    plain = {k: v for k, v in other.items() if k != "partial_id"}
    assert trial.give(piece("b2", 2, True, **other)) == [record("b1b2", **plain)]


def test_tags_are_never_mixed() -> None:
    trial = Trial()
    assert trial.give(piece("a", 1), tag="t") == trial.give(piece("x", 1), tag="u") == []
    assert trial.give(piece("b", 2, True), tag="t") == [record("ab")]
    assert trial.give(piece("y", 2, True), tag="u") == [record("xy")]


@given(st.permutations(range(5)))
def test_numbers_say_the_order(order: list[int]) -> None:
    trial = Trial()
    pieces = [piece(str(n), n, n == 5) for n in range(1, 6)]
    left = [r for n in order for r in trial.give(pieces[n])]
    assert left == [record("12345")]
    assert set(trial.held) == {False}


@pytest.mark.parametrize("marks", [{"partial_ordinal": None}, {"partial_ordinal": "x"}, {"partial_ordinal": -1}])
def test_without_numbers_the_order_of_arrival_counts(marks: Record) -> None:
    trial = Trial()
    trial.give(piece("b", 1, **marks), piece("a", 1, **marks))
    assert trial.give(piece("c", 1, True, **marks)) == [record("bac")]


def test_numbers_may_begin_at_0_and_marks_need_not_be_text() -> None:
    trial = Trial()
    marks: Record = {"partial_message": True, "partial_last": False}
    trial.give(piece("a", 0, **marks), piece("b", 1, **marks))
    assert trial.give(piece("c", 2, partial_message=True, partial_last=True)) == [record("abc")]


@pytest.mark.parametrize(
    "odd",
    [
        {**record("x"), "partial_message": "true"},
        {**piece("x", 1), "partial_message": "false"},
        {**piece("x", 1), "partial_message": {}},
        {**piece("x", 1), "log": 7},
        {**piece("x", 1), "partial_id": ""},
        {"partial_message": "true", "partial_id": "i"},
    ],
)
def test_what_says_too_little_goes_on_as_it_is(odd: Record) -> None:
    trial = Trial()
    assert trial.give(odd) == [odd]
    assert trial.env.held == []


def test_a_piece_that_is_sent_again_counts_once() -> None:
    trial = Trial()
    trial.give(piece("a", 1))
    assert trial.give(piece("a", 1), piece("b", 2, True)) == [record("ab")]
    assert trial.env.counts == {"partial_repeated": 1, "partial_joined": 1}
    assert trial.held == [False, False]


def test_two_pieces_of_one_number_are_both_kept() -> None:
    trial = Trial()
    trial.give(piece("a", 1))
    assert trial.give(piece("b", 1)) == [piece("a", 1)]
    assert trial.env.counts == {"partial_cut": 1}
    trial.env.endings[0]()
    assert trial.emitted == [piece("b", 1)]
    assert trial.held == [False, False]


def test_a_long_line_goes_on_in_parts_that_say_so() -> None:
    trial = Trial(most=10)
    trial.give(piece("1234", 1), piece("5678", 2))
    assert trial.give(piece("9abc", 3)) == [piece("12345678", 1)]
    assert trial.held == [False, True]
    assert trial.give(piece("def", 4, True)) == [piece("9abcdef", 3, True)]
    assert trial.held == [False, False]
    assert trial.env.counts == {"partial_cut": 1}
    assert "a line is longer than joined_max_size" in str(trial.env.said.lines)


def test_pieces_longer_than_the_limit_go_on_one_by_one() -> None:
    trial = Trial(most=1)
    given = [piece("aaa", 1), piece("bbb", 2), piece("ccc", 3, True)]
    assert trial.give(*given) == given
    assert trial.held == []


def test_a_piece_that_does_not_come_is_not_waited_for_for_ever() -> None:
    trial = Trial(wait=5.0)
    trial.give(piece("a", 1))
    trial.env.time += 3 * SECOND
    trial.give(piece("b", 2), piece("x", 1, id_="other"))
    (seconds, wake), *more = trial.env.timers
    assert (seconds, more) == (5.0, [])
    trial.env.timers.clear()
    trial.env.time += 2 * SECOND
    wake()
    assert trial.emitted == []
    [(seconds, wake)] = trial.env.timers
    assert seconds == 3.0
    trial.give(piece("y", 2, id_="other"))
    trial.env.timers.clear()
    trial.env.time += 3 * SECOND
    wake()
    assert trial.emitted == [piece("ab", 1)]
    assert trial.held == [False, True, True]
    assert trial.env.used == trial.env.held[:2]
    assert trial.env.counts == {"partial_given_up": 1}
    assert "a piece of a line did not come in time" in str(trial.env.said.lines)


def test_a_gap_is_waited_for_and_then_shown() -> None:
    trial = Trial()
    assert trial.give(piece("a", 1), piece("c", 3, True)) == []
    trial.env.time += 5 * SECOND
    trial.env.timers[0][1]()
    assert trial.emitted == [{**piece("ac", 1), "partial_last": "true"}]


def test_at_the_end_all_goes_on() -> None:
    trial = Trial()
    trial.give(piece("a", 1), piece("x", 1, id_="j"))
    trial.env.endings[0]()
    assert trial.emitted == [piece("a", 1), piece("x", 1, id_="j")]
    assert trial.held == [False]
    assert (trial.join.size, len(trial.join.lines)) == (0, 0)


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HELD", 10)
    trial = Trial()
    trial.give(*[piece("1234", 1, id_=f"i{n}") for n in range(3)])
    shrink = next(call for seconds, call in trial.env.timers if seconds == 0)
    shrink()
    assert trial.emitted == [piece("1234", 1, id_="i0")]
    assert trial.join.size == 8


def test_a_character_that_was_cut_is_whole_again() -> None:
    trial = Trial()
    data = "aé€".encode()
    halves = [data[:2], data[2:4], data[4:]]
    texts = [half.decode("utf-8", "surrogateescape") for half in halves]
    assert trial.give(*[piece(t, n, n == 3) for n, t in enumerate(texts, 1)]) == [record("aé€")]


@given(st.lists(st.text(max_size=8), max_size=30), st.randoms(use_true_random=False))
def test_nothing_is_lost_or_mixed(texts: list[str], shuffle: random.Random) -> None:
    """Whatever arrives when: all text leaves once, each line's in its own records and in order."""
    trial = Trial(most=20)
    queues = [
        [piece(part or "-", o, o == len(text.split(" ")), id_=str(n)) for o, part in enumerate(text.split(" "), 1)]
        for n, text in enumerate(texts)
    ]
    queues = [q[: shuffle.randint(0, len(q))] for q in queues]
    wanted = {str(n): "".join(p["log"] for p in q) for n, q in enumerate(queues)}
    while live := [q for q in queues if q]:
        trial.give(shuffle.choice(live).pop(0))
    trial.env.endings[0]()
    left = trial.out + trial.emitted
    assert sum(len(r["log"]) for r in left) == sum(map(len, wanted.values()))
    for n, text in wanted.items():
        parts = "".join(r["log"] for r in left if r.get("partial_id") == n)
        assert parts in ("", text)
    assert set(trial.held) <= {False}


# -- the switch --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "environ", "on"),
    [
        (None, {}, False),
        (None, {"PYROLENS_JOIN_PARTIAL_MESSAGES": ""}, False),
        (None, {"PYROLENS_JOIN_PARTIAL_MESSAGES": "on"}, True),
        (False, {"PYROLENS_JOIN_PARTIAL_MESSAGES": "on"}, False),
        (True, {"PYROLENS_JOIN_PARTIAL_MESSAGES": "off"}, True),
        (True, {"PYROLENS_JOIN_PARTIAL_MESSAGES": "?"}, True),
    ],
)
def test_the_switch(said: bool | None, environ: dict[str, str], on: bool) -> None:
    assert switched_on(said, environ) is on


def test_a_switch_that_is_neither_on_nor_off() -> None:
    with pytest.raises(ConfigError) as refused:
        switched_on(None, {"PYROLENS_JOIN_PARTIAL_MESSAGES": "1"})
    assert [str(p) for p in refused.value.problems] == [
        "error[bad-value]: PYROLENS_JOIN_PARTIAL_MESSAGES is '1': expected on, off, true, false, yes or no"
    ]


def test_off_there_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYROLENS_JOIN_PARTIAL_MESSAGES", raising=False)
    assert Forward().compile(Lent()) is None
    assert isinstance(Forward(join_partial_messages=True).compile(Lent()), PartialMessages)


# -- the router, over its socket ---------------------------------------------------------------------------------------

CONFIG = """
[SERVICE]
    Flush 0.2
    Grace 10
[INPUT]
    Name forward
    unix_path {{dir}}/in.sock
    {input}
[FILTER]
    Name record_modifier
    Match *
    Remove_key container_name
[OUTPUT]
    Name http
    Match *
    Host 127.0.0.1
    Port {port}
    Format json_lines
    json_date_key false
    Retry_Limit no_limits
"""


async def connect(router: Router) -> asyncio.StreamWriter:
    return (await asyncio.open_unix_connection(str(router.folder / "in.sock")))[1]


def printed(text: str, container: str, source: str = "stdout") -> list[bytes]:
    """The messages that Docker makes of what a container prints."""
    data = text.encode()
    copier = Copier(source)
    messages = [m for at in range(0, len(data), 10_000) for m in copier.feed(data[at : at + 10_000])]
    return [encode("app", m.ns, record_of(m, container, container)) for m in messages]


def received(sink: HttpSink) -> list[tuple[str, str, str]]:
    """(container, source, line); no mark of a part is left."""
    found = [json.loads(line) for line in sink.lines()]
    assert {frozenset(r) for r in found} <= {frozenset({"container_id", "source", "log"})}
    return [(r["container_id"], r["source"], r["log"]) for r in found]


def test_interleaved_containers_over_the_socket(tmp_path: Path) -> None:
    lines = {
        (c, s): [json.dumps({"who": f"{c} {s}", "é": "é" * (k * MOST // 3)}, ensure_ascii=False) for k in range(4)]
        for c in ("one", "two", "three")
        for s in ("stdout", "stderr")
    }

    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        config = CONFIG.format(input="join_partial_messages on", port=sink.port)
        async with running(tmp_path, config) as router:
            writer = await connect(router)
            queues = [printed("".join(f"{t}\n" for t in texts), c, s) for (c, s), texts in lines.items()]
            mix = random.Random(5)
            while live := [q for q in queues if q]:
                writer.write(mix.choice(live).pop(0))
            await writer.drain()
            await until(lambda: len(sink.lines()) == 24, "all is there")
        got = received(sink)
        assert {key: [log for c, s, log in got if (c, s) == key] for key in lines} == lines
        await sink.close()

    asyncio.run(main())


def test_off_the_pieces_go_on_as_they_came(tmp_path: Path) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        async with running(tmp_path, CONFIG.format(input="", port=sink.port)) as router:
            writer = await connect(router)
            given = [piece("a", 1), piece("b", 2, True)]
            writer.write(b"".join(message("app", r) for r in given))
            await until(lambda: len(sink.lines()) == 2, "both are there")
        wanted = [{k: v for k, v in r.items() if k != "container_name"} for r in given]
        assert [json.loads(line) for line in sink.lines()] == wanted
        await sink.close()

    asyncio.run(main())


def test_a_restart_in_the_middle_of_a_line_loses_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        books = tmp_path / "books.json"
        environment = {"PYROLENS_FINAL_METRICS": str(books), "PYROLENS_JOIN_PARTIAL_MESSAGES": "on"}
        config = CONFIG.format(input="", port=sink.port)
        async with running(tmp_path, config, **environment) as router:
            writer = await connect(router)
            writer.write(message("app", piece("a", 1)) + message("app", piece("b", 2)))
            await writer.drain()
            writer.close()
            assert await router.stop() == 0
        kept = json.loads(books.read_text())
        assert kept["inputs"]["forward.0"]["counters"] == {"partial_given_up": 1}
        assert kept["filters"]["record_modifier.0"]["records"] == 1
        (tmp_path / "again").mkdir()
        async with running(tmp_path / "again", config, **environment) as router:
            writer = await connect(router)
            writer.write(message("app", piece("c", 3, True)) + message("app", record("next")))
            await until(lambda: len(sink.lines()) == 2, "the next line is there")
            writer.close()
            assert await router.stop(signal.SIGTERM) == 0
        wanted = [piece("ab", 1), record("next"), piece("c", 3, True)]
        assert [json.loads(line) for line in sink.lines()] == [
            {k: v for k, v in r.items() if k != "container_name"} for r in wanted
        ]
        await sink.close()

    asyncio.run(main())


def test_what_waits_counts_for_the_buffer_and_time_frees_it(tmp_path: Path) -> None:
    """Pieces that are held back are not settled: they fill Mem_Buf_Limit until they have gone on."""

    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        options = "join_partial_messages on\n    joined_max_wait 1\n    Mem_Buf_Limit 20k"
        async with running(tmp_path, CONFIG.format(input=options, port=sink.port)) as router:
            writer = await connect(router)
            writer.write(message("app", piece("x" * 15_000, 1)) + message("app", piece("y" * 15_000, 2)))
            await until(lambda: "paused: Mem_Buf_Limit" in router.said(), "it is paused")
            await until(lambda: "resumed" in router.said(), "it goes on")
            writer.write(message("app", record("next")))
            await until(lambda: len(sink.lines()) == 2, "all is there")
        logs = [json.loads(line)["log"] for line in sink.lines()]
        assert logs == ["x" * 15_000 + "y" * 15_000, "next"]
        await sink.close()

    asyncio.run(main())


PROCESSORS = """
service: {{flush: 0.2, grace: 10}}
pipeline:
  inputs:
    - name: forward
      unix_path: "{{dir}}/in.sock"
      join_partial_messages: on
      processors:
        logs:
          - {{name: content_modifier, action: insert, key: seen, value: processor}}
  outputs:
    - {{name: http, match: "*", host: 127.0.0.1, port: {port}, format: json_lines, json_date_key: "false"}}
"""


def test_what_is_let_go_at_the_end_meets_the_processors_too(tmp_path: Path) -> None:
    async def main() -> None:
        sink = HttpSink()
        await sink.open()
        config = PROCESSORS.format(port=sink.port)
        (tmp_path / "all.yaml").write_text(config.replace("{dir}", str(tmp_path)))
        router = Router(tmp_path, "")
        await router.start("-c", str(tmp_path / "all.yaml"))
        try:
            await router.ready()
            writer = await connect(router)
            whole, begun = [piece("a", 1), piece("b", 2, True)], piece("c", 1, id_="j")
            writer.write(b"".join(message("app", r) for r in [*whole, begun]))
            await until(lambda: len(sink.lines()) == 1, "the whole line is there")
            writer.close()
            assert await router.stop() == 0
        finally:
            await router.stop(signal.SIGKILL)
        wanted = [record("ab", seen="processor"), {**begun, "seen": "processor"}]
        assert [json.loads(line) for line in sink.lines()] == wanted
        await sink.close()

    asyncio.run(main())
