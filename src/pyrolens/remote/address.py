"""The addresses of what is not on this machine.

    s3://bucket/key                     arn:aws:s3:::bucket/key
    ssm:/name                           arn:aws:ssm:region:account:parameter/name
    env:NAME                            a variable of the environment
    https://host/path                   http://127.0.0.1:8080/path, of this machine only
    arn:aws:secretsmanager:region:account:secret:name[:json-key[:stage[:version]]], for secrets

Each may end with #sha256=… , and is then refused if it is anything else.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from pyrolens.language.includes import shown

SUM = re.compile(r"#sha256=([0-9a-fA-F]{64})$")
S3 = re.compile(r"(?:s3://|arn:([^:]+):s3:::)([^/\s]+)/(.+)", re.DOTALL)
SSM_ARN = re.compile(r"arn:([^:]+):ssm:([^:]+):([^:]*):parameter(/.+)", re.DOTALL)
SECRET_ARN = re.compile(r"arn:([^:]+):secretsmanager:([^:]+):([^:]*):secret:(.+)", re.DOTALL)
SECRET_PARTS = re.compile(r"([^:]+)(?::([^:]*):([^:]*):([^:]*))?")
PARAMETER = re.compile(r"/?[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*(?::[A-Za-z0-9_.-]+)?")
"""A name or path, perhaps with a version or a label behind a colon."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
LOCAL = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is."""

    kind: Literal["s3", "ssm", "secret", "https", "env"]
    text: str
    """As it may be shown."""
    name: str
    """The key, the parameter, the secret's ARN or id, the variable, or the URL."""
    bucket: str = ""
    partition: str = ""
    """"": none is said."""
    region: str = ""
    """"": none is said."""
    json_key: str = ""
    """Of a secret that is a JSON object: the member that is meant."""
    stage: str = ""
    version: str = ""
    sha256: str = ""

    @property
    def arn(self) -> str:
        """Of an object, for messages."""
        return f"arn:{self.partition or 'aws'}:s3:::{self.bucket}/{self.name}"


def read_address(text: str) -> Address:
    """Raises: ValueError("expected ...")."""
    checksum = SUM.search(text)
    plain = text[: checksum.start()] if checksum else text
    found = _read(plain.strip())
    return replace(found, sha256=checksum[1].lower()) if checksum else found


def _read(text: str) -> Address:
    if found := S3.fullmatch(text):
        return Address("s3", text, found[3], bucket=found[2], partition=found[1] or "")
    if found := SSM_ARN.fullmatch(text):
        # the name of a parameter without a path has no slash before it
        name = found[4] if "/" in found[4][1:] else found[4][1:]
        return Address("ssm", text, name, partition=found[1], region=found[2])
    if text.startswith("ssm:"):
        name = text.removeprefix("ssm:").removeprefix("//")
        if not PARAMETER.fullmatch(name):
            raise ValueError("expected ssm: and the name of a parameter, such as ssm:/router/extra.conf")
        return Address("ssm", text, name)
    if text.startswith("env:"):
        if not VARIABLE.fullmatch(name := text.removeprefix("env:")):
            raise ValueError("expected env: and the name of a variable, such as env:ROUTER_CONFIG")
        return Address("env", text, name)
    if found := SECRET_ARN.fullmatch(text):
        return _secret(text, found)
    if text.startswith(("https://", "http://")):
        return _url(text)
    if text.startswith(("s3:", "arn:")) and ":s3:" in f":{text}":
        raise ValueError("expected a bucket and a key: s3://bucket/key, or arn:aws:s3:::bucket/key")
    known = "s3://bucket/key, ssm:/name, env:NAME, https://host/path"
    raise ValueError(f"expected {known}, or the ARN of an object or a parameter")


def _secret(text: str, found: re.Match[str]) -> Address:
    parts = SECRET_PARTS.fullmatch(found[4])
    if parts is None:
        raise ValueError("expected the ARN of a secret, perhaps with :json-key:stage:version")
    name, key, stage, version = parts[1], parts[2] or "", parts[3] or "", parts[4] or ""
    arn = f"arn:{found[1]}:secretsmanager:{found[2]}:{found[3]}:secret:{name}"
    return Address("secret", text, arn, partition=found[1], region=found[2], json_key=key, stage=stage, version=version)


def _url(text: str) -> Address:
    try:
        url = urlsplit(text)
        host = url.hostname or ""
        _ = url.port
    except ValueError:
        raise ValueError("expected a URL such as https://host/path") from None
    if not host:
        raise ValueError("expected a URL such as https://host/path")
    if url.scheme == "http" and host not in LOCAL:
        raise ValueError("expected https://, since whoever is on the way could change what comes by http://")
    return Address("https", shown(text), text)
