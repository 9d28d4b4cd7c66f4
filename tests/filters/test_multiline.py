from typing import Any

import pytest

from pyrolens.api import Event, OptionError, Record, Transform
from pyrolens.filters.multiline import Multiline
from pyrolens.multiline import MultilineParser
from tests.lent import Lent

TRACE = ["java.lang.Error: boom", "\tat a.A.a(A.java:1)", "\tat b.B.b(B.java:2)"]
JOINED = "\n".join(TRACE)
SECOND = 1_000_000_000


def java(env: Lent, **options: Any) -> Transform:
    return Multiline(multiline_parser=["java"], key_content="log", **options).compile(env)


def parts(env: Lent) -> Transform:
    return Multiline(mode="partial_message", key_content="log", flush_ms=500).compile(env)


def lines(*texts: str) -> list[Event]:
    return [(n, {"log": text}) for n, text in enumerate(texts)]


def part(log: str, last: str = "false", id_: str = "a") -> Record:
    return {"log": log, "partial_message": "true", "partial_id": id_, "partial_last": last}


def wake(env: Lent, seconds: float) -> None:
    """Let time pass, and the oldest timer go off."""
    env.time += int(seconds * SECOND)
    _, call = env.timers.pop(0)
    call()


def test_records_enter_again_joined_or_not() -> None:
    env = Lent()
    assert java(env)("app", lines("before", *TRACE, "after")) == []
    assert env.emitted == [("app", [(0, {"log": "before"}), (1, {"log": JOINED}), (4, {"log": "after"})], 5)]
    assert env.held == []
    assert env.timers == []


def test_lines_of_several_batches() -> None:
    env = Lent()
    run = java(env)
    run("app", lines(TRACE[0]))
    run("app", lines(TRACE[1]))
    assert env.emitted == []
    assert [(h.records, h.released) for h in env.held] == [(1, False), (1, False)]
    run("app", lines(TRACE[2], "after"))
    assert env.emitted == [("app", [(0, {"log": JOINED}), (1, {"log": "after"})], 2)]
    assert [h.released for h in env.held] == [True, True]


def test_a_batch_is_held_while_one_of_its_lines_waits() -> None:
    env = Lent()
    run = java(env)
    run("app", lines(TRACE[0], "after", TRACE[0]))
    assert [(h.records, h.released) for h in env.held] == [(0, False)]
    assert env.emitted == [("app", [(0, {"log": TRACE[0]}), (1, {"log": "after"})], 3)]
    run("app", lines("end"))
    assert [h.released for h in env.held] == [True]


def test_what_nothing_ends_is_sent_after_some_time() -> None:
    env = Lent()
    run = java(env, flush_ms=2000)
    run("app", lines(*TRACE[:2]))
    assert [seconds for seconds, _ in env.timers] == [2.0]
    env.time += SECOND
    run("app", lines(TRACE[2]))
    assert len(env.timers) == 1
    # the time counts from the last line
    wake(env, 1.0)
    assert env.emitted == []
    assert [seconds for seconds, _ in env.timers] == [1.0]
    wake(env, 1.0)
    assert env.emitted == [("app", [(0, {"log": JOINED})], 0)]
    assert env.used == env.held
    assert [h.released for h in env.held] == [True, True]
    assert env.timers == []
    run("app", lines(TRACE[1]))
    assert len(env.timers) == 1


def test_tags_have_their_own_time() -> None:
    env = Lent()
    run = java(env, flush_ms=1000)
    run("a", lines(*TRACE))
    env.time += SECOND // 2
    run("b", lines(*TRACE))
    wake(env, 0.5)
    assert [tag for tag, _, _ in env.emitted] == ["a"]
    assert [seconds for seconds, _ in env.timers] == [0.5]
    run("b", lines("end"))
    wake(env, 0.5)
    assert [(tag, len(events)) for tag, events, _ in env.emitted] == [("a", 1), ("b", 2)]
    assert env.timers == []


def test_without_a_buffer_only_lines_of_one_batch_are_joined() -> None:
    env = Lent()
    run = java(env, buffer=False)
    assert run("app", lines("before", *TRACE, "after")) == [
        (0, {"log": "before"}),
        (1, {"log": JOINED}),
        (4, {"log": "after"}),
    ]
    assert run("app", lines(*TRACE[:2])) == [(0, {"log": "\n".join(TRACE[:2])})]
    assert run("app", []) == []
    assert (env.emitted, env.held, env.timers) == ([], [], [])


def test_the_limit_is_told() -> None:
    env = Lent()
    env.multiline_limit = 25
    java(env)("app", lines(*TRACE))
    assert env.counts == {"truncated": 1}
    assert [event for _, event, _ in env.said.lines] == ["a record is cut at the limit of joined records"]


def test_own_parsers_by_name_in_any_case() -> None:
    env = Lent()
    env.multiline_parsers["bs"] = MultilineParser(name="bs", type="endswith", match_string=";")
    run = Multiline(multiline_parser=["JAVA, bs"], key_content="log").compile(env)
    run("app", lines("a", "b;"))
    assert env.emitted == [("app", [(0, {"log": "ab;"})], 2)]


def test_split_messages() -> None:
    env = Lent()
    run = parts(env)
    assert run("app", [(1, part("A1 ")), (2, {"log": "between"}), (3, part("B1 ", id_="b"))]) == [
        (2, {"log": "between"})
    ]
    assert [(h.records, h.released) for h in env.held] == [(2, False)]
    assert run("app", [(4, part("A2", "true"))]) == [(1, {"log": "A1 A2"})]
    assert [h.released for h in env.held] == [False]
    assert run("app", [(5, part("B2", "true", "b"))]) == [(3, {"log": "B1 B2"})]
    assert [h.released for h in env.held] == [True]
    assert env.emitted == []


def test_split_messages_within_one_batch_hold_nothing() -> None:
    env = Lent()
    assert parts(env)("app", [(1, part("A1 ")), (2, part("A2", "true"))]) == [(1, {"log": "A1 A2"})]
    assert [(h.records, h.released) for h in env.held] == [(1, True)]


def test_a_message_whose_last_part_never_comes() -> None:
    env = Lent()
    parts(env)("app", [(1, part("A1 ")), (2, part("A2 "))])
    wake(env, 0.5)
    assert env.emitted == [("app", [(1, {"log": "A1 A2 "})], 0)]
    assert env.used == env.held
    assert [h.released for h in env.held] == [True]


def test_ordinary_records_pass_untouched() -> None:
    env = Lent()
    events = lines("a", "b")
    assert parts(env)("app", events) == events
    assert env.held == []


@pytest.mark.parametrize(
    ("options", "option", "message"),
    [
        ({}, "multiline.parser", "the mode parser needs at least one multiline.parser"),
        ({"multiline_parser": [" , "]}, "multiline.parser", "the mode parser needs"),
        ({"multiline_parser": ["java, ghost"]}, "multiline.parser", "there is no multiline parser 'ghost'"),
        ({"multiline_parser": ["java"], "flush_ms": 499}, "flush_ms", "expected at least 500"),
        ({"mode": "partial_message"}, "mode", "partial_message needs multiline.key_content"),
        ({"multiline_parser": ["cri"]}, "multiline.parser", "'cri' needs the parser '_ml_cri'"),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], option: str, message: str) -> None:
    with pytest.raises(OptionError, match=message) as raised:
        Multiline(**options).compile(Lent())
    assert raised.value.option == option


def test_options_that_have_no_bound_elsewhere() -> None:
    assert list(Multiline(multiline_parser=["java"], flush_ms=1, buffer=False).check()) == []
    assert list(Multiline(mode="partial_message", key_content="log", flush_ms=1).check()) == []


def test_when_the_inputs_have_stopped_nothing_waits() -> None:
    env = Lent()
    run = java(env)
    run("app", lines(*TRACE))
    run("web", lines(TRACE[0]))
    for ending in env.endings:
        ending()
    assert env.emitted == [("app", [(0, {"log": JOINED})], 0), ("web", [(0, {"log": TRACE[0]})], 0)]
    assert [h.released for h in env.held] == [True, True]


def test_nor_do_parts() -> None:
    env = Lent()
    run = parts(env)
    run("app", [(1, part("one "))])
    for ending in env.endings:
        ending()
    assert env.emitted == [("app", [(1, {"log": "one "})], 0)]
    assert [h.released for h in env.held] == [True]
