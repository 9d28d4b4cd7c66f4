"""The _bulk requests of Elasticsearch and OpenSearch: what is written, and what the answers mean for each record.

Source: Fluent Bit 5.1.1 plugins/out_es and plugins/out_opensearch; Elastic's and OpenSearch's API references, _bulk."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import cycle
from typing import Any, Literal

import msgspec

from pyrolens.api import DELIVERED, Chunk, Event, Log, Net, Outcome, OutputEnv, Secret, Tls, opt
from pyrolens.aws import CredentialsError, Identity, Signer, signer_of
from pyrolens.aws.options import check_identity
from pyrolens.net import NetError, Response
from pyrolens.outputs._post import (
    IGNORED,
    SECONDS,
    WHOLE_ANSWERS,
    Frame,
    Gzip,
    Headers,
    Lines,
    PostSink,
    Table,
    again,
    basic,
    poster,
    valid_target,
)
from pyrolens.outputs._standard_out import write_out
from pyrolens.records.accessor import MISSING, accessor
from pyrolens.records.codecs import Json, json_value, pack, second_text
from pyrolens.records.event import SECOND, Record
from pyrolens.records.template import Template

NO_TYPES = b"unknown parameter [_type]"
"""What servers answer that have no types any more: Elasticsearch 8, OpenSearch 2."""
Hash = Callable[[bytes], str]
"""A packed record -> its _id."""

BULK_IGNORED = {
    **IGNORED,
    "buffer_size": WHOLE_ANSWERS,
    "trace_error": "the reason of each failure is always logged",
}
BULK_DIFFERS = (
    "The result of each record counts: those refused with 429 or 5xx are sent again, alone; those refused for good "
    "(mapping errors and the like) are rejected with the reason; a document that is there already counts as delivered. "
    "Fluent Bit takes the answer as a whole, and loses or repeats records.",
    "A server that refuses types gets the records again without, and is sent none from then on; Fluent Bit loses them.",
    "An answer that is no answer of _bulk is a failure, and a long answer is read whole.",
    "Id_Key: a record without that field has no _id, and a whole number is one; Fluent Bit gives such a record the "
    "_id of the record before it. With update and upsert a record without an _id is rejected, counted and logged.",
    "A Path without a slash gets one; names are escaped where JSON needs it.",
    "JSON is always valid: nan and inf become null, keys that are not text become text.",
    "A certificate of AWS's own hosts is always checked for its name when requests are signed.",
)
LONGEST = 128
"""Bytes that Fluent Bit takes of the field that Logstash_Prefix_Key names."""


@dataclass(frozen=True, kw_only=True)
class Bulk:
    """The options that both outputs share."""

    index: str = opt("Name of the index; strftime's % stand for the time of sending.", default="fluent-bit")
    type: str = opt("Type of the documents, for servers before version 8.", default="_doc")
    suppress_type_name: bool = opt("Send no type: servers from version 8 on refuse it.", default=False)
    http_user: str | None = opt("User for basic authentication.", default=None)
    http_passwd: Secret = opt("Password for basic authentication.", default="")
    compress: Gzip = opt("gzip: compress the body.", default=False)
    aws_auth: bool = opt("Sign requests for AWS (SigV4).", default=False)
    aws_service_name: str = opt("Service that requests are signed for: es, or aoss for serverless.", default="es")
    logstash_format: bool = opt("The index is Logstash_Prefix and the date of the record.", default=False)
    logstash_prefix: str = opt("What the index begins with.", default="logstash")
    logstash_prefix_separator: str = opt("What stands between prefix and date.", default="-")
    logstash_prefix_key: str | None = opt("Accessor of the field that is the prefix instead.", default=None)
    logstash_dateformat: str = opt("strftime format of the date.", default="%Y.%m.%d")
    time_key: str = opt(
        "Field for the time; a record's own field of that name stays. off: none, which Fluent Bit has not.",
        default="@timestamp",
    )
    time_key_format: str = opt("strftime format of the time, up to its seconds.", default="%Y-%m-%dT%H:%M:%S")
    time_key_nanos: bool = opt("Write nanoseconds; else milliseconds.", default=False)
    include_tag_key: bool = opt("Add the tag to the record.", default=False)
    tag_key: str = opt("Field for the tag.", default="flb-key")
    path: str = opt("Path before /_bulk.", default="")
    pipeline: str | None = opt("Ingest pipeline that the server runs.", default=None)
    generate_id: bool = opt("The _id is a hash of the record, so that no retry makes a second one.", default=False)
    write_operation: Literal["create", "index", "update", "upsert"] = opt(
        "What is done with each record.", default="create"
    )
    id_key: str | None = opt("Accessor of the field that is the _id.", default=None)
    replace_dots: bool = opt("Dots in the names of fields become underscores.", default=False)
    current_time_index: bool = opt("The index and the time field are of the time of sending.", default=False)

    trace_output: bool = opt("Print the body of each request on standard output, too.", default=False)

    def mistakes(self, aws: Identity) -> Iterable[tuple[str, str]]:
        if self.write_operation in ("update", "upsert") and not (self.id_key or self.generate_id):
            yield "write_operation", f"write_operation {self.write_operation} needs id_key or generate_id"
        for name, text in (("id_key", self.id_key), ("logstash_prefix_key", self.prefix_key)):
            try:
                Template(text or "")
            except ValueError as why:
                yield name, f"{name}: {why}"
        if self.aws_auth:
            yield from check_identity(aws, "aws_")

    @property
    def prefix_key(self) -> str | None:
        key = self.logstash_prefix_key
        return f"${key}" if key and not key.startswith("$") else key


class Documents:
    """Writes events as actions with their documents."""

    def __init__(self, options: Bulk, env: OutputEnv, hash_of: Hash, index: Template | None = None) -> None:
        """index: where Index holds accessors."""
        self.options = options
        self.env = env
        self.hash_of = hash_of if options.generate_id and not options.id_key else None
        self.index = index
        self.id_of = accessor(options.id_key) if options.id_key else None
        self.json = Json(None, escape_unicode=env.escape_unicode)
        self.needs_id = options.write_operation in ("update", "upsert")
        self.action = "update" if self.needs_id else options.write_operation
        self.before = {"update": b'{"doc":', "upsert": b'{"doc_as_upsert":true,"doc":'}.get(
            options.write_operation, b""
        )
        self.after = b"}\n" if self.needs_id else b"\n"
        self.head = lru_cache(maxsize=256)(self._head)

    def _head(self, index: str) -> bytes:
        """An action line up to where an _id may come."""
        place = {"_index": index}
        if not self.options.suppress_type_name:
            place["_type"] = self.options.type
        return json_value({self.action: place}, escape_unicode=False)[:-2]

    def lines(self, tag: str) -> Lines:
        options, each = self.options, self.json.each
        stamp = self.stamp()
        key = options.time_key
        stamped = key.lower() != "off"
        extra = {options.tag_key: tag} if options.include_tag_key else {}
        before, after = self.before, self.after
        index_of = self.indexes(tag)

        def lines(events: list[Event]) -> list[bytes]:
            now = self.env.now()
            times = [now] * len(events) if options.current_time_index else [int(ns) for ns, _ in events]
            records = [record for _, record in events]
            if options.replace_dots:
                records = [_without_dots(record) for record in records]
            added = [{key: stamp(ns), **extra} if stamped else extra for ns in times]
            dated = [(0, {**more, **r}) for more, r in zip(added, records, strict=True)]
            bodies = each(dated)
            if index_of is None and self.id_of is None and self.hash_of is None:
                head = self.head(second_text(options.index, now // SECOND)) + b"}}\n" + before
                return [head + body + after for body in bodies]
            ids = self.ids(events, tag, added, records)
            static = second_text(options.index, now // SECOND) if index_of is None else ""
            out = []
            for n, (body, id_) in enumerate(zip(bodies, ids, strict=True)):
                if id_ is False:
                    continue
                if index_of:
                    index = index_of(times[n], events[n][1])
                else:
                    index = static if id_ is None else options.index
                place = b"" if id_ is None else b',"_id":' + json_value(id_, escape_unicode=False)
                out.append(b"".join((self.head(index), place, b"}}\n", before, body, after)))
            return out

        return lines

    def stamp(self) -> Callable[[int], str]:
        form = self.options.time_key_format
        if self.options.time_key_nanos:
            return lambda ns: f"{second_text(form, ns // SECOND)}.{ns % SECOND:09d}Z"
        return lambda ns: f"{second_text(form, ns // SECOND)}.{ns % SECOND // 1_000_000:03d}Z"

    def indexes(self, tag: str) -> Callable[[int, Record], str] | None:
        """(ns, record) -> the index, where it is not the same for all that are sent together."""
        options = self.options
        if options.logstash_format:
            form, fixed, middle = (
                options.logstash_dateformat,
                options.logstash_prefix,
                options.logstash_prefix_separator,
            )
            render = Template(options.prefix_key).render(tag) if options.prefix_key else None

            def logstash(ns: int, record: Record) -> str:
                prefix = (render(record, ()) if render else "") or ""
                if not prefix or not _safe(prefix):
                    prefix = fixed
                elif len(prefix) > LONGEST // 4:
                    prefix = prefix.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore")
                return f"{prefix}{middle}{second_text(form, ns // SECOND)}"

            return logstash
        if options.current_time_index:
            return lambda ns, record: second_text(options.index, ns // SECOND)
        if self.index:
            from_record = self.index.render(tag)

            def of_record(ns: int, record: Record) -> str:
                index = from_record(record, ()) or ""
                return index if index and _safe(index) else Bulk.index

            return of_record
        return None

    def ids(self, events: list[Event], tag: str, added: list[Record], records: list[Record]) -> list[Any]:
        """Of each record its _id, None for none, or False for a record that cannot do without and is rejected."""
        if self.hash_of:
            return [self.hash_of(_packed(head, record)) for head, record in zip(added, records, strict=True)]
        if self.id_of is None:
            return [None] * len(events)
        ids = [_id(self.id_of(record)) for _, record in events]
        if not self.needs_id or None not in ids:
            return ids
        unfit = [event for event, id_ in zip(events, ids, strict=True) if id_ is None]
        self.env.reject(unfit, tag, f"no text in {self.options.id_key}, which is the _id")
        return [False if id_ is None else id_ for id_ in ids]


def _id(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if value is not MISSING and isinstance(value, str) and value else None


def _safe(text: str) -> bool:
    """Fluent Bit takes no name that would have to be escaped."""
    return not any(c in '"\\' or c < " " for c in text)


def _packed(added: Record, record: Record) -> bytes:
    """The map that Fluent Bit hashes: what is added and the record, without regard to names that are in both."""
    size = len(added) + len(record)
    head = bytes((0x80 | size,)) if size < 16 else b"\xde" + size.to_bytes(2, "big")
    return head + pack(added)[1:] + pack(record)[1 if len(record) < 16 else 3 :]


def _without_dots(value: Any) -> Any:
    if isinstance(value, dict):
        return {k.replace(".", "_") if isinstance(k, str) else k: _without_dots(v) for k, v in value.items()}
    return [_without_dots(v) for v in value] if isinstance(value, list) else value


class Answer(msgspec.Struct):
    errors: bool
    items: msgspec.Raw = msgspec.Raw(b"[]")


class Server:
    """Takes _bulk requests, signed where AWS asks for it."""

    def __init__(
        self,
        options: Bulk,
        place: tuple[str, int],
        net: Net,
        tls: Tls,
        authorization: Headers,
        aws: Identity,
        log: Log,
        *,
        tls_on: bool,
        slash: str = "",
    ) -> None:
        """tls: also for the credentials. slash: before a pipeline's name. Raises: ConfigError."""
        host, port = place
        self.signer: Signer | None = None
        target = f"{options.path}/_bulk" + (f"{slash}?pipeline={options.pipeline}" if options.pipeline else "")
        headers = [("Content-Type", "application/x-ndjson")]
        if not options.aws_auth:
            headers += [*authorization, ("User-Agent", "Fluent-Bit")]
        else:
            headers = [("Host", host), *headers, ("User-Agent", "aws-fluent-bit-plugin")]
            tls = replace(tls, verify_hostname=tls.verify_hostname or ".amazonaws." in host)
            self.signer = signer_of(options.aws_service_name, aws, net, tls, log)
        secure = tls if tls_on else None
        self.poster = poster(host, port, net, secure, valid_target(target), headers, gzip=options.compress)

    async def send(self, body: bytes) -> Response:
        """Raises: NetError, CredentialsError."""
        if self.signer is None:
            return await self.poster.post(body)
        packed, encoding = await self.poster.packed(body)
        poster = self.poster
        headers = [*poster.headers, ("x-amz-content-sha256", hashlib.sha256(packed).hexdigest())]
        return await self.signer.request(
            poster.client, "POST", poster.target, headers, packed, unsigned=encoding, seconds=SECONDS
        )


class BulkSink(PostSink):
    """Sends _bulk requests to servers that take turns."""

    def __init__(self, env: OutputEnv, documents: Documents, servers: Sequence[Server]) -> None:
        options = documents.options
        self.servers, self.turns = servers, cycle(servers)
        self.type = b"" if options.suppress_type_name else b',"_type":' + json_value(options.type, escape_unicode=False)
        """As an action holds it."""
        self.trace = options.trace_output
        self.untyped = False
        """A server has said that it takes no types."""
        if options.aws_service_name == "aoss" and not options.suppress_type_name:
            env.log.warning("OpenSearch Serverless refuses types: set suppress_type_name")
        if options.generate_id and options.id_key:
            env.log.warning("generate_id has no effect beside id_key")
        super().__init__(env, servers[0].poster, documents.lines, frame=Frame(), table=Table())

    async def deliver(self, chunk: Chunk) -> Outcome:
        server = next(self.turns)
        try:
            if self.trace:
                await write_out(self.body(chunk))
            answer = await server.send(self.body(chunk))
            if answer.status == 400 and NO_TYPES in answer.body and self.type and not self.untyped:
                self.untyped = True
                self.env.log.warning("the server refuses types, so none are sent from now on: set suppress_type_name")
                answer = await server.send(self.body(chunk))
        except (NetError, CredentialsError, OSError) as why:
            return Outcome.again(chunk, str(why))
        return self.outcome(chunk, answer)

    def body(self, chunk: Chunk) -> bytes:
        items = [item.replace(self.type, b"", 1) for item in chunk.items] if self.untyped else chunk.items
        return b"".join(items)

    async def close(self) -> None:
        for server in self.servers:
            await server.poster.close()

    def outcome(self, chunk: Chunk, answer: Response) -> Outcome:
        if answer.status not in (200, 201):
            return again(chunk, answer)
        try:
            said = msgspec.json.decode(answer.body, type=Answer)
            if not said.errors:
                return DELIVERED
            items = msgspec.json.decode(said.items, type=list[dict[str, dict[str, Any]]])
        except msgspec.DecodeError:
            return Outcome.again(chunk, f"this is no answer of _bulk: {answer.text[:200]!r}", answer.retry_after)
        if len(items) != len(chunk.items):
            return Outcome.again(chunk, f"the answer is for {len(items)} records, not for {len(chunk.items)}")
        retry: list[int] = []
        rejected: dict[int, str] = {}
        reasons: dict[str, None] = {}
        throttled = False
        for n, item in enumerate(items):
            action, result = next(iter(item.items()), ("", {}))
            status = result.get("status")
            if not isinstance(status, int):
                retry.append(n)
            elif 200 <= status < 300 or (status == 409 and action == "create"):
                continue
            elif passing(status, result, action):
                retry.append(n)
                throttled = throttled or status in (429, 503)
                reasons[item_reason(result)] = None
            else:
                rejected[n] = item_reason(result)
        if not retry and not rejected:
            return DELIVERED
        return Outcome(retry, rejected, "; ".join(list(reasons)[:3]), answer.retry_after, throttled)


def passing(status: int, result: dict[str, Any], action: str) -> bool:
    """Whether a record may be taken later: the server is busy, its disk is full, or someone else wrote the same."""
    blocked = status == 403 and "cluster_block" in str(result.get("error"))
    return status in (408, 429) or status >= 500 or blocked or (status == 409 and action == "update")


def item_reason(result: dict[str, Any]) -> str:
    error = result.get("error")
    parts: list[str] = []
    while isinstance(error, dict) and len(parts) < 3:
        parts.append(": ".join(str(error[key]) for key in ("type", "reason") if error.get(key)))
        error = error.get("caused_by")
    said = "; ".join(filter(None, parts)) or (str(error) if error else "")
    return f"{result.get('status')} {said}".strip()[:400]


def user(options: Bulk) -> Headers:
    """The header of the user's own name and password."""
    return [basic(options.http_user, options.http_passwd)] if options.http_user else []
