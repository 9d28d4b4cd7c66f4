"""input opentelemetry: logs and metrics by OTLP over HTTP.

Source: Fluent Bit 5.1.1 plugins/in_opentelemetry (opentelemetry_prot.c, opentelemetry_logs.c, opentelemetry_traces.c);
the OTLP specification 1.x, OTLP/HTTP.
"""

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from pyrolens.api import Commas, Event, Input, InputEnv, Source, group, opt, plugin
from pyrolens.inputs._http_records import CODES, SuccessCode, json_values
from pyrolens.inputs._http_server import HTTP_DIFFERS, HTTP_IGNORED, HttpNet, HttpOptions, HttpSource, Take, Usual
from pyrolens.inputs._otlp import NotOtlpError, Shape, read_json, read_protobuf
from pyrolens.inputs._otlp_metrics import Reader
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._tls import TLS_NOT_SERVER, ServerTls
from pyrolens.net.requests import Answer, Request, RequestError

JSON, PROTOBUF, GRPC = "json", "protobuf", "grpc"
KIND = re.compile(r"application/(json|(?:x-)?(protobuf)|(grpc)(?:\+[^;\s]*)?)(?=[;\s]|$)", re.IGNORECASE)
SERVICE = re.compile(r"/opentelemetry\.proto\.collector\.(logs?|metrics?|traces?|profiles)\.[^/]*/Export")
PATHS = {"/v1/logs": "logs", "/v1/metrics": "metrics", "/v1/traces": "traces"}
NO_TOKENS = "tokens are not checked here, so oauth2.validate cannot be on"


@plugin("opentelemetry")
class OpenTelemetry(Input):
    """Receive logs and metrics by OTLP over HTTP, as protobuf or as JSON, at /v1/logs and /v1/metrics.

    Metrics go to the outputs that take metrics; filters do not see them.
    """

    relays_metrics = True

    ignored = MappingProxyType(
        {
            "tag_key": "Fluent Bit does not look at the option either",
            "profiles_support": "only logs and metrics are taken here",
            "encode_profiles_as_log": "only logs and metrics are taken here",
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
        "traces are answered 501 and counted (refused_traces), but for raw_traces in JSON",
        "a sum that is not monotonic is a gauge, and changes (delta temporality) are added up, so that outputs get"
        " totals as Prometheus wants them; in Fluent Bit both are counters with the value as it came",
        "all points of a metric are kept, whatever their labels, and prometheus_exporter shows the last request of each"
        " resource; Fluent Bit may keep one point, and shows the last request of all",
        "counts of buckets are those up to each bound; an exponential histogram becomes one with the bounds that its"
        " scale means, also for the output opentelemetry",
        "lists and maps as attributes of points are JSON in the label; Fluent Bit leaves them out",
        "gRPC is answered 501: send by HTTP (http/protobuf)",
        "oauth2.validate on is refused",
        "a request without records is a success, as OTLP has it; Fluent Bit answers 400",
        "whole numbers have 64 bits, text goes on behind a NUL, a doubleValue may be whole, and a bytesValue is read;"
        " Fluent Bit cuts the first two and refuses the others",
        "an intValue that is no number is refused; Fluent Bit makes it 0",
        "JSON's flags are the trace_flags; Fluent Bit looks for traceFlags only",
        "a time of 0 is unknown, in JSON, too",
    )

    listen: str = opt("Address to listen on.", default="0.0.0.0")
    port: int = opt("Port to listen on.", default=4318, low=0, high=65535, last_wins=True)
    tag_from_uri: bool = opt("Without Tag, the tag is v1_logs, v1_metrics or v1_traces.", default=True)
    raw_traces: bool = opt("Take traces that are JSON as records, as they are.", default=False)
    logs_metadata_key: str = opt("Key of what OTLP says beside the body, in the metadata.", default="otlp")
    logs_body_key: str | None = opt(
        "Field for the body; else a map is the record, and all else is in the field `log`.", default=None
    )
    resource_labels: Commas = opt(
        "Attributes of the resource that become labels of its metrics, such as service.name. Not in Fluent Bit.",
        default=[],
    )
    successful_response_code: SuccessCode = opt("Status of successful answers.", default=201)
    oauth2_validate: bool = opt("Check tokens, which cannot be done here.", default=False, name="oauth2.validate")
    http: HttpOptions = group(HttpOptions)
    net: HttpNet = group(HttpNet, "net.")
    tls: bool = opt("Speak TLS.", default=False)
    tls_options: ServerTls = group(ServerTls, "tls.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.oauth2_validate:
            yield "oauth2.validate", "oauth2.validate: tokens are not checked here; put a proxy that does in front"

    def tag_of(self, path: str, env: InputEnv) -> str:
        """The tag of what comes to v1_logs, v1_metrics or v1_traces."""
        return path if self.tag is None and self.tag_from_uri else env.tag

    def open(self, env: InputEnv) -> Source:
        refuse = Refusals(env)
        return HttpSource(
            env,
            refuse,
            Otlp(self, env, refuse).answer,
            listen=self.listen,
            port=self.port,
            http=self.http,
            net=self.net,
            tls=self.tls_options if self.tls else None,
            usual=Usual("/v1/logs"),
        )


class Otlp:
    """Hands over what requests carry."""

    def __init__(self, plan: OpenTelemetry, env: InputEnv, refuse: Refusals) -> None:
        self.plan, self.env, self.refuse = plan, env, refuse
        self.shape = Shape(plan.logs_body_key, plan.logs_metadata_key, env.now)
        self.metrics = Reader(plan.resource_labels, env.now, self._refuse_points)
        assert plan.successful_response_code in CODES
        self.success = Answer(plan.successful_response_code)

    def answer(self, request: Request, take: Take) -> Answer:
        """Raises: RequestError."""
        service = SERVICE.fullmatch(request.path)
        signal = PATHS.get(request.path)
        if signal is None and service is None:
            raise RequestError(404, "invalid endpoint")
        if request.method != "POST":
            raise RequestError(400, "invalid HTTP method")
        kind = KIND.match(request.headers.get("content-type", "application/json"))
        form = (kind[3] or kind[2] or kind[1]).lower() if kind else ""
        if signal is None or form == GRPC:
            raise RequestError(501, "gRPC is not spoken here", "send by OTLP over HTTP (http/protobuf) to /v1/logs")
        if not request.body:
            raise RequestError(400, "invalid content-length")
        if signal == "traces" and self.plan.raw_traces and form == JSON:
            return self._traces(request, take)
        if signal == "traces":
            self.env.count("refused_traces")
            raise RequestError(501, "only logs and metrics are taken here, and no traces")
        if not form:
            raise RequestError(400, "invalid 'Content-Type'")
        body = self.plan.http.decoded(request)
        try:
            if signal == "metrics":
                found = self.metrics.json(json_object(body)) if form == JSON else self.metrics.protobuf(body)
                for reading in found:
                    self.env.publish(self.plan.tag_of("v1_metrics", self.env), reading)
                return self.success
            events = read_json(json_object(body), self.shape) if form == JSON else read_protobuf(body, self.shape)
        except NotOtlpError as why:
            raise RequestError(400, "invalid request: deserialisation error", str(why)) from None
        if events:
            take(self.plan.tag_of("v1_logs", self.env), events, len(body))
        return self.success

    def _refuse_points(self, why: str, points: int) -> None:
        self.env.count("refused_metrics", points)
        self.refuse.say("refused metrics", why, points)

    def _traces(self, request: Request, take: Take) -> Answer:
        """Each request is a record."""
        body = self.plan.http.decoded(request)
        now = self.env.now()
        events: list[Event] = [(now, value) for value in json_values(body) if type(value) is dict]
        if not events:
            raise RequestError(400, "invalid request: deserialisation error", "this is no JSON object")
        take(self.plan.tag_of("v1_traces", self.env), events, len(body))
        return self.success


def json_object(body: bytes) -> Any:
    """Raises: NotOtlpError."""
    found = json_values(body)
    if len(found) != 1 or not body.lstrip().startswith(b"{"):
        raise NotOtlpError("this is no JSON object")
    return found[0]
