"""What New Relic's Log API takes, for both of the outputs that send to it."""

from pyrolens.api import Limits, Net, Tls
from pyrolens.outputs._post import Headers, Poster, Url, poster, valid_target

DEFAULT = "https://log-api.newrelic.com/log/v1"
LIMITS = Limits(size=1_000_000 - 200, per_item=1)
"""Bytes of a body; the service counts them compressed, so that this is always less than it takes."""


def key_header(license_key: str | None, api_key: str | None) -> tuple[str, str]:
    return ("X-License-Key", license_key) if license_key else ("X-Insert-Key", api_key or "")


def newrelic_poster(
    url: Url, net: Net, tls: Tls | None, key: tuple[str, str], *, gzip: bool, proxy: str | None = None
) -> Poster:
    """Raises: ConfigError."""
    headers: Headers = [("User-Agent", "Fluent-Bit"), key, ("Content-Type", "application/json")]
    return poster(url.host, url.port, net, tls, valid_target(url.target), headers, gzip=gzip, proxy=proxy)
