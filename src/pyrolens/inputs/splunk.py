"""input splunk: what is sent to Splunk's HTTP event collector (HEC).

Source: Fluent Bit 5.1.1 plugins/in_splunk/splunk.c, splunk_config.c, splunk_prot.c.
"""

import hmac
from collections.abc import Iterable
from types import MappingProxyType

from pyrolens.api import Event, Input, InputEnv, Pair, Record, Secret, Source, Stamp, group, opt, plugin
from pyrolens.inputs._http_records import forwarded_for, hand_over, json_values
from pyrolens.inputs._http_server import HTTP_DIFFERS, HTTP_IGNORED, HttpNet, HttpOptions, HttpSource, Take, Usual
from pyrolens.inputs._payload import peer_url
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._text import text_of
from pyrolens.inputs._tls import TLS_NOT_SERVER, ServerTls
from pyrolens.net.requests import Answer, Request, RequestError
from pyrolens.records.accessor import accessor

JSON = "application/json"
COLLECTOR = "/services/collector"
EVENTS = frozenset({COLLECTOR, COLLECTOR + "/event", COLLECTOR + "/event/1.0"})
RAW = frozenset({COLLECTOR + "/raw", COLLECTOR + "/raw/1.0"})
HEALTH = frozenset({COLLECTOR + "/health", COLLECTOR + "/health/1.0"})
SCHEME = "splunk "


@plugin("splunk")
class Splunk(Input):
    """Receive what is sent to Splunk's HTTP event collector (HEC)."""

    ignored = MappingProxyType({**HTTP_IGNORED, **TLS_NOT_SERVER})
    differs = (
        *HTTP_DIFFERS,
        "success_header is honoured; Fluent Bit does not look at it",
        "the Content-Type may have parameters, and for raw data may be missing",
        "a body that is not JSON to its end is refused as a whole; Fluent Bit takes what stands before the mistake",
        "what is no object in an array is counted (refused_records); Fluent Bit loses what follows it, too",
    )

    listen: str = opt("Address to listen on.", default="0.0.0.0")
    port: int = opt("Port to listen on.", default=8088, low=0, high=65535, last_wins=True)
    splunk_token: Secret | None = opt("Take only requests with one of these tokens, commas between.", default=None)
    store_token_in_metadata: bool = opt("Put the token of a request into the metadata, else the record.", default=True)
    splunk_token_key: str = opt("Field for the token.", default="@splunk_token")
    tag_key: str | None = opt("Accessor of the field that is the tag of a record.", default=None)
    add_remote_addr: bool = opt("Add the address of the client, from X-Forwarded-For if it is there.", default=False)
    remote_addr_key: str = opt("Field for that address.", default="remote_addr")
    success_header: list[Pair] = opt("`NAME VALUE` of a header of successful answers.", default=[], words=1)
    http: HttpOptions = group(HttpOptions)
    net: HttpNet = group(HttpNet, "net.")
    tls: bool = opt("Speak TLS.", default=False)
    tls_options: ServerTls = group(ServerTls, "tls.")

    def check(self) -> Iterable[tuple[str, str]]:
        try:
            accessor(self.tag_key or "")
        except ValueError as why:
            yield "tag_key", f"tag_key is '{self.tag_key}': {why}"
        if self.splunk_token is not None and not self.tokens:
            yield "splunk_token", "splunk_token has no token in it"

    @property
    def tokens(self) -> list[str]:
        return [token.strip() for token in (self.splunk_token or "").split(",") if token.strip()]

    def open(self, env: InputEnv) -> Source:
        refuse = Refusals(env)
        usual = Usual("/services/collector/event", {"authorization": f"Splunk {self.tokens[0]}"} if self.tokens else {})
        return HttpSource(
            env,
            refuse,
            Collector(self, env, refuse).answer,
            listen=self.listen,
            port=self.port,
            http=self.http,
            net=self.net,
            tls=self.tls_options if self.tls else None,
            usual=usual,
        )


class Collector:
    """Hands over what requests carry."""

    def __init__(self, plan: Splunk, env: InputEnv, refuse: Refusals) -> None:
        self.plan, self.env, self.refuse = plan, env, refuse
        self.allowed = [(SCHEME + token).lower().encode() for token in plan.tokens]
        self.tag_of = accessor(plan.tag_key) if plan.tag_key else None
        headers = [(pair.key, pair.value) for pair in plan.success_header]
        self.success = said(200, "Success", 0, headers)

    def answer(self, request: Request, take: Take) -> Answer:
        """Raises: RequestError."""
        path = request.path.lower()
        if request.method == "GET":
            if path in HEALTH:
                return said(200, "Success", 200, self.success.headers)
            raise RequestError(400, "invalid HTTP endpoint")
        given = request.headers.get("authorization", "")
        if self.allowed and (refused := self._refused(given)) is not None:
            return refused
        if request.method != "POST":
            raise RequestError(400, "invalid HTTP method")
        if path not in EVENTS and path not in RAW:
            raise RequestError(400, "invalid HTTP endpoint")
        body = self.plan.http.decoded(request)
        if not body:
            return self._refuse(400, "No data", 5)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_json = path in EVENTS and (kind == JSON or (kind != "text/plain" and body.startswith(b"{")))
        records: list[Record] = [{"log": text_of(body)}]
        if is_json:
            try:
                found = json_values(body)
            except RequestError as why:
                if why.status != 400:
                    raise
                return self._refuse(400, "Invalid data format", 6)
            records = [value for value in found if type(value) is dict]
            if len(records) < len(found):
                if not records:
                    return self._refuse(400, "Invalid data format", 6)
                self.refuse("JSON that is not an object", len(found) - len(records))
        events = self._events(request, records, given if given.lower().startswith(SCHEME) else "", is_json)
        if self.tag_of is not None and is_json:
            hand_over(take, [(self._tag(event[1]), event) for event in events], len(body))
        elif events:
            take(self.env.tag, events, len(body))
        return self.success

    def _refused(self, given: str) -> Answer | None:
        """The answer to a request that may not send."""
        if not given:
            return self._refuse(401, "Token is required", 2)
        credentials = given.lower().encode("latin-1", "replace")
        if sum(hmac.compare_digest(credentials, allowed) for allowed in self.allowed):
            return None
        if given.lower().startswith(SCHEME):
            return self._refuse(403, "Invalid token", 4)
        return self._refuse(401, "Invalid authorization", 3)

    def _refuse(self, status: int, text: str, code: int) -> Answer:
        self.env.count("refused_requests")
        self.refuse.say("refused a request", text)
        return said(status, text, code)

    def _events(self, request: Request, records: list[Record], token: str, is_json: bool) -> list[Event]:
        plan, now = self.plan, self.env.now()
        if token and plan.store_token_in_metadata:
            now = Stamp(now, {"hec_token": token})
        elif token:
            more = {plan.splunk_token_key: token}
            records = [{**record, **more} if is_json else {**more, **record} for record in records]
        if plan.add_remote_addr:
            address = {plan.remote_addr_key: forwarded_for(request) or peer_url("tcp", request.peer)}
            records = [{**record, **address} for record in records]
        return [(now, record) for record in records]

    def _tag(self, record: Record) -> str:
        value = self.tag_of(record) if self.tag_of else None
        return value if value and isinstance(value, str) else self.env.tag


def said(status: int, text: str, code: int, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    return Answer(status, f'{{"text":"{text}","code":{code}}}'.encode(), JSON, headers)
