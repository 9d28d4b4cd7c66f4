"""What the vendors' APIs take and refuse, from their public references: one function for each, request -> answer."""

import base64
import gzip
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pyrolens.api import Chunk, Event, Outcome, Output
from pyrolens.config import build, read_text
from pyrolens.problems import Problems
from tests.net.servers import Request, Server, answer
from tests.outputs.sending import Env, chunks, with_server

Respond = Callable[[Request], bytes | None]


class RefusedError(Exception):
    """The API's answer to a request that is wrong."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def api(check: Callable[[Request, bytes], bytes]) -> Respond:
    """A server that answers with what `check` returns; it is given the request and the unpacked body."""

    def respond(request: Request) -> bytes:
        try:
            encoding = request.headers.get("content-encoding")
            if encoding not in (None, "gzip"):
                raise RefusedError(415, f"unknown encoding {encoding}")
            return check(request, gzip.decompress(request.body) if encoding else request.body)
        except RefusedError as why:
            return answer(why.status, why.text.encode())

    return respond


def demand(good: bool, status: int, text: str) -> None:
    if not good:
        raise RefusedError(status, text)


def strict_json(body: bytes, status: int = 400) -> Any:
    def wrong(text: str) -> Any:
        raise ValueError(text)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    try:
        return json.loads(body, parse_constant=wrong, object_pairs_hook=once)
    except ValueError as why:
        raise RefusedError(status, f"invalid JSON: {why}") from None


@api
def datadog(request: Request, body: bytes) -> bytes:
    demand(request.target == "/api/v2/logs" and request.method == "POST", 404, "no such path")
    demand(request.headers.get("dd-api-key") == "KEY", 403, "Forbidden")
    demand(request.headers.get("content-type") == "application/json", 415, "application/json is expected")
    demand(len(body) <= 5_000_000, 413, "the body is larger than 5 MB")
    logs = strict_json(body)
    demand(isinstance(logs, list) and 0 < len(logs) <= 1000, 413, "1 to 1000 logs are expected")
    demand(all(isinstance(log, dict) for log in logs), 400, "a log is no object")
    return answer(202, b"{}")


@api
def newrelic(request: Request, body: bytes) -> bytes:
    demand(request.target == "/log/v1" and request.method == "POST", 404, "no such path")
    keys = [request.headers.get(name) for name in ("x-license-key", "x-insert-key")]
    demand(keys in (["LIC", None], [None, "KEY"]), 403, "one valid key is expected")
    demand(request.headers.get("content-type") == "application/json", 415, "application/json is expected")
    demand(len(request.body) <= 1_000_000, 413, "the body is larger than 1 MB")
    said = strict_json(body)
    demand(isinstance(said, list), 400, "a list is expected")
    blocks = said if said and "logs" in said[0] else [{"logs": said}]
    for log in [log for block in blocks for log in block["logs"]]:
        demand(isinstance(log.get("timestamp"), int) and log["timestamp"] > 10**12, 400, "no timestamp in ms")
    return answer(202, b'{"requestId":"1"}')


@api
def splunk(request: Request, body: bytes) -> bytes:
    def said(status: int, text: str, code: int, number: int | None = None) -> RefusedError:
        more = {} if number is None else {"invalid-event-number": number}
        return RefusedError(status, json.dumps({"text": text, "code": code, **more}))

    parts = urlsplit(request.target)
    demand(parts.path == "/services/collector/event", 404, "no such path")
    token = request.headers.get("authorization", "")
    if not token.startswith(("Splunk ", "Basic ")):
        raise said(401, "Invalid authorization", 3)
    if token not in ("Splunk TOKEN", "Basic " + base64.b64encode(b"u:p").decode()):
        raise said(403, "Invalid token", 4)
    demand(len(body) <= 1_000_000, 413, "the body is larger than max_content_length")
    if not body.strip():
        raise said(400, "No data", 5)
    decoder = json.JSONDecoder()
    text = body.decode()
    at = number = 0
    while at < len(text):
        try:
            event, at = decoder.raw_decode(text, at)
        except ValueError:
            raise said(400, "Invalid data format", 6, number) from None
        while text[at : at + 1].isspace():
            at += 1
        if "event" not in event:
            raise said(400, "Event field is required", 12, number)
        if event["event"] == "":
            raise said(400, "Event field cannot be blank", 13, number)
        if event.get("index") == "forbidden":
            raise said(400, "Incorrect index", 7, number)
        if any(isinstance(value, dict) for value in event.get("fields", {}).values()):
            raise said(400, "Error in handling indexed fields", 15, number)
        number += 1
    return answer(200, b'{"text":"Success","code":0}')


@api
def logdna(request: Request, body: bytes) -> bytes:
    parts = urlsplit(request.target)
    query = parse_qs(parts.query, keep_blank_values=True)
    demand(parts.path == "/logs/ingest", 404, "no such path")
    demand(request.headers.get("authorization") == "Basic " + base64.b64encode(b"KEY:").decode(), 403, "wrong key")
    demand(len(query.get("hostname", [])) == 1 and query["now"][0].isdigit(), 400, "hostname and now are expected")
    demand(request.headers.get("content-type") == "application/json; charset=UTF-8", 415, "JSON is expected")
    demand(len(body) <= 10_000_000, 413, "the body is larger than 10 MB")
    lines = strict_json(body)["lines"]
    demand(all(isinstance(line["line"], str) for line in lines), 400, "a line is no text")
    return answer(200, b'{"status":"ok"}')


LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@api
def loki(request: Request, body: bytes) -> bytes:
    demand(request.target == "/loki/api/v1/push", 404, "no such path")
    demand(request.headers.get("content-type") == "application/json", 415, "application/json is expected")
    demand(len(body) <= 4 << 20, 413, "the body is larger than 4 MiB")
    streams = strict_json(body)["streams"]
    for stream in streams:
        demand(bool(stream["stream"]), 400, "at least one label is needed")
        for name, value in stream["stream"].items():
            demand(LABEL.fullmatch(name) is not None and isinstance(value, str), 400, f"label {name!r} is invalid")
        for time, line, *more in stream["values"]:
            demand(isinstance(time, str) and time.isdigit() and len(time) == 19, 400, "no time in ns")
            demand(isinstance(line, str), 400, "no line")
            demand(all(isinstance(v, str) for item in more for v in item.values()), 400, "metadata is no text")
    return answer(204, b"")


@api
def slack(request: Request, body: bytes) -> bytes:
    demand(request.target == "/services/T/B/X", 404, "no_team")
    demand(request.headers.get("content-type") == "application/json", 400, "invalid_payload")
    text = strict_json(body).get("text")
    demand(isinstance(text, str) and bool(text), 400, "no_text")
    demand(len(text) <= 40_000, 400, "msg_too_long")
    return answer(200, b"ok")


PLAIN = r"(?:\\[,= ]|[^,= \\\n]|\\(?![,= ]))+"
FIELD = rf'{PLAIN}=(?:"(?:\\["\\]|[^"\\])*"|-?[0-9.]+(?:e[+-]?[0-9]+)?i?|TRUE|FALSE)'
POINT = re.compile(rf"{PLAIN}(?:,{PLAIN}={PLAIN})* {FIELD}(?:,{FIELD})* [0-9]+")
"""A line of the line protocol. In a measurement an equals sign needs no backslash; here none has one."""


def influxdb(seen: dict[str, str]) -> Respond:
    """`seen`: what the server keeps, by measurement, tags and time."""

    @api
    def respond(request: Request, body: bytes) -> bytes:
        parts = urlsplit(request.target)
        query = parse_qs(parts.query, strict_parsing=True)
        demand(parts.path in ("/write", "/api/v2/write"), 404, "no such path")
        version_1 = parts.path == "/write" and query == {"db": ["fluentbit"], "precision": ["n"]}
        version_2 = query == {"org": ["my org"], "bucket": ["b&c"], "precision": ["ns"]}
        demand(version_1 or version_2, 400, "unknown database")
        if version_2:
            demand(request.headers.get("authorization") == "Token TOKEN", 401, "unauthorized")
        at = 0
        text = body.decode()
        while at < len(text):
            found = POINT.match(text, at)
            demand(found is not None, 400, f"unable to parse {text[at : at + 60]!r}")
            assert found is not None
            series, _, rest = found[0].partition(" ")
            seen[f"{series} {rest.rpartition(' ')[2]}"] = found[0]
            at = found.end() + 1
        return answer(204, b"")

    return respond


Item = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def bulk(path: str = "/_bulk", item: Item | None = None, *, types: bool = True) -> Respond:
    """Elasticsearch or OpenSearch. item: (place of the action, document) -> its result. types: it knows types."""

    @api
    def respond(request: Request, body: bytes) -> bytes:
        demand(request.target == path, 404, "no such path")
        demand(request.headers.get("content-type") == "application/x-ndjson", 406, "wrong Content-Type")
        demand(body.endswith(b"\n"), 400, "the bulk request must be terminated by a newline")
        lines = [strict_json(line) for line in body[:-1].split(b"\n")]
        demand(len(lines) % 2 == 0, 400, "an action without its document")
        results = []
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            ((name, place),) = action.items()
            demand(bool(place.get("_index")), 400, "Validation Failed: 1: index is missing;")
            demand(types or "_type" not in place, 400, "contains an unknown parameter [_type]")
            demand(place.get("_id") != "" and len(str(place.get("_id"))) < 512, 400, "bad _id")
            demand(name != "update" or "_id" in place, 400, "Validation Failed: 1: id is missing;")
            status: dict[str, Any] = item(place, document) if item else {}
            results.append({name: {"_index": place["_index"], "status": 201, **status}})
        errors = any(result["status"] >= 300 for entry in results for result in entry.values())
        return answer(200, json.dumps({"took": 1, "errors": errors, "items": results}).encode())

    return respond


def first(*answers: bytes | None, then: Respond) -> Respond:
    """These answers one after the other, and then those of an API."""
    left = list(answers)
    return lambda request: left.pop(0) if left else then(request)


def settled(
    make: Callable[[Server], Output],
    respond: Respond,
    *batches: list[Event],
    tag: str = "web.app",
    env: Env | None = None,
) -> tuple[list[Outcome], list[Request]]:
    """As `sent`, but what is to be sent again is sent again, up to five times."""

    async def test(server: Server) -> list[Outcome]:
        sink = make(server).open(env or Env())
        await sink.start()
        outcomes = []
        for chunk in chunks(sink, [(tag, batch) for batch in batches]):
            for _ in range(5):
                outcome = await sink.deliver(chunk)
                outcomes.append(outcome)
                if not outcome.retry:
                    break
                items = [chunk.items[n] for n in outcome.retry]
                chunk = Chunk(chunk.key, items, len(items), sum(map(len, items)), chunk.id)
        await sink.close()
        return outcomes

    return with_server(respond, test)


def configured(lines: str) -> tuple[Output, list[str]]:
    """The output of a config's section, and its warnings. Raises: ConfigError."""
    problems = Problems()
    text = "[INPUT]\n    Name dummy\n[OUTPUT]\n    Match *\n" + "".join(f"    {line}\n" for line in lines.splitlines())
    config = build(read_text(text, "a.conf", problems, ""), problems, {})
    (output,) = config.outputs
    assert isinstance(output.plugin, Output)
    return output.plugin, [problem.message for problem in config.warnings]
