"""The AWS outputs against moto's server: real HTTP, and another implementation of the services."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pyrolens.api import DELIVERED, Output
from pyrolens.aws import Aws
from pyrolens.outputs.cloudwatch_logs import CloudwatchLogs
from pyrolens.outputs.kinesis_firehose import KinesisFirehose
from tests.outputs import sending
from tests.outputs.sending import Env, chunks, events

REGION = "eu-west-1"
OTHER = "arn:aws:iam::222222222222:role/logs"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


def boto(moto: str, service: str, **keys: str) -> Any:
    return boto3.client(service, region_name=REGION, endpoint_url=moto, **keys)


def as_role(moto: str, service: str) -> Any:
    found = boto(moto, "sts").assume_role(RoleArn=OTHER, RoleSessionName="test")["Credentials"]
    return boto(
        moto,
        service,
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["SessionToken"],
    )


def deliver(plugin: Output, *records: dict[str, Any]) -> None:
    async def run() -> None:
        sink = plugin.open(Env())
        await sink.start()
        now = events(*records)
        for chunk in chunks(sink, [("web.app", now)]):
            assert await sink.deliver(chunk) == DELIVERED
        await sink.close()

    asyncio.run(asyncio.wait_for(run(), 60))


@pytest.fixture(autouse=True)
def recent(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto refuses events that are older than 14 days, as the service does."""
    monkeypatch.setattr(sending, "T0", time.time_ns() - 5_000_000_000)


def messages(client: Any, group: str, stream: str) -> list[str]:
    said = client.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    return [event["message"] for event in said["events"]]


def test_cloudwatch_logs(moto: str) -> None:
    options: dict[str, Any] = {"log_group_name": "grp", "log_stream_prefix": "s-", "log_key": "log"}
    aws = Aws(region=REGION, endpoint=moto)
    deliver(
        CloudwatchLogs(aws=aws, auto_create_group=True, log_retention_days=7, **options), {"log": "é 1"}, {"log": "2"}
    )
    client = boto(moto, "logs")
    assert messages(client, "grp", "s-web.app") == ["é 1", "2"]
    (group,) = client.describe_log_groups(logGroupNamePrefix="grp")["logGroups"]
    assert group["retentionInDays"] == 7


def test_cloudwatch_logs_of_another_account(moto: str) -> None:
    aws = Aws(region=REGION, endpoint=moto, role_arn=OTHER, external_id="x-1", sts_endpoint=moto)
    deliver(CloudwatchLogs(log_group_name="far", log_stream_name="s", auto_create_group=True, aws=aws), {"log": "a"})
    assert boto(moto, "logs").describe_log_groups(logGroupNamePrefix="far")["logGroups"] == []
    theirs = as_role(moto, "logs")
    assert messages(theirs, "far", "s") == ['{"log":"a"}']
    (group,) = theirs.describe_log_groups(logGroupNamePrefix="far")["logGroups"]
    assert ":222222222222:" in group["arn"]


def make_stream(firehose: Any, s3: Any, bucket: str) -> None:
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    firehose.create_delivery_stream(
        DeliveryStreamName="stream",
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::123456789012:role/x",
            "BucketARN": f"arn:aws:s3:::{bucket}",
        },
    )


def stored(s3: Any, bucket: str) -> bytes:
    objects = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return b"".join(s3.get_object(Bucket=bucket, Key=o["Key"])["Body"].read() for o in objects)


def test_firehose_of_another_account(moto: str) -> None:
    """Both accounts have a stream of that name; the records are in theirs, and not in ours."""
    make_stream(boto(moto, "firehose"), boto(moto, "s3"), "our-bucket")
    make_stream(as_role(moto, "firehose"), as_role(moto, "s3"), "their-bucket")
    aws = Aws(region=REGION, endpoint=moto, role_arn=OTHER, sts_endpoint=moto)
    deliver(KinesisFirehose(delivery_stream="stream", aws=aws), {"log": "a"}, {"log": "b"})
    assert stored(as_role(moto, "s3"), "their-bucket") == b'{"log":"a"}\n{"log":"b"}\n'
    assert stored(boto(moto, "s3"), "our-bucket") == b""
    deliver(KinesisFirehose(delivery_stream="stream", aws=Aws(region=REGION, endpoint=moto)), {"log": "c"})
    assert stored(boto(moto, "s3"), "our-bucket") == b'{"log":"c"}\n'


def test_the_endpoint_of_the_environment(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.setenv("AWS_REGION", REGION)
    deliver(CloudwatchLogs(log_group_name="env", log_stream_name="s", auto_create_group=True), {"log": "x"})
    assert messages(boto(moto, "logs"), "env", "s") == ['{"log":"x"}']
