import calendar
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.aws.sign import Credentials, sign

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
WHEN = calendar.timegm((2015, 8, 30, 12, 36, 0))


def authorization(
    target: str, method: str = "GET", body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()
) -> str:
    lines = [("Host", "example.amazonaws.com"), *headers]
    return dict(sign(KEYS, "service", "us-east-1", method, target, lines, body, WHEN))["Authorization"]


@pytest.mark.parametrize(
    ("method", "target", "signature"),
    [
        # get-vanilla, post-vanilla and get-vanilla-query-order-key-case of AWS's test suite
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("GET", "/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ],
)
def test_the_signatures_of_aws_own_test_suite(method: str, target: str, signature: str) -> None:
    assert authorization(target, method) == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )


@settings(max_examples=50)
@given(
    path=st.text("abcXYZ019-_.~ /%", max_size=12).map(lambda t: "/" + t.replace("%", "%25").replace(" ", "%20")),
    body=st.binary(max_size=50),
    value=st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
    token=st.sampled_from(["", "tok/en=="]),
)
def test_signed_as_botocore_signs(path: str, body: bytes, value: str, token: str) -> None:
    ours = dict(
        sign(
            KEYS._replace(token=token),
            "logs",
            "eu-west-1",
            "POST",
            path,
            [("Host", "h.example"), ("X-Amz-Target", value)],
            body,
            WHEN,
        )
    )
    request = botocore.awsrequest.AWSRequest("POST", f"https://h.example{path}", {"X-Amz-Target": value}, body)
    theirs = botocore.auth.SigV4Auth(
        botocore.credentials.Credentials(KEYS.key, KEYS.secret, token or None), "logs", "eu-west-1"
    )
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(WHEN))
    request.context["timestamp"] = stamp
    request.headers["X-Amz-Date"] = stamp
    if token:
        request.headers["X-Amz-Security-Token"] = token
    text = theirs.string_to_sign(request, theirs.canonical_request(request))
    assert ours["Authorization"].rpartition("=")[2] == theirs.signature(text, request)


def test_secrets_are_not_printed() -> None:
    assert repr(KEYS) == "Credentials(AKIDEXAMPLE, ***)"
    assert str([KEYS]) == "[Credentials(AKIDEXAMPLE, ***)]"
