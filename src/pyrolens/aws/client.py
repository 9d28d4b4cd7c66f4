"""One client for AWS services: `call` for those that speak JSON (CloudWatch Logs, Kinesis …), `send` for any."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from pyrolens.aws.credentials import Cache, CredentialsError
from pyrolens.aws.sign import Credentials, Header, sign, without_secrets
from pyrolens.delivery.outcome import Chunk, Outcome
from pyrolens.net import Client, NetError, Response

THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "LimitExceededException",
        "ServiceUnavailableException",
        "ServiceUnavailable",
        "BandwidthLimitExceeded",
        "SlowDown",
        "PriorRequestNotComplete",
    }
)

EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidToken",
        "InvalidAccessKeyId",
        "TokenRefreshRequired",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
    }
)
"""Other credentials may help."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service said, or why it said nothing (status 0)."""

    status: int
    code: str = ""
    """The name of the error."""
    message: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: float | None = None
    """Seconds that the service asks to wait."""

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def throttled(self) -> bool:
        return self.code in THROTTLED or self.status in (429, 503)

    @property
    def reason(self) -> str:
        """One line for the log."""
        said = f"{self.code}: {self.message}" if self.code and self.message else self.code or self.message
        return said or f"HTTP {self.status}"

    def json(self) -> Any:
        """The body, or None where it is empty or no JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None

    def failed(self, chunk: Chunk) -> Outcome:
        """The outcome of a call that did not succeed: all of it again.

        Source: Fluent Bit 5.1.1, whose AWS outputs try again after every error."""
        return Outcome.again(chunk, self.reason, self.after, slow_down=self.throttled)


def read_reply(response: Response) -> Reply:
    """The error's name is in __type or a header, with or without a namespace."""
    if response.status == 200:
        return Reply(200, "", "", response.body, response.headers)
    code = response.headers.get("x-amzn-errortype", "")
    message = ""
    try:
        said = msgspec.json.decode(response.body)
    except msgspec.DecodeError:
        said = None
    if isinstance(said, dict):
        code = str(said.get("__type") or code)
        message = str(said.get("message") or said.get("Message") or "")
    code = code.split(":")[0].split("#")[-1]
    return Reply(response.status, code, message, response.body, response.headers, response.retry_after)


CALL_SECONDS = 60.0
"""The services answer within seconds; after this a call is as good as lost."""
LARGE = 1024 * 1024
"""Bytes."""


class AwsClient:
    """Signed calls to one service in one region."""

    def __init__(
        self,
        http: Client,
        credentials: Cache,
        service: str,
        region: str,
        target: str,
        *,
        user_agent: str = "",
        call_again: bool = True,
    ) -> None:
        """service: as signed, such as "logs". target: what X-Amz-Target begins with.
        call_again: a call that got no answer is made once more at once (auto_retry_requests)."""
        self.http = http
        self.credentials = credentials
        self.service = service
        self.region = region
        self._target = target
        self._user_agent = f"aws-fluent-bit-plugin{'-' + user_agent if user_agent else ''}"
        self._tries = 2 if call_again else 1

    async def call(self, operation: str, body: bytes, headers: tuple[Header, ...] = ()) -> Reply:
        """One call of a service that speaks JSON; see `send`."""
        plain: list[Header] = [
            ("Content-Type", "application/x-amz-json-1.1"),
            ("X-Amz-Target", f"{self._target}.{operation}"),
            *headers,
        ]
        return await self.send("POST", "/", plain, body)

    async def send(
        self,
        method: str,
        target: str,
        headers: list[Header],
        body: bytes,
        *,
        read: Callable[[Response], Reply] = read_reply,
        seconds: float = CALL_SECONDS,
    ) -> Reply:
        """One request; credentials that the service calls expired are renewed once, and the request made again.

        read: what an answer says. seconds: until the call is as good as lost."""
        try:
            credentials = await self.credentials.get()
            reply = await self._signed(credentials, method, target, headers, body, read, seconds)
            if reply.code in EXPIRED:
                other = await self.credentials.renewed(credentials)
                if other and other != credentials:
                    reply = await self._signed(other, method, target, headers, body, read, seconds)
            return reply
        except (NetError, CredentialsError) as why:
            return Reply(0, "", str(why))

    async def _signed(
        self,
        credentials: Credentials,
        method: str,
        target: str,
        headers: list[Header],
        body: bytes,
        read: Callable[[Response], Reply],
        seconds: float,
    ) -> Reply:
        plain: list[Header] = [
            ("Host", self.http.host),
            ("User-Agent", self._user_agent),
            *headers,
            ("Content-Length", str(len(body))),
        ]
        for left in reversed(range(self._tries)):
            what = (credentials, self.service, self.region, method, target, plain, body)
            # a large body takes its time to be hashed
            signed = sign(*what) if len(body) < LARGE else await asyncio.to_thread(sign, *what)
            lines = [h for h in signed if h[0] != "Content-Length"]  # the HTTP client writes it
            try:
                answer = await self.http.request(method, target, lines, body, timeout=seconds)
                if answer.status >= 400:
                    answer = replace(answer, body=without_secrets(answer.body, credentials))
                return read(answer)
            except NetError:
                if not left:
                    raise
        raise AssertionError("unreachable")

    async def close(self) -> None:
        await self.http.close()


def user_agent_extra(extra: str | None) -> str:
    """Source: Fluent Bit 5.1.1: extra_user_agent, else the AWS distribution's FLB_AWS_USER_AGENT."""
    return extra or os.environ.get("FLB_AWS_USER_AGENT", "")
