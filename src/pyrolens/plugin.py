"""What plugins are: frozen declarations of options, which make the thing that runs."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import (
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    Protocol,
    Self,
    TypeVar,
    cast,
    dataclass_transform,
    runtime_checkable,
)

from pyrolens.delivery.outcome import Encoding, Sink
from pyrolens.delivery.retry import RetryPolicy
from pyrolens.multiline import MultilineParser
from pyrolens.options import Level, Limit, Line, OptionError, Retries, Seconds, Secret, opt, spec_of
from pyrolens.records.event import Event, Record
from pyrolens.records.metrics import MetricSet

PluginKind = Literal["input", "parser", "filter", "output"]
Transform = Callable[[str, list[Event]], list[Event]]
"""(tag, events) -> the events that go on. May return the list it was given; never edits a record."""
MetricsTransform = Callable[[str, MetricSet], MetricSet]
"""(tag, metrics) -> the metrics that go on."""
Parse = Callable[[str], tuple[Record, int | None] | None]
"""Text -> (record, time in ns or None when the text names none), or None when the text does not fit."""

ParseLines = Callable[[bytes, int, Callable[[str], Record]], list[Event] | None]
"""(lines in UTF-8, each with its line feed; the time of those that name none; what becomes of those that do not fit)
-> their events, as Parse would make them one by one. None: they have to be read so."""

Misfit = tuple[str, str] | OptionError
"""What is wrong with the options of a plugin: (option, message), or with a place of its own."""


def lines_parser(parse: Parse) -> ParseLines | None:
    """For many lines at once; None where there is no faster way than one by one."""
    return getattr(parse, "lines", None)


class Log(Protocol):
    """A log line is an event and fields: log.warning("retry", attempt=2, wait="4s", reason=…)."""

    def error(self, event: str, **fields: object) -> None: ...
    def warning(self, event: str, **fields: object) -> None: ...
    def info(self, event: str, **fields: object) -> None: ...
    def debug(self, event: str, **fields: object) -> None: ...


class Env(Protocol):
    """What the router lends to every plugin."""

    name: str
    """As in logs and metrics: the alias, or plugin.number."""
    log: Log

    def now(self) -> int:
        """ns since the epoch."""

    def count(self, counter: str, n: int = 1) -> None:
        """Add to a counter of this plugin (it appears in the metrics)."""

    def parser(self, name: str) -> Parse | None:
        """The registered parser of that name."""

    def exit(self, status: int = 0) -> None:
        """Stop the router as a signal would: an input that has nothing more to read, a check that failed.
        `status`: its exit status."""


class JoiningEnv(Env, Protocol):
    """For those who join lines."""

    multiline_limit: int
    """Bytes that a joined record may have; 0: no limit."""

    def multiline_parser(self, name: str) -> MultilineParser | None:
        """The multiline parser of that name, in any case."""


class LogLine(NamedTuple):
    """A line of the router's own log."""

    time: int
    """ns since the epoch."""
    level: str
    """error, warn, info, debug or trace."""
    name: str
    """Of the part of the router that says it: engine, or kind:plugin:label."""
    text: str
    repeats: bool
    """It only says how often another one was repeated."""


class InputEnv(JoiningEnv, Protocol):
    tag: str
    """The tag of the input: as configured, or the plugin's name."""
    flush: float
    """Seconds; the service's Flush."""

    stores: bool
    """What the input hands over is kept on disk until it has settled."""

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
        """Hand over a batch: events of one tag in order of arrival, and the bytes they took on arrival.

        `settled` is called once nothing of the batch can be lost any more with the process: all of it is delivered,
        filtered out, given up, or on disk until its outputs take it. `delivered` waits for these outputs, too.
        `stored` is called once the batch is on disk, where the input stores, else at once. The records now belong to
        the router. May call `pause` of the source before it returns."""

    def publish(self, tag: str, metrics: MetricSet) -> None:
        """Hand over metrics: they go to the outputs that take metrics and match the tag; filters do not see them.
        May call `pause` of the source before it returns."""

    def own_metrics(self) -> MetricSet:
        """What the router counts about itself, as it stands now."""

    def listen(self, take: Callable[[LogLine], None]) -> Callable[[], None]:
        """Give each line of the router's log to `take`, at once, from now on. Returns what ends it."""

    def leads_to(self, output: str) -> bool:
        """Whether records of the input's tag may come to an output, by its name in the log."""


class Held(Protocol):
    """What a filter with memory keeps of the batch whose records it remembers."""

    def release(self) -> None:
        """Nothing of that batch is remembered any more. Call it after the emit of the last of its records. Within a
        call of the transform, the batch then settles with the one being filtered."""


class FilterEnv(JoiningEnv, Protocol):
    def emit(
        self,
        tag: str,
        events: list[Event],
        *,
        moved: int = 0,
        held: Sequence[Held] = (),
        label: str | None = None,
    ) -> None:
        """Let records enter again at the first filter under another tag. `moved`: how many of them the filter
        takes out of the batch it was given (they are not dropped). Outside of a call of the transform, `held`
        is what hold() gave for the batches that the records came in, the latest last. `label`: of a config in
        Fluentd's language, the label that they enter; None: the one where they are."""

    def failed(self, records: int) -> None:
        """Count records that go on unchanged, since the filter failed at them. For a filter that sees by itself to what
        else becomes of a transform that raises."""

    def hold(self, records: int = 0) -> Held:
        """The batch being filtered is not settled until release(): for filters with memory. `records`: how many
        the filter takes out of the batch to remember them (they are not dropped)."""

    def publish(self, tag: str, metrics: MetricSet, settled: Callable[[], None]) -> None:
        """Send metrics to the outputs that take metrics and match the tag. `settled` as in InputEnv.ingest."""

    def later(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """Call once after some time. Returns what cancels it."""

    def at_end(self, call: Callable[[], None]) -> None:
        """Call once the inputs have stopped: the time to emit what is remembered."""

    def task(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something that waits for others, such as a request. Given while the filter is compiled, the inputs start
        only when it is done (or has taken too long). Later, it runs beside everything else. At the end of the router
        it is given a little time, and then cancelled."""

    def go_on(self, tag: str, events: list[Event], held: Sequence[Held]) -> None:
        """Outside of a call of the transform: records that were held back go on behind this filter. `held`: what
        hold() gave for the batches that they came in; release it afterwards."""


class OutputEnv(Env, Protocol):
    flush: float
    workers: int
    escape_unicode: bool
    """Outputs that write JSON spell what is not ASCII as \\uXXXX (json.escape_unicode of the service)."""
    retry: RetryPolicy
    """For outputs that keep records on their own and send them later."""

    def reject(self, events: list[Event], tag: str, reason: str) -> None:
        """Records that cannot be encoded for this destination: counted, logged, kept as dead letters if asked."""


class Source(Protocol):
    """An input at work."""

    async def start(self) -> None:
        """Listen or open. Raises: ConfigError to refuse the start (a port in use)."""

    def pause(self) -> None:
        """Stop reading; the buffer is full."""

    def resume(self) -> None: ...

    async def stop(self) -> None:
        """Stop for good. What was read has been handed over when this returns."""


@runtime_checkable
class Hears(Protocol):
    """A source that can also be told what comes in, without being started: to see what it makes of it."""

    def hear(self, data: bytes | None, at: str) -> None:
        """A line without its end, a message, or the body of a request; None: nothing more comes. `at`: the path of the
        file or of the request, or the tag that the peer chooses; "": the usual one."""


@runtime_checkable
class Host(Protocol):
    """A source that others write to. A router that is told to stop goes on reading until they have closed, or until
    Grace is nearly over."""

    @property
    def peers(self) -> int:
        """How many are connected."""


@runtime_checkable
class Heir(Protocol):
    """A source that can go on where another one of its plugin stands, when the config was loaded again: with its
    listening socket and its peers, with the files that both read."""

    def inherit(self, old: Any) -> bool:
        """Called before start() for each of them, which all still run. What both have in common passes over within
        start(), before anything is awaited; the other source is stopped after that. True: what start() needs will
        come from there or is open already, so that it cannot fail. Raises: ConfigError; then nothing has passed."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Plugin:
    kind: ClassVar[PluginKind]
    name: ClassVar[str] = ""
    ignored: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Options of Fluent Bit that are accepted without effect, and why: each use is a warning."""
    refused: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Options of Fluent Bit that are not accepted, and why or what to do instead."""
    differs: ClassVar[tuple[str, ...]] = ()
    """Where we are deliberately unlike Fluent Bit; printed in the manual."""

    alias: str | None = opt("Name of this instance in logs and metrics.", default=None, last_wins=True)
    log_level: Level | None = opt("Log level of this instance; else that of the service.", default=None)

    def __repr__(self) -> str:
        """With the options that are set, and without the secrets."""
        shown = []
        for spec in spec_of(type(self)):
            value = getattr(getattr(self, spec.group) if spec.group else self, spec.field)
            if spec.required or value != spec.default:
                shown.append(f"{spec.name}={'***' if spec.kind.secret else repr(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def placed(self, found: Callable[[str], str | None], variables: Mapping[str, str]) -> Self:
        """The same as it stands in its config. `found`: where a file is that an option names, None: nowhere.
        `variables`: those that the config defines itself. Raises: OptionError."""
        return self

    def check(self) -> Iterable[Misfit]:
        """Each wrong combination of options."""
        return ()

    def publishes(self, tag: str) -> str | None:
        """The tag of the metrics that it makes; None: it makes none. `tag`: that of the input."""
        return None


@dataclass(frozen=True, kw_only=True, repr=False)
class Input(Plugin):
    kind = "input"
    relays_metrics: ClassVar[bool] = False
    """Its peers may send metrics, which it hands on."""
    tag: str | None = opt("Tag of the records.", default=None, last_wins=True)
    mem_buf_limit: Limit = opt("Bytes that may be unsettled before the input stops reading; 0: no limit.", default=0)

    def open(self, env: InputEnv) -> Source:
        raise NotImplementedError

    def compile(self, env: FilterEnv) -> Transform | None:
        """What the input itself does with its batches once they are taken in, in front of its processors.

        It emits only from timers and at the end, and what it emits goes on behind it. None: nothing."""
        return None


@dataclass(frozen=True, kw_only=True, repr=False)
class Parser(Plugin):
    kind = "parser"

    def compile(self, env: Env) -> Parse:
        raise NotImplementedError


class Deciding(NamedTuple):
    """Which rules of a filter decide on a record: for those who explain what it does, not for what it does."""

    rules: Sequence[Line]
    """In the order of the config. A place that is None is found by the others."""
    of: Callable[[str, Event], Sequence[tuple[int, bool]]]
    """(tag, event) -> the numbers of the rules that decide on it, and whether each one matches."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Filter(Plugin):
    kind = "filter"
    stateful: ClassVar[bool] = False
    """It has memory or emits, so a batch that made it raise is not run again record by record."""
    waits: ClassVar[bool] = False
    """It may hold whole batches back, so it has to see all of them: as a processor it cannot have a condition."""
    only_processor: ClassVar[bool] = False
    """It stands below `processors` of an input or an output, and cannot be a [FILTER]."""
    of_metrics: ClassVar[bool] = False
    """It is a processor of metrics, not of logs."""

    match: str | None = opt("Tags that the filter sees; * is a wildcard.", default=None, last_wins=True)
    match_regex: str | None = opt("The same as a regular expression.", default=None, last_wins=True)

    def compile(self, env: FilterEnv) -> Transform:
        raise NotImplementedError

    def deciding(self, env: Env) -> Deciding | None:
        """None: it has no rules, or they cannot be told apart."""
        return None

    def emitter(self, name: str) -> str:
        """As what its own metrics are counted in, where it publishes any. `name`: its own."""
        return f"emitter_for_{name}"

    def compile_metrics(self, env: Env) -> MetricsTransform:
        """Instead of compile, of a processor of metrics."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, repr=False)
class Output(Plugin):
    kind = "output"
    takes_logs: ClassVar[bool] = True
    takes_metrics: ClassVar[bool] = False
    """Its sink is a delivery.outcome.TakesMetrics."""
    match: str | None = opt("Tags that are sent; * is a wildcard.", default=None, last_wins=True)
    match_regex: str | None = opt("The same as a regular expression.", default=None, last_wins=True)
    retry_limit: Retries | None = opt(
        "Retries before a chunk is given up: a number, no_limits, or no_retries. Else Retry_Limit of the service.",
        default=None,
        last_wins=True,
    )
    workers: int | None = opt("Calls that may be under way at once.", default=None, last_wins=True)
    deliver_timeout: Seconds = opt(
        "Seconds that a call of the destination may take; then it counts as failed. 0: any time. Not in Fluent Bit.",
        default=300.0,
        low=0,
    )
    preserve_order: bool = opt(
        "The records of a tag (of a log stream, where there are such) arrive in order, also when some are sent again:"
        " the next ones wait for these. Not in Fluent Bit.",
        default=False,
    )
    dead_letter: str | None = opt(
        "Where records go that the destination refuses for good or whose retries are used up: a folder (a text with"
        " a /), or the alias or name of another output. Not in Fluent Bit; see also storage.keep.rejected of the"
        " service.",
        default=None,
    )

    def open(self, env: OutputEnv) -> Sink:
        raise NotImplementedError

    def encoding(self, env: OutputEnv) -> Encoding:
        """What encodes its records, for those who only want to see what it would send. Nothing is opened."""
        return self.open(env)


@dataclass(frozen=True, kw_only=True)
class Net:
    """Options of every output that opens connections."""

    connect_timeout: Seconds = opt("Seconds to wait for a connection, the TLS handshake included.", default=10.0)
    keepalive: bool = opt("Use a connection for several requests.", default=True)
    keepalive_idle_timeout: Seconds = opt("Seconds after which an idle connection is closed.", default=30.0)
    keepalive_max_recycle: int = opt("Times that a connection is used before it is closed; 0: any.", default=2000)
    io_timeout: Seconds = opt("Seconds without progress after which a call fails; 0: none.", default=0.0)
    source_address: str | None = opt("Local address to connect from.", default=None)
    prefer_ipv4: bool = opt("Try the IPv4 addresses of a host first.", default=False, name="dns.prefer_ipv4")
    prefer_ipv6: bool = opt("Try the IPv6 addresses of a host first.", default=False, name="dns.prefer_ipv6")
    proxy_env_ignore: bool = opt("Do not look at HTTP_PROXY, HTTPS_PROXY and NO_PROXY.", default=False)
    tcp_keepalive: bool = opt("Let the kernel probe idle connections.", default=False)
    tcp_keepalive_time: int = opt("Seconds of silence before the first probe; -1: the kernel's.", default=-1)
    tcp_keepalive_interval: int = opt("Seconds between probes; -1: the kernel's.", default=-1)
    tcp_keepalive_probes: int = opt("Unanswered probes before the connection is dead; -1: the kernel's.", default=-1)


NET_IGNORED: Mapping[str, str] = MappingProxyType(
    {
        "net.dns.mode": "names are resolved by the system, which chooses between UDP and TCP",
        "net.dns.resolver": "names are resolved by the system",
        "net.connect_timeout_log_error": "a connection that fails is one line in the log, with the retry",
        "net.max_worker_connections": "there are no more connections than calls under way; see workers",
    }
)
"""For `ignored` of outputs with Net."""


@dataclass(frozen=True, kw_only=True)
class Tls:
    """Options of every output that can speak TLS. The switch itself is `tls`."""

    verify: bool = opt("Check the certificate of the server.", default=True)
    verify_hostname: bool = opt("Check also that the certificate is for the name of the server.", default=False)
    ca_file: str | None = opt("File of certificate authorities (PEM).", default=None)
    ca_path: str | None = opt("Folder of certificate authorities.", default=None)
    crt_file: str | None = opt("Our certificate (PEM).", default=None)
    key_file: str | None = opt("The key of our certificate (PEM).", default=None)
    key_passwd: Secret | None = opt("Password of that key.", default=None)
    vhost: str | None = opt("Host name to ask for (SNI), if not `host`.", default=None)
    min_version: str | None = opt("Oldest TLS version, such as TLSv1.2.", default=None)
    max_version: str | None = opt("Newest TLS version.", default=None)
    ciphers: str | None = opt("Ciphers to offer, in OpenSSL's spelling.", default=None)


TLS_IGNORED: Mapping[str, str] = MappingProxyType(
    {
        "tls.debug": "failed handshakes are reported with their reason, and there is no more to tell",
        **dict.fromkeys(
            ("tls.proxy.verify", "tls.proxy.verify_hostname", "tls.proxy.ca_path", "tls.proxy.ca_file"),
            "the certificate of an https proxy is always checked, by the authorities of the system or of SSL_CERT_FILE",
        ),
    }
)
"""For `ignored` of outputs with Tls."""


KINDS: dict[PluginKind, type[Plugin]] = {"input": Input, "parser": Parser, "filter": Filter, "output": Output}
C = TypeVar("C", bound=type[Plugin])


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(opt,))
def plugin(name: str) -> Callable[[C], C]:
    """Make a class of options a plugin of that name, which is also the name of its file."""

    def register(cls: C) -> C:
        if not (cls.__doc__ or "").strip():
            raise TypeError(f"plugin {name} needs a docstring")
        cls.name = name
        return cast(C, dataclass(frozen=True, kw_only=True, repr=False)(cls))

    return register


@cache
def names(kind: PluginKind) -> list[str]:
    """The plugins of a kind, by their files."""
    package = importlib.import_module(f"pyrolens.{kind}s")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def find(kind: PluginKind, name: str) -> type[Any] | None:
    """The plugin of that name in any case, or None. Only its own file is imported."""
    if name.lower() not in names(kind):
        return None
    module = importlib.import_module(f"pyrolens.{kind}s.{name.lower()}")
    return next(
        v
        for v in vars(module).values()
        if isinstance(v, type) and issubclass(v, Plugin) and v.name == name.lower() and v.__module__ == module.__name__
    )


def no_parser(option: str, *named: str) -> OptionError:
    """That an option names parsers that are not there."""
    from pyrolens.problems import nearest  # most configs name those that are

    hint = nearest(named[0], builtin_parsers()) or "define it in a file that Parsers_File of [SERVICE] names"
    return OptionError(option, "there is no parser " + " or ".join(f"'{name}'" for name in named), hint=hint)


def builtin_parsers() -> list[str]:
    """The names of the parsers that are there without a Parsers_File."""
    found: list[str] = importlib.import_module("pyrolens.parsers._library").names()
    return found


def builtin_parser(name: str) -> Parser | None:
    """The parser of that name which is there without a Parsers_File, or None."""
    parser: Parser | None = importlib.import_module("pyrolens.parsers._library").builtin(name)
    return parser
