"""An AWS of one's own on this machine: moto's server in a thread, gone with the process."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

ACCOUNT = "123456789012"
"""The account that moto gives to keys it has not made itself."""
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAPYROLENSLOCALAWS", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}


@dataclass(frozen=True, slots=True)
class Where:
    """Whose resources: of a region, and of the account of a role, if one is assumed."""

    region: str
    role_arn: str = ""
    external_id: str = ""

    @property
    def account(self) -> str:
        return self.role_arn.split(":")[4] if self.role_arn.count(":") >= 5 else ACCOUNT

    def __str__(self) -> str:
        return f"{self.region}, account {self.account}" if self.role_arn else self.region


@dataclass
class EmbeddedAws:
    region: str
    """Of what names none."""
    url: str = ""
    _server: Any = None
    _clients: dict[tuple[str, Where], Any] = field(default_factory=dict)

    def start(self, host: str = "127.0.0.1") -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(host, 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"

    def stop(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None

    @property
    def place(self) -> Mapping[str, str]:
        """Where clients find it, without keys."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes an AWS client use this AWS and nothing else: no file or machine can give it real keys."""
        return {
            **KEYS,
            **self.place,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def client(self, service: str, where: Where) -> Any:
        """A boto3 client. Its calls block."""
        if (service, where) not in self._clients:
            keys = {"aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": "not-a-secret"}
            if where.role_arn:
                extra = {"ExternalId": where.external_id} if where.external_id else {}
                sts = self.client("sts", Where(where.region))
                role = sts.assume_role(RoleArn=where.role_arn, RoleSessionName="pyrolens-up", **extra)["Credentials"]
                keys = {
                    "aws_access_key_id": role["AccessKeyId"],
                    "aws_secret_access_key": role["SecretAccessKey"],
                    "aws_session_token": role["SessionToken"],
                }
            self._clients[service, where] = boto3.session.Session().client(
                service, region_name=where.region, endpoint_url=self.url, config=Config(proxies={}), **keys
            )
        return self._clients[service, where]

    def create_bucket(self, bucket: str, where: Where) -> None:
        location = {"CreateBucketConfiguration": {"LocationConstraint": where.region}}
        self.client("s3", where).create_bucket(Bucket=bucket, **(location if where.region != "us-east-1" else {}))

    def put_object(self, bucket: str, key: str, data: bytes) -> None:
        """The bucket is made when it is not there."""
        where = Where(self.region)
        try:
            self.create_bucket(bucket, where)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "BucketAlreadyOwnedByYou":
                raise
        self.client("s3", where).put_object(Bucket=bucket, Key=key, Body=data)


def missing(error: ClientError) -> bool:
    """Whether the call failed since what it names does not exist."""
    code: str = error.response.get("Error", {}).get("Code", "")
    return code in ("ResourceNotFoundException", "NoSuchBucket", "404")
