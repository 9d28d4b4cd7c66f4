"""The outputs of Fluentd's language."""

from collections.abc import Mapping

from pyrolens.config.fluentd.outputs.base import OutputSaid
from pyrolens.config.fluentd.outputs.cloudwatch import CloudwatchLogs
from pyrolens.config.fluentd.outputs.datadog import Datadog
from pyrolens.config.fluentd.outputs.kinesis import KinesisFirehose, KinesisStreams
from pyrolens.config.fluentd.outputs.plain import File, Forward, Null, Stdout
from pyrolens.config.fluentd.outputs.s3 import S3
from pyrolens.config.fluentd.outputs.search import Elasticsearch, Opensearch

OUTPUTS: Mapping[str, type[OutputSaid]] = {
    "stdout": Stdout,
    "null": Null,
    "file": File,
    "forward": Forward,
    "cloudwatch_logs": CloudwatchLogs,
    "kinesis_firehose": KinesisFirehose,
    "kinesis_streams": KinesisStreams,
    "s3": S3,
    "elasticsearch": Elasticsearch,
    "opensearch": Opensearch,
    "datadog": Datadog,
}
OTHER = "use the router's config in YAML, which has the output"
INSTEAD = {
    "http": f"{OTHER} http",
    "kafka2": f"{OTHER} kafka",
    "kafka": f"{OTHER} kafka",
    "kafka_buffered": f"{OTHER} kafka",
    "rdkafka2": f"{OTHER} kafka",
    "loki": f"{OTHER} loki",
    "splunk_hec": f"{OTHER} splunk",
    "splunk": f"{OTHER} splunk",
    "newrelic": f"{OTHER} newrelic",
    "gelf": f"{OTHER} gelf",
    "remote_syslog": f"{OTHER} syslog",
    "sns": f"{OTHER} sns",
    "sumologic": "use the output http of the router's config in YAML",
    "logdna": f"{OTHER} logdna",
    "influxdb": f"{OTHER} influxdb",
    "exec": "programs are not run for records here",
    "exec_filter": "programs are not run for records here",
    "mongo": "send to a Fluentd with the output forward",
    "webhdfs": "send to a Fluentd with the output forward",
    "roundrobin": "put a load balancer in front, and use one output",
    "secondary_file": "it belongs below <secondary>",
    "buffer": "records wait in the outputs that they are for",
    "kinesis_streams_aggregated": "use kinesis_streams",
    "elasticsearch_dynamic": "use elasticsearch, with a <match> for each index",
    "elasticsearch_data_stream": "use elasticsearch with write_operation create and index_name NAME",
    "opensearch_data_stream": "use opensearch with write_operation create and index_name NAME",
    "aws-elasticsearch-service": "use opensearch with <endpoint>",
    "record_modifier": "use a filter record_modifier",
    "record_reformer": "use a filter record_transformer, and rewrite_tag_filter for the tag",
}
"""For outputs that are not here."""

__all__ = ["INSTEAD", "OUTPUTS", "OutputSaid"]
