"""Roles: AssumeRole and AssumeRoleWithWebIdentity of the region's STS."""

import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from pyrolens.aws.credentials import CredentialsError, Provider
from pyrolens.aws.endpoint import Endpoint, from_environment, of_service, read_endpoint
from pyrolens.aws.places import USER_AGENT, read_time
from pyrolens.aws.sign import Credentials, Header, sign
from pyrolens.aws.signer import SKEWED, Clock
from pyrolens.aws.xml import xml_value
from pyrolens.net import Client, NetError, Response

VERSION = "2011-06-15"


def session_name() -> str:
    return f"pyrolens-{secrets.token_hex(8)}"


class Sts:
    def __init__(self, client: Client, region: str, clock: Clock | None = None) -> None:
        self._client = client
        self._region = region
        self._clock = clock or Clock()

    async def __call__(
        self, base: Credentials, role: str, external_id: str | None = None, session: str | None = None
    ) -> Credentials:
        """Raises: CredentialsError."""
        query = {"Action": "AssumeRole", "RoleSessionName": session or session_name(), "RoleArn": role}
        if external_id:
            query["ExternalId"] = external_id
        return await self._call(query, role, base)

    async def with_token(self, role: str, token: str, session: str) -> Credentials:
        """Raises: CredentialsError."""
        query = {
            "Action": "AssumeRoleWithWebIdentity",
            "RoleSessionName": session,
            "RoleArn": role,
            "WebIdentityToken": token,
        }
        return await self._call(query, role, None)

    async def _call(self, query: dict[str, str], role: str, base: Credentials | None) -> Credentials:
        pairs = {"Version": VERSION, **query}
        target = "/?" + "&".join(f"{k}={quote(v, safe='-_.~')}" for k, v in pairs.items())
        try:
            answer = await self._answer(target, base)
            if xml_value(answer.text, "Code") in SKEWED and self._clock.set_by(answer):
                answer = await self._answer(target, base)
        except NetError as why:
            raise CredentialsError(f"STS: {why}") from None
        if answer.status != 200:
            code = xml_value(answer.text, "Code") or f"HTTP {answer.status}"
            message = xml_value(answer.text, "Message")
            raise CredentialsError(f"STS does not let us assume {role}: {code}{': ' + message if message else ''}")
        key, secret = xml_value(answer.text, "AccessKeyId"), xml_value(answer.text, "SecretAccessKey")
        if not key or not secret:
            raise CredentialsError("the answer of STS has no credentials")
        expires = xml_value(answer.text, "Expiration")
        return Credentials(key, secret, xml_value(answer.text, "SessionToken"), read_time(expires) if expires else None)

    async def _answer(self, target: str, base: Credentials | None) -> Response:
        """Raises: NetError."""
        headers: list[Header] = [("Host", self._client.host), USER_AGENT]
        if base:
            with_length = [*headers, ("Content-Length", "0")]
            signed = sign(base, "sts", self._region, "GET", target, with_length, b"", self._clock())
            headers = [h for h in signed if h[0] != "Content-Length"]  # the client writes it
        return await self._client.request("GET", target, headers, timeout=30.0)


def web_identity(environ: Mapping[str, str], sts: Sts) -> Provider:
    """The role of a Kubernetes service account."""

    async def provide() -> Credentials | None:
        role, path = environ.get("AWS_ROLE_ARN"), environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
        if not role or not path:
            return None
        try:
            token = Path(path).read_text(encoding="utf-8").strip()
        except OSError as why:
            raise CredentialsError(f"AWS_WEB_IDENTITY_TOKEN_FILE: {why.strerror}") from None
        return await sts.with_token(role, token, environ.get("AWS_ROLE_SESSION_NAME") or session_name())

    return provide


def assumed(base: Callable[[], Awaitable[Credentials]], sts: Sts, role: str, external_id: str | None) -> Provider:
    """The credentials of a role, assumed with other credentials. The session's name stays the same."""
    session = session_name()

    async def provide() -> Credentials | None:
        return await sts(await base(), role, external_id, session)

    return provide


def sts_endpoint(text: str | None, region: str, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """Raises: ValueError("expected ...")."""
    named = text or from_environment("STS", environ)
    return read_endpoint(named) if named else of_service("sts", region)
