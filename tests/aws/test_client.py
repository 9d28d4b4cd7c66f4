import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from pyrolens.aws import Aws, AwsClient, Reply, aws_client
from pyrolens.delivery.outcome import Chunk, Outcome
from pyrolens.plugin import Net, Tls
from tests.net.servers import Answer, Request, Server, answer, serving

KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "HOME": "/nowhere"}


def error(code: str, message: str = "", status: int = 400, **headers: str) -> bytes:
    return answer(status, json.dumps({"__type": code, "message": message}).encode(), **headers)


def called(
    respond: Callable[[Request], Answer], environ: dict[str, str] | None = None, calls: int = 1, **aws: Any
) -> tuple[list[Reply], list[Request]]:
    """Replies to calls, and the requests that the service got."""

    async def test() -> tuple[list[Reply], list[Request]]:
        async with serving(respond) as server:
            client = client_of(server, environ or KEYS, **aws)
            replies = [await client.call("Do", b'{"a":1}') for _ in range(calls)]
            await client.close()
            return replies, server.requests

    return asyncio.run(asyncio.wait_for(test(), 60))


def client_of(server: Server, environ: dict[str, str], **aws: Any) -> AwsClient:
    options = Aws(region="eu-west-1", endpoint=server.url, **aws)
    return aws_client("logs", "Logs_1", options, Net(), Tls(), service_id="X", environ=environ)


def test_a_call() -> None:
    replies, requests = called(lambda r: answer(200, b'{"x":2}'))
    assert (replies[0].ok, replies[0].json()) == (True, {"x": 2})
    (request,) = requests
    assert (request.method, request.target, request.body) == ("POST", "/", b'{"a":1}')
    assert request.headers["x-amz-target"] == "Logs_1.Do"
    assert request.headers["content-type"] == "application/x-amz-json-1.1"
    assert request.headers["authorization"].split(", ")[1] == (
        "SignedHeaders=content-length;content-type;host;user-agent;x-amz-date;x-amz-target"
    )


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (error("ThrottlingException", "slow"), (400, "ThrottlingException: slow", True, None)),
        (error("com.amazonaws.logs#LimitExceededException"), (400, "LimitExceededException", True, None)),
        (answer(400, b"", x_amzn_ErrorType="SomeException:http://x/"), (400, "SomeException", False, None)),
        (answer(503, b"busy", Retry_After="9"), (503, "HTTP 503", True, 9.0)),
        (error("InternalFailure", "", 500), (500, "InternalFailure", False, None)),
        (answer(500, b"<html>"), (500, "HTTP 500", False, None)),
    ],
)
def test_errors(said: bytes, reply: tuple[int, str, bool, float | None]) -> None:
    (got,), _ = called(lambda r: said)
    assert (got.status, got.reason, got.throttled, got.after) == reply
    chunk = Chunk("k", [b"a", b"b"], 2, 2, "1")
    assert got.failed(chunk) == Outcome(range(2), {}, reply[1], reply[3], reply[2])


def test_expired_credentials_are_renewed_and_the_call_made_again(tmp_path: Any) -> None:
    file = tmp_path / "keys"
    environ = {"HOME": str(tmp_path), "AWS_SHARED_CREDENTIALS_FILE": str(file)}
    file.write_text("[default]\naws_access_key_id=OLD\naws_secret_access_key=o\n")

    def respond(request: Request) -> bytes:
        if "Credential=OLD/" in request.headers["authorization"]:
            file.write_text("[default]\naws_access_key_id=NEW\naws_secret_access_key=n\n")
            return error("ExpiredTokenException", "expired")
        return answer(200, b"{}")

    replies, requests = called(respond, environ, calls=2)
    assert [r.status for r in replies] == [200, 200]
    assert [r.headers["authorization"].split("=")[1].split("/")[0] for r in requests] == ["OLD", "NEW", "NEW"]


def test_keys_that_stay_the_same_are_not_tried_twice() -> None:
    replies, requests = called(lambda r: error("ExpiredTokenException", "expired"))
    assert (replies[0].reason, len(requests)) == ("ExpiredTokenException: expired", 1)


@pytest.mark.parametrize(("again", "requests"), [(True, 2), (False, 1)])
def test_no_answer_is_one_more_call_at_once(again: bool, requests: int) -> None:
    replies, got = called(lambda r: None, auto_retry_requests=again)
    assert (replies[0].status, len(got)) == (0, requests)
    assert replies[0].reason.endswith("connection closed without an answer")


def test_no_credentials_is_a_reply_too() -> None:
    replies, requests = called(lambda r: answer(), {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nowhere"})
    assert requests == []
    assert replies[0].reason == (
        "no AWS credentials found (environment: none; profile: none; web identity: none; container: none; "
        "instance: none)"
    )


def test_the_region_and_endpoint_of_the_environment() -> None:
    environ = {**KEYS, "AWS_REGION": "ap-south-1"}
    client = aws_client("firehose", "F", Aws(), Net(), Tls(), service_id="FIREHOSE", environ=environ)
    assert (client.signer.region, client.http.host) == ("ap-south-1", "firehose.ap-south-1.amazonaws.com")
    assert client.http.place.tls == Tls(verify_hostname=True)
    environ["AWS_ENDPOINT_URL_FIREHOSE"] = "http://127.0.0.1:5000"
    client = aws_client("firehose", "F", Aws(), Net(), Tls(), service_id="FIREHOSE", environ=environ)
    assert (client.http.host, client.http.place.tls) == ("127.0.0.1:5000", None)
