"""input http: records as JSON or as a form, by POST.

Source: Fluent Bit 5.1.1 plugins/in_http/http.c, http_prot.c.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from pyrolens.api import Event, Input, InputEnv, Pair, Record, Source, group, opt, plugin
from pyrolens.inputs._http_records import SuccessCode, forwarded_for, hand_over, json_values, tag_key, tag_of_path
from pyrolens.inputs._http_server import HTTP_DIFFERS, HTTP_IGNORED, HttpNet, HttpOptions, HttpSource, Take
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._text import text_of
from pyrolens.inputs._tls import TLS_NOT_SERVER, ServerTls
from pyrolens.net.requests import Answer, Request, RequestError
from pyrolens.records.event import SECOND

JSON = frozenset({"application/json", "application/x-ndjson", "application/ndjson", "application/jsonl"})
FORM = "application/x-www-form-urlencoded"
BLANKS = " \t\n\v\f\r"
HEX = re.compile(b"[0-9a-fA-F]{2}").match
NO_TOKENS = "tokens are not checked here, so oauth2.validate cannot be on"


@plugin("http")
class Http(Input):
    """Receive records over HTTP: JSON objects, arrays of them or lines, and forms. The path is the tag."""

    ignored = MappingProxyType(
        {
            "oauth2.issuer": NO_TOKENS,
            "oauth2.jwks_url": NO_TOKENS,
            "oauth2.allowed_audience": NO_TOKENS,
            "oauth2.allowed_clients": NO_TOKENS,
            "oauth2.jwks_refresh_interval": NO_TOKENS,
            **HTTP_IGNORED,
            **TLS_NOT_SERVER,
        }
    )
    differs = (
        *HTTP_DIFFERS,
        "oauth2.validate on is refused",
        "also takes application/x-ndjson, application/ndjson and application/jsonl",
        "a body that ends in the middle of a JSON value is refused as a whole; Fluent Bit loses its end",
        "all values of a body are taken; Fluent Bit stops after the first array, and after what is no object in it",
        "objects with commas between them and no array around are refused",
        "what is no object is counted (refused_records); the answer is 400 if there was nothing else",
        "the values of a form may have more than 1024 bytes",
    )

    listen: str = opt("Address to listen on.", default="0.0.0.0")
    port: int = opt("Port to listen on.", default=9880, low=0, high=65535, last_wins=True)
    tag_key: str | None = opt("Accessor of the field that is the tag of a record; else the path is.", default=None)
    path_separator: str | None = opt(
        "What stands for a slash of the path in the tag, instead of _. Not in Fluent Bit.", default=None
    )
    add_remote_addr: bool = opt("Add the address of the client, from the header X-Forwarded-For.", default=False)
    remote_addr_key: str = opt("Field for that address.", default="REMOTE_ADDR")
    success_header: list[Pair] = opt("`NAME VALUE` of a header of successful answers.", default=[], words=1)
    successful_response_code: SuccessCode = opt("Status of successful answers.", default=201)
    enable_health_endpoint: bool = opt("Answer GET /health.", default=False)
    oauth2_validate: bool = opt("Check tokens, which cannot be done here.", default=False, name="oauth2.validate")
    http: HttpOptions = group(HttpOptions)
    net: HttpNet = group(HttpNet, "net.")
    tls: bool = opt("Speak TLS.", default=False)
    tls_options: ServerTls = group(ServerTls, "tls.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.oauth2_validate:
            yield "oauth2.validate", "oauth2.validate: tokens are not checked here; put a proxy that does in front"
        try:
            tag_key(self.tag_key)
        except ValueError as why:
            yield "tag_key", f"tag_key is '{self.tag_key}': {why}"

    def open(self, env: InputEnv) -> Source:
        refuse = Refusals(env)
        return HttpSource(
            env,
            refuse,
            HttpRecords(self, env, refuse).answer,
            listen=self.listen,
            port=self.port,
            http=self.http,
            net=self.net,
            tls=self.tls_options if self.tls else None,
        )


class HttpRecords:
    """Hands over what requests carry."""

    def __init__(self, plan: Http, env: InputEnv, refuse: Refusals) -> None:
        self.plan, self.env, self.refuse = plan, env, refuse
        self.tag_of = tag_key(plan.tag_key)
        self.success = Answer(
            plan.successful_response_code, headers=[(pair.key, pair.value) for pair in plan.success_header]
        )

    def answer(self, request: Request, take: Take) -> Answer:
        """Raises: RequestError."""
        if not request.path.startswith("/"):
            raise RequestError(400, "invalid request")
        if self.plan.enable_health_endpoint and request.method == "GET" and request.path == "/health":
            return self._health()
        if request.method != "POST":
            raise RequestError(400, "invalid HTTP method")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in JSON and kind != FORM:
            raise RequestError(400, "invalid 'Content-Type'" if kind else "header 'Content-Type' is not set")
        body = self.plan.http.decoded(request)
        if not body:
            raise RequestError(400, "no payload found")
        self._take(request, take, json_values(body) if kind in JSON else [form(body)], len(body))
        return self.success

    def _take(self, request: Request, take: Take, found: list[Any], size: int) -> None:
        records: list[Record] = [value for value in found if type(value) is dict]
        if len(records) < len(found):
            if not records:
                raise RequestError(400, "unable to process records", "there is no JSON object")
            self.refuse("JSON that is not an object", len(found) - len(records))
        if self.plan.add_remote_addr and (address := forwarded_for(request)):
            key = self.plan.remote_addr_key
            records = [record if key in record else {**record, key: address} for record in records]
        now, tag = self.env.now(), tag_of_path(request.path, self.plan.path_separator) or self.env.tag
        events: list[Event] = [(now, record) for record in records]
        if self.plan.tag_key:
            hand_over(take, [(self.tag_of(event[1]) or tag, event) for event in events], size)
        elif events:
            take(tag, events, size)

    def _health(self) -> Answer:
        time = datetime.fromtimestamp(self.env.now() // SECOND, UTC)
        text = f'{{"status": "ok", "timestamp": "{time:%Y-%m-%dT%H:%M:%SZ}"}}\n'
        return Answer(200, text.encode(), "application/json", self.success.headers)


def form(body: bytes) -> Record:
    """The fields of a form, all of them text. Only values are decoded; one that cannot be stays as it is.

    Raises: RequestError if there is none."""
    record: Record = {}
    for part in body.split(b"&"):
        name, equals, value = part.removeprefix(b"\n").partition(b"=")
        if name and equals:
            record[text_of(name).strip(BLANKS)] = text_of(unquoted(value.strip(BLANKS.encode())))
    if not record:
        raise RequestError(400, "unable to process records", "the form has no fields")
    return record


def unquoted(value: bytes) -> bytes:
    first, *rest = value.replace(b"+", b" ").split(b"%")
    out = [first]
    for part in rest:
        if not HEX(part):
            return value
        out += bytes((int(part[:2], 16),)), part[2:]
    return b"".join(out)
