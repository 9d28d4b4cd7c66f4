"""Over real HTTP: from moto's server, and from small servers that answer as AWS does where moto does not."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping

import pytest

from pyrolens.config import load
from pyrolens.local.embedded_aws import KEYS, EmbeddedAws, Where
from pyrolens.problems import ConfigError
from pyrolens.remote import RemoteError, fetch, fetch_bytes, fetch_value, fetching, read_address
from tests.net.servers import Request, answer, serving
from tests.remote.aws import embedded, put_object

CONFIG = "[INPUT]\n    Name dummy\n[OUTPUT]\n    Name null\n    Match *\n"


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with embedded() as made:
        yield made


def test_an_object_by_each_of_its_names(aws: EmbeddedAws) -> None:
    put_object(aws, "conf", "a dir/näme+1.conf", CONFIG)
    for text in ("s3://conf/a dir/näme+1.conf", "arn:aws:s3:::conf/a dir/näme+1.conf"):
        assert fetch_bytes(text, aws.environment).decode() == CONFIG


@pytest.mark.parametrize(
    ("address", "message", "hint"),
    [
        ("s3://conf2/none.conf", "NoSuchBucket", "no bucket conf2"),
        ("s3://conf/none.conf", "NoSuchKey", "no such key in conf"),
        ("ssm:/none", "ParameterNotFound", "one region"),
        ("https:///", "is no address", ""),
    ],
)
def test_what_is_not_there_is_said_with_a_way_out(aws: EmbeddedAws, address: str, message: str, hint: str) -> None:
    put_object(aws, "conf", "x", "")
    with pytest.raises(RemoteError, match=message) as caught:
        fetch_bytes(address, aws.environment)
    assert hint in caught.value.hint


def test_a_checksum_is_checked(aws: EmbeddedAws) -> None:
    put_object(aws, "conf", "sum.conf", CONFIG)
    right = hashlib.sha256(CONFIG.encode()).hexdigest()
    assert fetch_bytes(f"s3://conf/sum.conf#sha256={right}", aws.environment).decode() == CONFIG
    with pytest.raises(RemoteError, match=right):
        fetch_bytes(f"s3://conf/sum.conf#sha256={'0' * 64}", aws.environment)


def test_parameters_and_secrets(aws: EmbeddedAws) -> None:
    aws.client("ssm", Where("eu-west-1")).put_parameter(Name="/r/key", Value="s3cret", Type="SecureString")
    secrets = aws.client("secretsmanager", Where("us-west-2"))
    plain = secrets.create_secret(Name="plain", SecretString="pw")["ARN"]
    both = secrets.create_secret(Name="both", SecretString='{"user": "u", "port": 1}')["ARN"]
    got = [fetch_value(v, aws.environment) for v in ("/r/key", plain, f"{both}:user::", f"{both}:port::")]
    assert got == ["s3cret", "pw", "u", "1"]
    assert fetch_bytes("ssm:/r/key", aws.environment) == b"s3cret"
    with pytest.raises(RemoteError, match="member 'none'"):
        fetch_value(f"{both}:none::", aws.environment)


YAML = """\
parsers:
  - name: own
    format: json
stream_processor:
  - name: t
    exec: CREATE STREAM s AS SELECT * FROM TAG:'t';
pipeline:
  inputs:
    - name: dummy
      tag: t
"""


def test_a_config_in_a_variable_is_in_the_language_that_it_looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER", YAML)
    config = load("env:ROUTER")
    assert ("own" in config.parsers, [t.name for t in config.streams]) == (True, ["t"])
    monkeypatch.setenv("EXTRA", "[FILTER]\n    Name stdout\n    Match *\n@INCLUDE env:ROUTER\n")
    config = load("env:EXTRA")
    assert ([f.label for f in config.filters], "own" in config.parsers) == (["stdout.0"], True)
    monkeypatch.setenv("EXTRA", "[FILTER]\n    Name no\n")
    with pytest.raises(ConfigError, match="env:EXTRA:2:10"):
        load("env:EXTRA")
    with pytest.raises(ConfigError, match="the variable is not set"):
        load("env:NOTHING")


def environment(url: str) -> dict[str, str]:
    return {**KEYS, "AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true"}


def fetched(address: str, respond: Callable[[Request], bytes | None]) -> tuple[bytes | RemoteError, list[Request]]:
    async def test() -> tuple[bytes | RemoteError, list[Request]]:
        async with serving(respond) as server:
            url = address.replace("{url}", server.url)
            try:
                return await fetch(read_address(url), environment(server.url)), server.requests
            except RemoteError as why:
                return why, server.requests

    return asyncio.run(test())


def scope(request: Request) -> str:
    return request.headers["authorization"].split("/")[2]


def test_a_bucket_of_another_region_is_found_without_asking_where_it_is() -> None:
    def respond(request: Request) -> bytes:
        if scope(request) == "ap-south-1":
            return answer(200, b"there")
        said = b"<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>"
        return answer(301, said, x_amz_bucket_region="ap-south-1")

    got, requests = fetched("s3://b/k", respond)
    assert (got, [scope(r) for r in requests]) == (b"there", ["eu-west-1", "ap-south-1"])


@pytest.mark.parametrize(
    ("address", "first"),
    [("arn:aws-cn:s3:::b/k", "cn-north-1"), ("arn:aws-us-gov:s3:::b/k", "us-gov-west-1"), ("s3://b/k", "eu-west-1")],
)
def test_the_first_region_is_one_of_the_partition(address: str, first: str) -> None:
    got, requests = fetched(address, lambda request: answer(200, b"x"))
    assert (got, scope(requests[0])) == (b"x", first)


def test_what_is_refused_names_the_role_that_lacks_the_right() -> None:
    got, requests = fetched(
        "s3://b/k", lambda r: answer(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
    )
    assert isinstance(got, RemoteError)
    assert (len(requests), str(got)) == (1, "s3://b/k cannot be read: AccessDenied: no")
    assert got.hint.startswith("the task role (not the execution role) needs s3:GetObject on arn:aws:s3:::b/k")


def test_what_may_pass_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "WAITS", (0.0, 0.0))
    answers = iter([answer(500), answer(503), answer(200, b"late")])
    got, requests = fetched("s3://b/k", lambda request: next(answers))
    assert (got, len(requests)) == (b"late", 3)


def test_a_page_and_where_it_leads() -> None:
    def respond(request: Request) -> bytes:
        return answer(302, b"", Location="d") if request.target == "/c/a?b=c" else answer(200, request.target.encode())

    got, requests = fetched("{url}/c/a?b=c", respond)
    assert (got, len(requests)) == (b"/c/d", 2)


def test_a_redirect_never_leads_to_plain_http_elsewhere() -> None:
    got, _ = fetched("{url}/a", lambda request: answer(302, b"", Location="http://example.com/x"))
    assert isinstance(got, RemoteError)
    assert "leads to http://example.com/x: expected https://" in str(got)


def test_a_password_of_an_address_is_sent_and_not_shown() -> None:
    async def test() -> None:
        async with serving(lambda request: answer(404)) as server:
            address = read_address(f"http://user:pass%40word@127.0.0.1:{server.port}/x.conf?token=t0ken")
            with pytest.raises(RemoteError) as caught:
                await fetch(address, {})
            assert str(caught.value) == f"http://127.0.0.1:{server.port}/x.conf cannot be read: HTTP 404"
            (request,) = server.requests
            assert request.headers["authorization"] == "Basic dXNlcjpwYXNzQHdvcmQ="
            assert request.target == "/x.conf?token=t0ken"

    asyncio.run(test())


def set_environment(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_a_config_in_s3_with_what_stands_beside_it(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, aws.environment)
    main = "[SERVICE]\n    Parsers_File parsers.conf\n@INCLUDE more/filter.yaml\n@INCLUDE ssm:/out\n"
    put_object(aws, "conf", "r/main.conf", f"{main}[INPUT]\n    Name dummy\n    Tag t\n")
    put_object(aws, "conf", "r/parsers.conf", "[PARSER]\n    Name own\n    Format json\n")
    rule = "pipeline:\n  filters:\n    - name: parser\n      match: t\n      key_name: message\n      parser: own\n"
    put_object(aws, "conf", "r/more/filter.yaml", rule)
    out = "[OUTPUT]\n    Name null\n    Match t\n"
    aws.client("ssm", Where("eu-west-1")).put_parameter(Name="/out", Value=out, Type="String")
    config = load("s3://conf/r/main.conf")
    assert ([f.label for f in config.filters], [o.label for o in config.outputs]) == (["parser.0"], ["null.0"])
    assert config.document.files == [
        "s3://conf/r/main.conf", "s3://conf/r/more/filter.yaml", "ssm:/out",
    ]  # fmt: skip
    put_object(aws, "conf", "r/main.conf", "[INPUT]\n    Name dumy\n")
    with pytest.raises(ConfigError) as caught:
        load("s3://conf/r/main.conf")
    assert "s3://conf/r/main.conf:2:10" in str(caught.value)
