"""Where a service of AWS is."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "us-iso-": "c2s.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "eusc-": "amazonaws.eu",
}


class Endpoint(NamedTuple):
    host: str
    port: int = 443
    tls: bool = True


def of_service(service: str, region: str) -> Endpoint:
    suffix = next((s for prefix, s in SUFFIXES.items() if region.startswith(prefix)), "amazonaws.com")
    return Endpoint(f"{service}.{region}.{suffix}")


def read_endpoint(text: str, port: int | None = None) -> Endpoint:
    """`host`, `host:port` or a URL; `port` is that of an option of its own. Without a scheme, TLS is spoken.

    Raises: ValueError("expected ...")."""
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        given = parts.port
    except ValueError:
        raise ValueError("expected a host, host:port or a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a host, host:port or a URL")
    tls = parts.scheme == "https"
    return Endpoint(parts.hostname, given or port or (443 if tls else 80), tls)


def from_environment(service_id: str, environ: Mapping[str, str]) -> str | None:
    """AWS_ENDPOINT_URL_<SERVICE> or AWS_ENDPOINT_URL, as all AWS tools read them."""
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environ.get(f"AWS_ENDPOINT_URL_{service_id}") or environ.get("AWS_ENDPOINT_URL") or None
