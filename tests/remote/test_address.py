import pytest

from pyrolens.remote import Address, read_address

SUM = "ab" * 32


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://b/dir/x.conf", Address("s3", "s3://b/dir/x.conf", "dir/x.conf", bucket="b")),
        ("arn:aws-cn:s3:::b/x", Address("s3", "arn:aws-cn:s3:::b/x", "x", bucket="b", partition="aws-cn")),
        (f"s3://b/a#b#sha256={SUM}", Address("s3", "s3://b/a#b", "a#b", bucket="b", sha256=SUM)),
        ("ssm:/router/extra.conf", Address("ssm", "ssm:/router/extra.conf", "/router/extra.conf")),
        ("env:ROUTER_CONFIG", Address("env", "env:ROUTER_CONFIG", "ROUTER_CONFIG")),
        ("ssm:extra", Address("ssm", "ssm:extra", "extra")),
        (
            "arn:aws:ssm:eu-west-1:1:parameter/a/b",
            Address("ssm", "arn:aws:ssm:eu-west-1:1:parameter/a/b", "/a/b", partition="aws", region="eu-west-1"),
        ),
        (
            "arn:aws:ssm:eu-west-1:1:parameter/a",
            Address("ssm", "arn:aws:ssm:eu-west-1:1:parameter/a", "a", partition="aws", region="eu-west-1"),
        ),
        (
            "arn:aws:secretsmanager:eu-west-1:1:secret:dd-AbCdEf:key::v1",
            Address(
                "secret",
                "arn:aws:secretsmanager:eu-west-1:1:secret:dd-AbCdEf:key::v1",
                "arn:aws:secretsmanager:eu-west-1:1:secret:dd-AbCdEf",
                partition="aws",
                region="eu-west-1",
                json_key="key",
                version="v1",
            ),
        ),
        ("https://u:pw@h/x.conf?t=s", Address("https", "https://h/x.conf", "https://u:pw@h/x.conf?t=s")),
    ],
)
def test_an_address(text: str, address: Address) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket", "a bucket and a key"),
        ("arn:aws:s3:::bucket", "a bucket and a key"),
        ("ssm:/a b", "the name of a parameter"),
        ("ssm:", "the name of a parameter"),
        ("env:1", "the name of a variable"),
        ("http://example.com/x.conf", "expected https://"),
        ("https://", "a URL such as"),
        ("https://h:x/", "a URL such as"),
        ("/etc/x.conf", "expected s3://"),
    ],
)
def test_what_is_no_address(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        read_address(text)
