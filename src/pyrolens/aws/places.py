"""The places that credentials come from: environment, profile, web identity, container, instance."""

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pyrolens.aws.credentials import Assume, CredentialsError, Provider
from pyrolens.aws.sign import Credentials
from pyrolens.net import Client, NetError, Response
from pyrolens.net.connect import Place
from pyrolens.plugin import Net, Tls

CONTAINER_HOST = "169.254.170.2"
INSTANCE_HOST = "169.254.169.254"
USER_AGENT = ("User-Agent", "aws-fluent-bit-plugin")
QUICK = Net(connect_timeout=2.0, keepalive=False)


def read_time(text: str) -> float:
    """Seconds since the epoch. Raises: ValueError."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read_answer(text: str, who: str) -> Credentials:
    """Credentials as the container and instance endpoints and credential_process write them."""
    try:
        answer: dict[str, Any] = json.loads(text)
        expires = answer.get("Expiration")
        return Credentials(
            answer["AccessKeyId"],
            answer["SecretAccessKey"],
            answer.get("Token") or answer.get("SessionToken") or "",
            read_time(expires) if expires else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CredentialsError(f"the answer of {who} has no credentials") from None


def environment(environ: Mapping[str, str]) -> Provider:
    async def provide() -> Credentials | None:
        key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
        if not key or not secret:
            return None
        return Credentials(key, secret, environ.get("AWS_SESSION_TOKEN", ""))

    return provide


class Profiles:
    """The shared files ~/.aws/config and ~/.aws/credentials, as they are when they are asked for."""

    def __init__(self, environ: Mapping[str, str], name: str | None = None) -> None:
        home = environ.get("HOME", "")
        self.name = name or environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"
        self.named = bool(name or environ.get("AWS_PROFILE"))
        self._config = environ.get("AWS_CONFIG_FILE") or (f"{home}/.aws/config" if home else "")
        self._shared = environ.get("AWS_SHARED_CREDENTIALS_FILE") or (f"{home}/.aws/credentials" if home else "")

    def get(self, name: str) -> dict[str, str]:
        """The settings of a profile; those of the credentials file win."""
        in_config = "default" if name == "default" else f"profile {name}"
        return {**_section(self._config, in_config), **_section(self._shared, name)}


def _section(path: str, name: str) -> dict[str, str]:
    if not path or not os.path.isfile(path):
        return {}
    import configparser  # in a task there are no such files

    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(Path(path).read_text(encoding="utf-8", errors="replace"))
    except (configparser.Error, OSError) as why:
        raise CredentialsError(f"{path} cannot be read: {type(why).__name__}") from None
    return dict(parser[name]) if parser.has_section(name) else {}


def profile(profiles: Profiles, assume: Assume) -> Provider:
    """Keys, credential_process, or a role with source_profile."""

    async def of(name: str, above: tuple[str, ...]) -> Credentials | None:
        found = profiles.get(name)
        role, source = found.get("role_arn"), found.get("source_profile")
        if role and source and name not in above:
            base = await of(source, (*above, name))
            if base is None:
                raise CredentialsError(f"profile {name}: its source_profile {source} has no keys")
            return await assume(base, role, found.get("external_id"), found.get("role_session_name"))
        key, secret = found.get("aws_access_key_id"), found.get("aws_secret_access_key")
        if key and secret:
            return Credentials(key, secret, found.get("aws_session_token", ""))
        if found.get("credential_process"):
            return await _process(found["credential_process"], name)
        return None

    async def provide() -> Credentials | None:
        found = await of(profiles.name, ())
        if found is None and profiles.named:
            raise CredentialsError(f"there is no profile {profiles.name} with keys")
        return found

    return provide


async def _process(command: str, name: str) -> Credentials:
    who = f"the credential_process of profile {name}"
    try:
        process = await asyncio.create_subprocess_shell(
            command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as why:
        raise CredentialsError(f"{who} cannot be started: {why.strerror}") from None
    try:
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise CredentialsError(f"{who} takes longer than a minute") from None
    if process.returncode:
        raise CredentialsError(f"{who} ended with {process.returncode}")
    return read_answer(out.decode("utf-8", "replace"), who)


async def _get(client: Client, who: str, target: str, headers: list[tuple[str, str]], method: str = "GET") -> Response:
    try:
        return await client.request(method, target, [USER_AGENT, *headers], timeout=5.0)
    except NetError as why:
        raise CredentialsError(f"{who}: {why}") from None


def container(environ: Mapping[str, str]) -> Provider:
    """The role of an ECS task or an EKS pod, from the endpoint that the agent names in the environment."""

    async def provide() -> Credentials | None:
        relative = environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        full = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if relative:
            url = urlsplit(f"http://{CONTAINER_HOST}{relative}")
        elif full:
            url = urlsplit(full)
        else:
            return None
        tls = Tls(verify_hostname=True) if url.scheme == "https" else None
        headers = []
        token = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        token_file = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if token_file:
            try:
                token = Path(token_file).read_text(encoding="utf-8").strip()
            except OSError as why:
                raise CredentialsError(f"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: {why.strerror}") from None
        if token:
            headers.append(("Authorization", token))
        client = Client(Place(url.hostname or "", url.port or (443 if tls else 80), QUICK, tls))
        target = url.path + (f"?{url.query}" if url.query else "")
        answer = await _get(client, "the container's endpoint", target or "/", headers)
        if answer.status != 200:
            raise CredentialsError(f"the container's endpoint answers HTTP {answer.status}")
        return read_answer(answer.text, "the container's endpoint")

    return provide


class Instance:
    """The metadata service of an EC2 instance, with a session token where it asks for one (IMDSv2)."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._off = environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
        url = urlsplit(environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or f"http://{INSTANCE_HOST}")
        self._client = Client(Place(url.hostname or INSTANCE_HOST, url.port or 80, QUICK))

    async def __call__(self) -> Credentials | None:
        if self._off:
            return None
        who = "the instance's metadata"
        headers: list[tuple[str, str]] = []
        first = await _get(self._client, who, "/", [("X-aws-ec2-metadata-token", "INVALID")])
        if first.status == 401:
            ask = [("X-aws-ec2-metadata-token-ttl-seconds", "21600")]
            answer = await _get(self._client, who, "/latest/api/token", ask, "PUT")
            if answer.status != 200:
                raise CredentialsError(f"{who} refuses a token: HTTP {answer.status}")
            headers = [("X-aws-ec2-metadata-token", answer.text)]
        base = "/latest/meta-data/iam/security-credentials/"
        role = await _get(self._client, who, base, headers)
        if role.status != 200 or not role.text.strip():
            raise CredentialsError(f"the instance has no role (HTTP {role.status})")
        answer = await _get(self._client, who, base + role.text.split()[0], headers)
        if answer.status != 200:
            raise CredentialsError(f"{who} answers HTTP {answer.status}")
        return read_answer(answer.text, who)
