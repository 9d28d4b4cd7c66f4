"""Sources of lines: tail, tcp and udp.

Source: Fluentd 1.19, lib/fluent/plugin/in_tail.rb, in_tcp.rb and in_udp.rb.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pyrolens.config.fluentd.filters.parser import Lines
from pyrolens.config.fluentd.kinds import Array, Bool, Int, Size, Time
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.parse import MultilineParse, ParseSection, parser
from pyrolens.config.fluentd.reading import section
from pyrolens.config.fluentd.sources.base import HOST, ONE_LOOP, SourceSaid, Transport
from pyrolens.multiline import MultilineParser, Rule
from pyrolens.options import opt
from pyrolens.plugin import Env, FilterEnv, Parse, Parser, Transform, plugin
from pyrolens.records.event import Event, Record

LINE = "log"
"""Field of a line that is not parsed yet."""
MULTILINE_WAIT = 5.0
"""Seconds to wait for the next line, where the config says nothing."""


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
