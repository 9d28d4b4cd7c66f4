"""Outputs stdout, null, file and forward.

Source: Fluentd 1.19, lib/fluent/plugin/out_*.rb.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pyrolens.config.fluentd.format import OutFileFormat, StdoutFormat
from pyrolens.config.fluentd.kinds import Array, Bool, Hidden, Int, Time
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.outputs.base import TEXT, Formatting, Injecting, OutputSaid, check_fields, written
from pyrolens.config.fluentd.reading import Said, section
from pyrolens.config.fluentd.sources.base import TLS_VERSIONS
from pyrolens.language.document import Entry
from pyrolens.options import opt

HEARTBEAT = "a server is asked when there is something to send"


@dataclass(frozen=True, kw_only=True)
class Stdout(Formatting):
    """Print records on standard output."""

    plugin = "stdout"
    older_format, older_inject = "stdout", True
    ignored = {"use_logger": "it prints on standard output, apart from the log"}

    def lower(self, to: Lowered) -> None:
        to.process("format", written((self.format or StdoutFormat()).compile()))
        to.set("log_key", TEXT)


@dataclass(frozen=True, kw_only=True)
class Null(OutputSaid):
    """Throw records away."""

    plugin = "null"
    ignored = {"never_flush": "it is for Fluentd's own tests"}


SLICES = ((60, "%Y%m%d%H%M%S"), (3600, "%Y%m%d%H%M"), (86400, "%Y%m%d%H"))


def slice_format(timekey: float | None) -> str:
    """How the time of a chunk is written in names."""
    seconds = 86400.0 if timekey is None else timekey
    return next((form for limit, form in SLICES if seconds < limit), "%Y%m%d")


@dataclass(frozen=True, kw_only=True)
class File(Formatting):
    """Append records to files."""

    plugin = "file"
    older_format, older_inject = "out_file", True
    ignored = {
        "recompress": "files are not compressed",
        "symlink_path": "the file has one name from the beginning",
        "symlink_path_use_relative": "the file has one name from the beginning",
    }

    path: str = opt("Path of the files, to which time and path_suffix are added; may hold ${tag} and %Y%m%d.")
    append: Bool = opt("Append to a file. Here they always are.", default=False)
    add_path_suffix: Bool = opt("End the name with path_suffix.", default=True)
    path_suffix: str = opt("End of the name.", default=".log")
    compress: Literal["text", "gzip", "gz"] = opt("Compression of the files.", default="text")

    def check(self) -> Iterable[tuple[str, str]]:
        yield from check_fields(self, "path", self.path, ["time"])
        if re.search(r"\$\{(?!tag(?:\[\d+\])?\})", self.path):
            yield "path", "path: of placeholders, ${tag}, ${tag[1]} and those of strftime are understood here"
        if self.compress != "text":
            yield "compress", "files are not compressed here"

    def lower(self, to: Lowered) -> None:
        if self.said("append") and not self.append:
            to.ignore("append", "files are always appended to, so none is numbered")
        name = self.path
        timed = "time" in self.keys(["time"])
        if timed and not re.search(r"%[a-zA-Z]", name):
            name += f".{slice_format(self.buffer.timekey if self.buffer else None)}"
        if self.add_path_suffix and not name.endswith(self.path_suffix):
            name += self.path_suffix
        name = re.sub(r"\$\{tag(?:\[(\d+)\])?\}", lambda found: f"$TAG[{found[1]}]" if found[1] else "$TAG", name)
        folder, file = os.path.split(name)
        to.set("path", folder or ".", "path")
        to.set("file", file, "path")
        to.set("fallback_file", f"unnamed{self.path_suffix}")
        to.set("enable_strftime", True)
        to.set("mkdir", True)
        to.set("format", "template")
        to.set("template", f"{{{TEXT}}}")
        to.process("format", written((self.format or OutFileFormat()).compile()))


@dataclass(frozen=True, kw_only=True)
class Server(Said):
    """Where to send."""

    ignored = {
        "name": "it is known by its host and port",
        "weight": "there is one server",
    }
    refused = {"standby": "there is one server here: put a load balancer in front of several"}

    host: str = opt("Host.")
    port: Int = opt("Port.", default=24224)
    shared_key: Hidden | None = opt("Key that both sides must know.", default=None)
    username: str | None = opt("User, where the receiver asks for one.", default=None)
    password: Hidden | None = opt("Password of that user.", default=None)


@dataclass(frozen=True, kw_only=True)
class ForwardSecurity(Said):
    """How we show who we are."""

    self_hostname: str = opt("Our name.")
    shared_key: Hidden = opt("Key that both sides must know.")


@dataclass(frozen=True, kw_only=True)
class Forward(Injecting):
    """Send records with the forward protocol."""

    plugin = "forward"
    ignored = {
        "heartbeat_type": HEARTBEAT,
        "heartbeat_interval": HEARTBEAT,
        "recover_wait": HEARTBEAT,
        "hard_timeout": HEARTBEAT,
        "phi_threshold": HEARTBEAT,
        "phi_failure_detector": HEARTBEAT,
        "expire_dns_cache": "names are resolved with each connection",
        "dns_round_robin": "names are resolved with each connection",
        "ignore_network_errors_at_startup": "a server that is not there is tried again",
        "verify_connection_at_startup": "a server that is not there is tried again",
        "read_interval_msec": "answers are read as they come",
        "read_length": "answers are read as they come",
        "tls_cert_logical_store_name": "it is for Windows",
        "tls_cert_use_enterprise_store": "it is for Windows",
    }
    refused = {
        "host": "write <server> with host and port",
        "port": "write <server> with host and port",
        "tls_cert_thumbprint": "it is for Windows: give tls_cert_path",
    }
    refused_sections = {"service_discovery": "write <server> with host and port"}

    transport: Literal["tcp", "tls"] = opt("How to speak.", default="tcp")
    send_timeout: Time = opt("Seconds without progress after which a call fails.", default=60.0)
    connect_timeout: Time | None = opt("Seconds to wait for a connection.", default=None)
    require_ack_response: Bool = opt("A message counts as delivered when the receiver says so.", default=False)
    ack_response_timeout: Time = opt("Seconds to wait for that.", default=190.0)
    compress: Literal["text", "gzip", "zstd"] = opt("Compression of the messages.", default="text")
    tls_version: str | None = opt("The TLS version: TLSv1_2 or TLSv1_3.", default=None)
    tls_ciphers: str | None = opt("Ciphers, in OpenSSL's spelling.", default=None)
    tls_insecure_mode: Bool = opt("Check no certificate.", default=False)
    tls_allow_self_signed_cert: Bool = opt("Take a certificate that signs itself: check none.", default=False)
    tls_verify_hostname: Bool = opt("Check that the certificate is for the host.", default=True)
    tls_cert_path: Array | None = opt(
        "File of certificate authorities (PEM).", default=None, aliases=["tls_ca_cert_path"]
    )
    tls_client_cert_path: str | None = opt("Our certificate (PEM).", default=None)
    tls_client_private_key_path: str | None = opt("Its key (PEM).", default=None)
    tls_client_private_key_passphrase: Hidden | None = opt("Password of that key.", default=None)
    keepalive: Bool = opt("Use a connection for several messages.", default=False)
    keepalive_timeout: Time | None = opt("Seconds after which an idle connection is closed.", default=None)
    server: tuple[Server, ...] = section(Server, many=True, required=True)
    security: ForwardSecurity | None = section(ForwardSecurity)

    def check(self) -> Iterable[tuple[str, str]]:
        if len(self.server) > 1:
            yield "", "there is one <server> here: put a load balancer in front of several"
        if self.compress == "zstd":
            yield "compress", "compress: expected text or gzip"
        if self.tls_cert_path is not None and len(self.tls_cert_path) > 1:
            yield "tls_cert_path", "tls_cert_path: one file here, which may hold several certificates"

    def lower(self, to: Lowered) -> None:
        server = self.server[0]

        def add(option: str, value: str | None, said: Said, key: str) -> None:
            if value is not None:
                to.section.entries.append(Entry(option, value, said.place(key), said.place(key)))

        add("host", server.host, server, "host")
        add("port", str(server.port), server, "port")
        add("username", server.username or None, server, "username")
        add("password", server.password or None, server, "password")
        if self.security:
            add("self_hostname", self.security.self_hostname, self.security, "self_hostname")
            add("shared_key", server.shared_key or self.security.shared_key, self.security, "shared_key")
        elif server.shared_key:
            add("shared_key", server.shared_key, server, "shared_key")
        to.set("time_as_integer", self.time_as_integer, "time_as_integer")
        to.set("retain_metadata_in_forward_mode", False)
        to.set("require_ack_response", self.require_ack_response, "require_ack_response")
        if self.require_ack_response and self.said("ack_response_timeout"):
            to.set("deliver_timeout", int(self.ack_response_timeout), "ack_response_timeout")
        to.set("compress", "gzip" if self.compress == "gzip" else None, "compress")
        to.set("net.keepalive", self.keepalive, "keepalive")
        to.set(
            "net.keepalive_idle_timeout", self.keepalive_timeout and int(self.keepalive_timeout), "keepalive_timeout"
        )
        to.set("net.connect_timeout", self.connect_timeout and max(int(self.connect_timeout), 1), "connect_timeout")
        to.set("net.io_timeout", int(self.send_timeout), "send_timeout")
        if self.transport != "tls":
            return
        unchecked = self.tls_insecure_mode or self.tls_allow_self_signed_cert
        version = self.tls_version and TLS_VERSIONS.get(self.tls_version.lstrip(":"), self.tls_version)
        to.set("tls", True, "transport")
        to.set("tls.verify", not unchecked, "tls_insecure_mode")
        to.set("tls.verify_hostname", self.tls_verify_hostname and not unchecked, "tls_verify_hostname")
        to.set("tls.ca_file", self.tls_cert_path[0] if self.tls_cert_path else None, "tls_cert_path")
        to.set("tls.crt_file", self.tls_client_cert_path, "tls_client_cert_path")
        to.set("tls.key_file", self.tls_client_private_key_path, "tls_client_private_key_path")
        to.set("tls.key_passwd", self.tls_client_private_key_passphrase, "tls_client_private_key_passphrase")
        to.set("tls.min_version", version, "tls_version")
        to.set("tls.ciphers", self.tls_ciphers, "tls_ciphers")
