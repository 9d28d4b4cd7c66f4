"""output datadog.

Source: Fluent Bit 5.1.1 plugins/out_datadog; limits from Datadog's API reference (Logs, v2)."""

from collections.abc import Iterable, Iterator
from typing import Any

from pyrolens.api import Event, Limits, Net, Output, OutputEnv, Pair, Secret, Tls, group, opt, plugin
from pyrolens.outputs._post import (
    IGNORED,
    PLAIN_TEXT,
    Frame,
    Gzip,
    Lines,
    PostSink,
    Table,
    check_proxy,
    own_headers,
    poster,
)
from pyrolens.records.codecs import Json
from pyrolens.records.event import Record

LIMITS = Limits(size=5_000_000 - 2, items=1000, per_item=1)
FLUENT_BIT = "5.1.1"
"""The version whose requests these are."""


@plugin("datadog")
class Datadog(Output):
    """Send records to Datadog's log intake."""

    ignored = IGNORED
    differs = (
        "A request holds at most 1,000 records and 5 MB, as the service allows; Fluent Bit sends larger ones.",
        "Of a record with both dd_message_key and message, both fields are kept; Fluent Bit loses the earlier.",
        "The ddtags of a record are kept beside dd_tags and what provider ecs adds; Fluent Bit loses them.",
        "JSON is always valid: nan and inf become null, keys that are not text become text.",
    )

    host: str = opt("Host of the intake.", default="http-intake.logs.datadoghq.com")
    port: int | None = opt("Port of the intake; else 443 with tls, 80 without.", default=None, low=1, high=65535)
    apikey: Secret = opt("API key.")
    compress: Gzip = opt("gzip: compress the body, as Datadog recommends.", default=False)
    header: list[Pair] = opt("Add a header: its name, a blank, its value.", default=[], words=1)
    dd_service: str | None = opt("Name of the service that the logs are from.", default=None)
    dd_source: str | None = opt("Technology that the logs are from, such as nginx.", default=None)
    dd_tags: str | None = opt("Tags, as key:value with commas between.", default=None)
    dd_hostname: str | None = opt("Host that the logs are from.", default=None)
    dd_message_key: str = opt("Field that becomes the message.", default="log")
    proxy: str | None = opt("Proxy, as http://host:port.", default=None)
    include_tag_key: bool = opt("Add the tag to the record.", default=False)
    tag_key: str = opt("Field for the tag.", default="tagkey")
    provider: str | None = opt("ecs: what ECS says about the task becomes tags.", default=None)
    json_date_key: str = opt("Field for the time.", default="timestamp")
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        return check_proxy(self.proxy)

    def open(self, env: OutputEnv) -> PostSink:
        if self.provider not in (None, "ecs"):
            env.log.warning("only provider ecs adds tags", provider=self.provider)
        if not self.tls_on and self.host == Datadog.host:
            env.log.warning(PLAIN_TEXT)
        headers = [
            ("User-Agent", "Fluent-Bit"),
            ("DD-API-KEY", self.apikey),
            ("DD-EVP-ORIGIN", "Fluent-Bit"),
            ("DD-EVP-ORIGIN-VERSION", FLUENT_BIT),
            ("Content-Type", "application/json"),
            *own_headers(self.header),
        ]
        post = poster(
            self.host,
            self.port or (443 if self.tls_on else 80),
            self.net,
            self.tls if self.tls_on else None,
            "/api/v2/logs",
            headers,
            gzip=self.compress,
            proxy=self.proxy,
        )

        def lines(tag: str) -> Lines:
            return self.lines(tag, env)

        return PostSink(env, post, lines, frame=Frame(b"[", b",", b"]"), table=Table(), limits=LIMITS)

    def lines(self, tag: str, env: OutputEnv) -> Lines:
        json = Json(None, escape_unicode=env.escape_unicode)
        date, message, dd_tags = self.json_date_key, self.dd_message_key, self.dd_tags
        added: Record = {self.tag_key: tag} if self.include_tag_key else {}
        for name, value in (("ddsource", self.dd_source), ("service", self.dd_service), ("hostname", self.dd_hostname)):
            if value is not None:
                added[name] = value
        from_ecs = self.provider == "ecs"

        def with_tags(record: Record) -> Record:
            """Tags of the task, then the record's own, then the user's."""
            moved = from_ecs and [key for key, value in record.items() if value and is_ecs(key, value)]
            own = record.get("ddtags")
            if not moved and (own is None or dd_tags is None):
                return record if dd_tags is None or own is not None else {**record, "ddtags": dd_tags}
            parts = [tag for key in moved or () for tag in ecs_tags(key, record[key])]
            parts += [part for part in (own, dd_tags) if isinstance(part, str) and part]
            out = {key: value for key, value in record.items() if key not in (moved or ()) and key != "ddtags"}
            out["ddtags"] = ",".join(parts)
            return out

        def entry(ns: int, record: Record) -> Record:
            if from_ecs or dd_tags is not None:
                record = with_tags(record)
            if message in record and message != "message" and "message" not in record:
                record = {"message" if key == message else key: value for key, value in record.items()}
            return {date: (ns + 500_000) // 1_000_000, **added, **record}

        def lines(events: list[Event]) -> list[bytes]:
            return json.each([(0, entry(ns, record)) for ns, record in events])

        return lines


def is_ecs(key: Any, value: Any) -> bool:
    """Whether provider ecs makes a tag of it."""
    return isinstance(value, str) and key in (*NAMES, "container_name", "ecs_cluster", *TASK)


NAMES = ("container_id", "container_image")
TASK = ("ecs_task_definition", "ecs_task_arn")


def ecs_tags(key: str, value: str) -> Iterator[str]:
    """What provider ecs makes of a field."""
    if key == "container_name":
        yield f"container_name:{value.removeprefix('/')}"
    elif key == "ecs_cluster":
        yield f"cluster_name:{_after('cluster/', value)}"
    elif key == "ecs_task_definition":
        family, colon, version = value.partition(":")
        yield from (f"task_family:{family}", f"task_version:{version}") if colon else (f"{key}:{value}",)
    elif key == "ecs_task_arn":
        yield f"task_arn:{value}"
        region, colon, _ = value.removeprefix("arn:aws:ecs:").partition(":")
        if colon and value.startswith("arn:aws:ecs:"):
            yield f"region:{region}"
        yield f"task_id:{_after('task/', value)}"
    else:
        yield f"{key}:{value}"


def _after(mark: str, text: str) -> str:
    _, found, rest = text.partition(mark)
    return rest if found else text
