import pytest

from pyrolens.aws.endpoint import Endpoint, from_environment, of_service, read_endpoint


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "logs.eu-west-1.amazonaws.com"),
        ("cn-north-1", "logs.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "logs.us-gov-west-1.amazonaws.com"),
        ("us-iso-east-1", "logs.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "logs.us-isob-east-1.sc2s.sgov.gov"),
        ("eusc-de-east-1", "logs.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_of_service(region: str, host: str) -> None:
    assert of_service("logs", region) == Endpoint(host, 443, True)


@pytest.mark.parametrize(
    ("text", "port", "endpoint"),
    [
        ("127.0.0.1", None, Endpoint("127.0.0.1", 443, True)),
        ("127.0.0.1", 5000, Endpoint("127.0.0.1", 5000, True)),
        ("h.example:8443", 5000, Endpoint("h.example", 8443, True)),
        ("https://h.example/", None, Endpoint("h.example", 443, True)),
        ("http://127.0.0.1:5000", None, Endpoint("127.0.0.1", 5000, False)),
        ("http://127.0.0.1", None, Endpoint("127.0.0.1", 80, False)),
    ],
)
def test_read_endpoint(text: str, port: int | None, endpoint: Endpoint) -> None:
    assert read_endpoint(text, port) == endpoint


@pytest.mark.parametrize("text", ["ftp://h", "http://", "h:port"])
def test_no_endpoint(text: str) -> None:
    with pytest.raises(ValueError, match="expected a host"):
        read_endpoint(text)


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"AWS_ENDPOINT_URL": "http://a"}, "http://a"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_FIREHOSE": "http://b"}, "http://b"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, None),
    ],
)
def test_from_environment(environ: dict[str, str], found: str | None) -> None:
    assert from_environment("FIREHOSE", environ) == found
