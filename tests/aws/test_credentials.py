import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from pyrolens.aws.credentials import PAUSE, REFRESH_BEFORE, Cache, Chain, CredentialsError
from pyrolens.aws.options import Identity, credentials_of
from pyrolens.aws.places import Instance, Profiles, container, environment, profile
from pyrolens.aws.sign import Credentials
from pyrolens.plugin import Net, Tls
from tests.net.servers import Request, Server, answer, serving

ROLE_XML = (
    b"<R><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s/=</SecretAccessKey>"
    b"<SessionToken>t&amp;k</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></R>"
)
ROLE = Credentials("ASIAROLE", "s/=", "t&k", 1893456000.0)
TASK = {"AccessKeyId": "ASIATASK", "SecretAccessKey": "s", "Token": "t", "Expiration": "2030-01-01T00:00:00Z"}


async def never(*args: Any) -> Credentials:
    raise AssertionError("not asked for")


def get(provider: Callable[[], Awaitable[Any]]) -> Any:
    async def ask() -> Any:
        return await provider()

    return asyncio.run(ask())


# -- the cache -------------------------------------------------------------------------------------------------


class Giver:
    """Gives new credentials each time, or what it is told."""

    def __init__(self, expires: float | None = None) -> None:
        self.given = 0
        self.expires = expires
        self.fail = False
        self.clock = 1000.0

    async def __call__(self) -> Credentials:
        await asyncio.sleep(0)
        self.given += 1
        if self.fail:
            raise CredentialsError("gone")
        return Credentials(f"K{self.given}", "s", "", self.expires)

    def time(self) -> float:
        return self.clock


def test_credentials_are_kept_until_shortly_before_their_end() -> None:
    async def test() -> None:
        giver = Giver(expires=5000.0)
        cache = Cache(giver, giver.time)
        assert [(await cache.get()).key for _ in range(3)] == ["K1", "K1", "K1"]
        giver.clock = 5000.0 - REFRESH_BEFORE + 1
        assert (await cache.get()).key == "K2"

    asyncio.run(test())


def test_who_waits_gets_what_the_first_asked_for() -> None:
    async def test() -> None:
        giver = Giver()
        cache = Cache(giver, giver.time)
        assert {c.key for c in await asyncio.gather(*(cache.get() for _ in range(5)))} == {"K1"}

    asyncio.run(test())


def test_the_old_ones_hold_while_new_ones_cannot_be_had() -> None:
    async def test() -> None:
        giver = Giver(expires=5000.0)
        cache = Cache(giver, giver.time)
        await cache.get()
        giver.fail, giver.clock = True, 4900.0
        assert (await cache.get()).key == "K1"
        giver.clock = 5001.0
        with pytest.raises(CredentialsError, match="gone"):
            await cache.get()

    asyncio.run(test())


def test_refused_credentials_are_renewed_once_in_a_while() -> None:
    async def test() -> None:
        giver = Giver()
        cache = Cache(giver, giver.time)
        first = await cache.get()
        second = await cache.renewed(first)
        assert second == Credentials("K2", "s")
        assert await cache.renewed(first) == second  # someone else has renewed them
        assert await cache.renewed(second) is None
        giver.clock += PAUSE
        assert await cache.renewed(second) == Credentials("K3", "s")

    asyncio.run(test())


def test_a_chain_says_what_each_place_said() -> None:
    async def none() -> None:
        return None

    async def broken() -> Credentials:
        raise CredentialsError("HTTP 500")

    with pytest.raises(CredentialsError, match=r"no AWS credentials found \(a: none; b: HTTP 500\)"):
        get(Chain([("a", none), ("b", broken)]))
    keys = environment({"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s"})
    assert get(Chain([("a", none), ("b", broken), ("c", keys)])) == Credentials("A", "s")


# -- the places ------------------------------------------------------------------------------------------------


def test_environment() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s"}
    assert get(environment(keys)) == Credentials("A", "s")
    assert get(environment({**keys, "AWS_SESSION_TOKEN": "t"})) == Credentials("A", "s", "t")
    assert get(environment({"AWS_ACCESS_KEY_ID": "A"})) is None


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key=d/1+%x\n[other]\naws_access_key_id=O\n"
        "aws_secret_access_key=o\naws_session_token = t\n"
    )
    (tmp_path / ".aws/config").write_text(
        '[default]\nregion=x\n[profile run]\ncredential_process = echo \'{"Version":1,"AccessKeyId":"P",'
        '"SecretAccessKey":"p"}\'\n[profile fails]\ncredential_process = exit 3\n'
        "[profile far]\nrole_arn=arn:r\nsource_profile=other\nexternal_id=e\n"
        "[profile loop]\nrole_arn=r\nsource_profile=loop\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("name", "environ", "found"),
    [
        (None, {}, Credentials("D", "d/1+%x")),
        ("other", {}, Credentials("O", "o", "t")),
        (None, {"AWS_PROFILE": "other"}, Credentials("O", "o", "t")),
        ("run", {}, Credentials("P", "p")),
        (None, {"HOME": "/nowhere"}, None),
    ],
)
def test_profiles(home: Path, name: str | None, environ: dict[str, str], found: Credentials | None) -> None:
    assert get(profile(Profiles({"HOME": str(home), **environ}, name), never)) == found


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "there is no profile nobody with keys"),
        ("fails", "the credential_process of profile fails ended with 3"),
        ("loop", "profile loop: its source_profile loop has no keys"),
    ],
)
def test_profiles_that_have_none(home: Path, name: str, message: str) -> None:
    with pytest.raises(CredentialsError, match=message):
        get(profile(Profiles({"HOME": str(home)}, name), never))


def test_a_profile_with_a_role(home: Path) -> None:
    async def assume(base: Credentials, role: str, external_id: str | None, session: str | None) -> Credentials:
        assert (base.key, role, external_id, session) == ("O", "arn:r", "e", None)
        return ROLE

    assert get(profile(Profiles({"HOME": str(home)}, "far"), assume)) == ROLE


def test_files_elsewhere(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("[default]\naws_access_key_id=M\naws_secret_access_key=m\n")
    environ = {"HOME": str(home), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "mine")}
    assert get(profile(Profiles(environ), never)) == Credentials("M", "m")


def served(respond: Callable[[Request], bytes], ask: Callable[[Server], Awaitable[Any]]) -> tuple[Any, list[Request]]:
    async def test() -> tuple[Any, list[Request]]:
        async with serving(respond) as server:
            return await ask(server), server.requests

    return asyncio.run(asyncio.wait_for(test(), 60))


def test_the_role_of_a_container(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")

    async def ask(server: Server) -> list[Any]:
        environ = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{server.url}/creds?x=1"}
        with_token = {**environ, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "plain"}
        with_file = {**with_token, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token")}
        return [await container(e)() for e in (environ, with_token, with_file)]

    found, requests = served(lambda r: answer(200, json.dumps(TASK).encode()), ask)
    assert found == [Credentials("ASIATASK", "s", "t", 1893456000.0)] * 3
    assert [(r.method, r.target, r.headers.get("authorization")) for r in requests] == [
        ("GET", "/creds?x=1", None),
        ("GET", "/creds?x=1", "plain"),
        ("GET", "/creds?x=1", "from-file"),
    ]
    assert get(container({})) is None


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"{}"), (200, b"<html>"), (200, b"[]")])
def test_a_container_without_a_role(status: int, body: bytes) -> None:
    async def ask(server: Server) -> None:
        with pytest.raises(CredentialsError, match="the container's endpoint"):
            await container({"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url})()

    served(lambda r: answer(status, body), ask)


@pytest.mark.parametrize("version", [1, 2])
def test_the_role_of_an_instance(version: int) -> None:
    def respond(request: Request) -> bytes:
        if request.method == "PUT":
            return answer(200, b"TOKEN")
        if version == 2 and request.headers.get("x-aws-ec2-metadata-token") != "TOKEN":
            return answer(401, b"")
        if request.target.endswith("/security-credentials/"):
            return answer(200, b"my-role\n")
        return answer(200, json.dumps(TASK).encode() if request.target.endswith("/my-role") else b"")

    async def ask(server: Server) -> Any:
        return await Instance({"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url})()

    found, requests = served(respond, ask)
    assert found == Credentials("ASIATASK", "s", "t", 1893456000.0)
    base = "/latest/meta-data/iam/security-credentials/"
    token = ["PUT /latest/api/token"] if version == 2 else []
    assert [f"{r.method} {r.target}" for r in requests] == ["GET /", *token, f"GET {base}", f"GET {base}my-role"]


def test_an_instance_that_is_not_to_be_asked() -> None:
    assert get(Instance({"AWS_EC2_METADATA_DISABLED": "true"})) is None


# -- roles -----------------------------------------------------------------------------------------------------


def test_a_role_is_assumed_with_the_own_credentials() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "HOME": "/nowhere"}

    async def ask(server: Server) -> list[Credentials]:
        identity = Identity(
            region="eu-west-1", role_arn="arn:aws:iam::2:role/a b", external_id="e/1", sts_endpoint=server.url
        )
        cache = credentials_of(identity, Net(), Tls(), environ)
        return [await cache.get(), await cache.get()]

    found, requests = served(lambda r: answer(200, ROLE_XML), ask)
    assert found == [ROLE, ROLE]
    (request,) = requests
    query = dict(parse_qsl(request.target.partition("?")[2]))
    assert query.pop("RoleSessionName").startswith("pyrolens-")
    assert query == {
        "Version": "2011-06-15",
        "Action": "AssumeRole",
        "RoleArn": "arn:aws:iam::2:role/a b",
        "ExternalId": "e/1",
    }
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert "/eu-west-1/sts/aws4_request" in request.headers["authorization"]


def test_web_identity(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("jwt")
    environ = {
        "AWS_ROLE_ARN": "arn:eks",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_ROLE_SESSION_NAME": "me",
        "AWS_REGION": "eu-west-1",
    }

    async def ask(server: Server) -> Credentials:
        return await credentials_of(Identity(sts_endpoint=server.url), Net(), Tls(), environ).get()

    found, requests = served(lambda r: answer(200, ROLE_XML), ask)
    assert found == ROLE
    assert requests[0].target == (
        "/?Version=2011-06-15&Action=AssumeRoleWithWebIdentity&RoleSessionName=me&RoleArn=arn%3Aeks&WebIdentityToken=jwt"
    )
    assert "authorization" not in requests[0].headers


def test_a_role_that_is_refused_is_explained() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "topsecret"}
    error = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"

    async def ask(server: Server) -> None:
        identity = Identity(region="r", role_arn="arn:x", sts_endpoint=server.url)
        with pytest.raises(CredentialsError) as caught:
            await credentials_of(identity, Net(), Tls(), environ).get()
        assert str(caught.value) == (
            "no AWS credentials found (role arn:x: STS does not let us assume arn:x: AccessDenied: not you)"
        )

    served(lambda r: answer(403, error), ask)
