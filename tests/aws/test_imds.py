"""The instance metadata service, as EC2 answers."""

import asyncio
from collections.abc import Callable

import pytest

from pyrolens.aws.imds import Imds, ImdsError
from tests.net.servers import Answer, Request, Server, answer, serving

TOKEN = "t0ken=="


class Instance:
    """An instance that wants a session token. `texts`: by path below /latest/, without a slash at the end."""

    def __init__(self, texts: dict[str, str], *, tokens: bool = True) -> None:
        self.texts = texts
        self.tokens = tokens
        self.token = TOKEN
        self.failing = False

    def __call__(self, request: Request) -> Answer:
        if self.failing:
            return answer(500, b"")
        if request.method == "PUT":
            asked = request.target == "/latest/api/token" and "x-aws-ec2-metadata-token-ttl-seconds" in request.headers
            return answer(200, self.token.encode()) if asked and self.tokens else answer(404, b"")
        if self.tokens and request.headers.get("x-aws-ec2-metadata-token") != self.token:
            return answer(401, b"Unauthorized")
        text = self.texts.get(request.target.removeprefix("/latest/").rstrip("/"))
        return answer(404, b"<html>Not Found</html>") if text is None else answer(200, text.encode())


def asked(instance: Callable[[Request], Answer], paths: list[str], version: int = 2) -> tuple[list[str | None], Server]:
    """What it says at each path."""

    async def ask() -> tuple[list[str | None], Server]:
        async with serving(instance) as server:
            imds = Imds({"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url}, version)
            found = [await imds.get(path) for path in paths]
            await imds.close()
            return found, server

    return asyncio.run(ask())


def test_a_token_is_asked_for_once() -> None:
    found, server = asked(Instance({"meta-data/ami-id": "ami-1"}), ["meta-data/ami-id/", "meta-data/none"])
    assert found == ["ami-1", None]
    assert [(r.method, r.target) for r in server.requests] == [
        ("PUT", "/latest/api/token"),
        ("GET", "/latest/meta-data/ami-id/"),
        ("GET", "/latest/meta-data/none"),
    ]


def test_version_1_takes_no_token() -> None:
    found, server = asked(Instance({"a": "x"}, tokens=False), ["a"], version=1)
    assert (found, [r.method for r in server.requests]) == (["x"], ["GET"])


def test_a_token_that_has_ended_is_renewed() -> None:
    instance = Instance({"a": "x"})

    def respond(request: Request) -> Answer:
        said = instance(request)
        if request.method == "GET" and said is not None and b"401" not in said:
            instance.token += "="
        return said

    found, server = asked(respond, ["a", "a"])
    assert found == ["x", "x"]
    assert [r.method for r in server.requests] == ["PUT", "GET", "GET", "PUT", "GET"]


@pytest.mark.parametrize(
    ("instance", "version", "why"),
    [
        (Instance({}, tokens=False), 2, "no session token: HTTP 404"),
        (lambda request: answer(500, b""), 1, "a: HTTP 500"),
        (Instance({"a": "x"}), 1, "a: HTTP 401"),
        (lambda request: None, 1, "127.0.0.1:.* closed without an answer"),
    ],
)
def test_what_fails(instance: Callable[[Request], Answer], version: int, why: str) -> None:
    with pytest.raises(ImdsError, match=why):
        asked(instance, ["a"], version)


def test_it_can_be_switched_off() -> None:
    async def ask() -> None:
        await Imds({"AWS_EC2_METADATA_DISABLED": "true"}).get("a")

    with pytest.raises(ImdsError, match="AWS_EC2_METADATA_DISABLED is true"):
        asyncio.run(ask())
