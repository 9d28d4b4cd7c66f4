"""TLS options as a context of Python's ssl module, which the event loop has loaded anyway."""

import os
import ssl
from functools import lru_cache

from pyrolens.plugin import Tls
from pyrolens.problems import ConfigError, Problem

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
)
"""Where Linux distributions keep the certificate authorities, for a Python that was built elsewhere."""

VERSIONS = {
    "TLSV1": ssl.TLSVersion.TLSv1,
    "TLSV1.0": ssl.TLSVersion.TLSv1,
    "TLSV1.1": ssl.TLSVersion.TLSv1_1,
    "TLSV1.2": ssl.TLSVersion.TLSv1_2,
    "TLSV1.3": ssl.TLSVersion.TLSv1_3,
}


@lru_cache(maxsize=32)
def context(tls: Tls) -> ssl.SSLContext:
    """The context for these options; outputs with the same options share it, for it holds all authorities.

    Raises: ConfigError for files that cannot be read and versions that do not exist."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = tls.verify and tls.verify_hostname
    made.verify_mode = ssl.CERT_REQUIRED if tls.verify else ssl.CERT_NONE
    for option, text in (("min_version", tls.min_version), ("max_version", tls.max_version)):
        if text:
            if text.upper() not in VERSIONS:
                raise _refuse(f"tls.{option} is '{text}': expected TLSv1.1, TLSv1.2 or TLSv1.3")
            attribute = "minimum_version" if option == "min_version" else "maximum_version"
            setattr(made, attribute, VERSIONS[text.upper()])
    if tls.ciphers:
        try:
            made.set_ciphers(tls.ciphers)
        except ssl.SSLError as why:
            raise _refuse(f"tls.ciphers is '{tls.ciphers}': {_said(why)}") from None
    _load_authorities(made, tls)
    if tls.crt_file:
        password = tls.key_passwd or ""  # never ask on a terminal
        try:
            made.load_cert_chain(tls.crt_file, tls.key_file, password=password)
        except (OSError, ValueError) as why:
            raise _refuse(f"tls.crt_file '{tls.crt_file}' and its key cannot be used: {_said(why)}") from None
    return made


def _load_authorities(made: ssl.SSLContext, tls: Tls) -> None:
    if not tls.verify:
        return
    if tls.ca_file or tls.ca_path:
        try:
            made.load_verify_locations(cafile=tls.ca_file, capath=tls.ca_path)
        except (OSError, ValueError) as why:
            named = f"tls.ca_file '{tls.ca_file}'" if tls.ca_file else f"tls.ca_path '{tls.ca_path}'"
            raise _refuse(f"{named} cannot be used: {_said(why)}") from None
        return
    made.load_default_certs()
    if not made.cert_store_stats()["x509_ca"] and not os.path.isdir(ssl.get_default_verify_paths().capath or ""):
        found = next((b for b in BUNDLES if os.path.exists(b)), None)
        if found:
            made.load_verify_locations(cafile=found)


def _said(why: Exception) -> str:
    said = getattr(why, "reason", "") or getattr(why, "strerror", "") or str(why) or type(why).__name__
    return str(said)


def _refuse(message: str) -> ConfigError:
    return ConfigError([Problem("bad-tls", message)])
