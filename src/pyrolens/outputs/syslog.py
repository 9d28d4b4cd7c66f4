"""output syslog.

Source: Fluent Bit 5.1.1 plugins/out_syslog; RFC 5424, RFC 3164, RFC 6587 (framing)."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Literal

from pyrolens.api import NET_IGNORED, TLS_IGNORED, Event, Net, Output, OutputEnv, Sink, Tls, group, opt, plugin
from pyrolens.net.connect import Place
from pyrolens.net.datagrams import Datagrams
from pyrolens.options import Kind, doubt_size, size_of
from pyrolens.outputs._syslog import Fields, Syslog
from pyrolens.outputs._wire import DatagramSink, StreamSink, each

SIZES = {"rfc3164": 1024, "rfc5424": 2048}
"""Bytes of a message, where the user says nothing."""
MODES = ("udp", "tcp", "tls", "unix")


def read_mode(text: str) -> str:
    if text.lower() == "dtls":
        raise ValueError("DTLS is not supported; expected udp, tcp, tls or unix")
    if text.lower() not in MODES:
        raise ValueError("expected udp, tcp, tls or unix")
    return text.lower()


def doubt_length(text: str) -> str:
    return doubt_size(text) if size_of(text) >= 0 else "this is no size such as 512 or 2k, so the default is used"


Length = Annotated[int, Kind("size", lambda text: max(size_of(text), 0), doubt=doubt_length)]
"""Bytes; 0 for what is no size."""


def field(what: str) -> str | None:
    made: str | None = opt(f"Field that is the {what}; a name, no accessor.", default=None)
    return made


def preset(what: str) -> str | None:
    made: str | None = opt(f"The {what} of records that have none.", default=None)
    return made


@plugin("syslog")
class SyslogOutput(Output):
    """Send records as syslog messages."""

    ignored = {**NET_IGNORED, **TLS_IGNORED}
    differs = (
        "Each record is delivered once: a message too large for a datagram is refused alone, and only the messages "
        "that were refused are sent again; Fluent Bit repeats those before it, and never sends those after it.",
        "Over tcp and tls, a chunk counts as delivered when the other machine has acknowledged all its bytes.",
        "Blanks and other characters that the header cannot hold become _ there, and an empty field counts as none; "
        "Fluent Bit sends a header of which the receiver reads the wrong fields.",
        "A message that begins with < is sent as it is only if it begins with a priority, such as <34>.",
        "A message is cut between characters.",
        "mode unix and syslog_framing octet_counting are ours.",
        "A host whose name cannot be resolved is tried again; Fluent Bit refuses to start.",
    )

    host: str = opt("Host to send to.", default="127.0.0.1", last_wins=True)
    port: int = opt("Port to send to.", default=514, low=1, high=65535, last_wins=True)
    mode: Annotated[str, Kind("mode", read_mode)] = opt(
        "udp, tcp, tls, or unix for a socket such as /dev/log.", default="udp"
    )
    unix_path: str = opt("Socket of mode unix.", default="/dev/log")
    syslog_format: Literal["rfc3164", "rfc5424"] = opt("Format of the messages.", default="rfc5424")
    syslog_maxsize: Length = opt(
        "Bytes after which a message is cut; 0: 1024 with rfc3164, 2048 with rfc5424.", default=0
    )
    syslog_framing: Literal["newline", "octet_counting"] = opt(
        "How messages end over tcp and tls. With newline, a receiver takes a message of several lines for several; "
        "octet_counting puts the length before each (RFC 6587), which rsyslog and syslog-ng understand.",
        default="newline",
    )
    syslog_severity_key: str | None = field("severity: 0 to 7, or a name such as err")
    syslog_severity_preset: int = opt("The severity of records that have none.", default=6, low=0, high=7)
    syslog_facility_key: str | None = field("facility: 0 to 23, or a name such as local0")
    syslog_facility_preset: int = opt("The facility of records that have none.", default=1, low=0, high=23)
    syslog_hostname_key: str | None = field("host")
    syslog_hostname_preset: str | None = preset("host")
    syslog_appname_key: str | None = field("application")
    syslog_appname_preset: str | None = preset("application")
    syslog_procid_key: str | None = field("process id")
    syslog_procid_preset: str | None = preset("process id")
    syslog_msgid_key: str | None = field("message id")
    syslog_msgid_preset: str | None = preset("message id")
    syslog_sd_key: list[str] = opt("Map that is structured data (rfc5424), under its own name.", default=[])
    syslog_message_key: str | None = field("message; without it messages are empty")
    allow_longer_sd_id: bool = opt("Let names of structured data have more than 32 characters.", default=False)
    tls_on: bool = opt("Speak TLS, as mode tls does.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.tls_on and self.mode in ("udp", "unix"):
            yield "tls", f"mode {self.mode} cannot speak TLS; use mode tls"
        if self.syslog_framing == "octet_counting" and self.mode in ("udp", "unix"):
            yield "syslog_framing", f"syslog_framing is for tcp and tls; with mode {self.mode} a message is a datagram"

    def open(self, env: OutputEnv) -> Sink:
        fields = Fields(
            severity=self.syslog_severity_key,
            facility=self.syslog_facility_key,
            hostname=self.syslog_hostname_key,
            appname=self.syslog_appname_key,
            procid=self.syslog_procid_key,
            msgid=self.syslog_msgid_key,
            message=self.syslog_message_key,
            structured=self.syslog_sd_key,
            presets={
                "hostname": self.syslog_hostname_preset,
                "appname": self.syslog_appname_preset,
                "procid": self.syslog_procid_preset,
                "msgid": self.syslog_msgid_preset,
            },
            severity_preset=self.syslog_severity_preset,
            facility_preset=self.syslog_facility_preset,
        )
        self._warn(env)
        size = self.syslog_maxsize or SIZES[self.syslog_format]
        syslog = Syslog(env, fields, self.syslog_format, size, long_names=self.allow_longer_sd_id)
        if self.mode in ("udp", "unix"):
            path = self.unix_path if self.mode == "unix" else None
            return DatagramSink(partial(each, syslog.lines), Datagrams(self.host, self.port, self.net, path))
        counted = self.syslog_framing == "octet_counting"

        def framed(events: list[Event]) -> list[bytes]:
            messages = syslog.lines(events)
            return [b"%d %b" % (len(m), m) for m in messages] if counted else [m + b"\n" for m in messages]

        secure = self.mode == "tls" or self.tls_on
        return StreamSink(partial(each, framed), Place(self.host, self.port, self.net, self.tls if secure else None))

    def _warn(self, env: OutputEnv) -> None:
        if self.syslog_message_key is None:
            env.log.warning("syslog_message_key is not given, so messages are empty")
        for name, value in vars(self).items():
            for key in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
                if name.endswith("_key") and key.startswith("$"):
                    env.log.warning(f"{name} takes the name of a field, no accessor; no field matches", value=key)
