"""Against moto: what is made, and what is read back, also in another account."""

import gzip
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pyrolens.aws.options import Aws
from pyrolens.config import Built, build, read_text
from pyrolens.local.destinations import destinations
from pyrolens.local.embedded_aws import EmbeddedAws, Where
from pyrolens.local.places import Destination, records_of
from pyrolens.outputs._batches import Packing
from pyrolens.problems import Place, Problems

OTHER = "arn:aws:iam::210987654321:role/logs"


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    embedded = EmbeddedAws("eu-west-1")
    embedded.start()
    yield embedded
    embedded.stop()


def output(name: str, label: str, **options: Any) -> Any:
    who = {key: options.pop(key) for key in ("endpoint", "region", "role_arn") if key in options}
    packing = Packing(compression=options.pop("compression", None))
    known = {"aws": Aws(**who), "auto_create_group": False, "packing": packing}
    return Built(SimpleNamespace(name=name, alias=label, **{**known, **options}), label, Place("x.conf"))


def made(aws: EmbeddedAws, *outputs: Any) -> list[Destination]:
    return destinations(SimpleNamespace(outputs=list(outputs)), aws)  # type: ignore[arg-type]


def test_outputs_that_lead_to_one_place_are_one_destination(aws: EmbeddedAws) -> None:
    found = made(
        aws,
        output("null", "null.0"),
        output("cloudwatch_logs", "a", log_group_name="/one"),
        output("stdout", "b"),
        output("cloudwatch", "c", log_group_name="/one"),
        output("cloudwatch_logs", "d", log_group_name="/one", region="us-east-1"),
        output("cloudwatch_logs", "e", log_group_name="/one", endpoint="https://logs.example.com"),
    )
    assert [(d.title, d.labels, d.readable) for d in found] == [
        ("CloudWatch Logs /one", ["a", "c"], True),
        ("b (stdout)", ["b"], False),
        ("CloudWatch Logs /one", ["d"], True),
        ("e (cloudwatch_logs at https://logs.example.com)", ["e"], False),
    ]


def test_a_log_group_is_made_unless_the_router_makes_it_and_is_read_back(aws: EmbeddedAws) -> None:
    (group,) = made(aws, output("cloudwatch_logs", "a", log_group_name="/shop/errors"))
    assert group.prepare() == ["log group /shop/errors (eu-west-1)"]
    assert group.prepare() == []
    assert group.read() == []
    logs = aws.client("logs", Where("eu-west-1"))
    now = int(time.time() * 1000)
    for stream, texts in (("s1", ["a", "b"]), ("s2", ["caf\u00e9"])):
        logs.create_log_stream(logGroupName="/shop/errors", logStreamName=stream)
        events = [{"timestamp": now, "message": text} for text in texts]
        logs.put_log_events(logGroupName="/shop/errors", logStreamName=stream, logEvents=events)
    logs.create_log_group(logGroupName="/shop/errors-of-others")
    assert sorted(group.read()) == [b"a", b"b", "caf\u00e9".encode()]
    (own,) = made(aws, output("cloudwatch_logs", "b", log_group_name="/shop/own", auto_create_group=True))
    assert (own.prepare(), own.read()) == ([], [])


def test_groups_with_variables_are_all_read_back(aws: EmbeddedAws) -> None:
    (group,) = made(aws, output("cloudwatch", "a", log_group_name="/task/$(ecs_task_id)", auto_create_group=True))
    logs = aws.client("logs", Where("eu-west-1"))
    for name in ("/task/1", "/task/2"):
        logs.create_log_group(logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="s")
        event = {"timestamp": int(time.time() * 1000), "message": name}
        logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[event])
    assert group.prepare() == []
    assert sorted(group.read()) == [b"/task/1", b"/task/2"]


@pytest.mark.parametrize("role", ["", OTHER])
def test_a_delivery_stream_is_made_with_its_bucket_in_the_account_of_the_role(aws: EmbeddedAws, role: str) -> None:
    (stream,) = made(aws, output("kinesis_firehose", "a", delivery_stream="all_Logs", role_arn=role))
    account = "210987654321" if role else "123456789012"
    where = f"eu-west-1, account {account}" if role else "eu-west-1"
    assert stream.prepare() == [
        f"bucket all-logs-{account}",
        f"delivery stream all_Logs to that bucket ({where})",
    ]
    assert stream.prepare() == []
    firehose = aws.client("firehose", Where("eu-west-1", role))
    for batch in ([b"one\n", b"two\n"], [b"three\n"]):
        firehose.put_record_batch(DeliveryStreamName="all_Logs", Records=[{"Data": data} for data in batch])
    assert sorted(stream.read()) == [b"one", b"three", b"two"]


def test_the_records_of_an_object() -> None:
    assert records_of(b"a\nb\n") == [b"a", b"b"]
    assert records_of(gzip.compress(b"a\n") + gzip.compress(b"b\n")) == [b"a", b"b"]
    assert records_of(b"") == []
    assert records_of(b"\x1f\x8bnot gzip") == [b"\x1f\x8bnot gzip"]


def test_the_environment_keeps_real_keys_out(aws: EmbeddedAws) -> None:
    assert aws.environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert {k: v for k, v in aws.environment.items() if k.endswith(("_FILE", "_DISABLED", "REGION"))} == {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }


def plugin(name: str, **options: Any) -> Any:
    """An output as a config has it."""
    text = f"[OUTPUT]\n  Name {name}\n  Match *\n" + "".join(f"  {key} {value}\n" for key, value in options.items())
    problems = Problems()
    return build(read_text(text, "x.conf", problems), problems, {}).outputs[0]


def test_a_bucket_is_made_once_and_read_back(aws: EmbeddedAws) -> None:
    (bucket,) = made(aws, plugin("s3", bucket="logs-of-shop", region="eu-west-1"))
    assert (bucket.title, bucket.readable) == ("S3 logs-of-shop", True)
    assert bucket.prepare() == ["bucket logs-of-shop (eu-west-1)"]
    assert bucket.prepare() == []
    aws.put_object("logs-of-shop", "a/b.gz", gzip.compress(b'{"n":1}\n{"n":2}\n'))
    assert bucket.read() == [b'{"n":1}', b'{"n":2}']


def test_a_data_stream_is_made_once_and_read_back(aws: EmbeddedAws) -> None:
    (stream,) = made(aws, plugin("kinesis_streams", stream="clicks", region="us-west-2"))
    assert (stream.title, stream.readable) == ("Kinesis clicks", True)
    assert stream.prepare() == ["data stream clicks (us-west-2)"]
    assert stream.prepare() == []
    kinesis = aws.client("kinesis", Where("us-west-2"))
    for n in range(3):
        kinesis.put_record(StreamName="clicks", Data=b'{"n":%d}\n' % n, PartitionKey="k")
    assert stream.read() == [b'{"n":0}', b'{"n":1}', b'{"n":2}']


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("s3", {"bucket": "b", "compression": "zstd"}),
        ("s3", {"bucket": "b", "format": "parquet"}),
        ("kinesis", {"stream": "s", "aggregation": "true"}),
        ("kinesis_streams", {"stream": "s", "compression": "zstd"}),
    ],
)
def test_what_is_not_read_back(aws: EmbeddedAws, name: str, options: dict[str, str]) -> None:
    (found,) = made(aws, plugin(name, region="eu-west-1", **options))
    assert not found.readable


def test_a_topic_is_made_where_its_arn_says(aws: EmbeddedAws) -> None:
    (topic,) = made(aws, plugin("sns", topic_arn="arn:aws:sns:eu-central-1:123456789012:alerts"))
    assert topic.prepare() == ["topic alerts (eu-central-1)"]
    topics = aws.client("sns", Where("eu-central-1")).list_topics()["Topics"]
    assert [t["TopicArn"] for t in topics] == ["arn:aws:sns:eu-central-1:123456789012:alerts"]
