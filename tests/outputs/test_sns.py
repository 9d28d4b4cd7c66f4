import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from pyrolens.api import DELIVERED, Event, Outcome
from pyrolens.aws import Aws
from pyrolens.outputs.sns import MESSAGE, Sns, cut, subject, valid
from tests.net.servers import Request, Server, answer, serving
from tests.outputs.sending import Env, chunks, events

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")


def entries(request: Request) -> list[dict[str, str]]:
    """What is published, entry by entry."""
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    assert form.pop("Action") == "PublishBatch"
    assert form.pop("Version") == "2010-03-31"
    assert form.pop("TopicArn").startswith(TOPIC)
    out: dict[int, dict[str, str]] = {}
    for name, value in form.items():
        _, member, number, field = name.split(".")
        assert (_, member) == ("PublishBatchRequestEntries", "member")
        out.setdefault(int(number), {})[field] = value
    assert sorted(out) == list(range(1, len(out) + 1))
    return [out[n] for n in sorted(out)]


def accepted(request: Request) -> bytes:
    """What a strict service says: it refuses what is over its limits."""
    got = entries(request)
    size = sum(len(one["Message"].encode()) for one in got)
    names = [one["Id"] for one in got]
    wrong = [one for one in got if not one["Message"].strip() or len(one.get("Subject", "x")) > 100]
    if len(got) > 10 or size > MESSAGE or len(set(names)) < len(names) or wrong:
        return answer(
            400, b"<ErrorResponse><Error><Code>InvalidParameter</Code><Message>m</Message></Error></ErrorResponse>"
        )
    return reply([None] * len(got))


def reply(codes: list[tuple[str, bool] | None]) -> bytes:
    """(code, whether it is the sender's fault) for each, None where it was published."""
    good = "".join(f"<member><Id>{n}</Id><MessageId>m</MessageId></member>" for n, c in enumerate(codes, 1) if not c)
    bad = "".join(
        f"<member><Id>{n}</Id><Code>{code[0]}</Code><Message>why</Message>"
        f"<SenderFault>{'true' if code[1] else 'false'}</SenderFault></member>"
        for n, code in enumerate(codes, 1)
        if code
    )
    text = f"<PublishBatchResult><Successful>{good}</Successful><Failed>{bad}</Failed></PublishBatchResult>"
    return answer(200, text.encode())


def run(
    respond: Callable[[Request], bytes],
    *batches: list[Event],
    env: Env | None = None,
    tag: str = "web",
    **options: Any,
) -> tuple[list[Outcome], list[list[dict[str, str]]]]:
    """The outcome of each call, and what was published by each request, that of the end included."""

    async def go() -> tuple[list[Outcome], list[Request]]:
        async with serving(respond) as server:
            sink = plugin(server, **options).open(env or Env())
            await sink.start()
            outcomes = [await sink.deliver(c) for c in chunks(sink, [(tag, batch) for batch in batches])]
            await sink.drain()
            await sink.close()
            return outcomes, server.requests

    outcomes, requests = asyncio.run(asyncio.wait_for(go(), 60))
    return outcomes, [entries(request) for request in requests]


def plugin(server: Server, **options: Any) -> Sns:
    return Sns(**{"topic_arn": TOPIC, "aws": Aws(endpoint=server.url), **options})


@pytest.mark.parametrize(
    ("options", "text", "about"),
    [
        ({}, '{"log":"é \\"boom\\"","n":{"x":1}}', "Logs of web"),
        ({"message": "$TAG: $log\\n$n['x']"}, 'web: é "boom"\n1', "Logs of web"),
        ({"message": "$log", "subject": "é $log"}, 'é "boom"', '"boom"'),
        ({"message": "$n['x']."}, "1.", "Logs of web"),
        ({"message": "$log", "subject": ""}, 'é "boom"', None),
    ],
)
def test_what_a_record_becomes(options: dict[str, Any], text: str, about: str | None) -> None:
    env = Env()
    env.escape_unicode = False
    outcomes, ((entry,),) = run(accepted, events({"log": 'é "boom"', "n": {"x": 1}}), env=env, **options)
    assert outcomes == [DELIVERED]
    assert entry == {"Id": "1", "Message": text, **({"Subject": about} if about else {})}


def test_for_a_chat() -> None:
    _, ((entry,),) = run(accepted, events({"log": "boom"}), message="$log", format="chat")
    assert json.loads(entry["Message"]) == {
        "version": "1.0",
        "source": "custom",
        "content": {"textType": "client-markdown", "title": "Logs of web", "description": "boom"},
    }


def test_records_without_text() -> None:
    env = Env()
    batch = events({"log": "x"}, {"no": 1})
    _, ((entry,),) = run(accepted, batch, env=env, message="$log")
    assert entry["Message"] == "x"
    assert env.rejected == [([batch[1]], "the message is empty")]


def test_ten_messages_and_256_kib_a_request() -> None:
    outcomes, requests = run(accepted, events(*({"n": n} for n in range(25))), rate_limit=0)
    assert outcomes == [DELIVERED] * 3
    assert [len(request) for request in requests] == [10, 10, 5]
    _, requests = run(accepted, events(*({"x": "x" * 100_000} for _ in range(5))), rate_limit=0)
    assert [len(request) for request in requests] == [2, 2, 1]


@pytest.mark.parametrize("form", ["text", "chat"])
def test_a_message_that_is_too_large_is_cut(form: str) -> None:
    _, ((entry,),) = run(accepted, events({"log": "é" * 300_000}), message="$log", format=form)
    text = entry["Message"] if form == "text" else json.loads(entry["Message"])["content"]["description"]
    assert text.startswith("é" * 60_000)
    assert text.endswith("[Truncated...]")


def test_what_failed_is_sent_again_or_refused_one_by_one() -> None:
    said = reply([None, ("InternalError", False), ("InvalidParameter", True), ("Throttled", False)])
    (outcome,), _ = run(lambda r: said, events(*({"n": n} for n in range(4))))
    assert outcome == Outcome([1, 3], {2: "InvalidParameter: why"}, "Throttled: why")


@pytest.mark.parametrize(
    ("said", "reason", "slow"),
    [
        (answer(403, b"<Error><Code>AuthorizationError</Code><Message>no</Message></Error>"),
         "AuthorizationError: no", False),
        (answer(400, b"<Error><Code>Throttling</Code><Message>no</Message></Error>"), "Throttling: no", True),
        (answer(500, b""), "HTTP 500", False),
    ],
)  # fmt: skip
def test_all_of_it_again(said: bytes, reason: str, slow: bool) -> None:
    (outcome,), _ = run(lambda r: said, events({"n": 1}, {"n": 2}))
    assert outcome == Outcome([0, 1], {}, reason, None, slow)


def test_what_is_over_the_limit_is_in_a_digest_at_the_end() -> None:
    env = Env()
    batches = [events(*({"n": n} for n in range(start, start + 8))) for start in (0, 8, 16)]
    outcomes, requests = run(accepted, *batches, env=env, rate_limit=3, digest_lines=2)
    assert outcomes == [DELIVERED] * 3
    assert [[one["Message"] for one in request] for request in requests] == [
        ['{"n":0}', '{"n":1}', '{"n":2}'],
        ['21 records were held back by rate_limit, the first of them:\n{"n":3}\n{"n":4}\n'],
    ]
    assert env.counts == {"held_back_records": 21}


def test_the_digest_goes_as_soon_as_a_message_may() -> None:
    """Three messages in 0.3 seconds: after the first three, one in 0.1."""

    async def go() -> list[list[str]]:
        async with serving(accepted) as server:
            sink = plugin(server, rate_limit=3, rate_window=0.3).open(Env())
            await sink.start()
            (chunk,) = chunks(sink, [("web", events(*({"n": n} for n in range(5))))])
            assert await sink.deliver(chunk) == DELIVERED
            while len(server.requests) < 2:
                await asyncio.sleep(0.005)
            await sink.close()
            return [[one["Message"] for one in entries(request)] for request in server.requests]

    first, (digest,) = asyncio.run(asyncio.wait_for(go(), 60))
    assert len(first) == 3
    assert digest.startswith("2 records were held back")


def test_records_that_are_sent_again_do_not_count_twice() -> None:
    async def go() -> tuple[Outcome, Outcome]:
        answers = [answer(500, b""), reply([None, None])]
        async with serving(lambda r: answers.pop(0)) as server:
            sink = plugin(server, rate_limit=2).open(Env())
            (chunk,) = chunks(sink, [("web", events({"n": 1}, {"n": 2}))])
            chunk.attempt = 1
            first = await sink.deliver(chunk)
            chunk.attempt = 2
            second = await sink.deliver(chunk)
            await sink.close()
            return first, second

    first, second = asyncio.run(asyncio.wait_for(go(), 60))
    assert list(first.retry) == [0, 1]
    assert second == DELIVERED


def test_a_digest_that_fails_is_kept_and_said() -> None:
    env = Env()
    said = [reply([None]), answer(500, b"")]
    _, requests = run(lambda r: said.pop(0), events({"n": 1}, {"n": 2}), env=env, rate_limit=1)
    assert len(requests) == 2
    assert [(level, event) for level, event, _ in env.said.lines] == [
        ("warning", "the digest is sent again later"),
        ("error", "records were held back, and their digest could not be sent"),
    ]


def test_fifo_topics_have_groups_and_the_same_id_for_each_try() -> None:
    async def go() -> list[list[dict[str, str]]]:
        async with serving(lambda r: reply([("InternalError", False)] * 2)) as server:
            sink = plugin(server, topic_arn=f"{TOPIC}.fifo", message_group_id="$svc x").open(Env())
            (chunk,) = chunks(sink, [("web", events({"svc": "a b"}, {}))])
            for chunk.attempt in (1, 2):
                await sink.deliver(chunk)
            await sink.close()
            return [entries(request) for request in server.requests]

    first, second = asyncio.run(asyncio.wait_for(go(), 60))
    assert [one["MessageGroupId"] for one in first] == ["a_b_x", "_x"]
    assert first == second
    assert len({one["MessageDeduplicationId"] for one in first}) == 2


@pytest.mark.parametrize(
    ("text", "made"),
    [("a\nb", "a b"), ("  é x", "x"), ("x" * 120, "x" * 100), ("x" * 99 + " y", "x" * 99), ("日", "")],
)
def test_subjects(text: str, made: str) -> None:
    assert subject(text) == made


def test_text_is_as_sns_takes_it() -> None:
    assert valid("a\0b\tcaf\udce9") == "a\ufffdb\tcaf\ufffd"
    assert cut("é" * 20, 25) == "é" * 5 + "[Truncated...]"


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, []),
        ({"topic_arn": f"{TOPIC}.fifo"}, []),
        ({"topic_arn": "alerts"}, ["topic_arn"]),
        ({"subject": "$a['"}, ["subject"]),
        ({"aws": Aws(endpoint="ftp://x")}, ["endpoint"]),
    ],
)
def test_wrong_options(options: dict[str, Any], wrong: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert [option for option, _ in Sns(**{"topic_arn": TOPIC, **options}).check()] == wrong


def test_the_region_is_that_of_the_topic() -> None:
    assert Sns(topic_arn=TOPIC).with_region().region == "eu-west-1"
