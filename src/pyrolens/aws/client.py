"""One client for AWS services: `call` for those that speak JSON (CloudWatch Logs, Kinesis …), `send` for any."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pyrolens.aws.credentials import CredentialsError
from pyrolens.aws.sign import Header
from pyrolens.aws.signer import Signer, error_code
from pyrolens.aws.xml import xml_value
from pyrolens.delivery.outcome import Chunk, Outcome
from pyrolens.net import Client, NetError, Response
from pyrolens.net.body import Body

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
    """What a service that speaks JSON says."""
    if response.status == 200:
        return Reply(200, "", "", response.body, response.headers)
    try:
        said = msgspec.json.decode(response.body)
    except msgspec.DecodeError:
        said = None
    message = str(said.get("message") or said.get("Message") or "") if isinstance(said, dict) else ""
    return Reply(response.status, error_code(response), message, response.body, response.headers, response.retry_after)


def read_xml(response: Response) -> Reply:
    """What S3 or SNS say. S3 may say in an answer of status 200 that it failed."""
    text = response.text if response.status != 200 or b"<Error>" in response.body[:1000] else ""
    if response.status == 200 and not text:
        return Reply(200, "", "", response.body, response.headers)
    status = response.status if response.status != 200 else 500
    code, message = xml_value(text, "Code"), xml_value(text, "Message")
    return Reply(status, code, message, response.body, response.headers, response.retry_after)


CALL_SECONDS = 60.0
"""The services answer within seconds; after this a call is as good as lost."""


class AwsClient:
    """Signed calls to one service in one region."""

    def __init__(
        self, http: Client, signer: Signer, target: str, *, user_agent: str = "", call_again: bool = True
    ) -> None:
        """target: what X-Amz-Target begins with.
        call_again: a call that got no answer is made once more at once (auto_retry_requests)."""
        self.http = http
        self.signer = signer
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
        body: Body,
        *,
        read: Callable[[Response], Reply] = read_reply,
        seconds: float = CALL_SECONDS,
    ) -> Reply:
        """One request; see Signer.request.

        read: what an answer says. seconds: until the call is as good as lost."""
        plain: list[Header] = [
            ("Host", self.http.host),
            ("User-Agent", self._user_agent),
            *headers,
            ("Content-Length", str(len(body))),
        ]
        try:
            answer = await self.signer.request(
                self.http, method, target, plain, body, seconds=seconds, tries=self._tries
            )
        except (NetError, CredentialsError) as why:
            return Reply(0, "", str(why))
        return read(answer)

    async def close(self) -> None:
        await self.http.close()


def user_agent_extra(extra: str | None) -> str:
    """Source: Fluent Bit 5.1.1: extra_user_agent, else the AWS distribution's FLB_AWS_USER_AGENT."""
    return extra or os.environ.get("FLB_AWS_USER_AGENT", "")
