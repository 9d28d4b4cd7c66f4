"""A service refuses a request for its time or its credentials, and gets it again."""

import asyncio
import json
import time
from email.utils import formatdate
from typing import Any

import pytest

from pyrolens.aws import Identity, signer_of
from pyrolens.aws.signer import Clock, Signer, error_code
from pyrolens.net import Client, Response
from pyrolens.net.connect import Place
from pyrolens.plugin import Net, Tls
from tests.net.servers import Request, Server, answer, serving
from tests.said import Said

KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "topsecret", "HOME": "/nowhere"}
ROLE = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>rolesecret"
    "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
    "</AssumeRoleResult></AssumeRoleResponse>"
)
WARNING = "the clock of this machine is wrong, so requests are signed by that of AWS"


def elsewhere(ahead: float, refusal: bytes, taken: bytes = b"taken") -> Any:
    """A service whose clock is ahead, and which takes what is signed in the last five minutes."""

    def respond(request: Request) -> bytes:
        signed = time.mktime(time.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")) - time.timezone
        if abs(time.time() + ahead - signed) > 300:
            return refusal.replace(b"DATE", formatdate(time.time() + ahead, usegmt=True).encode())
        return answer(200, ROLE.encode() if "AssumeRole" in request.target else taken)

    return respond


def refused(code: str, **headers: str) -> bytes:
    return answer(403, json.dumps({"__type": code, "message": "no"}).encode(), **headers)


def requested(respond: Any, count: int = 1, role: bool = False, **environ: str) -> tuple[list[int], Server, Said]:
    """The statuses of so many requests, one after the other."""
    log = Said()

    async def test() -> tuple[list[int], Server]:
        async with serving(respond) as server:
            identity = Identity(region="eu-west-1")
            if role:
                identity = Identity(region="eu-west-1", role_arn="arn:x", sts_endpoint=server.url)
            signer = signer_of("es", identity, Net(), Tls(), log, {**KEYS, **environ})
            client = Client(Place("127.0.0.1", server.port, Net(), None))
            answers = [
                await signer.request(client, "POST", "/", [("Host", "h")], b"{}", seconds=5.0) for _ in range(count)
            ]
            await client.close()
            return [one.status for one in answers], server

    statuses, server = asyncio.run(asyncio.wait_for(test(), 30))
    return statuses, server, log


@pytest.mark.parametrize("ahead", [86_400.0, -86_400.0])
def test_requests_are_signed_by_the_clock_of_the_service(ahead: float) -> None:
    statuses, server, log = requested(elsewhere(ahead, refused("InvalidSignatureException", Date="DATE")), 3)
    assert (statuses, len(server.requests)) == ([200, 200, 200], 4)
    ((level, said, fields),) = log.lines
    assert (level, said) == ("warning", WARNING)
    assert abs(float(str(fields["ahead"]).rstrip("s")) - ahead) < 3


def test_the_clock_of_sts() -> None:
    refusal = answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", Date="DATE")
    statuses, server, log = requested(elsewhere(86_400, refusal), 2, role=True)
    assert statuses == [200, 200]
    assert ["AssumeRole" in request.target for request in server.requests] == [True, True, False, False]
    assert [said for _, said, _ in log.lines] == [WARNING]


@pytest.mark.parametrize(
    "refusal",
    [
        refused("InvalidSignatureException"),
        refused("InvalidSignatureException", Date="yesterday"),
        refused("AccessDeniedException", Date="DATE"),
        answer(500, b"", Date="DATE"),
    ],
)
def test_what_another_time_does_not_mend_is_not_asked_again(refusal: bytes) -> None:
    statuses, server, log = requested(elsewhere(86_400, refusal))
    assert (len(server.requests), log.lines) == (1, [])
    assert statuses != [200]


def test_a_service_that_goes_on_refusing_is_asked_twice() -> None:
    def never(request: Request) -> bytes:
        return refused("RequestExpired", Date=formatdate(time.time() + 1000, usegmt=True))

    statuses, server, _ = requested(never)
    assert (statuses, len(server.requests)) == ([403], 2)


def test_no_secret_is_in_an_answer() -> None:
    async def test() -> Response:
        async with serving(lambda request: answer(403, b"you signed with topsecret")) as server:
            signer = signer_of("es", Identity(region="r"), Net(), Tls(), None, KEYS)
            client = Client(Place("127.0.0.1", server.port, Net(), None))
            said = await signer.request(client, "POST", "/", [("Host", "h")], b"{}", seconds=5.0)
            await client.close()
            return said

    assert asyncio.run(test()).body == b"you signed with ***"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Response(400, {}, b'{"__type":"com.amazonaws.logs#ThrottlingException"}'), "ThrottlingException"),
        (Response(400, {"x-amzn-errortype": "SomeException:http://x/"}, b""), "SomeException"),
        (Response(403, {}, b"<Error><Code>RequestTimeTooSkewed</Code></Error>"), "RequestTimeTooSkewed"),
        (Response(403, {}, b'{"message":"no"}'), ""),
        (Response(403, {}, b"[]"), ""),
    ],
)
def test_the_name_of_an_error(reply: Response, code: str) -> None:
    assert error_code(reply) == code


def test_a_clock_that_is_about_right_stays() -> None:
    now = 1_780_000_000.0
    clock = Clock(now=lambda: now)
    assert not clock.set_by(Response(403, {"date": formatdate(now + 200, usegmt=True)}, b""))
    assert clock() == now
    assert clock.set_by(Response(403, {"date": formatdate(now - 300, usegmt=True)}, b""))
    assert clock() == now - 300


def test_signers_of_several_outputs_have_clocks_of_their_own() -> None:
    one, other = (signer_of("es", Identity(region="r"), Net(), Tls(), None, KEYS) for _ in range(2))
    assert isinstance(one, Signer)
    assert one.clock is not other.clock
