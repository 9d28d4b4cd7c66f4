"""Parameters of SSM, and secrets of Secrets Manager.

Source: AWS Systems Manager and AWS Secrets Manager API References; ECS developer guide, how a container's secrets name
them.
"""

import base64
from collections.abc import Mapping

import msgspec

from pyrolens.aws import Aws, Reply, aws_client
from pyrolens.aws.options import region_of
from pyrolens.plugin import Tls
from pyrolens.remote.address import Address
from pyrolens.remote.errors import RemoteError
from pyrolens.remote.s3 import NET, may_help


async def parameter(address: Address, environ: Mapping[str, str]) -> bytes:
    """Raises: RemoteError."""
    said = await _call(
        "ssm", "AmazonSSM", "SSM", "GetParameter", address, environ, Name=address.name, WithDecryption=True
    )
    found = said.get("Parameter") if isinstance(said, dict) else None
    value = found.get("Value") if isinstance(found, dict) else None
    if not isinstance(value, str):
        raise RemoteError(f"{address.text}: the answer has no value")
    return value.encode("utf-8", "surrogateescape")


async def secret(address: Address, environ: Mapping[str, str]) -> bytes:
    """Raises: RemoteError."""
    more = {"VersionStage": address.stage, "VersionId": address.version}
    more = {key: value for key, value in more.items() if value}
    target = ("secretsmanager", "secretsmanager", "SECRETS_MANAGER", "GetSecretValue")
    said = await _call(*target, address, environ, SecretId=address.name, **more)
    text = said.get("SecretString") if isinstance(said, dict) else None
    if not isinstance(text, str):
        binary = said.get("SecretBinary") if isinstance(said, dict) else None
        if not isinstance(binary, str):
            raise RemoteError(f"{address.text}: the answer has no value")
        return base64.b64decode(binary)
    if not address.json_key:
        return text.encode()
    try:
        members = msgspec.json.decode(text)
    except msgspec.DecodeError:
        members = None
    value = members.get(address.json_key) if isinstance(members, dict) else None
    if value is None:
        raise RemoteError(f"{address.text}: the secret is no JSON object with a member '{address.json_key}'")
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)


async def _call(
    service: str, target: str, service_id: str, operation: str, address: Address, environ: Mapping[str, str],
    **members: object,
) -> object:  # fmt: skip
    region = address.region or region_of(Aws(), environ)
    if not region:
        raise RemoteError(f"{address.text}: in which region it is, is not known", "set AWS_REGION, or write its ARN")
    aws = Aws(region=region)
    client = aws_client(service, target, aws, NET, Tls(), service_id=service_id, environ=environ)
    try:
        reply = await client.call(operation, msgspec.json.encode(members))
    finally:
        await client.close()
    if not reply.ok:
        why = f"{address.text} cannot be read: {reply.reason}"
        raise RemoteError(why, _hint(operation, service, reply), again=may_help(reply, environ))
    return reply.json()


def _hint(operation: str, service: str, reply: Reply) -> str:
    if reply.code.startswith("AccessDenied"):
        return f"the role needs {service}:{operation}, and kms:Decrypt if it has a key of its own"
    if reply.code in ("ParameterNotFound", "ResourceNotFoundException"):
        return "the name is case-sensitive and belongs to one region"
    return ""
