"""Output cloudwatch_logs.

Source: fluent-plugin-cloudwatch-logs 0.15.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pyrolens.config.fluentd.accessors import to_s
from pyrolens.config.fluentd.format import WriteText, json_of
from pyrolens.config.fluentd.kinds import Array, Bool, Int
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.outputs.aws import (
    ENGINE,
    FOUND,
    KEYS,
    PROXY,
    RETRIES,
    SESSION,
    WEB_IDENTITY,
)
from pyrolens.config.fluentd.outputs.base import (
    TEXT,
    Formatting,
    Name,
    check_fields,
    filled,
    is_fixed,
    written,
)
from pyrolens.options import opt


@dataclass(frozen=True, kw_only=True)
class CloudwatchLogs(Formatting):
    """Send records to Amazon CloudWatch Logs."""

    plugin = "cloudwatch_logs"
    older_inject = True
    ignored = {
        "aws_instance_profile_credentials_retries": FOUND,
        "aws_ecs_authentication": FOUND,
        "aws_sts_session_name": SESSION,
        "aws_sts_duration_seconds": "it is renewed in time",
        "max_events_per_batch": "a request holds as many events as the service allows",
        "put_log_events_retry_wait": RETRIES,
        "put_log_events_retry_limit": RETRIES,
        "put_log_events_disable_retry_limit": RETRIES,
        "concurrency": "streams are sent to at the same time; see flush_thread_count",
        "json_handler": ENGINE,
        "log_rejected_request": "what is rejected is always logged",
    }
    refused = {
        "aws_key_id": KEYS,
        "aws_sec_key": KEYS,
        "aws_sts_policy": "a session has all that the role may do: narrow the role",
        "http_proxy": PROXY,
        "log_group_aws_tags": "log groups get no tags here: create the group beforehand",
        "log_group_aws_tags_key": "log groups get no tags here: create the group beforehand",
        "remove_log_group_aws_tags_key": "log groups get no tags here: create the group beforehand",
        "retention_in_days_key": "retention is the same for all groups here: set retention_in_days",
        "remove_retention_in_days_key": "retention is the same for all groups here: set retention_in_days",
    }
    refused_sections = WEB_IDENTITY

    aws_use_sts: Bool = opt("Assume the role of aws_sts_role_arn.", default=False)
    aws_sts_role_arn: str | None = opt("ARN of the role.", default=None)
    aws_sts_external_id: str | None = opt("External id that the role asks for.", default=None)
    aws_sts_endpoint_url: str | None = opt("Another host or URL of STS.", default=None)
    region: str | None = opt("AWS region.", default=None)
    endpoint: str | None = opt("Another URL of the service.", default=None)
    ssl_verify_peer: Bool = opt("Check the certificate of the service.", default=True)
    log_group_name: str | None = opt("Name of the log group; may hold ${tag}, ${field} and %Y.", default=None)
    log_stream_name: str | None = opt("Name of the log stream; may hold the same.", default=None)
    auto_create_stream: Bool = opt("Create groups and streams that do not exist.", default=False)
    message_keys: Array = opt("Send the values of these fields, with blanks between, and not JSON.", default=[])
    max_message_length: Int | None = opt("Characters that are sent of a record.", default=None)
    use_tag_as_group: Bool = opt("The tag is the name of the group.", default=False)
    use_tag_as_stream: Bool = opt("The tag is the name of the stream.", default=False)
    log_group_name_key: str | None = opt("Field with the name of the group.", default=None)
    log_stream_name_key: str | None = opt("Field with the name of the stream.", default=None)
    remove_log_group_name_key: Bool = opt("Remove that field.", default=False)
    remove_log_stream_name_key: Bool = opt("Remove that field.", default=False)
    retention_in_days: Int | None = opt("Days that events stay in groups that are created.", default=None)

    def check(self) -> Iterable[tuple[str, str]]:
        for what, names in (
            ("group", ("log_group_name", "use_tag_as_group", "log_group_name_key")),
            ("stream", ("log_stream_name", "use_tag_as_stream", "log_stream_name_key")),
        ):
            given = [name for name in names if self.said(name)]
            if len(given) != 1:
                yield (given[-1] if given else ""), f"it needs one of {', '.join(names)} for the name of the {what}"
        yield from check_fields(self, "log_group_name", self.log_group_name)
        yield from check_fields(self, "log_stream_name", self.log_stream_name)

    def lower(self, to: Lowered) -> None:
        to.set("region", self.region, "region")
        to.set("endpoint", self.endpoint, "endpoint")
        to.set("tls.verify", self.ssl_verify_peer, "ssl_verify_peer")
        if self.aws_use_sts:
            to.set("role_arn", self.aws_sts_role_arn, "aws_sts_role_arn")
            to.set("external_id", self.aws_sts_external_id, "aws_sts_external_id")
            to.set("sts_endpoint", self.aws_sts_endpoint_url, "aws_sts_endpoint_url")
        to.set("auto_create_group", self.auto_create_stream, "auto_create_stream")
        if self.said("auto_create_stream") and not self.auto_create_stream:
            to.ignore("auto_create_stream", "streams are created where they are missing; groups are not, with false")
        to.set("log_retention_days", self.retention_in_days, "retention_in_days")
        group, stream = self.name_of("group"), self.name_of("stream")
        fixed = isinstance(group, str) and isinstance(stream, str)
        to.set("log_group_name", group if isinstance(group, str) else "fluentd", "log_group_name")
        to.set("log_stream_name", stream if isinstance(stream, str) else "fluentd", "log_stream_name")
        if fixed and not self.message_keys and self.format is None and self.max_message_length is None:
            return
        names: dict[str, Name] = {}
        for what, name in (("group", group), ("stream", stream)):
            if not isinstance(name, str):
                names[what] = name
                to.set(f"log_{what}_template", f"${what}", f"log_{what}_name")
        drop = [self.log_group_name_key] if self.remove_log_group_name_key and self.log_group_name_key else []
        drop += [self.log_stream_name_key] if self.remove_log_stream_name_key and self.log_stream_name_key else []
        to.set("log_key", TEXT)
        to.process("format", written(self.writer(), names, drop))

    def name_of(self, what: str) -> str | Name:
        """A fixed name, or what makes it for each record."""
        if getattr(self, f"use_tag_as_{what}"):
            return lambda tag, ns, record: tag
        if key := getattr(self, f"log_{what}_name_key"):
            return lambda tag, ns, record: to_s(record.get(key)) or "fluentd"
        name: str = getattr(self, f"log_{what}_name") or "fluentd"
        return name if is_fixed(name) else filled(name, "time" in self.keys())

    def writer(self) -> WriteText:
        limit = self.max_message_length
        if self.format is not None:
            write = self.format.compile()
        elif self.message_keys:
            keys = self.message_keys
            write = lambda tag, ns, record: " ".join(filter(None, (to_s(record.get(k)) for k in keys)))  # noqa: E731
        else:
            write = lambda tag, ns, record: json_of(record)  # noqa: E731
        return write if limit is None else lambda tag, ns, record: write(tag, ns, record)[:limit]
