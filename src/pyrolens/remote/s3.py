"""Objects of S3.

Source: Amazon S3 API Reference, GetObject, and its answers for buckets of another region: it is said in a header there,
so neither s3:GetBucketLocation nor the ownership of the bucket is needed.
"""

from collections.abc import Mapping
from urllib.parse import quote

from pyrolens.aws import Aws, Reply, aws_client
from pyrolens.aws.client import read_reply
from pyrolens.aws.options import region_of
from pyrolens.aws.xml import xml_value
from pyrolens.net import Response
from pyrolens.plugin import Net, Tls
from pyrolens.remote.address import Address
from pyrolens.remote.errors import RemoteError

NET = Net(connect_timeout=5.0, keepalive=False)
SECONDS = 30.0
"""For one object; the ECS agent gives it as many."""
ROLE = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
"""Where this is set there is a role, and it may only not be ready."""
HOME = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1", "aws-eusc": "eusc-de-east-1"}
"""A region of each partition that knows where the others' buckets are."""
PREFIX = {"aws-cn": "cn-", "aws-us-gov": "us-gov-", "aws-eusc": "eusc-"}
DENIED = ("AccessDenied", "AllAccessDisabled", "AccountProblem", "InvalidAccessKeyId")
ELSEWHERE = ("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed")
"""Errors that name the region of the bucket."""


def partition_of(region: str) -> str:
    return next((partition for partition, prefix in PREFIX.items() if region.startswith(prefix)), "aws")


def first_region(address: Address, environ: Mapping[str, str]) -> str:
    """Where to ask first: in the region of this task, if it is of the bucket's partition."""
    own = region_of(Aws(), environ) or ""
    partition = address.partition or partition_of(own)
    return own if own and partition_of(own) == partition else HOME.get(partition, own or "us-east-1")


async def get(address: Address, environ: Mapping[str, str]) -> bytes:
    """Raises: RemoteError."""
    region = first_region(address, environ)
    reply = await _ask(address, region, environ)
    other = _region_of(reply)
    if not reply.ok and other and other != region:
        region = other
        reply = await _ask(address, region, environ)
    if reply.ok:
        return reply.body
    why = f"{address.text} cannot be read: {reply.reason}"
    raise RemoteError(why, _hint(address, reply, region), again=may_help(reply, environ))


def may_help(reply: Reply, environ: Mapping[str, str]) -> bool:
    """Whether another try may get another answer."""
    nobody = reply.status == 0 and reply.reason.startswith("no AWS credentials") and ROLE not in environ
    return (reply.status == 0 or reply.status >= 500 or reply.throttled) and not nobody


async def _ask(address: Address, region: str, environ: Mapping[str, str]) -> Reply:
    client = aws_client("s3", "", Aws(region=region), NET, Tls(), service_id="S3", environ=environ)
    try:
        target = quote(f"/{address.bucket}/{address.name}", safe="/!$&'()*,:;=@-_.~")
        return await client.send("GET", target, [], b"", read=_read, seconds=SECONDS)
    finally:
        await client.close()


def _read(response: Response) -> Reply:
    if response.status == 200:
        return read_reply(response)
    code, message = xml_value(response.text, "Code"), xml_value(response.text, "Message")
    return Reply(response.status, code, message, response.body, response.headers, response.retry_after)


def _region_of(reply: Reply) -> str:
    """Where the bucket is, as an answer says."""
    named = reply.headers.get("x-amz-bucket-region", "")
    return named or (xml_value(reply.body.decode("utf-8", "replace"), "Region") if reply.code in ELSEWHERE else "")


def _hint(address: Address, reply: Reply, region: str) -> str:
    if reply.code in DENIED or (reply.status == 403 and not reply.code):
        return (
            f"the task role (not the execution role) needs s3:GetObject on {address.arn}, kms:Decrypt if the bucket has"
            " a key of its own, and the bucket must allow it"
        )
    if reply.code == "NoSuchBucket":
        return f"there is no bucket {address.bucket}; the name is case-sensitive"
    if reply.status == 404:
        return f"there is no such key in {address.bucket} ({region}), or s3:ListBucket is missing to say so"
    if reply.status == 0:
        return "without a way to S3 (a NAT gateway, or an endpoint of the VPC) or a task role nothing can be fetched"
    return ""
