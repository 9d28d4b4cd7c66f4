"""input elasticsearch: the documents of the bulk API.

Source: Fluent Bit 5.1.1 plugins/in_elasticsearch/in_elasticsearch.c, in_elasticsearch_bulk_prot.c; the bulk API of
Elasticsearch 8.
"""

import json
import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from pyrolens.api import Event, Input, InputEnv, Record, Source, group, opt, plugin
from pyrolens.inputs._http_records import hand_over, json_stream
from pyrolens.inputs._http_server import HTTP_DIFFERS, HTTP_IGNORED, HttpNet, HttpOptions, HttpSource, Take, Usual
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._tls import TLS_NOT_SERVER, ServerTls
from pyrolens.net.requests import Answer, Request, RequestError
from pyrolens.records.accessor import MISSING, accessor

JSON = "application/json"
KIND = re.compile(r"application/(vnd\.elasticsearch\+)?(x-nd)?json", re.IGNORECASE)
BULK = re.compile(r"/(?:([^/]+)/)?_bulk")
PRODUCT = (("X-Elastic-Product", "Elasticsearch"),)
"""Without it the clients of Elasticsearch take the server for another product."""
CREATED = '{"%s":{"status":201,"result":"created"}}'
FORBIDDEN = '{"update":{"status":403,"result":"forbidden"}}'
NOT_FOUND = '{"delete":{"status":404,"result":"not_found"}}'
ITEMS = {"index": CREATED % "index", "create": CREATED % "create", "update": FORBIDDEN, "delete": NOT_FOUND}
"""What the answer says of each action."""


@plugin("elasticsearch")
class Elasticsearch(Input):
    """Receive what is sent to the bulk API of Elasticsearch."""

    ignored = MappingProxyType({**HTTP_IGNORED, **TLS_NOT_SERVER})
    differs = (
        *HTTP_DIFFERS,
        "a request that cannot be read is answered 400, and nothing of it is taken; Fluent Bit takes what stands before"
        " the mistake and gives no answer",
        "PUT /_bulk is taken, too; Fluent Bit answers 200 and throws it away",
        "/INDEX/_bulk is taken, with INDEX for actions that name none",
        "answers have the header X-Elastic-Product, which clients of Elasticsearch look for",
    )

    listen: str = opt("Address to listen on.", default="0.0.0.0")
    port: int = opt("Port to listen on.", default=9200, low=0, high=65535, last_wins=True)
    tag_key: str | None = opt("Accessor of the field that is the tag of a record.", default=None)
    meta_key: str = opt("Field for the action that stands before a document.", default="@meta")
    hostname: str = opt("Host name to give to clients that ask for nodes.", default="localhost")
    version: str = opt("Version to give to clients.", default="8.0.0")
    http: HttpOptions = group(HttpOptions)
    net: HttpNet = group(HttpNet, "net.")
    tls: bool = opt("Speak TLS.", default=False)
    tls_options: ServerTls = group(ServerTls, "tls.")

    def check(self) -> Iterable[tuple[str, str]]:
        try:
            accessor(self.tag_key or "")
        except ValueError as why:
            yield "tag_key", f"tag_key is '{self.tag_key}': {why}"

    def open(self, env: InputEnv) -> Source:
        refuse = Refusals(env)
        return HttpSource(
            env,
            refuse,
            BulkApi(self, env).answer,
            listen=self.listen,
            port=self.port,
            http=self.http,
            net=self.net,
            tls=self.tls_options if self.tls else None,
            usual=Usual("/_bulk"),
        )


class BulkApi:
    """Hands over the documents, and says what clients ask before they send some."""

    def __init__(self, plan: Elasticsearch, env: InputEnv) -> None:
        self.plan, self.env = plan, env
        self.tag_of = accessor(plan.tag_key) if plan.tag_key else None

    def answer(self, request: Request, take: Take) -> Answer:
        """Raises: RequestError."""
        path, method = request.path, request.method
        if not path.startswith("/"):
            raise RequestError(400, "invalid request")
        bulk = BULK.fullmatch(path)
        if bulk and method in ("POST", "PUT"):
            return self._bulk(request, take, bulk[1])
        if method == "POST":
            raise RequestError(400, "invalid HTTP endpoint")
        if method == "HEAD":
            return Answer(200, headers=PRODUCT)
        if method not in ("GET", "PUT"):
            raise RequestError(400, "invalid HTTP method")
        said: Any = {}
        if method == "GET" and path.startswith("/_nodes/http"):
            said = self._nodes()
        elif method == "GET" and path == "/":
            version = {"number": self.plan.version, "build_flavor": "pyrolens"}
            said = {"version": version, "tagline": "The bulk API of a log router"}
        return Answer(200, json.dumps(said).encode(), JSON, PRODUCT)

    def _nodes(self) -> Any:
        plan = self.plan
        http = {
            "publish_address": f"{plan.hostname}:{plan.port}",
            "max_content_length_in_bytes": plan.http.buffer_max_size,
        }
        node = {"name": self.env.name, "version": plan.version, "http": http}
        return {"_nodes": {"total": 1, "successful": 1, "failed": 0}, "nodes": {"pyrolens": node}}

    def _bulk(self, request: Request, take: Take, index: str | None) -> Answer:
        kind = request.headers.get("content-type")
        if kind is None or not KIND.match(kind):
            raise RequestError(400, "invalid 'Content-Type'" if kind else "header 'Content-Type' is not set")
        body = self.plan.http.decoded(request)
        if not body:
            raise RequestError(400, "no payload found")
        actions, found = read_bulk(json_stream(body), self.plan.meta_key, index)
        if found:
            now, own = self.env.now(), self.env.tag
            events: list[Event] = [(now, record) for record in found]
            if self.tag_of is None:
                take(own, events, len(body))
            else:
                hand_over(take, [(self._tag(event[1]) or own, event) for event in events], len(body))
        errors = "true" if "update" in actions or "delete" in actions else "false"
        items = ",".join([ITEMS[action] for action in actions])
        return Answer(200, f'{{"took":0,"errors":{errors},"items":[{items}]}}'.encode(), JSON, PRODUCT)

    def _tag(self, record: Record) -> str | None:
        value = self.tag_of(record) if self.tag_of else MISSING
        return value if isinstance(value, str) else None


def read_bulk(values: list[Any], meta_key: str, index: str | None) -> tuple[list[str], list[Record]]:
    """The actions, and the records of those that create documents. `index`: of actions that name none.

    Raises: RequestError."""
    actions: list[str] = []
    records: list[Record] = []
    rest = iter(values)
    for meta in rest:
        action = next(iter(meta), "") if type(meta) is dict else ""
        if action not in ITEMS:
            raise RequestError(400, "an action of a bulk request cannot be read", f"it is number {len(actions)}")
        actions.append(action)
        if action == "delete":
            continue
        document = next(rest, None)
        if type(document) is not dict:
            raise RequestError(400, "a document of a bulk request is no object", f"it is number {len(actions) - 1}")
        if action != "update":
            if index is not None and isinstance(meta[action], dict):
                meta = {**meta, action: {"_index": index, **meta[action]}}
            records.append({meta_key: meta, **document})
    return actions, records
