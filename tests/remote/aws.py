"""An AWS on the loopback for tests, and the environment that leads there."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyrolens.local.embedded_aws import EmbeddedAws, Where


@contextmanager
def embedded(region: str = "eu-west-1") -> Iterator[EmbeddedAws]:
    aws = EmbeddedAws(region)
    aws.start()
    try:
        yield aws
    finally:
        aws.stop()


def put_object(aws: EmbeddedAws, bucket: str, key: str, body: str, region: str = "eu-west-1") -> None:
    s3 = aws.client("s3", Where(region))
    if bucket not in [b["Name"] for b in s3.list_buckets()["Buckets"]]:
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **place)
    s3.put_object(Bucket=bucket, Key=key, Body=body.encode())
