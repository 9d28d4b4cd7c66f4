"""Everything that reads from outside, each as a function of bytes that must not raise.

A target also holds what must be true of any input: events have a time and a record whose keys are texts, and what was
taken can be written again.
"""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgpack

from pyrolens.config import build, read_text
from pyrolens.ecs import firelens, rules, task_definition
from pyrolens.inputs._forward_handshake import Keys
from pyrolens.inputs._json import take_values
from pyrolens.inputs._server import Connection
from pyrolens.inputs.elasticsearch import Elasticsearch
from pyrolens.inputs.forward import Forward, ForwardConnection
from pyrolens.inputs.http import Http
from pyrolens.inputs.opentelemetry import OpenTelemetry
from pyrolens.inputs.splunk import Splunk
from pyrolens.inputs.statsd import Statsd
from pyrolens.inputs.syslog import Syslog
from pyrolens.inputs.tcp import Tcp
from pyrolens.inputs.udp import Udp
from pyrolens.net.http_server import HttpServer, _Connection
from pyrolens.options import Line
from pyrolens.outputs._emf import emf
from pyrolens.outputs._otlp_metrics import scope_metrics
from pyrolens.outputs._remote_write import write_request
from pyrolens.parsers._common import TimeOptions
from pyrolens.parsers._library import builtin
from pyrolens.parsers._library import names as builtin_names
from pyrolens.parsers.json import Json
from pyrolens.parsers.logfmt import Logfmt
from pyrolens.parsers.ltsv import Ltsv
from pyrolens.plugin import Env, Parse
from pyrolens.problems import ConfigError, Problems
from pyrolens.records import frames
from pyrolens.records.codecs import json_value, pack
from pyrolens.records.codecs.cmetrics import pack_metrics, unpack_metrics
from pyrolens.records.codecs.prometheus import plain_text, prometheus_text, read_prometheus
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet
from pyrolens.service.http_api import HttpApi
from pyrolens.service.metrics import Metrics
from pyrolens.store.codec import FAST, PLAIN, unpack, unpack_batch
from pyrolens.store.log import Log
from tests.lent import Lent as LentToFilter
from tests.said import Said

LIMIT = 64 * 1024
"""Bytes of a message, so that limits are met, too."""
SHM = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A folder in memory."""
SECONDS = 5.0
"""What one input may take at most, on a busy machine."""

Target = Callable[[bytes], None]


class Taking:
    """An InputEnv that looks at what it is given."""

    def __init__(self) -> None:
        self.name = self.tag = "input.0"
        self.flush = 1.0
        self.log = Said()
        self.multiline_limit = 0
        self.stores = False
        self.events: list[Event] = []
        self.size = 0

    def now(self) -> int:
        return 1_780_000_000_000_000_000

    def count(self, counter: str, n: int = 1) -> None:
        assert n >= 0

    def parser(self, name: str) -> Parse | None:
        found = builtin(name)
        return found.compile(cast(Env, LentToFilter())) if found else None

    def multiline_parser(self, name: str) -> None:
        return None

    def exit(self, status: int = 0) -> None:
        raise AssertionError("input stops the router")

    def publish(self, tag: str, metrics: MetricSet) -> None:
        assert tag
        look_at_metrics(metrics)

    def ingest(
        self,
        tag: str,
        events: list[Event],
        size: int,
        settled: Callable[[], None] | None = None,
        *,
        stored: Callable[[], None] | None = None,
        delivered: Callable[[], None] | None = None,
    ) -> None:
        assert isinstance(tag, str)
        assert tag
        assert size >= 0
        self.size += size
        look_at(events)
        self.events += events
        for call in (stored, settled, delivered):
            if call is not None:
                call()


def look_at(events: list[Event]) -> None:
    for ns, record in events:
        assert isinstance(ns, int)
        assert isinstance(record, dict)
        assert all(isinstance(key, str) for key in record), record
        with contextlib.suppress(ValueError, RecursionError):  # refused by the output, and counted
            json_value(record)
        with contextlib.suppress(ValueError, RecursionError):
            pack(record)


def look_at_metrics(metrics: MetricSet) -> None:
    """All outputs can write it, and what is written can be read."""
    assert len(metrics) == sum(len(family.samples) for family in metrics.families)
    plain_text(metrics)
    again = prometheus_text(metrics, timestamps=True)
    with contextlib.suppress(ValueError):  # names of other programs may be none of Prometheus
        read_prometheus(again, 0)
    assert len(unpack_metrics(pack_metrics(metrics))) == len(metrics)
    write_request(metrics, 0)
    scope_metrics(metrics)
    for family in metrics.families:
        for sample in family.samples:
            with contextlib.suppress(ValueError):
                json.loads(json_value(emf(family, sample, metrics.labels)))


class Wire:
    """A transport that keeps nothing."""

    def __init__(self) -> None:
        self.closed = False
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("192.0.2.1", 1234) if name == "peername" else default

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


def pieces(data: bytes) -> list[bytes]:
    """The rest of the data, cut as its first byte says: in two, in many, or not at all."""
    if not data:
        return []
    how, rest = data[0], data[1:]
    if how < 128:
        return [rest]
    if how < 192:
        at = (how - 128) * max(len(rest), 1) // 64
        return [rest[:at], rest[at:]]
    step = how - 191
    return [rest[at : at + step] for at in range(0, min(len(rest), 4096), step)] + [rest[4096:]]


LOOP = asyncio.new_event_loop()


def on_loop(call: Callable[[], None]) -> None:
    """What asks for the running loop. Its timers never come."""

    async def main() -> None:
        call()

    LOOP.run_until_complete(main())


def connected(make: Callable[[Any], Any], data: bytes) -> None:
    """Data that comes over a connection of an input."""

    def call() -> None:
        env = Taking()
        source = make(env).open(cast(Any, env))
        server = source.server
        server.loop = LOOP
        connection: Connection = server.connect(server)
        wire: Any = Wire()
        connection.connection_made(wire)
        for piece in pieces(data):
            if wire.closed:
                break
            connection.data_received(piece)
        connection.finish()
        connection.connection_lost(None)
        late = getattr(connection, "late", None)
        if late:
            late.cancel()
        held = getattr(connection, "held", None)
        if held:
            held.cancel()

    on_loop(call)


def forward(data: bytes) -> None:
    connected(lambda env: Forward(buffer_max_size=LIMIT), data)


def forward_with_key(data: bytes) -> None:
    def call() -> None:
        env = Taking()
        source: Any = Forward(shared_key="k" * 8, self_hostname="h").open(cast(Any, env))
        source.server.loop = LOOP
        source.keys = Keys("k" * 8, "h", {"u": "p"})
        connection: ForwardConnection = source.server.connect(source.server)
        wire: Any = Wire()
        connection.connection_made(wire)
        for piece in pieces(data):
            if not wire.closed:
                connection.data_received(piece)
        assert env.events == [], "nobody guesses the digest"
        connection.connection_lost(None)

    on_loop(call)


def tcp_json(data: bytes) -> None:
    connected(lambda env: Tcp(buffer_size=64, source_address_key="peer"), data)
    connected(lambda env: Tcp(buffer_size=64), data)


def tcp_text(data: bytes) -> None:
    connected(lambda env: Tcp(payload=type(Tcp().payload)(format="none")), data)


def udp(data: bytes) -> None:
    def call() -> None:
        source: Any = Udp().open(cast(Any, Taking()))
        source.received([(piece, ("192.0.2.1", 1)) for piece in pieces(data)])

    on_loop(call)


def json_values(data: bytes) -> None:
    """What comes in pieces is what comes at once."""
    whole = take_values(data, last=True)
    for value in whole.values:
        with contextlib.suppress(ValueError, RecursionError, TypeError):
            json.dumps(value)


def http(data: bytes) -> None:
    connected(lambda env: Http(), data)


def posted(make: Callable[[Any], Any], path: bytes, kinds: tuple[bytes, ...], data: bytes) -> None:
    """The data as the body of a request, its kind and its coding as the first byte says."""
    codings = (b"", b"gzip", b"deflate", b"zstd", b"snappy", b"gzip, deflate")
    if not data:
        return
    coding = codings[data[0] // len(kinds) % len(codings)]
    kind = kinds[data[0] % len(kinds)]
    head = b"POST %b HTTP/1.1\r\nContent-Type: %b\r\nContent-Length: %d\r\n" % (path, kind, len(data) - 1)
    head += b"Content-Encoding: %b\r\n" % coding if coding else b""
    connected(make, b"\0" + head + b"\r\n" + data[1:])


def http_body(data: bytes) -> None:
    kinds = (b"application/json", b"application/x-www-form-urlencoded", b"application/x-ndjson")
    posted(lambda env: Http(), b"/tag", kinds, data)


def opentelemetry(data: bytes) -> None:
    posted(lambda env: OpenTelemetry(), b"/v1/logs", (b"application/x-protobuf", b"application/json"), data)


def opentelemetry_metrics(data: bytes) -> None:
    posted(lambda env: OpenTelemetry(), b"/v1/metrics", (b"application/x-protobuf", b"application/json"), data)


def elasticsearch(data: bytes) -> None:
    posted(lambda env: Elasticsearch(tag_key="$a"), b"/index/_bulk", (b"application/x-ndjson",), data)


def splunk(data: bytes) -> None:
    kinds = (b"application/json", b"text/plain", b"application/octet-stream")
    posted(lambda env: Splunk(tag_key="$tag", add_remote_addr=True), b"/services/collector", kinds, data)


def statsd(data: bytes) -> None:
    def call() -> None:
        source: Any = Statsd().open(cast(Any, Taking()))
        source.received([(piece, ("192.0.2.1", 1)) for piece in pieces(data)])

    on_loop(call)


class ApiOptions:
    http_listen, http_port, http_token, health_check = "127.0.0.1", 0, "token-token", True
    hc_errors_count = hc_retry_failure_count = 5
    hc_period = 60.0


def http_api(data: bytes) -> None:
    def call() -> None:
        api = HttpApi(ApiOptions(), Metrics())
        connection = _Connection(HttpServer(api.answer))
        wire: Any = Wire()
        connection.connection_made(wire)
        for piece in pieces(data):
            if not wire.closed:
                connection.data_received(piece)
        connection.connection_lost(None)

    on_loop(call)


def syslog(data: bytes) -> None:
    if not data:
        return
    mode = ("tcp", "unix_tcp", "udp", "unix_udp")[data[0] % 4]
    format_ = ("newline", "octet_counting")[data[0] // 4 % 2]
    path = "/nowhere" if mode.startswith("unix") else None
    plan: Any = Syslog(mode=mode, path=path, **({"format": format_} if mode.endswith("tcp") else {}))  # type: ignore[arg-type]
    if mode.endswith("tcp"):
        connected(lambda env: plan, data[1:])
        return

    def call() -> None:
        source = plan.open(Taking())
        source.received([(piece, None) for piece in pieces(data[1:])])

    on_loop(call)


# -- what is written by people -----------------------------------------------------------------------------------

NOT_HERE = (
    "include", "file", "path", "upstream", "http_server.", "@", "/", "cert", "lua", "script", "code", "db", "rdkafka",
)  # fmt: skip
"""Configs with one of these may name files, which are not the fuzzer's to read."""


def config(text: str, name: str) -> None:
    problems = Problems()
    if any(word in text.lower() for word in ("include", "@", "/")):
        return
    try:
        document = read_text(text, name, problems)
        if not any(word in text.lower() for word in NOT_HERE):
            build(document, problems, {"HOME": "home"})
    except ConfigError as error:
        for problem in error.problems:
            assert str(problem)


def classic(data: bytes) -> None:
    config(data.decode("utf-8", "surrogateescape"), "x.conf")


def yaml(data: bytes) -> None:
    config(data.decode("utf-8", "surrogateescape"), "x.yaml")


def task(data: bytes) -> None:
    problems = Problems()
    try:
        definition = task_definition.read(data.decode("utf-8", "replace"), "task.json", problems)
        rules.check(definition, problems)
        problems.raise_if_any()
        if definition.router is not None:
            setup = firelens.set_up(firelens.Task(definition))
            config(setup.config.replace("/", "").replace("@", ""), "x.conf")
    except ConfigError as error:
        for problem in error.problems:
            assert str(problem)


# -- parsers and frames ---------------------------------------------------------------------------------------------

TIME = TimeOptions(format="%Y-%m-%dT%H:%M:%S.%L%z", keep=True)
PARSERS: list[Parse] = [
    plan.compile(cast(Env, LentToFilter()))
    for plan in (
        Json(time=TIME),
        Json(time=TimeOptions(format="%s.%N", key="t"), decoders=[Line("Decode_Field_As", "json log")]),
        Ltsv(time=TIME),
        Logfmt(time=TIME),
    )
]
REGEXES: list[Parse] = [
    found.compile(cast(Env, LentToFilter())) for name in builtin_names() if (found := builtin(name)) is not None
]


def _parse(parsers: list[Parse], data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for parse in parsers:
        found = parse(text)
        if found is not None:
            record, ns = found
            assert ns is None or isinstance(ns, int)
            look_at([(ns or 0, record)])


def parsers(data: bytes) -> None:
    _parse(PARSERS, data)


def regexes(data: bytes) -> None:
    _parse(REGEXES, data[:2000])


def prometheus(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        look_at_metrics(read_prometheus(data.decode("utf-8", "replace"), 0))


def cmetrics(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        look_at_metrics(unpack_metrics(data))


def message_pack(data: bytes) -> None:
    """The ends are where msgpack sees them, too, and what is cut can be decoded or is refused."""
    whole, wrong = frames.cut(data)
    assert whole.data == data[: len(whole.data)]
    for frame in whole.each():
        with contextlib.suppress(ValueError):
            value = frames.decode_any(frame)
            if isinstance(value, list):
                with contextlib.suppress(ValueError):
                    look_at([frames.read_entry(value)])
    if not wrong:
        unpacker = msgpack.Unpacker(unicode_errors="surrogateescape", strict_map_key=False, max_buffer_size=0)
        unpacker.feed(data)
        try:
            found = sum(1 for _ in unpacker)
        except (ValueError, TypeError, msgpack.UnpackException, RecursionError, OverflowError):
            return
        assert found == len(whole.ends)


def stored(data: bytes) -> None:
    """What is read again from the disk: the bodies of frames, and files that somebody else has written."""
    for read in (unpack, lambda body: unpack_batch(FAST, body), lambda body: unpack_batch(PLAIN, body)):
        with contextlib.suppress(ValueError):
            read(data)
    with tempfile.TemporaryDirectory(dir=SHM) as root:
        folder = Path(root) / "a"
        log = Log(folder, _no_complaint)
        at = log.append(FAST, 1, data[:100])
        log.append(PLAIN, 1, data[100:])
        log.settle(at)
        segment, journal = at.segment.path, at.segment.journal
        segment.write_bytes(segment.read_bytes()[: data[0] if data else 0] + data)
        journal.write_bytes(data[-16:] + journal.read_bytes())
        (folder / f"{'9' * 20}.seg").write_bytes(data)
        again = Log(folder, _no_complaint)
        again.open()
        while frame := again.next():
            assert frame.body in (data[:100], data[100:])
            again.settle(frame.at)
        again.close()
        assert not folder.exists()


def _no_complaint(what: str, why: OSError) -> None:
    raise AssertionError(f"{what}: {why}")


TARGETS: dict[str, Target] = {
    "forward": forward,
    "forward_with_key": forward_with_key,
    "tcp_json": tcp_json,
    "tcp_text": tcp_text,
    "udp": udp,
    "json_values": json_values,
    "http": http,
    "http_body": http_body,
    "opentelemetry": opentelemetry,
    "opentelemetry_metrics": opentelemetry_metrics,
    "elasticsearch": elasticsearch,
    "splunk": splunk,
    "statsd": statsd,
    "http_api": http_api,
    "syslog": syslog,
    "classic": classic,
    "yaml": yaml,
    "task_definition": task,
    "parsers": parsers,
    "regexes": regexes,
    "message_pack": message_pack,
    "prometheus": prometheus,
    "cmetrics": cmetrics,
    "stored": stored,
}
