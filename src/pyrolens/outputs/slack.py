"""output slack.

Source: Fluent Bit 5.1.1 plugins/out_slack; Slack's reference of incoming webhooks."""

import asyncio
from collections.abc import Callable, Iterable

from pyrolens.api import (
    DELIVERED,
    Chunk,
    Event,
    Limits,
    Net,
    Outcome,
    Output,
    OutputEnv,
    Secret,
    Tls,
    group,
    opt,
    plugin,
)
from pyrolens.net import NetError
from pyrolens.outputs._held_back import MINUTE, Digest, Rate
from pyrolens.outputs._post import IGNORED, Frame, Lines, Poster, PostSink, Table, poster, read_url
from pyrolens.records.codecs import json_value, text_of
from pyrolens.records.event import SECOND

LONGEST = 40_000
"""Characters of a message; Slack cuts off what is more."""
LIMITS = Limits(size=LONGEST - 2_000, calls=1)
"""With room for a digest before the records."""
MARK = " [Truncated...]\n"


@plugin("slack")
class Slack(Output):
    """Send records to a channel of Slack, with a limit to how many messages that makes."""

    ignored = {**IGNORED, "host": "webhook names the host", "port": "webhook names the port"}
    differs = (
        "At most rate_limit messages a minute (ours): the records beyond that are held back, and one message tells how "
        "many they were and shows the first of them. Fluent Bit sends a message for each chunk, which Slack refuses.",
        "A message holds at most 40,000 characters; a longer record is cut, and marked.",
    )

    webhook: Secret = opt("Address of the webhook, which begins with https.")
    rate_limit: int = opt("Messages a minute (ours); 0: any number.", default=60, low=0)
    digest_lines: int = opt("Records that the message about those held back shows (ours).", default=10, low=0)
    tls_on: bool = opt("Off: speak plain HTTP.", default=True, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        try:
            if read_url(self.webhook).scheme == "https":
                return
        except ValueError:
            pass
        yield "webhook", "webhook is no address such as https://hooks.slack.com/services/…"

    def open(self, env: OutputEnv) -> "SlackSink":
        url = read_url(self.webhook)
        headers = [("Content-Type", "application/json"), ("User-Agent", "Fluent-Bit")]
        tls = self.tls if self.tls_on else None
        post = poster(url.host, url.port, self.net, tls, url.target, headers)
        return SlackSink(env, post, Rate(self.rate_limit), self.digest_lines)


def time_of() -> float:
    return asyncio.get_running_loop().time()


def call_later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, call)


class SlackSink(PostSink):
    """A chunk that may not go is in the digest, and counts as delivered; the digest goes as soon as it may."""

    def __init__(self, env: OutputEnv, post: Poster, rate: Rate, shown: int) -> None:
        super().__init__(env, post, self.texts, frame=Frame(), table=Table(), limits=LIMITS)
        self.rate = rate
        self.digest = Digest(shown)
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None

    def texts(self, tag: str) -> Lines:
        def lines(events: list[Event]) -> list[bytes]:
            texts = [f'["timestamp": {ns // SECOND}.{ns % SECOND:09d}, {text_of(r)}]\n' for ns, r in events]
            return [text.encode("utf-8", "surrogateescape") for text in texts]

        return lines

    async def deliver(self, chunk: Chunk) -> Outcome:
        wait = self.rate.take(time_of())
        if wait:
            self.digest.add(chunk.items)
            self.env.count("held_back_records", chunk.records)
            self.arm(wait)
            return DELIVERED
        return await self.send(chunk)

    async def send(self, chunk: Chunk) -> Outcome:
        """A message with the digest, if there is one, and the chunk."""
        kept, self.digest = self.digest, Digest(self.digest.shown)
        try:
            answer = await self.poster.post(self.message(kept.text() + b"".join(chunk.items)))
            outcome = self.table.outcome(chunk, answer)
        except NetError as why:
            outcome = Outcome.again(chunk, str(why))
        if outcome != DELIVERED:
            later, self.digest = self.digest, kept
            self.digest.add(later.first, later.count)
            if self.digest.count:
                self.arm(MINUTE / self.rate.limit)
        return outcome

    def message(self, text: bytes) -> bytes:
        shown = text.decode("utf-8", "surrogateescape")
        if len(shown) > LONGEST:
            shown = shown[: LONGEST - len(MARK)] + MARK
        return json_value({"text": shown}, escape_unicode=self.env.escape_unicode)

    def arm(self, seconds: float) -> None:
        """Send the digest in a while."""
        if self.timer is None:
            self.timer = call_later(seconds, self.due)

    def due(self) -> None:
        self.timer = None
        wait = self.rate.take(time_of()) if self.digest.count else 0.0
        if wait:
            self.arm(wait)
        elif self.digest.count:
            self.task = asyncio.get_running_loop().create_task(self.send_digest())

    async def send_digest(self) -> None:
        outcome = await self.send(Chunk(None, [], 0, 0, "digest"))
        if outcome != DELIVERED:
            self.env.log.warning("the digest is sent again later", records=self.digest.count, reason=outcome.reason)

    async def drain(self) -> None:
        """Send the digest, whatever the rate."""
        if self.task:
            await self.task
        if self.digest.count:
            await self.send_digest()

    async def close(self) -> None:
        if self.timer:
            self.timer.cancel()
        if self.task:
            self.task.cancel()
        if self.digest.count:
            self.env.log.error("records were held back, and their digest could not be sent", records=self.digest.count)
        await super().close()
