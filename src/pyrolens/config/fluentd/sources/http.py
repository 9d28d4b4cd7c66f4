"""Source http.

Source: Fluentd 1.19, lib/fluent/plugin/in_http.rb.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyrolens.config.fluentd.kinds import Bool, Int, Size, Time
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.parse import ParseSection, parser
from pyrolens.config.fluentd.reading import section
from pyrolens.config.fluentd.sources.base import ONE_LOOP, QUEUE, SourceSaid, Transport
from pyrolens.config.fluentd.times import read_float
from pyrolens.options import opt
from pyrolens.plugin import FilterEnv, Transform
from pyrolens.records.event import Event, Record


@dataclass(frozen=True, kw_only=True)
class Http(SourceSaid):
    """Receive JSON over HTTP. The path is the tag: a dot stands for each slash."""

    plugin = "http"
    ignored = {
        "backlog": QUEUE,
        "blocking_timeout": ONE_LOOP,
        "dump_error_log": "what is refused is counted, and logged now and then",
        "decompression_size_limit": "the limit is that of body_size_limit",
    }
    refused = {
        "add_http_headers": "headers of requests do not become fields here",
        "add_query_params": "parameters of the address do not become fields here",
        "cors_allow_origins": "browsers of other sites are not let in: put a proxy in front",
        "cors_allow_credentials": "browsers of other sites are not let in: put a proxy in front",
        "respond_with_empty_img": "answers are empty",
    }

    bind: str = opt("Address to listen on.", default="0.0.0.0")
    port: Int = opt("Port to listen on.", default=9880)
    body_size_limit: Size = opt("Bytes of the largest request.", default=32 * 1024 * 1024)
    keepalive_timeout: Time = opt("Seconds after which a silent connection is closed.", default=10.0)
    add_remote_addr: Bool = opt("Put the client's address, from X-Forwarded-For, into REMOTE_ADDR.", default=False)
    use_204_response: Bool = opt("Answer 204, and not 200.", default=False)
    add_tag_prefix: str | None = opt("Put this, and a dot, before the tags.", default=None)
    transport: Transport | None = section(Transport)
    parse: ParseSection | None = section(parser)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.add_tag_prefix:
            yield "add_tag_prefix", "add_tag_prefix is not understood here: send to another path"
        if self.parse and self.parse.element.text("@type") != "json":
            yield "", "<parse> may be of @type json only: JSON and forms are taken"

    def lower(self, to: Lowered) -> None:
        to.set("listen", self.bind, "bind")
        to.set("port", self.port, "port")
        to.set("path_separator", ".")
        to.set("buffer_max_size", self.body_size_limit, "body_size_limit")
        to.set("http_server.idle_timeout", max(int(self.keepalive_timeout), 1), "keepalive_timeout")
        to.set("add_remote_addr", self.add_remote_addr, "add_remote_addr")
        to.set("successful_response_code", "204" if self.use_204_response else "200", "use_204_response")
        if self.transport:
            self.transport.lower(to)
        key = self.parse.key if self.parse else "time"
        keep = bool(self.parse and self.parse.keep_time_key)
        read = self.parse.read_time() if self.parse else read_float

        def one(ns: int, record: Record) -> Event:
            if key is None or key not in record:
                return ns, record
            try:
                own = read(record[key])
            except ValueError:
                return ns, record
            return own, record if keep else {k: v for k, v in record.items() if k != key}

        def make(env: FilterEnv) -> Transform:
            return lambda tag, events: [one(e[0], r) for e in events for r in form_records(e[1])]

        to.process("parse", make)


def form_records(record: Record) -> list[Record]:
    """What a form carries: json=… or ndjson=…, perhaps with time=…; other records are as they are."""
    named = next((name for name in ("json", "ndjson") if isinstance(record.get(name), str)), None)
    if named is None or set(record) - {named, "time"}:
        return [record]
    texts = record[named].splitlines() if named == "ndjson" else [record[named]]
    try:
        values: list[Any] = [json.loads(text) for text in texts if text.strip()]
    except ValueError:
        return [record]
    found = [item for value in values for item in (value if isinstance(value, list) else [value])]
    time = {"time": record["time"]} if "time" in record else {}
    return [{**item, **time} for item in found if isinstance(item, dict)]
