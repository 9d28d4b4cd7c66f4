"""Pages of HTTPS."""

import base64
from collections.abc import Mapping
from urllib.parse import unquote, urljoin, urlsplit

from pyrolens import __version__
from pyrolens.language.includes import shown
from pyrolens.net import Client, NetError, Response
from pyrolens.net.connect import Place
from pyrolens.net.proxy import from_environment
from pyrolens.plugin import Tls
from pyrolens.remote.address import Address, read_address
from pyrolens.remote.errors import RemoteError
from pyrolens.remote.s3 import NET, SECONDS

REDIRECTS = 5
MOVED = (301, 302, 303, 307, 308)


async def get(address: Address, environ: Mapping[str, str]) -> bytes:
    """Raises: RemoteError."""
    url = address.name
    for _ in range(REDIRECTS + 1):
        answer = await _ask(url, address)
        if answer.status == 200:
            return answer.body
        if answer.status not in MOVED or not answer.headers.get("location"):
            again = answer.status >= 500 or answer.status == 429
            raise RemoteError(f"{address.text} cannot be read: HTTP {answer.status}", again=again)
        url = urljoin(url, answer.headers["location"])
        try:
            read_address(url)
        except ValueError as why:
            raise RemoteError(f"{address.text} leads to {shown(url)}: {why}") from None
    raise RemoteError(f"{address.text} leads on and on")


async def _ask(url: str, address: Address) -> Response:
    parts = urlsplit(url)
    secure, host = parts.scheme == "https", parts.hostname or ""
    headers = [("User-Agent", f"pyrolens/{__version__}"), ("Accept", "*/*")]
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    try:
        tunnel = from_environment(host, secure) if secure else None
        tls = Tls(verify_hostname=True) if secure else None
        client = Client(Place(host, parts.port or (443 if secure else 80), NET, tls, tunnel))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            return await client.request("GET", target, headers, timeout=SECONDS)
        finally:
            await client.close()
    except (NetError, ValueError) as why:
        raise RemoteError(f"{address.text} cannot be read: {why}", again=isinstance(why, NetError)) from None
