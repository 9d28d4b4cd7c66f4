"""The outputs that go over the network: how each is configured, and how its destination answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.contracts.destinations import Fault, json_answer
from tests.net.servers import Request, answer

N = 10
"""Records, which are one call of every output."""
SECRET = "hush-Kp7xQz2W"
"""Every secret option has this value, and no line of the log."""
PARTLY = frozenset({1, 4, 7})
"""The records that fail where only a part of them does."""
REST = frozenset(range(N)) - PARTLY

Answers = Callable[[list[int]], bytes]

HOST = "Host {host}\nPort {port}\n"
HTTPS = "tls {tls}\n"
AWS = "region eu-west-1\nendpoint {scheme}://{host}:{port}\n"


def aws_ok(found: list[int]) -> bytes:
    return answer(200, b"{}", x_amzn_RequestId="r")


def aws_error(code: str, status: int = 400) -> bytes:
    return json_answer(status, {"__type": code, "message": "why {headers}"}, x_amzn_RequestId="r")


def xml_error(code: str, status: int) -> bytes:
    return answer(
        status, f"<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>".encode()
    )


def skewed(reply: bytes) -> bytes:
    """With the time of the destination."""
    return reply.replace(b"\r\n", b"\r\nDate: {date}\r\n", 1)


def batch(count: str, results: str, failed: frozenset[int] = frozenset()) -> Answers:
    """The answer of Firehose or Kinesis where these fail."""
    bad = {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "busy"}

    def said(found: list[int]) -> bytes:
        each = [bad if n in failed else {"RecordId": "1"} for n in found]
        return json_answer(200, {count: sum(n in failed for n in found), results: each})

    return said


def bulk(status: int, error: str = "") -> Answers:
    """The answer of _bulk where some fail with this status."""

    def said(found: list[int]) -> bytes:
        bad = {"create": {"status": status, "error": {"type": error, "reason": "why"}}}
        items = [bad if n in PARTLY and status != 201 else {"create": {"status": 201}} for n in found]
        return json_answer(200, {"took": 1, "errors": status != 201, "items": items})

    return said


def published(code: str = "", fault: str = "false") -> Answers:
    def said(found: list[int]) -> bytes:
        bad = "".join(
            f"<member><Id>{place}</Id><Code>{code}</Code><Message>m</Message><SenderFault>{fault}</SenderFault></member>"
            for place, n in enumerate(found, 1)
            if code and n in PARTLY
        )
        good = "".join(
            f"<member><Id>{place}</Id><MessageId>m</MessageId></member>"
            for place, n in enumerate(found, 1)
            if not (code and n in PARTLY)
        )
        parts = f"<PublishBatchResult><Failed>{bad}</Failed><Successful>{good}</Successful></PublishBatchResult>"
        return answer(200, f"<PublishBatchResponse>{parts}</PublishBatchResponse>".encode())

    return said


@dataclass(frozen=True)
class Kind:
    """One output."""

    name: str
    config: str
    ok: Answers = lambda found: answer()
    protocol: str = "http"
    carries: Callable[[Request], bool] = lambda request: True
    throttle: tuple[bytes, ...] = ()
    """How it says in its own words that calls come too fast."""
    expired: bytes = b""
    """How it says that the credentials have expired."""
    unclear: tuple[str, ...] = ()
    """Of the answers of status 200 that say nothing, `garbage` and `empty`: those after which it is sent again."""
    partial: tuple[Fault, ...] = ()
    calls_again: bool = False
    """A call without an answer is made again at once, which is no retry yet."""
    final_500: bool = False
    """Its protocol says that 500 is not tried again."""
    stores: bool = False
    """Records are delivered once they are stored, and sent later."""
    slow: str = "net.io_timeout 5\n"
    """Lines that make it wait for a second only."""
    skewed: bytes = b""
    """How it says that a request is signed for another time."""
    metrics: bool = False
    """It takes metrics, and no logs."""
    way: str = ""
    """Which of its ways to send, where it has several."""

    @property
    def title(self) -> str:
        return f"{self.name}-{self.way}" if self.way else self.name


def partial(reply: bytes, *, for_good: bool = False, said: str = "") -> Fault:
    name = "partly_refused" if for_good else "partly_failed"
    return Fault(name, said, reply=reply, taken=REST, refused=PARTLY if for_good else frozenset())


ALL = list(range(N))
NONE: frozenset[int] = frozenset()
FIREHOSE = ("FailedPutCount", "RequestResponses")
KINESIS = ("FailedRecordCount", "Records")
CLOCKS = {"behind": 86_400.0, "ahead": -7200.0}
"""Seconds by which the clock of the destination is ahead of ours, by what ours is."""


def in_batches(name: str, config: str, fields: tuple[str, str], throttled: str) -> Kind:
    return Kind(
        name,
        config + AWS,
        batch(*fields),
        throttle=(aws_error(throttled),),
        expired=aws_error("ExpiredTokenException"),
        skewed=skewed(aws_error("InvalidSignatureException")),
        unclear=("garbage",),
        partial=(partial(batch(*fields, PARTLY)(ALL), said="3 of 10 records failed: ServiceUnavailableException"),),
        calls_again=True,
    )


def put_log_events(request: Request) -> bool:
    return request.headers.get("x-amz-target", "").endswith("PutLogEvents")


LOGS = Kind(
    "cloudwatch_logs",
    "log_group_name g\nlog_stream_name s\n" + AWS,
    aws_ok,
    carries=put_log_events,
    throttle=(aws_error("ThrottlingException"), answer(503, b"")),
    expired=aws_error("ExpiredTokenException"),
    skewed=skewed(aws_error("InvalidSignatureException")),
    unclear=("garbage", "empty"),
    partial=(
        Fault(
            "partly_refused",
            "older than CloudWatch Logs takes",
            reply=json_answer(200, {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 3}}, x_amzn_RequestId="r"),
            taken=frozenset(range(3, N)),
            refused=frozenset(range(3)),
        ),
    ),
    calls_again=True,
)
ES = Kind(
    "es",
    HOST + HTTPS + f"HTTP_User u\nHTTP_Passwd {SECRET}\nSuppress_Type_Name on\n",
    bulk(201),
    unclear=("garbage", "empty"),
    partial=(
        partial(bulk(429, "es_rejected_execution_exception")(ALL), said="es_rejected_execution_exception"),
        partial(bulk(400, "mapper_parsing_exception")(ALL), for_good=True, said="mapper_parsing_exception"),
    ),
)


def signed(kind: Kind, config: str) -> Kind:
    """An output that signs where it is told to."""
    return replace(
        kind,
        config=HOST + HTTPS + "aws_auth on\naws_region eu-west-1\n" + config,
        way="signed",
        expired=json_answer(403, {"message": "The security token included in the request is expired. {headers}"}),
        skewed=skewed(json_answer(403, {"message": "Signature expired: {headers}"})),
    )


HTTP = Kind("http", HOST + HTTPS + f"Format json\nHTTP_User u\nHTTP_Passwd {SECRET}\n")
OTLP = Kind(
    "opentelemetry",
    HOST + HTTPS + f"http_user u\nhttp_passwd {SECRET}\n",
    lambda found: answer(200, b""),
    final_500=True,
)
REMOTE_WRITE = Kind(
    "prometheus_remote_write",
    HOST + HTTPS + f"http_user u\nhttp_passwd {SECRET}\ncompression gzip\n",
    metrics=True,
)
NEWRELIC = Kind("newrelic", f"licenseKey {SECRET}\nendpoint {{scheme}}://{{host}}:{{port}}/log/v1\n")

KINDS = [
    HTTP,
    signed(HTTP, "Format json\naws_service aps\n"),
    Kind("forward", HOST + HTTPS + f"Require_ack_response on\nShared_Key {SECRET}\n", protocol="forward"),
    Kind("tcp", HOST + HTTPS + "Format json_lines\n", protocol="stream"),
    Kind("gelf", HOST + HTTPS + "Mode tcp\nGelf_Short_Message_Key log\n", protocol="stream"),
    Kind("syslog", HOST + HTTPS + "Mode tcp\nSyslog_Message_Key log\nSyslog_Maxsize 8192\n", protocol="stream"),
    Kind("udp", HOST + "Format json_lines\n", protocol="datagram"),
    Kind("gelf", HOST + "Gelf_Short_Message_Key log\nPacket_Size 8000\n", protocol="datagram", way="udp"),
    Kind("syslog", HOST + "Syslog_Message_Key log\nSyslog_Maxsize 8192\n", protocol="datagram", way="udp"),
    LOGS,
    replace(LOGS, name="cloudwatch"),
    in_batches("kinesis_firehose", "delivery_stream s\n", FIREHOSE, "ServiceUnavailableException"),
    in_batches("firehose", "delivery_stream s\n", FIREHOSE, "ThrottlingException"),
    in_batches("kinesis_streams", "stream s\n", KINESIS, "ProvisionedThroughputExceededException"),
    in_batches("kinesis", "stream s\n", KINESIS, "ProvisionedThroughputExceededException"),
    Kind(
        "s3",
        "bucket b\nstore_dir {dir}/{alias}\nupload_timeout 1s\nuse_put_object on\n" + AWS,
        lambda found: answer(200, b"", ETag='"x"'),
        throttle=(xml_error("SlowDown", 503),),
        expired=xml_error("ExpiredToken", 400),
        skewed=skewed(xml_error("RequestTimeTooSkewed", 403)),
        unclear=("garbage", "empty"),
        calls_again=True,
        stores=True,
    ),
    Kind(
        "sns",
        "topic_arn arn:aws:sns:eu-west-1:123456789012:t\nrate_limit 0\n" + AWS,
        published(),
        throttle=(xml_error("Throttling", 400),),
        expired=xml_error("ExpiredToken", 403),
        skewed=skewed(xml_error("SignatureDoesNotMatch", 403)),
        unclear=("garbage", "empty"),
        partial=(
            partial(published("InternalError")(ALL), said="InternalError: m"),
            partial(published("InvalidParameter", "true")(ALL), for_good=True, said="InvalidParameter: m"),
        ),
        calls_again=True,
    ),
    ES,
    signed(ES, "Suppress_Type_Name on\n"),
    replace(ES, name="opensearch"),
    Kind("datadog", HOST + HTTPS + f"apikey {SECRET}\ncompress gzip\n", lambda found: answer(202, b"{}")),
    Kind(
        "splunk",
        HOST + HTTPS + f"splunk_token {SECRET}\n",
        lambda found: json_answer(200, {"text": "Success", "code": 0}),
        partial=(
            Fault(
                "one_refused",
                "Invalid data format",
                reply=json_answer(400, {"text": "Invalid data format", "code": 6, "invalid-event-number": 4}),
                refused=frozenset({4}),
            ),
        ),
    ),
    NEWRELIC,
    Kind("nrlogs", f"license_key {SECRET}\nbase_uri {{scheme}}://{{host}}:{{port}}/log/v1\n" + HTTPS),
    Kind("logdna", f"logdna_host {{host}}\nlogdna_port {{port}}\napi_key {SECRET}\n" + HTTPS),
    Kind("loki", HOST + HTTPS + f"bearer_token {SECRET}\n", lambda found: answer(204, b"")),
    Kind("slack", f"webhook https://{{host}}:{{port}}/services/{SECRET}\nrate_limit 0\n" + HTTPS),
    OTLP,
    signed(OTLP, ""),
    REMOTE_WRITE,
    signed(REMOTE_WRITE, "aws_service aps\ncompression gzip\n"),
    Kind("influxdb", HOST + HTTPS + f"bucket b\nhttp_token {SECRET}\n", lambda found: answer(204, b"")),
]  # fmt: skip


def faults(kind: Kind) -> list[Fault]:
    """Those that the output can meet."""
    unknown_name = Fault("unknown_name", "cannot be resolved", for_ever=True, options="Retry_Limit 1\n")
    down = Fault("down", "connection refused|nobody listens", down=True)
    if kind.protocol == "datagram":
        return [down, unknown_name]
    signed = [Fault("expired", "", reply=kind.expired, key=True)] if kind.expired else []
    if kind.skewed:
        said = "the clock of this machine is wrong"
        signed += [Fault(f"clock_{way}", said, reply=kind.skewed, skew=skew) for way, skew in CLOCKS.items()]
    if kind.way == "signed":
        return signed
    found = [
        down,
        unknown_name,
        *signed,
        Fault("reset_in_the_middle", "reset|closed|broken pipe", cut=True, doubles=kind.protocol == "stream"),
        Fault("untrusted", "certificate", tls=True, for_ever=True, options="tls.verify on\nRetry_Limit 1\n"),
        Fault("unverified", "", tls=True, options="tls.verify off\n"),
    ]
    if kind.protocol != "stream":
        found += [
            Fault("reset_before_the_answer", "reset|closed", reply=b"", doubles=True),
            Fault("too_slow", "5 seconds", silent=True, doubles=True, options=kind.slow),
        ]
    if kind.protocol == "forward":
        found.append(Fault("garbage", "no msgpack", reply=b"\xc1", doubles=True))
    if kind.protocol != "http":
        return found
    echo = b"you sent {headers}"
    found += [
        Fault("500", "500", reply=answer(500, echo), refused=frozenset(ALL) if kind.final_500 else NONE),
        Fault("503", "503", reply=answer(503, echo)),
        Fault("429", "429", reply=answer(429, echo)),
        Fault("429_with_time", "429", reply=answer(429, b"", Retry_After="2"), wait=1.9),
    ]
    html = answer(200, b"<html>Welcome to this network</html>")
    for name, reply in (("garbage", html), ("empty", answer(200, b""))):
        unclear = name in kind.unclear
        found.append(
            Fault(
                name,
                "answer|did not" if unclear else "",
                reply=reply,
                doubles=unclear,
                taken=NONE if unclear else frozenset(ALL),
            )
        )
    found += [Fault(f"throttled_{n}", "", reply=reply) for n, reply in enumerate(kind.throttle)]
    return [*found, *kind.partial]
