import asyncio
import json
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Outcome
from pyrolens.outputs._held_back import Rate
from pyrolens.outputs.slack import LONGEST, Slack, SlackSink
from tests.net.servers import Request, Server, answer
from tests.outputs import vendors
from tests.outputs.sending import Env, chunks, events, sent, with_server

SLACK: Any = Slack
TWO = events({"log": "one"}, {"log": 'é "q"', "n": 1.5, "l": [1, None]})


def make(**options: Any) -> Any:
    return lambda server: SLACK(webhook=f"{server.url}/services/T/B/X", tls_on=False, **options)


def texts(requests: list[Request]) -> list[str]:
    return [json.loads(request.body)["text"] for request in requests]


def test_the_request() -> None:
    outcomes, (request,) = sent(make(), vendors.slack, TWO)
    assert outcomes == [DELIVERED]
    assert texts([request]) == [
        '["timestamp": 1718000000.123456789, {"log"=>"one"}]\n'
        '["timestamp": 1718000001.123456789, {"log"=>"é "q"", "n"=>1.500000, "l"=>[1, nil]}]\n'
    ]
    assert request.lines[1:3] == ["Content-Type: application/json", "User-Agent: Fluent-Bit"]


@pytest.mark.parametrize(("status", "slow"), [(400, False), (404, False), (429, True)])
def test_failures_are_tried_again(status: int, slow: bool) -> None:
    respond = vendors.first(answer(status, b"no", Retry_After="30"), then=vendors.slack)
    outcomes, _ = vendors.settled(make(), respond, TWO)
    assert outcomes == [Outcome(range(2), {}, f"HTTP {status}: no", 30.0, slow), DELIVERED]


def test_long_messages_are_several_and_a_long_record_is_cut() -> None:
    outcomes, requests = sent(make(), vendors.slack, events(*({"log": "x" * 15_000},) * 3, {"log": "y" * 50_000}))
    assert outcomes == [DELIVERED] * 3
    found = texts(requests)
    assert [text.count("\n") for text in found] == [2, 1, 1]
    assert len(found[2]) == LONGEST
    assert found[2].endswith("yyy [Truncated...]\n")


def test_the_rate() -> None:
    rate = Rate(6)
    assert [rate.take(0.0) for _ in range(7)] == [0.0] * 6 + [10.0]
    assert [round(rate.take(t), 3) for t in (4.0, 10.0, 11.0, 20.0)] == [6.0, 0.0, 9.0, 0.0]
    assert {Rate(0).take(0.0) for _ in range(1000)} == {0.0}


class Clock:
    """The loop's time and its timers, which only pass when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Any]] = []
        monkeypatch.setattr("pyrolens.outputs.slack.time_of", lambda: self.now)
        monkeypatch.setattr("pyrolens.outputs.slack.call_later", self.later)

    def later(self, seconds: float, call: Any) -> Any:
        self.timers.append((self.now + seconds, call))
        return asyncio.TimerHandle(0, call, (), asyncio.get_running_loop())

    def until(self, now: float) -> None:
        self.now = now
        due = [call for when, call in self.timers if when <= now]
        self.timers = [(when, call) for when, call in self.timers if when > now]
        for call in due:
            call()


def scene(monkeypatch: pytest.MonkeyPatch, respond: Any, play: Any, **options: Any) -> tuple[Env, list[str]]:
    """Plays with a sink and its clock; gives what Slack was sent."""
    env = Env()

    async def test(server: Server) -> None:
        sink: SlackSink = make(**options)(server).open(env)
        clock = Clock(monkeypatch)

        async def say(*logs: str) -> Outcome:
            (chunk,) = chunks(sink, [("t", events(*({"log": log} for log in logs)))])
            return await sink.deliver(chunk)

        async def at(now: float) -> None:
            clock.until(now)
            if sink.task:
                await sink.task

        await play(say, at)
        await sink.drain()
        await sink.close()

    _, requests = with_server(respond, test)
    return env, texts(requests)


def line(log: str, second: int = 0) -> str:
    return f'["timestamp": {1718000000 + second}.123456789, {{"log"=>"{log}"}}]\n'


def test_what_is_beyond_the_rate_is_held_back_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(say: Any, at: Any) -> None:
        for log in ("a", "b", "c"):
            assert await say(log) == DELIVERED
        assert await say("d", "e") == DELIVERED
        await at(29.0)
        await at(30.0)  # a message may go: the digest
        assert await say("f") == DELIVERED
        await at(61.0)

    env, found = scene(monkeypatch, vendors.slack, play, rate_limit=2, digest_lines=2)
    assert found == [
        line("a"),
        line("b"),
        "3 records were held back by rate_limit, the first of them:\n" + line("c") + line("d"),
        "1 records were held back by rate_limit, the first of them:\n" + line("f"),
    ]
    assert env.counts == {"held_back_records": 4}


def test_a_digest_goes_with_the_next_chunk_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(say: Any, at: Any) -> None:
        await say("a")
        await say("b")
        monkeypatch.setattr("pyrolens.outputs.slack.time_of", lambda: 60.0)
        await say("c")
        await say("d")

    _, found = scene(monkeypatch, vendors.slack, play, rate_limit=1, digest_lines=0)
    assert found == [
        line("a"),
        "1 records were held back by rate_limit.\n" + line("c"),
        "1 records were held back by rate_limit.\n",
    ]


def test_a_digest_that_fails_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(say: Any, at: Any) -> None:
        await say("a")
        await say("b")
        await at(60.0)  # fails
        await say("c")
        await at(120.0)

    respond = vendors.first(answer(), answer(500), then=vendors.slack)
    env, found = scene(monkeypatch, respond, play, rate_limit=1)
    digest = "records were held back by rate_limit, the first of them:\n"
    assert found == [line("a"), f"1 {digest}" + line("b"), f"2 {digest}" + line("b") + line("c")]
    assert [said[1] for said in env.said.lines] == ["the digest is sent again later"]


def test_what_cannot_be_told_at_the_end_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(say: Any, at: Any) -> None:
        await say("a")
        await say("b", "c")

    env, _ = scene(monkeypatch, vendors.first(answer(), then=lambda r: answer(404)), play, rate_limit=1)
    assert env.said.lines[-1] == ("error", "records were held back, and their digest could not be sent", {"records": 2})


@pytest.mark.parametrize("webhook", ["http://h/x", "h", "https://"])
def test_wrong_webhooks_are_not_shown(webhook: str) -> None:
    assert list(SLACK(webhook=webhook).check()) == [
        ("webhook", "webhook is no address such as https://hooks.slack.com/services/…")
    ]
    assert list(SLACK(webhook="https://h/x").check()) == []
