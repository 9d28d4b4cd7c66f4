"""output sns: alerts, by e-mail or in a chat. Ours; Fluent Bit has none.

Source: Amazon SNS's API reference (PublishBatch), and that of custom notifications of Amazon Q in chat applications."""

import asyncio
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from typing import Literal, NamedTuple
from urllib.parse import urlencode

from pyrolens.api import (
    DELIVERED,
    Chunk,
    Encode,
    Event,
    Limits,
    Net,
    Outcome,
    Output,
    OutputEnv,
    Parcel,
    Record,
    Seconds,
    Tls,
    group,
    opt,
    plugin,
)
from pyrolens.aws import AWS_IGNORED, Aws, AwsClient, Reply, aws_client
from pyrolens.aws.client import read_xml
from pyrolens.aws.options import check_aws, region_of
from pyrolens.aws.xml import xml_value
from pyrolens.outputs._held_back import MINUTE, Digest, Rate
from pyrolens.outputs._oversized import SUFFIX, before_character
from pyrolens.records.codecs import json_text
from pyrolens.records.template import Template

MESSAGE = 262_144
"""Bytes of all messages of a request, and so of one."""
MESSAGES = 10
SUBJECT = 100
"""Characters."""
ARN = re.compile(r"arn:[a-z0-9-]+:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")


class Alert(NamedTuple):
    text: str
    subject: str
    id: str
    """The same for each try, so that a FIFO topic delivers it once."""
    group: str
    """Of a FIFO topic."""


@plugin("sns")
class Sns(Output):
    """Send alerts to a topic of Amazon SNS: each record is a message, such as an e-mail.

    With a limit to how many messages that makes; what is beyond it is held back and told in a digest."""

    ignored = AWS_IGNORED

    topic_arn: str = opt("ARN of the topic.")
    subject: str = opt(
        "Subject of a message: text with $TAG, $field and $field['sub'], each up to a blank, dot or comma.",
        default="Logs of $TAG",
    )
    message: str | None = opt(
        "Text of a message, like subject, with \\n for a new line; else the record as JSON.", default=None
    )
    format: Literal["text", "chat"] = opt(
        "chat: as Amazon Q in chat applications shows it in Slack, Teams or Chime.", default="text"
    )
    rate_limit: int = opt("Messages in a rate_window; 0: any number.", default=10, low=0)
    rate_window: Seconds = opt("Time for rate_limit.", default=MINUTE, low=1)
    digest_lines: int = opt("Records that the message about those held back shows.", default=10, low=0)
    message_group_id: str = opt("Group of a message, like subject, for FIFO topics.", default="$TAG")
    aws: Aws = group(Aws)
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if not ARN.fullmatch(self.topic_arn):
            yield "topic_arn", f"topic_arn is '{self.topic_arn}': expected arn:aws:sns:REGION:ACCOUNT:NAME"
        for name in ("subject", "message", "message_group_id"):
            try:
                filled_in(getattr(self, name) or "", "")
            except ValueError as why:
                yield name, f"{name}: {why}"
        yield from check_aws(self.with_region())

    def with_region(self) -> Aws:
        """A topic is in one region, which its ARN says."""
        found = ARN.fullmatch(self.topic_arn)
        return replace(self.aws, region=self.aws.region or (found[1] if found else region_of(self.aws)))

    def open(self, env: OutputEnv) -> "SnsSink":
        client = aws_client("sns", "", self.with_region(), self.net, self.tls, service_id="SNS", log=env.log)
        return SnsSink(self, env, client)


class SnsSink:
    """A record that may not go is in the digest, and counts as delivered; the digest goes as soon as it may."""

    limits = Limits(size=MESSAGE, items=MESSAGES, calls=1)

    def __init__(self, options: Sns, env: OutputEnv, client: AwsClient) -> None:
        self.options, self.env, self.client = options, env, client
        self.fifo = options.topic_arn.endswith(".fifo")
        self.rate = Rate(options.rate_limit, options.rate_window)
        self.digest = Digest(options.digest_lines)
        self._head, self._number = secrets.token_hex(8), count(1)
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    # -- encoding ---------------------------------------------------------------------------------------------

    def encoder(self, tag: str) -> Encode:
        options, escape = self.options, self.env.escape_unicode
        subject_of = filled_in(options.subject, tag)
        group_of = filled_in(options.message_group_id, tag)
        text_of = filled_in(options.message, tag) if options.message else None

        def alert(record: Record) -> Alert | None:
            text = text_of(record) if text_of else json_text(record, escape_unicode=escape)
            text = valid(text)
            if not text.strip():
                return None
            return self.alert(text, subject(subject_of(record)), group_of(record) or tag)

        def encode(events: list[Event]) -> list[Parcel]:
            made = [alert(record) for _, record in events]
            alerts = [one for one in made if one]
            unfit = [event for event, one in zip(events, made, strict=True) if one is None]
            if unfit:
                self.env.reject(unfit, tag, "the message is empty")
            sizes = [len(a.text.encode()) for a in alerts]
            return [Parcel("topic", list(map(tuple, alerts)), len(alerts), sum(sizes), sizes)] if alerts else []

        return encode

    def alert(self, text: str, about: str, group: str) -> Alert:
        if self.options.format == "chat":
            content = {"textType": "client-markdown", "title": about or "Logs", "description": cut(text, MESSAGE // 2)}
            text = json_text({"version": "1.0", "source": "custom", "content": content}, escape_unicode=False)
        if len(text.encode()) > MESSAGE:
            self.env.count("oversized_records")
            text = cut(text, MESSAGE)
        return Alert(text, about, f"{self._head}-{next(self._number)}", group_name(group))

    # -- sending ----------------------------------------------------------------------------------------------

    def shown(self, key: str, item: tuple[str, str, str, str]) -> str:
        return Alert(*item).text

    async def start(self) -> None:
        """Nothing is opened before there is something to send."""

    async def deliver(self, chunk: Chunk) -> Outcome:
        if chunk.attempt > 1:
            return await self._publish(chunk, list(range(len(chunk.items))))
        now = asyncio.get_running_loop().time()
        waits = [self.rate.take(now) for _ in chunk.items]
        held = [Alert(*item) for item, wait in zip(chunk.items, waits, strict=True) if wait]
        if held:
            self.digest.add([alert.text.encode() for alert in held])
            self.env.count("held_back_records", len(held))
            self._arm(max(waits))
        go = [n for n, wait in enumerate(waits) if not wait]
        return await self._publish(chunk, go) if go else DELIVERED

    async def _publish(self, chunk: Chunk, indexes: list[int]) -> Outcome:
        alerts = [Alert(*chunk.items[n]) for n in indexes]
        reply = await self._call(alerts)
        if not reply.ok:
            return Outcome(indexes, {}, reply.reason, reply.after, reply.throttled)
        again: list[int] = []
        rejected: dict[int, str] = {}
        why = ""
        for failed in failures(reply.body.decode("utf-8", "replace")):
            n = indexes[int(xml_value(failed, "Id")) - 1]
            why = f"{xml_value(failed, 'Code')}: {xml_value(failed, 'Message')}"
            if xml_value(failed, "SenderFault") == "true":
                rejected[n] = why
            else:
                again.append(n)
        return Outcome(again, rejected, why) if why else DELIVERED

    async def _call(self, alerts: list[Alert]) -> Reply:
        form = {"Action": "PublishBatch", "Version": "2010-03-31", "TopicArn": self.options.topic_arn}
        for n, alert in enumerate(alerts, 1):
            entry = f"PublishBatchRequestEntries.member.{n}."
            form |= {f"{entry}Id": str(n), f"{entry}Message": alert.text}
            if alert.subject:
                form[f"{entry}Subject"] = alert.subject
            if self.fifo:
                form[f"{entry}MessageGroupId"] = alert.group
                form[f"{entry}MessageDeduplicationId"] = alert.id
        headers = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]
        reply = await self.client.send("POST", "/", headers, urlencode(form).encode(), read=read_xml)
        if reply.ok and b"<PublishBatchRes" not in reply.body:
            # something on the way may say 200, too
            return Reply(0, "", "the answer does not say what became of the messages")
        return reply

    # -- the digest -------------------------------------------------------------------------------------------

    def _arm(self, seconds: float) -> None:
        """Send the digest in a while."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        wait = self.rate.take(asyncio.get_running_loop().time())
        if wait:
            self._arm(wait)
        else:
            self._task = asyncio.get_running_loop().create_task(self._send_digest())

    async def _send_digest(self) -> None:
        kept, self.digest = self.digest, Digest(self.digest.shown)
        if not kept.count:
            return
        reply = await self._call(
            [self.alert(valid(kept.text().decode("utf-8", "replace")), "Records held back", "digest")]
        )
        failed = failures(reply.body.decode("utf-8", "replace")) if reply.ok else [reply.reason]
        if failed:
            later, self.digest = self.digest, kept
            self.digest.add(later.first, later.count)
            self.env.log.warning("the digest is sent again later", records=kept.count, reason=reply.reason)
            self._arm(self.options.rate_window / max(self.rate.limit, 1))

    async def drain(self) -> None:
        """The digest goes now, whatever the rate."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._task:
            await self._task
        await self._send_digest()

    async def close(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._task:
            self._task.cancel()
        if self.digest.count:
            self.env.log.error("records were held back, and their digest could not be sent", records=self.digest.count)
        await self.client.close()


def filled_in(text: str, tag: str) -> Callable[[Record], str]:
    """Text with \\n for a new line, and values of the record and the tag in it. Raises: ValueError."""
    # a template loses a single character after its last value, so each line gets two more, which are cut off
    lines = [Template(f"{line}  ").render(tag) for line in text.split("\\n")]
    return lambda record: "\n".join([(line(record, ()) or "")[:-2] for line in lines])


def failures(answer: str) -> list[str]:
    """The members of <Failed>."""
    found = re.search(r"<Failed>(.*?)</Failed>", answer, re.DOTALL)
    return re.findall(r"<member>(.*?)</member>", found[1], re.DOTALL) if found else []


def valid(text: str) -> str:
    """As SNS takes it: Unicode without the control characters that XML does not know."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", clean)


def cut(text: str, most: int) -> str:
    data = text.encode()
    return text if len(data) <= most else data[: before_character(data, most - len(SUFFIX))].decode() + SUFFIX


def group_name(text: str) -> str:
    """As SNS takes it: at most 128 ASCII characters that are not blank."""
    return re.sub(r"[^!-~]", "_", text)[:128]


def subject(text: str) -> str:
    """As SNS takes it: a line of at most 100 ASCII characters which begins with none that is blank; "" for none."""
    return re.sub(r"[^!-~]+", " ", text).strip()[:SUBJECT].rstrip()
