"""Where a config's outputs lead."""

from typing import Any

from pyrolens.aws.options import Aws
from pyrolens.config import Built, Config
from pyrolens.local.embedded_aws import EmbeddedAws, Where
from pyrolens.local.places import Bucket, DataStream, DeliveryStream, Destination, LogGroup, Topic
from pyrolens.options import value_of
from pyrolens.plugin import Output

LOGS = ("cloudwatch_logs", "cloudwatch")
FIREHOSE = ("kinesis_firehose", "firehose")
KINESIS = ("kinesis_streams", "kinesis")
PLAIN = (None, "none", "gzip")
"""Compressions that are read back."""


def destinations(config: Config, aws: EmbeddedAws) -> list[Destination]:
    """Each place once, in the order of the config; `null` is none."""
    found: dict[object, Destination] = {}
    for built in config.outputs:
        if built.plugin.name == "null":
            continue
        made = _destination(built, aws)
        key = (type(made), getattr(made, "where", None), made.title)
        if key in found:
            found[key].outputs.append(built)
        else:
            found[key] = made
    return list(found.values())


def _destination(built: Built[Output], aws: EmbeddedAws) -> Destination:
    plugin: Any = built.plugin
    name = plugin.name
    if name not in (*LOGS, *FIREHOSE, *KINESIS, "s3", "sns"):
        return Destination(title=f"{built.label} ({name})", outputs=[built])
    who: Aws = plugin.aws
    if who.endpoint:
        return Destination(title=f"{built.label} ({name} at {who.endpoint})", outputs=[built])
    where = Where(who.region or aws.region, who.role_arn or "", who.external_id or "")
    if name in FIREHOSE:
        stream: str = plugin.delivery_stream
        title, readable = f"S3, through Firehose {stream}", plugin.packing.compression in PLAIN
        return DeliveryStream(title=title, outputs=[built], readable=readable, aws=aws, where=where, name=stream)
    if name in KINESIS:
        compression, joined = value_of(plugin, "compression"), value_of(plugin, "aggregation")
        readable = compression in PLAIN and not (joined or value_of(plugin, "simple_aggregation"))
        title = f"Kinesis {plugin.stream}"
        return DataStream(title=title, outputs=[built], readable=readable, aws=aws, where=where, name=plugin.stream)
    if name == "s3":
        readable = plugin.form == "lines" and plugin.packing in PLAIN
        title = f"S3 {plugin.bucket}"
        return Bucket(title=title, outputs=[built], readable=readable, aws=aws, where=where, name=plugin.bucket)
    if name == "sns":
        where = Where(plugin.with_region().region or aws.region, where.role_arn, where.external_id)
        topic = plugin.topic_arn.rpartition(":")[2]
        return Topic(title=f"SNS {topic}", outputs=[built], aws=aws, where=where, name=topic)
    group: str = plugin.log_group_name or ""
    template: str = getattr(plugin, "log_group_template", None) or ""
    fixed = group.split("$")[0]
    exact = fixed == group and not template
    return LogGroup(
        title=f"CloudWatch Logs {template or group}",
        outputs=[built],
        readable=True,
        aws=aws,
        where=where,
        name="" if template else fixed,
        exact=exact,
        own=bool(plugin.auto_create_group),
    )
