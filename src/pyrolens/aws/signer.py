"""Requests that are signed: what a service says about credentials and the time is heeded, and the request made again.

Source: Signing and authenticating REST requests, AWS General Reference and Amazon S3 API Reference (errors, skew)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from pyrolens.aws.credentials import Cache
from pyrolens.aws.sign import Credentials, Header, sign, without_secrets
from pyrolens.aws.xml import xml_value
from pyrolens.net import Client, NetError, Response
from pyrolens.net.body import Body, known_sha256
from pyrolens.plugin import Log

TOLERATED = 240.0
"""Seconds by which clocks may differ; AWS takes 300, and S3 900."""
SKEWED = frozenset(
    {
        "AuthFailure",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
"""The time may be to blame."""
EXPIRED = SKEWED | {
    "ExpiredToken",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidToken",
    "InvalidAccessKeyId",
    "TokenRefreshRequired",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
}
"""Other credentials may help."""
LARGE = 2 * 1024 * 1024
"""Bytes of a body that takes its time to be hashed: 2 ms. Larger than any request of CloudWatch Logs, as a rule."""


class Clock:
    """The time as AWS has it: this machine's, until a service refuses a request for its time."""

    def __init__(self, log: Log | None = None, now: Callable[[], float] = time.time) -> None:
        """log: where it is said that our clock is wrong."""
        self._log, self._now = log, now
        self.ahead = 0.0
        """Seconds."""

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self._now() + self.ahead

    def set_by(self, answer: Response) -> bool:
        """Go by the Date of an answer. False: it is about what we have, or there is none."""
        from email.utils import parsedate_to_datetime  # most clocks are right

        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except (TypeError, ValueError):
            return False
        off = theirs - self()
        if abs(off) < TOLERATED:
            return False
        self.ahead += off
        if self._log:
            said = "the clock of this machine is wrong, so requests are signed by that of AWS"
            self._log.warning(said, ahead=f"{self.ahead:+.0f}s")
        return True


def error_code(answer: Response) -> str:
    """The name of the error, or "": in __type or a header, with or without a namespace, or in Code of XML."""
    code = answer.headers.get("x-amzn-errortype", "")
    try:
        said = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        said = None
        code = code or xml_value(answer.text, "Code")
    if isinstance(said, dict):
        code = str(said.get("__type") or code)
    return code.split(":")[0].split("#")[-1]


class Signer:
    """Makes requests of one service in one region."""

    def __init__(self, credentials: Cache, service: str, region: str, clock: Clock) -> None:
        """service: as signed, such as "logs"."""
        self.credentials, self.service, self.region, self.clock = credentials, service, region, clock

    async def request(
        self,
        http: Client,
        method: str,
        target: str,
        headers: Sequence[Header],
        body: Body,
        *,
        unsigned: Sequence[Header] = (),
        seconds: float,
        tries: int = 1,
    ) -> Response:
        """One request, and one more if the service wants other credentials or another date. No secret is in the answer.

        headers: those that are signed; Content-Length is not sent with them, for the HTTP client writes it. unsigned:
        those beside them. seconds: until the call is as good as lost. tries: how often a call may stay without an
        answer. Raises: NetError, CredentialsError."""
        last = False
        while True:
            credentials = await self.credentials.get()
            what = (credentials, self.service, self.region, method, target, list(headers), body, self.clock())
            soon = len(body) < LARGE or known_sha256(body) is not None
            signed = sign(*what) if soon else await asyncio.to_thread(sign, *what)
            lines = [*(h for h in signed if h[0] != "Content-Length"), *unsigned]
            try:
                answer = await http.request(method, target, lines, body, timeout=seconds)
            except NetError:
                tries -= 1
                if tries <= 0:
                    raise
                continue
            if answer.status < 400:
                return answer
            answer = replace(answer, body=without_secrets(answer.body, credentials))
            if last or not await self._other(answer, credentials):
                return answer
            last = True

    async def _other(self, answer: Response, refused: Credentials) -> bool:
        """Whether a request that is signed anew may be taken."""
        code = error_code(answer)
        unnamed = not code and answer.status in (401, 403)
        if (code in SKEWED or unnamed) and self.clock.set_by(answer):
            return True
        if code not in EXPIRED and not unnamed:
            return False
        other = await self.credentials.renewed(refused)
        return other is not None and other != refused
