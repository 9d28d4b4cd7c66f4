"""TLS for inputs that listen."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pyrolens.api import ConfigError, Problem, Secret, opt

TLS_NOT_SERVER: Mapping[str, str] = MappingProxyType(
    {
        "tls.debug": "failed handshakes are reported with their reason, and there is no more to tell",
        "tls.verify_hostname": "clients are not asked for their names",
        "tls.vhost": "a server asks for no name",
    }
)
"""For `ignored` of inputs with ServerTls."""


@dataclass(frozen=True, kw_only=True)
class ServerTls:
    """Options of inputs that listen with TLS. The switch itself is `tls`."""

    crt_file: str | None = opt("Our certificate (PEM).", default=None)
    key_file: str | None = opt("The key of our certificate (PEM).", default=None)
    key_passwd: Secret | None = opt("Password of that key.", default=None)
    verify: bool = opt("Check the certificate of a client that shows one, if there is a ca_file.", default=True)
    verify_client_cert: bool = opt("Let in only clients with a certificate of ca_file or ca_path.", default=False)
    ca_file: str | None = opt("File of certificate authorities for clients (PEM).", default=None)
    ca_path: str | None = opt("Folder of certificate authorities for clients.", default=None)
    min_version: str | None = opt("Oldest TLS version, such as TLSv1.2.", default=None)
    max_version: str | None = opt("Newest TLS version.", default=None)
    ciphers: str | None = opt("Ciphers to accept, in OpenSSL's spelling.", default=None)


def tls_print(tls: ServerTls | None) -> object:
    """Equal as long as peers that are connected would be let in again: whatever the certificate is that they are
    shown."""
    if tls is None:
        return None
    return replace(tls, crt_file=None, key_file=None, key_passwd=None), tls.ca_file and os.stat(tls.ca_file).st_mtime_ns


def load_certificate(context: ssl.SSLContext, tls: ServerTls) -> None:
    """Show this one from now on. Raises: ConfigError."""
    if not tls.crt_file:
        raise _refuse("tls is on and tls.crt_file is missing: a server needs a certificate")
    try:
        context.load_cert_chain(tls.crt_file, tls.key_file, password=tls.key_passwd or "")
    except (OSError, ValueError) as why:
        raise _refuse(f"tls.crt_file '{tls.crt_file}' and its key cannot be used: {_said(why)}") from None


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """Raises: ConfigError for files that cannot be read and versions that do not exist."""
    from pyrolens.net.tls import VERSIONS  # all of net comes with it, so only who speaks TLS pays for it

    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_certificate(made, tls)
    for option, text in (("min_version", tls.min_version), ("max_version", tls.max_version)):
        if text:
            if text.upper() not in VERSIONS:
                raise _refuse(f"tls.{option} is '{text}': expected TLSv1.1, TLSv1.2 or TLSv1.3")
            setattr(made, option.replace("min_", "minimum_").replace("max_", "maximum_"), VERSIONS[text.upper()])
    if tls.ciphers:
        try:
            made.set_ciphers(tls.ciphers)
        except ssl.SSLError as why:
            raise _refuse(f"tls.ciphers is '{tls.ciphers}': {_said(why)}") from None
    if tls.verify_client_cert or (tls.verify and (tls.ca_file or tls.ca_path)):
        made.verify_mode = ssl.CERT_REQUIRED if tls.verify_client_cert else ssl.CERT_OPTIONAL
        try:
            made.load_verify_locations(cafile=tls.ca_file, capath=tls.ca_path)
        except (OSError, ValueError, TypeError) as why:
            what = "tls.verify_client_cert" if tls.verify_client_cert else "tls.verify"
            raise _refuse(f"{what} needs a good tls.ca_file or tls.ca_path: {_said(why)}") from None
    return made


def _said(why: Exception) -> str:
    return (why.strerror if isinstance(why, OSError) and why.strerror else str(why)) or type(why).__name__


def _refuse(message: str) -> ConfigError:
    return ConfigError([Problem("bad-tls", message)])
