"""Kinesis, S3 and SNS against moto's server, in this account and through a role in another."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import DELIVERED, Output
from pyrolens.aws import Aws
from pyrolens.outputs.kinesis_streams import KinesisStreams
from pyrolens.outputs.s3 import S3
from pyrolens.outputs.sns import Sns
from tests.outputs.sending import Env, chunks, events
from tests.outputs.test_aws_moto import OTHER, REGION, as_role, boto, deliver, keys, moto, stored

__all__ = ["keys", "moto"]


def send(plugin: Output, *records: dict[str, Any]) -> None:
    async def run() -> None:
        sink = plugin.open(Env())
        await sink.start()
        for chunk in chunks(sink, [("web.app", events(*records))]):
            assert await sink.deliver(chunk) == DELIVERED
        await sink.drain()  # type: ignore[attr-defined]
        await sink.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def taken(kinesis: Any) -> list[bytes]:
    shards = kinesis.describe_stream(StreamName="s")["StreamDescription"]["Shards"]
    out: list[bytes] = []
    for shard in shards:
        iterator = kinesis.get_shard_iterator(
            StreamName="s", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        out += [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]]
    return sorted(out)


def test_kinesis_of_another_account(moto: str) -> None:
    for client in (boto(moto, "kinesis"), as_role(moto, "kinesis")):
        client.create_stream(StreamName="s", ShardCount=2)
    aws = Aws(region=REGION, endpoint=moto, role_arn=OTHER, sts_endpoint=moto)
    deliver(KinesisStreams(stream="s", aws=aws), {"log": "a"}, {"log": "b"})
    assert taken(as_role(moto, "kinesis")) == [b'{"log":"a"}\n', b'{"log":"b"}\n']
    assert taken(boto(moto, "kinesis")) == []


def make_bucket(s3: Any, name: str) -> None:
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def test_s3_of_another_account(moto: str, tmp_path: Path) -> None:
    make_bucket(as_role(moto, "s3"), "theirs")
    aws = Aws(region=REGION, endpoint=moto, role_arn=OTHER, external_id="x", sts_endpoint=moto)
    options: dict[str, Any] = {"json_date_key": "off", "tags": "a=1", "s3_key_format": "/é $TAG[1]/$UUID.gz"}
    send(S3(bucket="theirs", store_dir=str(tmp_path), aws=aws, **options), {"log": "a"}, {"log": "b"})
    theirs = as_role(moto, "s3")
    assert stored(theirs, "theirs") == b'{"log":"a"}\n{"log":"b"}\n'
    (made,) = theirs.list_objects_v2(Bucket="theirs")["Contents"]
    assert re.fullmatch(r"é app/\w{8}\.gz", made["Key"])
    assert theirs.get_object_tagging(Bucket="theirs", Key=made["Key"])["TagSet"] == [{"Key": "a", "Value": "1"}]


def test_s3_in_parts(moto: str, tmp_path: Path) -> None:
    s3 = boto(moto, "s3")
    make_bucket(s3, "parts")
    aws = Aws(region=REGION, endpoint=moto)
    line = {"log": "x" * 3_000_000}
    options: dict[str, Any] = {"log_key": "log", "s3_key_format": "/$TAG", "static_file_path": True, "sse": "AES256"}
    send(S3(bucket="parts", store_dir=str(tmp_path), aws=aws, **options), line, line, line)
    said = s3.get_object(Bucket="parts", Key="web.app")
    assert said["Body"].read() == (b"x" * 3_000_000 + b"\n") * 3
    assert said["ServerSideEncryption"] == "AES256"
    assert s3.list_multipart_uploads(Bucket="parts").get("Uploads", []) == []


@pytest.fixture
def inbox(moto: str) -> Iterator[tuple[str, Any]]:
    """A topic with a queue, and what takes the messages out of it."""
    sns, sqs = boto(moto, "sns"), boto(moto, "sqs")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def take() -> list[tuple[str, str]]:
        got = []
        while said := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for one in said:
                body = json.loads(one["Body"])
                got.append((body["Subject"], body["Message"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return got

    yield topic, take
    sns.delete_topic(TopicArn=topic)


def test_sns(moto: str, inbox: tuple[str, Any]) -> None:
    """Records land as messages, and those over the limit in one digest."""
    topic, take = inbox
    aws = Aws(endpoint=moto)
    records = [{"log": f"boom <{n}> é"} for n in range(5)]
    send(Sns(topic_arn=topic, subject="$TAG failed", message="It says: $log", rate_limit=3, aws=aws), *records)
    got = take()
    assert sorted(got[:3]) == [("web.app failed", f"It says: boom <{n}> é") for n in range(3)]
    assert got[3:] == [
        (
            "Records held back",
            "2 records were held back by rate_limit, the first of them:\nIt says: boom <3> é\nIt says: boom <4> é\n",
        )
    ]
