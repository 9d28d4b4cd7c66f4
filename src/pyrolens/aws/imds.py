"""What an EC2 instance says of itself: the instance metadata service.

Source: Fluent Bit 5.1.1 src/aws/flb_aws_imds.c, for paths and time limits.
Differs: AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_DISABLED are honoured, as in AWS's SDKs.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from pyrolens.aws.places import INSTANCE_HOST
from pyrolens.net import Client, NetError, Response
from pyrolens.net.connect import Place
from pyrolens.plugin import Net

SECONDS = 1.0
"""For a connection, and for an answer."""
TTL = ("X-aws-ec2-metadata-token-ttl-seconds", "21600")


class ImdsError(Exception):
    """There is no instance metadata to be had, and why."""


class Imds:
    """`version`: 2 asks for a session token first, 1 does without."""

    def __init__(self, environ: Mapping[str, str], version: int = 2) -> None:
        url = urlsplit(environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or f"http://{INSTANCE_HOST}")
        net = Net(connect_timeout=SECONDS, keepalive_idle_timeout=1.0)
        self._off = environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
        self._client = Client(Place(url.hostname or INSTANCE_HOST, url.port or 80, net), again_when_closed=True)
        self._version = version
        self._token = ""

    async def get(self, path: str) -> str | None:
        """The text at a path below /latest, or None where the instance has nothing. Raises: ImdsError."""
        answer = await self._ask(path)
        if answer.status == 401 and self._version == 2:
            self._token = ""
            answer = await self._ask(path)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise ImdsError(f"{path}: HTTP {answer.status}")
        return answer.text

    async def _ask(self, path: str) -> Response:
        if self._off:
            raise ImdsError("AWS_EC2_METADATA_DISABLED is true")
        headers: list[tuple[str, str]] = []
        if self._version == 2:
            self._token = self._token or await self._new_token()
            headers.append(("X-aws-ec2-metadata-token", self._token))
        return await self._request("GET", f"/latest/{path}", headers)

    async def _new_token(self) -> str:
        answer = await self._request("PUT", "/latest/api/token", [TTL])
        if answer.status != 200 or not answer.text:
            raise ImdsError(f"no session token: HTTP {answer.status}")
        return answer.text

    async def _request(self, method: str, target: str, headers: list[tuple[str, str]]) -> Response:
        try:
            return await self._client.request(method, target, headers, timeout=SECONDS)
        except NetError as why:
            raise ImdsError(str(why)) from None

    async def close(self) -> None:
        await self._client.close()
