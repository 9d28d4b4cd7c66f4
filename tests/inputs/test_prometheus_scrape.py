import asyncio
from collections.abc import Callable
from typing import Any

from pyrolens.inputs.prometheus_scrape import PrometheusScrape
from pyrolens.records.codecs.prometheus import plain_text
from tests.inputs.lent import Lent
from tests.net.servers import Answer, Request, answer, serving

T = 1_795_275_039_957_624_793


def scraped(
    respond: Callable[[Request], Answer], until: Callable[[Lent], bool], **options: Any
) -> tuple[Lent, list[Request]]:
    env = Lent(tag="mine")
    env.time = T

    async def main() -> list[Request]:
        async with serving(respond) as server:
            plan = PrometheusScrape(host="127.0.0.1", port=server.port, scrape_interval=0.01, **options)
            source = plan.open(env)
            await source.start()
            await env.until(lambda: until(env))
            await source.stop()
            return server.requests

    return env, asyncio.run(asyncio.wait_for(main(), 60))


def test_what_is_read_is_published() -> None:
    env, (first, *_) = scraped(
        lambda request: answer(200, b'# TYPE a counter\na{x="y"} 2\n'), lambda env: len(env.published) > 1
    )
    assert (first.method, first.target, first.headers["user-agent"]) == ("GET", "/metrics", "Fluent-Bit")
    tag, metrics = env.published[0]
    assert (tag, plain_text(metrics)) == ("mine", '2026-11-21T15:30:39.957624793Z a{x="y"} = 2\n')
    assert env.counts["metrics_scrapes"] == len(env.published)


def test_path_and_who_asks() -> None:
    _, (basic, *_) = scraped(
        lambda request: answer(200, b"a 1\n"),
        lambda env: bool(env.published),
        metrics_path="probe?x=1", http_user="u", http_passwd="p", bearer_token="not this",
    )  # fmt: skip
    assert (basic.target, basic.headers["authorization"]) == ("/probe?x=1", "Basic dTpw")
    _, (bearer, *_) = scraped(
        lambda request: answer(200, b"a 1\n"), lambda env: bool(env.published), bearer_token="t0k"
    )
    assert bearer.headers["authorization"] == "Bearer t0k"


def failed(respond: Callable[[Request], Answer], **options: Any) -> str:
    """The reason in the log, after which it went on."""
    env, requests = scraped(respond, lambda env: env.counts.get("failed_scrapes", 0) > 1, **options)
    assert (env.published, len(requests) > 1) == ([], True)
    level, _, fields = env.said.lines[0]
    assert level == "error"
    return str(fields["reason"])


def test_a_reading_that_fails_is_said_and_the_next_one_made() -> None:
    assert failed(lambda request: answer(503, b"out  of\norder")) == "HTTP 503: out of order"
    assert failed(lambda request: answer(200, b"a 1\n<html>\n")).startswith("line 2 is no metric")
    assert (
        failed(lambda request: answer(200, b"a 1\n" * 9), buffer_max_size=20) == "36 bytes, and buffer_max_size is 20"
    )
    assert "without an answer" in failed(lambda request: None)


def test_an_empty_answer_is_nothing() -> None:
    env, _ = scraped(lambda request: answer(200, b""), lambda env: env.counts.get("metrics_scrapes", 0) > 1)
    assert env.published == []
