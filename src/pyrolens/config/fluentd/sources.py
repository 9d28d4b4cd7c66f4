"""`<source>`: Fluentd's inputs, and the inputs of the router that they become.

Source: Fluentd 1.19, lib/fluent/plugin/in_*.rb.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pyrolens.config.fluentd.filters.parser import Lines
from pyrolens.config.fluentd.kinds import Array, Bool, Hidden, Int, Size, Time
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.parse import MultilineParse, ParseSection, parser
from pyrolens.config.fluentd.reading import Reading, Said, section
from pyrolens.config.fluentd.times import read_float
from pyrolens.language.document import Entry
from pyrolens.language.fluentd import Element
from pyrolens.multiline import MultilineParser, Rule
from pyrolens.options import opt
from pyrolens.plugin import Env, FilterEnv, Parse, Parser, Transform, plugin
from pyrolens.records.event import Event, Record

TLS_VERSIONS = {"TLSv1_1": "TLSv1.1", "TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}
LINE = "log"
"""Field of a line that is not parsed yet."""
QUEUE = "the kernel keeps as many connections as it likes"
ONE_LOOP = "one loop reads all connections"
HOST = "names of hosts are not looked up; see source_address_key"
MULTILINE_WAIT = 5.0
"""Seconds to wait for the next line, where the config says nothing."""


@dataclass(frozen=True, kw_only=True)
class SourceSaid(Said):
    """An input as the config declares it."""

    plugin: ClassVar[str] = ""
    """The input of the router that it becomes."""

    def lower(self, to: Lowered) -> None:
        raise NotImplementedError

    def multiline(self) -> MultilineParser | None:
        """A multiline parser that it needs."""
        return None


# -- forward -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Transport(Said):
    """How connections are made: tcp, udp, unix or tls."""

    ignored = {
        "linger_timeout": "connections are closed as usual",
        "send_keepalive_packet": "the kernel's defaults hold",
        "ensure_fips": "the TLS library decides",
        "receive_buffer_size": "the kernel's defaults hold",
    }
    refused = {
        "ca_cert_path": "no certificates are made here: give cert_path and private_key_path",
        "ca_private_key_path": "no certificates are made here: give cert_path and private_key_path",
        "ca_private_key_passphrase": "no certificates are made here: give cert_path and private_key_path",
        "generate_private_key_length": "no certificates are made here: give cert_path and private_key_path",
        "insecure": "give cert_path and private_key_path",
    }

    version: str | None = opt("The TLS version: TLSv1_2 or TLSv1_3.", default=None)
    min_version: str | None = opt("The oldest one.", default=None)
    max_version: str | None = opt("The newest one.", default=None)
    ciphers: str | None = opt("Ciphers, in OpenSSL's spelling.", default=None)
    cert_path: str | None = opt("Our certificate (PEM).", default=None)
    private_key_path: str | None = opt("Its key (PEM).", default=None)
    private_key_passphrase: Hidden | None = opt("Password of that key.", default=None)
    client_cert_auth: Bool = opt("Let in only clients with a certificate of ca_path.", default=False)
    ca_path: str | None = opt("File of certificate authorities for clients (PEM).", default=None)

    @property
    def protocol(self) -> str:
        return self.element.argument.strip() or "tcp"

    def check(self) -> Iterable[tuple[str, str]]:
        if self.protocol not in ("tcp", "udp", "tls"):
            yield "", f"<transport {self.protocol}>: expected tcp, udp or tls"
        if self.protocol == "tls" and not self.cert_path:
            yield "", "tls needs cert_path and private_key_path"

    def lower(self, to: Lowered) -> None:
        if self.protocol != "tls":
            return
        place = self.element.place
        version = self.version and TLS_VERSIONS.get(self.version.lstrip(":"), self.version)
        oldest = self.min_version and TLS_VERSIONS.get(self.min_version.lstrip(":"), self.min_version)
        newest = self.max_version and TLS_VERSIONS.get(self.max_version.lstrip(":"), self.max_version)
        given = [
            ("tls", "on", ""),
            ("tls.crt_file", self.cert_path, "cert_path"),
            ("tls.key_file", self.private_key_path, "private_key_path"),
            ("tls.key_passwd", self.private_key_passphrase, "private_key_passphrase"),
            ("tls.verify_client_cert", "on" if self.client_cert_auth else None, "client_cert_auth"),
            ("tls.ca_file", self.ca_path, "ca_path"),
            ("tls.min_version", version or oldest, "min_version"),
            ("tls.max_version", version or newest, "max_version"),
            ("tls.ciphers", self.ciphers, "ciphers"),
        ]
        to.section.entries += [Entry(k, v, place, self.place(key)) for k, v, key in given if v is not None]


@dataclass(frozen=True, kw_only=True)
class User(Said):
    """A user that may send."""

    username: str = opt("Name.")
    password: Hidden = opt("Password.")


@dataclass(frozen=True, kw_only=True)
class Security(Said):
    """Who may send."""

    refused_sections = {"client": "keys and users are the same for all networks here"}

    self_hostname: str = opt("Name to give in the handshake.")
    shared_key: Hidden = opt("Take records only from peers that know this key.")
    user_auth: Bool = opt("Peers must log in as one of the users.", default=False)
    allow_anonymous_source: Bool = opt("Peers of any address may send.", default=True)
    users: tuple[User, ...] = section(User, many=True, name="user")

    def check(self) -> Iterable[tuple[str, str]]:
        if not self.allow_anonymous_source:
            yield "allow_anonymous_source", "peers are not told apart by their addresses here"
        if self.user_auth and not self.users:
            yield "user_auth", "user_auth needs a <user>"

    def lower(self, to: Lowered) -> None:
        def add(option: str, value: str, said: Said, key: str) -> None:
            to.section.entries.append(Entry(option, value, said.place(key), said.place(key)))

        add("self_hostname", self.self_hostname, self, "self_hostname")
        add("shared_key", self.shared_key, self, "shared_key")
        for user in self.users if self.user_auth else ():
            add("security.users", f"{user.username} {user.password}", user, "password")


@dataclass(frozen=True, kw_only=True)
class Forward(SourceSaid):
    """Receive records with the forward protocol."""

    plugin = "forward"
    ignored = {
        "backlog": QUEUE,
        "linger_timeout": "connections are closed as usual",
        "blocking_timeout": ONE_LOOP,
        "resolve_hostname": HOST,
        "deny_keepalive": "a connection is open for as long as its client keeps it open",
        "send_keepalive_packet": "the kernel's defaults hold",
        "chunk_size_warn_limit": "the size of messages is limited by chunk_size_limit",
        "decompression_size_limit": "the limit is that of chunk_size_limit",
        "skip_invalid_event": "an event that is none is always left out",
    }
    refused = {
        "source_address_key": "records do not say here which peer sent them",
        "source_hostname_key": "records do not say here which peer sent them",
    }

    bind: str = opt("Address to listen on.", default="0.0.0.0")
    port: Int = opt("Port to listen on.", default=24224)
    tag: str | None = opt("Tag of all records, in place of their own.", default=None)
    add_tag_prefix: str | None = opt("Put this, and a dot, before the tags.", default=None)
    chunk_size_limit: Size | None = opt("Bytes of the largest message.", default=None)
    security: Security | None = section(Security)
    transport: Transport | None = section(Transport)

    def lower(self, to: Lowered) -> None:
        to.set("listen", self.bind, "bind")
        to.set("port", self.port, "port")
        to.set("tag", self.tag, "tag")
        to.set("tag_prefix", self.add_tag_prefix and f"{self.add_tag_prefix}.", "add_tag_prefix")
        to.set("buffer_max_size", self.chunk_size_limit or 256 * 1024 * 1024, "chunk_size_limit")
        for inner in (self.security, self.transport):
            if inner:
                inner.lower(to)


@dataclass(frozen=True, kw_only=True)
class Unix(SourceSaid):
    """Receive records with the forward protocol through a Unix socket, as ECS uses it."""

    plugin = "forward"
    ignored = {"backlog": QUEUE}

    path: str = opt("Path of the socket.", default="/var/run/fluent/fluent.sock")
    tag: str | None = opt("Tag of all records, in place of their own.", default=None)

    def lower(self, to: Lowered) -> None:
        to.set("unix_path", self.path, "path")
        to.set("tag", self.tag, "tag")
        to.set("buffer_max_size", 256 * 1024 * 1024)


# -- lines -------------------------------------------------------------------------------------------------------


def parse_lines(to: Lowered, parse: ParseSection | None, unmatched: bool = False) -> None:
    if parse is None:
        to.refuse("it needs <parse>", hint="such as @type none below <parse>")
        return
    lines = Lines(key=LINE, parse=parse.compile(), unmatched=unmatched)
    to.process("parse", lines.compile)


@dataclass(frozen=True, kw_only=True)
class Tail(SourceSaid):
    """Read lines from files, through rotation and restarts."""

    plugin = "tail"
    ignored = {
        "pos_file_compaction_interval": "the file that keeps the positions does not grow",
        "read_lines_limit": "files are read in turns, at most 1 MiB a turn",
        "read_bytes_limit_per_second": "an input stops reading when too much waits",
        "enable_watch_timer": "files are looked at every 250 ms",
        "enable_stat_watcher": "files are looked at every 250 ms",
        "open_on_every_update": "files stay open",
        "skip_refresh_on_startup": "files are looked for at the start",
        "ignore_repeated_permission_error": "what repeats is told now and then",
        "path_timezone": "paths have no times here",
        "follow_inodes": "files are known by their inodes anyway",
        "glob_policy": "all wildcards are understood",
    }
    refused_sections = {"group": "lines are not counted by groups of files here"}

    path: str = opt("Files to read: paths separated by commas, with wildcards.")
    path_delimiter: str = opt("Between the paths.", default=",")
    tag: str = opt("Tag; * is the path of the file.")
    exclude_path: Array = opt("Patterns of files not to read.", default=[])
    rotate_wait: Time = opt("Seconds that a rotated file is still read.", default=5.0)
    pos_file: str | None = opt(
        "Where the positions are kept: .db is put behind it, since it is a database.", default=None
    )
    read_from_head: Bool = opt("Read files that are there at the start from their beginning.", default=False)
    refresh_interval: Time = opt("Seconds between two searches for new files.", default=60.0)
    multiline_flush_interval: Time | None = opt("Of multiline: seconds to wait for the next line.", default=None)
    emit_unmatched_lines: Bool = opt("A line that does not fit becomes the field unmatched_line.", default=False)
    encoding: str | None = opt("UTF-8, or the encoding of the files.", default=None)
    from_encoding: str | None = opt("The encoding of the files.", default=None)
    path_key: str | None = opt("Put the path of the file into this field.", default=None)
    limit_recently_modified: Time | None = opt("Leave out files last written longer ago than this.", default=None)
    max_line_size: Size | None = opt("Leave out lines with more bytes.", default=None)
    parse: ParseSection = section(parser, required=True)

    def check(self) -> Iterable[tuple[str, str]]:
        if "%" in self.path:
            yield "path", "paths with times (%) are not understood: use a wildcard"
        if isinstance(self.parse, MultilineParse) and self.parse.format_firstline is None:
            yield "", "multiline needs format_firstline here"

    def multiline(self) -> MultilineParser | None:
        if not isinstance(self.parse, MultilineParse) or self.parse.format_firstline is None:
            return None
        first = self.parse.format_firstline.text
        wait = self.multiline_flush_interval or MULTILINE_WAIT
        rules = (
            Rule(("start_state",), first, "rest"),
            Rule(("rest",), f"/\\A(?!.*?(?:{first[1:-1]}))/m", "rest"),
        )
        name = f"fluentd at {self.element.place}"
        return MultilineParser(name=name, type="regex", flush_timeout=int(wait * 1000), rules=rules)

    def lower(self, to: Lowered) -> None:
        to.set("path", ",".join(part.strip() for part in self.path.split(self.path_delimiter)), "path")
        to.set("tag", self.tag, "tag")
        to.set("key", LINE)
        to.set("exclude_path", ",".join(self.exclude_path) or None, "exclude_path")
        to.set("rotate_wait", max(int(self.rotate_wait), 1), "rotate_wait")
        to.set("db", self.pos_file and f"{self.pos_file}.db", "pos_file")
        to.set("read_from_head", self.read_from_head, "read_from_head")
        to.set("refresh_interval", max(int(self.refresh_interval), 1), "refresh_interval")
        to.set("path_key", self.path_key, "path_key")
        to.set("ignore_older", (self.limit_recently_modified and int(self.limit_recently_modified)) or None)
        size = self.max_line_size or 1024 * 1024
        to.set("buffer_max_size", size, "max_line_size")
        to.set("buffer_chunk_size", min(size, 32768), "max_line_size")
        to.set("skip_long_lines", True)
        encoding = self.from_encoding or self.encoding
        if encoding and encoding.lower().replace("-", "") not in ("utf8", "ascii8bit", "usascii"):
            to.set("generic.encoding", encoding, "from_encoding" if self.from_encoding else "encoding")
        if joined := self.multiline():
            to.set("multiline.parser", joined.name)
        parse_lines(to, self.parse, self.emit_unmatched_lines)


@dataclass(frozen=True, kw_only=True)
class Tcp(SourceSaid):
    """Receive lines over TCP."""

    plugin = "tcp"
    ignored = {
        "blocking_timeout": ONE_LOOP,
        "send_keepalive_packet": "the kernel's defaults hold",
    }
    refused = {
        "source_host_key": HOST,
        "source_hostname_key": HOST,
    }
    refused_sections = {"security": "peers are not told apart by their addresses here: use a security group"}

    tag: str = opt("Tag of the records.")
    port: Int = opt("Port to listen on.", default=5170)
    bind: str = opt("Address to listen on.", default="0.0.0.0")
    delimiter: str = opt("What ends a record.", default="\n")
    source_address_key: str | None = opt("Put the address of the peer into this field.", default=None)
    message_length_limit: Size | None = opt("Bytes of the largest record.", default=None)
    transport: Transport | None = section(Transport)
    parse: ParseSection = section(parser, required=True)

    def lower(self, to: Lowered) -> None:
        to.set("tag", self.tag, "tag")
        to.set("listen", self.bind, "bind")
        to.set("port", self.port, "port")
        to.set("format", "none")
        to.set(
            "separator", self.delimiter.replace("\n", "\\n").replace("\t", "\\t").replace("\0", "\\x00"), "delimiter"
        )
        limit = self.message_length_limit
        to.set("buffer_size", max(1, -(-limit // 1024)) if limit else 64 * 1024, "message_length_limit")
        if self.transport:
            self.transport.lower(to)
        lines_of_network(to, self.parse, self.source_address_key)


@dataclass(frozen=True, kw_only=True)
class Udp(SourceSaid):
    """Receive a line with each datagram."""

    plugin = "udp"
    ignored = {
        "blocking_timeout": ONE_LOOP,
        "remove_newline": "a newline at the end is always removed",
        "receive_buffer_size": "the kernel's defaults hold",
        "body_size_limit": "a datagram of any size is taken",
        "message_length_limit": "a datagram of any size is taken",
    }
    ignored_sections = {"transport": "the kernel's defaults hold"}
    refused = {"source_host_key": HOST, "source_hostname_key": HOST}

    tag: str = opt("Tag of the records.")
    port: Int = opt("Port to listen on.", default=5160)
    bind: str = opt("Address to listen on.", default="0.0.0.0")
    source_address_key: str | None = opt("Put the address of the sender into this field.", default=None)
    parse: ParseSection = section(parser, required=True)

    def lower(self, to: Lowered) -> None:
        to.set("tag", self.tag, "tag")
        to.set("listen", self.bind, "bind")
        to.set("port", self.port, "port")
        to.set("format", "none")
        to.set("separator", "\\x00")
        lines_of_network(to, self.parse, self.source_address_key)


@plugin("fluentd.line")
class Whole(Parser):
    """Take a line as it is."""

    def compile(self, env: Env) -> Parse:
        return lambda text: ({LINE: text}, None)


def lines_of_network(to: Lowered, parse: ParseSection, address: str | None) -> None:
    """The line is in `log`; the address, as tcp://host:port, becomes the host alone."""
    to.set("source_address_key", address, "source_address_key")
    if address:
        to.set("parser", Whole.name)  # addresses are put into what was parsed only
    lines = Lines(key=LINE, parse=parse.compile())

    def make(env: FilterEnv) -> Transform:
        read = lines.compile(env)

        def clean(tag: str, events: list[Event]) -> list[Event]:
            return read(tag, [(ns, tidy(record)) for ns, record in events])

        def tidy(record: Record) -> Record:
            url = record.get(address) if address else None
            if address is None or not isinstance(url, str):
                return record
            return {**record, address: url.partition("://")[2].rpartition(":")[0].strip("[]") or url}

        return clean

    to.process("parse", make)


# -- http --------------------------------------------------------------------------------------------------------


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


# -- for trying --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Sample(SourceSaid):
    """Make up records: for trying a config, and for tests."""

    plugin = "dummy"
    ignored = {
        "suspend": "there is nothing to suspend",
        "reuse_record": "records are never edited",
    }
    refused = {"auto_increment_key": "records are all the same here"}

    tag: str = opt("Tag of the records.")
    size: Int = opt("Records at a time.", default=1)
    rate: Int = opt("Times a second.", default=1)
    sample: str | None = opt(
        "The record as JSON, or an array of them that take turns.", default=None, aliases=["dummy"]
    )

    def check(self) -> Iterable[tuple[str, str]]:
        try:
            value = json.loads(self.sample or '{"message":"sample"}')
        except ValueError:
            value = None
        if not all(isinstance(item, dict) for item in (value if isinstance(value, list) else [value])):
            yield "sample", "sample: expected a JSON object, or an array of them"

    def lower(self, to: Lowered) -> None:
        value = json.loads(self.sample or '{"message":"sample"}')
        records = value if isinstance(value, list) else [value]
        to.set("tag", self.tag, "tag")
        to.set("dummy", json.dumps(records[0]), "sample")
        to.set("rate", max(self.rate, 1), "rate")
        to.set("copies", max(self.size, 1), "size")
        if len(records) > 1:
            to.process("sample", turns(records))


def turns(records: list[Record]) -> Any:
    def make(env: FilterEnv) -> Transform:
        count = 0

        def transform(tag: str, events: list[Event]) -> list[Event]:
            nonlocal count
            out = [(ns, records[(count + n) % len(records)]) for n, (ns, _) in enumerate(events)]
            count += len(events)
            return out

        return transform

    return make


SOURCES: Mapping[str, type[SourceSaid]] = {
    "forward": Forward,
    "unix": Unix,
    "tail": Tail,
    "tcp": Tcp,
    "udp": Udp,
    "http": Http,
    "sample": Sample,
    "dummy": Sample,
}
INSTEAD = {
    "syslog": "use a source tcp or udp with <parse> of @type syslog",
    "exec": "use the input exec, with the router's config in YAML",
    "monitor_agent": "the router has an HTTP API of its own: pyrolens run --http",
    "debug_agent": "the router has an HTTP API of its own: pyrolens run --http",
    "prometheus": "the router's own metrics are at /api/v2/metrics/prometheus: pyrolens run --http",
    "prometheus_monitor": "the router's own metrics are at /api/v2/metrics/prometheus: pyrolens run --http",
    "prometheus_output_monitor": "the router's own metrics are at /api/v2/metrics/prometheus: pyrolens run --http",
    "systemd": "use the input systemd, with the router's config in YAML",
    "gc_stat": "it is about Ruby: remove it",
    "object_space": "it is about Ruby: remove it",
    "stdin": "use the input stdin, with the router's config in YAML",
}


def source(reading: Reading, element: Element) -> type[SourceSaid] | None:
    return reading.type_of(element, SOURCES, **INSTEAD)
