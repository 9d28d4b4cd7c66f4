import time
from urllib.parse import quote

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.aws.sign import Credentials, sign
from pyrolens.outputs._s3_key import path_of

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token")


@settings(max_examples=60)
@given(
    key=st.text("abZ0-_.~/ é%+=:@&$,;!'()*[]?#日", min_size=1, max_size=12),
    query=st.sampled_from(["", "uploads=", "partNumber=2&uploadId=a%2Fb", "uploadId=x"]),
    body=st.binary(max_size=30),
)
def test_signed_as_botocore_signs(key: str, query: str, body: bytes) -> None:
    """However much of the path we escape, the service takes it apart and signs what it means."""
    when = time.gmtime(1_718_000_000)
    target = path_of("b", key) + (f"?{query}" if query else "")
    ours = dict(sign(KEYS, "s3", "eu-west-1", "PUT", target, [("Host", "h.example")], body, 1_718_000_000))
    url = f"https://h.example{quote(f'/b/{key}', safe='/-_.~')}" + (f"?{query}" if query else "")
    request = botocore.awsrequest.AWSRequest("PUT", url, {"X-Amz-Content-SHA256": ours["x-amz-content-sha256"]}, body)
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", when)
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    request.headers["X-Amz-Security-Token"] = "token"
    signer = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(*KEYS[:3]), "s3", "eu-west-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert ours["Authorization"].endswith(f"Signature={signer.signature(text, request)}")
