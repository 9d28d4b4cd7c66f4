"""What the inputs of Fluentd's language have in common.

Source: Fluentd 1.19, lib/fluent/plugin_helper/server.rb.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from pyrolens.config.fluentd.kinds import Bool, Hidden
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.reading import Said
from pyrolens.language.document import Entry
from pyrolens.multiline import MultilineParser
from pyrolens.options import opt

TLS_VERSIONS = {"TLSv1_1": "TLSv1.1", "TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}
QUEUE = "the kernel keeps as many connections as it likes"
ONE_LOOP = "one loop reads all connections"
HOST = "names of hosts are not looked up; see source_address_key"


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
