"""Which proxy a connection goes through.

Source: Fluent Bit 5.1.1 src/flb_upstream.c: HTTP_PROXY holds for every destination and is asked for a tunnel
(CONNECT), NO_PROXY lists hosts. Differs: HTTPS_PROXY goes before HTTP_PROXY for TLS, and an entry of NO_PROXY
also stands for the hosts below it and for networks, as everywhere else; `*` may stand among others."""

import base64
import ipaddress
import os
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class Proxy(NamedTuple):
    host: str
    port: int
    tls: bool = False
    authorization: str = ""
    """Value of Proxy-Authorization; a secret."""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


def read_proxy(url: str) -> Proxy:
    """Raises: ValueError("expected ...")."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        raise ValueError("expected http://host:port") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected http://host:port")
    tls = parts.scheme == "https"
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(parts.hostname, port or (443 if tls else 80), tls, authorization)


def from_environment(host: str, tls: bool, environ: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy that the environment names for this host, or None. Raises: ValueError if its URL is not one."""
    names = ["HTTPS_PROXY", "https_proxy"] if tls else []
    names += ["HTTP_PROXY", "http_proxy"]
    name = next((n for n in names if environ.get(n)), None)
    if name is None or _excepted(host, environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return None
    try:
        return read_proxy(environ[name])
    except ValueError as why:
        raise ValueError(f"{name} is not a proxy: {why}") from None


def _excepted(host: str, listed: str) -> bool:
    host = host.lower().rstrip(".")
    for entry in (e.strip().lower() for e in listed.split(",")):
        if entry == "*" or (entry and (host == entry.lstrip(".") or host.endswith("." + entry.lstrip(".")))):
            return True
        if "/" in entry:
            try:
                if ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False):
                    return True
            except ValueError:
                continue
    return False
