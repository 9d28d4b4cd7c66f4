"""output cloudwatch_logs.

Source: Fluent Bit 5.1.1 plugins/out_cloudwatch_logs."""

from collections.abc import Iterable
from typing import Any, Literal

from pyrolens.api import Net, Output, OutputEnv, Tls, group, opt, plugin
from pyrolens.aws import AWS_IGNORED, Aws, aws_client
from pyrolens.aws.options import check_aws
from pyrolens.outputs._cloudwatch import CloudwatchSink, Groups, Messages, Names, NamesOf
from pyrolens.records.template import Template


@plugin("cloudwatch_logs")
class CloudwatchLogs(Output):
    """Send records to Amazon CloudWatch Logs, and metrics in its Embedded Metric Format (set log_format json/emf)."""

    takes_metrics = True

    ignored = {
        **AWS_IGNORED,
        "metric_namespace": "it is for the records of Fluent Bit's cpu, mem and disk inputs, which are not here",
        "metric_dimensions": "it is for the records of Fluent Bit's cpu, mem and disk inputs, which are not here",
        "add_entity": "entities come from Fluent Bit's kubernetes filter, which is not here",
    }
    differs = (
        "What was delivered is never sent again: each request is its own chunk, and only what failed is repeated.",
        "Where the group or the stream is gone, they are created again and the events sent; Fluent Bit drops them.",
        "Events that the service rejects (rejectedLogEventsInfo) are counted and logged; Fluent Bit does not look.",
        "Limits are the service's: 1 MiB less 26 bytes of UTF-8 for an event, 26 bytes for each in a request. Larger "
        "events are cut between characters, counted and logged; Fluent Bit cuts at 1,000,000 bytes of JSON, may send "
        "invalid JSON, and discards what does not fit into its buffer.",
        "Records of several streams in one batch make a request for each stream, not for each turn.",
        "log_key takes the field of exactly that name and sends a value that is no text as JSON; Fluent Bit also takes "
        "fields whose name it begins with, and cuts the first and last character off other values.",
        "Requests whose retention policy is refused, and streams that may not be created, cost no events.",
        "A certificate of AWS's own hosts is always checked for its name.",
        "Metrics are EMF that CloudWatch takes: unit Count, no empty dimension or namespace, no Min and Max made of "
        "the counts of buckets; what is no number is refused, and not sent as JSON that is none.",
    )

    log_group_name: str = opt("Name of the log group.")
    log_stream_name: str | None = opt("Name of the log stream.", default=None)
    log_stream_prefix: str | None = opt("The stream's name is this with the tag after it.", default=None)
    log_group_template: str | None = opt(
        "Name of the group with $TAG and accessors such as $key['sub'] in it; where a record lacks one, "
        "log_group_name holds.",
        default=None,
    )
    log_stream_template: str | None = opt(
        "The same for the stream; where a record lacks one, log_stream_name or log_stream_prefix holds.", default=None
    )
    log_key: str | None = opt("Send only the value of this field.", default=None)
    log_format: str | None = opt("Format that the service is told; json/emf makes it extract metrics.", default=None)
    auto_create_group: bool = opt("Create log groups that do not exist.", default=False)
    log_retention_days: int = opt("Days that events stay in groups that we create; 0: for ever.", default=0)
    log_group_class: Literal["STANDARD", "INFREQUENT_ACCESS"] = opt(
        "Class of groups that we create.", default="STANDARD"
    )
    oversized: Literal["truncate", "split", "reject"] = opt(
        "What becomes of an event over 1 MiB; split sends it as several events.", default="truncate"
    )
    extra_user_agent: str | None = opt("Text added to the User-Agent.", default=None)
    tls_on: bool | None = opt("TLS is spoken unless the endpoint begins with http://.", default=None, name="tls")
    aws: Aws = group(Aws)
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.log_stream_name and self.log_stream_prefix:
            yield "log_stream_prefix", "log_stream_prefix cannot be combined with log_stream_name"
        if not self.log_stream_name and not self.log_stream_prefix:
            yield "log_stream_name", "cloudwatch_logs needs log_stream_name or log_stream_prefix"
        for name, text in (
            ("log_group_template", self.log_group_template),
            ("log_stream_template", self.log_stream_template),
        ):
            try:
                Template(text or "")
            except ValueError as why:
                yield name, f"{name}: {why}"
        if self.tls_on:
            yield "tls", "tls cannot be set for cloudwatch_logs: it always speaks TLS"
        yield from check_aws(self.aws)

    def open(self, env: OutputEnv) -> CloudwatchSink:
        client = aws_client(
            "logs",
            "Logs_20140328",
            self.aws,
            self.net,
            self.tls,
            service_id="CLOUDWATCH_LOGS",
            extra_user_agent=self.extra_user_agent,
            log=env.log,
        )
        groups = Groups(
            create_group=self.auto_create_group,
            retention_days=self.log_retention_days,
            group_class=self.log_group_class if self.log_group_class == "INFREQUENT_ACCESS" else None,
        )
        messages = Messages(self.log_key, env.escape_unicode)
        return CloudwatchSink(
            env, client, messages, self.names, groups, log_format=self.log_format, oversized=self.oversized
        )

    def names(self, tag: str) -> Names | NamesOf:
        """Of a tag: the names, or with templates what finds those of a record."""
        group_name = self.log_group_name
        stream_name = self.log_stream_name or f"{self.log_stream_prefix}{tag}"
        if not self.log_group_template and not self.log_stream_template:
            return group_name, stream_name
        group_of = Template(self.log_group_template).render(tag, strict=True) if self.log_group_template else None
        stream_of = Template(self.log_stream_template).render(tag, strict=True) if self.log_stream_template else None

        def names(ns: int, record: dict[str, Any]) -> Names:
            group_found = group_of(record, ()) if group_of else None
            stream_found = stream_of(record, ()) if stream_of else None
            return (
                group_name if group_found is None else group_found,
                stream_name if stream_found is None else stream_found,
            )

        return names
