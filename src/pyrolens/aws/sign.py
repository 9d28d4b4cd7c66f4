"""Signature Version 4, of AWS's reference for its general API."""

import hashlib
import hmac
import time
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from pyrolens.net.body import Body, sha256


class Credentials(NamedTuple):
    """Keys, and when they end (seconds since the epoch), if they do."""

    key: str
    secret: str
    token: str = ""
    expires: float | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.key}, ***)"


Header = tuple[str, str]

SHORTEST = 6
"""Characters of a secret that is looked for; those of AWS are longer."""


def without_secrets(body: bytes, credentials: Credentials) -> bytes:
    """An answer that may be shown: a service which finds a signature wrong repeats the request, token included."""
    for secret in (text for text in (credentials.token, credentials.secret) if len(text) >= SHORTEST):
        body = body.replace(secret.encode(), b"***")
    return body


NOT_SIGNED = frozenset({"authorization", "connection", "x-amzn-trace-id", "transfer-encoding", "expect"})


@lru_cache(maxsize=32)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _normal(path: str) -> str:
    """The path as it is signed: without empty parts, and without . and .. (but not for S3)."""
    out: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del out[-1:]
        elif part not in ("", "."):
            out.append(part)
    return "/" + "/".join(out) + ("/" if out and path.endswith("/") else "")


def sign(
    credentials: Credentials,
    service: str,
    region: str,
    method: str,
    target: str,
    headers: list[Header],
    body: Body,
    now: float | None = None,
) -> list[Header]:
    """The headers and those that sign them. All of `headers` are signed, Host among them, so they must reach the
    server as they are. `target`: the path and query as sent. `now`: seconds since the epoch."""
    moment = time.gmtime(now)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", moment)
    day = stamp[:8]
    out = [*headers, ("x-amz-date", stamp)]
    digest = sha256(body)
    if service == "s3":
        out.append(("x-amz-content-sha256", digest))
    if credentials.token:
        out.append(("x-amz-security-token", credentials.token))
    canonical: dict[str, str] = {}
    for name, value in out:
        lower = name.lower()
        if lower not in NOT_SIGNED:
            text = " ".join(value.split())
            canonical[lower] = f"{canonical[lower]},{text}" if lower in canonical else text
    names = ";".join(sorted(canonical))
    path, _, query = target.partition("?")
    pairs = sorted(tuple(part.partition("=")[::2]) for part in query.split("&")) if query else []
    request = "\n".join(
        [
            method,
            quote(unquote_to_bytes(path) if service == "s3" else _normal(path), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{canonical[name]}" for name in sorted(canonical)),
            "",
            names,
            digest,
        ]
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(_key(credentials.secret, day, region, service), text.encode(), "sha256").hex()
    value = f"AWS4-HMAC-SHA256 Credential={credentials.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    out.append(("Authorization", value))
    return out
