"""output cloudwatch: the name and the options of AWS's plugin in Go.

Source: aws/amazon-cloudwatch-logs-for-fluent-bit (mainline)."""

import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pyrolens.api import Net, Output, OutputEnv, Record, Tls, group, opt, plugin
from pyrolens.aws import AWS_IGNORED, Aws, aws_client
from pyrolens.aws.options import check_aws
from pyrolens.net import Client, NetError
from pyrolens.net.connect import Place
from pyrolens.outputs._cloudwatch import CloudwatchSink, Groups, Messages, Names, NamesOf
from pyrolens.outputs._oversized import Oversized

TOKEN = re.compile(r"\$\(([^)]*)\)")
ECS = ("ecs_task_id", "ecs_cluster", "ecs_task_arn")
LONGEST = 512
"""Characters of the name of a group or a stream."""

Fill = Callable[[str, Record], str | None]
"""(tag, record) -> what stands in place of $(…), None where there is nothing."""


@plugin("cloudwatch")
class Cloudwatch(Output):
    """Send records to Amazon CloudWatch Logs, with the options of AWS's older plugin."""

    ignored = AWS_IGNORED
    differs = (
        "Where the group or the stream is gone, they are created again and the events sent.",
        "Events that the service rejects are counted as dropped.",
        "$(ecs_task_id) and its like are asked for when the router starts; where there is no task the default names "
        "hold, as in the Go plugin.",
    )

    log_group_name: str = opt("Name of the log group; $(key), $(key['sub']), $(tag), $(tag[0]), $(ecs_task_id)…")
    log_stream_name: str | None = opt("Name of the log stream, with the same templates.", default=None)
    log_stream_prefix: str | None = opt("The stream's name is this with the tag after it.", default=None)
    default_log_group_name: str = opt(
        "The group where a record lacks what the template names.", default="fluentbit-default"
    )
    default_log_stream_name: str = opt(
        "The stream where a record lacks what the template names.", default="/fluentbit-default"
    )
    log_key: str | None = opt("Send only the value of this field.", default=None)
    log_format: str | None = opt("Format that the service is told; json/emf makes it extract metrics.", default=None)
    auto_create_group: bool = opt("Create log groups that do not exist.", default=False)
    auto_create_stream: bool = opt("Create log streams that do not exist.", default=True)
    new_log_group_tags: str = opt("Tags of groups that we create: name=value, with commas between.", default="")
    log_retention_days: int = opt("Days that events stay in groups that we create; 0: for ever.", default=0)
    credentials_endpoint: str | None = opt("URL that gives the credentials.", default=None)
    oversized: Oversized = opt(
        "What becomes of an event over 1 MiB; split sends it as several events.", default="truncate"
    )
    extra_user_agent: str | None = opt("Text added to the User-Agent.", default=None)
    aws: Aws = group(Aws)
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.log_stream_name and self.log_stream_prefix:
            yield "log_stream_prefix", "log_stream_prefix cannot be combined with log_stream_name"
        if not self.log_stream_name and not self.log_stream_prefix:
            yield "log_stream_name", "cloudwatch needs log_stream_name or log_stream_prefix"
        if self.credentials_endpoint and not urlsplit(self.credentials_endpoint).hostname:
            yield "credentials_endpoint", f"credentials_endpoint is '{self.credentials_endpoint}': expected a URL"
        yield from check_aws(self.aws)

    def open(self, env: OutputEnv) -> "GoSink":
        return GoSink(self, env, os.environ)


class GoSink(CloudwatchSink):
    """Asks for the task's metadata before the router is ready, where a name holds some of it."""

    def __init__(self, options: Cloudwatch, env: OutputEnv, environ: Mapping[str, str]) -> None:
        self.options = options
        self.environ = environ
        self.fixed = {"uuid": f"{int(time.time()) & 0xFFFFFFFF:08x}{secrets.token_hex(16)}"}
        if options.credentials_endpoint:
            others = (
                "AWS_ACCESS_KEY_ID",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                "HOME",
            )
            environ = {
                **{name: value for name, value in environ.items() if name not in others},
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": options.credentials_endpoint,
            }
        client = aws_client(
            "logs",
            "Logs_20140328",
            options.aws,
            options.net,
            options.tls,
            service_id="CLOUDWATCH_LOGS",
            extra_user_agent=options.extra_user_agent,
            log=env.log,
            environ=environ,
        )
        groups = Groups(
            create_group=options.auto_create_group,
            create_stream=options.auto_create_stream,
            retention_days=options.log_retention_days,
            tags=read_tags(options.new_log_group_tags),
        )
        messages = Messages(options.log_key, env.escape_unicode, strip=True)
        super().__init__(
            env, client, messages, self.names_of_tag, groups, log_format=options.log_format, oversized=options.oversized
        )

    async def start(self) -> None:
        text = self.options.log_group_name + (self.options.log_stream_name or "")
        if not any(f"$({name})" in text for name in ECS):
            return
        try:
            self.fixed.update(await task_metadata(self.environ))
        except (NetError, ValueError) as why:
            self.env.log.warning("no ECS metadata, the default names are used", reason=str(why))

    def names_of_tag(self, tag: str) -> Names | NamesOf:
        options = self.options
        group_of = fill_in(options.log_group_name, self.fixed, group_name)
        stream_of = fill_in(options.log_stream_name or "", self.fixed, stream_name)
        prefix = options.log_stream_prefix

        def names(ns: int, record: dict[str, Any]) -> Names:
            stream = f"{prefix}{tag}" if prefix else stream_of(tag, record)
            return (
                (group_of(tag, record) or options.default_log_group_name)[:LONGEST],
                (stream or options.default_log_stream_name)[:LONGEST],
            )

        if TOKEN.sub("", options.log_group_name) == options.log_group_name and (
            prefix or TOKEN.sub("", options.log_stream_name or "") == options.log_stream_name
        ):
            return names(0, {})
        return names


def read_tags(text: str) -> dict[str, str]:
    """name=value, with commas between; the last of a name wins."""
    pairs = (part.partition("=") for part in text.split(","))
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}


async def task_metadata(environ: Mapping[str, str]) -> dict[str, str]:
    """What the ECS agent says of the task. Raises: NetError, ValueError."""
    base = environ.get("ECS_CONTAINER_METADATA_URI_V4") or environ.get("ECS_CONTAINER_METADATA_URI")
    if not base:
        raise ValueError("ECS_CONTAINER_METADATA_URI_V4 is not set: this is no ECS task")
    url = urlsplit(f"{base.rstrip('/')}/task")
    client = Client(Place(url.hostname or "", url.port or 80, Net(connect_timeout=5.0, keepalive=False)))
    answer = await client.request("GET", url.path, timeout=10.0)
    said = msgspec.json.decode(answer.body)
    if answer.status != 200 or not isinstance(said, dict) or not said.get("TaskARN"):
        raise ValueError(f"the metadata endpoint answers HTTP {answer.status} without a task")
    arn = str(said["TaskARN"])
    return {"ecs_task_arn": arn, "ecs_task_id": arn.rsplit("/", 1)[-1], "ecs_cluster": str(said.get("Cluster") or "")}


def group_name(text: str) -> str:
    """With a dot for each byte that the name of a group may not have."""
    return re.sub(rb"[^A-Za-z0-9_./-]", b".", text.encode("utf-8", "surrogateescape")).decode()


def stream_name(text: str) -> str:
    return text.replace(":", ".").replace("*", ".")


def fill_in(template: str, fixed: Mapping[str, str], clean: Callable[[str], str]) -> Fill:
    """A function that puts the values in place of $(…), or gives None where one is missing."""
    pieces = TOKEN.split(template)
    texts, tokens = [clean(t) for t in pieces[::2]], [_token(t, fixed) for t in pieces[1::2]]

    def fill(tag: str, record: Record) -> str | None:
        out = texts[0]
        for token, text in zip(tokens, texts[1:], strict=True):
            value = token(tag, record)
            if value is None:
                return None
            out += clean(value) + text
        return out

    return fill


def _token(name: str, fixed: Mapping[str, str]) -> Fill:
    if name in ("uuid", *ECS):
        return lambda tag, record: fixed.get(name) or None
    if name == "tag" or name.startswith("tag["):
        digit = name[4:5]
        if not digit:
            return lambda tag, record: tag
        index = int(digit) if digit.isdecimal() else 0

        def part(tag: str, record: Record) -> str | None:
            words = tag.split(".", 9)
            return words[index] if index < len(words) else None

        return part
    first = name.partition("[")[0]
    steps = re.findall(r"\['([^']*)'\]", name)

    def field(tag: str, record: Record) -> str | None:
        value = record.get(first)
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else value
        return value if isinstance(value, str) else None

    return field
