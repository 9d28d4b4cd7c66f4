"""Outputs to AWS: cloudwatch_logs, kinesis_firehose, kinesis_streams and s3.

Source: fluent-plugin-cloudwatch-logs 0.15, aws-fluent-plugin-kinesis 3.5, fluent-plugin-s3 1.8.
"""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pyrolens.config.fluentd.accessors import to_s
from pyrolens.config.fluentd.format import JsonFormat, OutFileFormat, WriteText, json_of
from pyrolens.config.fluentd.kinds import Array, Bool, Int
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.outputs.base import (
    TEXT,
    Formatting,
    Name,
    check_fields,
    filled,
    is_fixed,
    written,
)
from pyrolens.config.fluentd.outputs.plain import slice_format
from pyrolens.config.fluentd.reading import Said, section
from pyrolens.language.document import Entry
from pyrolens.options import opt

KEYS = "keys come from the task role, or from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
PROXY = "the proxy is that of HTTPS_PROXY in the environment"
FOUND = "credentials are looked for where the AWS SDKs do: environment, task role, instance"
ENGINE = "the encoder of this router is used"
RETRIES = "what fails is tried again by <buffer>, and only that"
CREDENTIALS_IGNORED = {
    "instance_profile_credentials": FOUND,
    "process_credentials": FOUND,
}
SESSION = "it is named by the router"


@dataclass(frozen=True, kw_only=True)
class AssumeRole(Said):
    """A role to assume."""

    ignored = {
        "role_session_name": SESSION,
        "duration_seconds": "it is renewed in time",
        "sts_region": "STS is asked in the region of the output",
    }
    refused = {
        "policy": "a session has all that the role may do: narrow the role",
        "sts_http_proxy": PROXY,
    }

    role_arn: str = opt("ARN of the role.")
    external_id: str | None = opt("External id that the role asks for.", default=None)
    sts_endpoint_url: str | None = opt("Another host or URL of STS.", default=None)

    def lower(self, to: Lowered) -> None:
        given = [
            ("role_arn", self.role_arn, "role_arn"),
            ("external_id", self.external_id, "external_id"),
            ("sts_endpoint", self.sts_endpoint_url, "sts_endpoint_url"),
        ]
        for option, value, key in given:
            if value is not None:
                to.section.entries.append(Entry(option, value, self.place(key), self.place(key)))


@dataclass(frozen=True, kw_only=True)
class SharedCredentials(Said):
    """A profile of ~/.aws."""

    refused = {"path": "set AWS_SHARED_CREDENTIALS_FILE in the environment"}

    profile_name: str | None = opt("Name of the profile.", default=None)

    def lower(self, to: Lowered) -> None:
        if self.profile_name:
            place = self.place("profile_name")
            to.section.entries.append(Entry("profile", self.profile_name, place, place))


WEB_IDENTITY = {"web_identity_credentials": "set AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE in the environment"}


# -- CloudWatch Logs ---------------------------------------------------------------------------------------------


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


# -- Kinesis -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Kinesis(Formatting):
    """What both outputs to Kinesis have."""

    ignored = {
        "log_truncate_max_size": "records are not put into the log",
        "debug": "set @log_level debug",
        "retries_on_batch_request": RETRIES,
        "reset_backoff_if_success": RETRIES,
        "batch_request_max_count": "a request holds as many records as the service allows",
        "batch_request_max_size": "a request holds as many records as the service allows",
        "drop_failed_records_after_batch_request_retries": RETRIES,
        "monitor_num_of_batch_request_retries": "retries are in the metrics",
        "max_record_size": "the limit is that of the service",
    }
    refused = {
        "aws_key_id": KEYS,
        "aws_sec_key": KEYS,
        "aws_ses_token": KEYS,
        "http_proxy": PROXY,
    }
    ignored_sections = CREDENTIALS_IGNORED
    refused_sections = WEB_IDENTITY

    region: str | None = opt("AWS region.", default=None)
    endpoint: str | None = opt("Another URL of the service.", default=None)
    ssl_verify_peer: Bool = opt("Check the certificate of the service.", default=True)
    data_key: str | None = opt("Send only the value of this field.", default=None)
    compression: Literal["zlib", "gzip"] | None = opt("Compress each record.", default=None)
    assume_role_credentials: AssumeRole | None = section(AssumeRole)
    shared_credentials: SharedCredentials | None = section(SharedCredentials)

    def common(self, to: Lowered, others: dict[str, Name] | None = None) -> None:
        to.set("region", self.region, "region")
        to.set("endpoint", self.endpoint, "endpoint")
        to.set("tls.verify", self.ssl_verify_peer, "ssl_verify_peer")
        for inner in (self.assume_role_credentials, self.shared_credentials):
            if inner:
                inner.lower(to)
        if self.data_key:
            to.set("log_key", self.data_key, "data_key")
        elif self.format is not None and not isinstance(self.format, JsonFormat):
            to.set("log_key", TEXT)
            to.process("format", written(self.format.compile(), others))


@dataclass(frozen=True, kw_only=True)
class KinesisFirehose(Kinesis):
    """Send records to an Amazon Data Firehose delivery stream."""

    plugin = "kinesis_firehose"

    delivery_stream_name: str = opt("Name of the delivery stream.")
    append_new_line: Bool = opt("End each record with a newline.", default=True)
    chomp_record: Bool = opt("Take the newline of the format off each record.", default=False)

    def check(self) -> Iterable[tuple[str, str]]:
        if not is_fixed(self.delivery_stream_name):
            yield "delivery_stream_name", "delivery_stream_name has no placeholders here: use a <match> for each stream"
        if not self.append_new_line and (self.chomp_record or self.data_key):
            yield "append_new_line", "records without a newline are not sent here: leave append_new_line out"
        if self.compression == "zlib":
            yield "compression", "compression: expected gzip"

    def lower(self, to: Lowered) -> None:
        to.set("delivery_stream", self.delivery_stream_name, "delivery_stream_name")
        to.set("compression", self.compression, "compression")
        self.common(to)


@dataclass(frozen=True, kw_only=True)
class KinesisStreams(Kinesis):
    """Send records to an Amazon Kinesis data stream."""

    plugin = "kinesis"

    stream_name: str = opt("Name of the stream.")
    partition_key: str | None = opt("Field with the partition key; else it is random.", default=None)
    chomp_record: Bool = opt("Take the newline of the format off each record.", default=False)

    def check(self) -> Iterable[tuple[str, str]]:
        if not is_fixed(self.stream_name):
            yield "stream_name", "stream_name has no placeholders here: use a <match> for each stream"

    def lower(self, to: Lowered) -> None:
        to.set("stream", self.stream_name, "stream_name")
        to.set("partition_key", self.partition_key, "partition_key")
        to.set("append_newline", not self.chomp_record and not self.data_key, "chomp_record")
        to.set("compression", self.compression or "none", "compression")
        key = self.partition_key
        self.common(to, {key: lambda tag, ns, record: to_s(record.get(key))} if key else None)


# -- S3 ----------------------------------------------------------------------------------------------------------

COMPRESSIONS = {"gzip": ("gzip", "gz"), "text": ("none", "txt"), "json": ("none", "json"), "zstd": ("zstd", "zst"),
                "gzip_command": ("gzip", "gz")}  # fmt: skip
ACCESS = "grants are not made here: use a bucket policy"
CUSTOMER_KEYS = "keys of customers are not sent: use sse aws:kms"


@dataclass(frozen=True, kw_only=True)
class S3(Formatting):
    """Store records as objects in Amazon S3."""

    plugin = "s3"
    keeps_trying = True
    older_format, older_inject = "out_file", True
    ignored = {
        "use_bundled_cert": "the certificate authorities of the system are used",
        "aws_iam_retries": FOUND,
        "check_apikey_on_start": "the bucket is looked for when there is something to store",
        "check_bucket": "the bucket is looked for when there is something to store",
        "check_object": "keys are unique, so no object is overwritten",
        "overwrite": "keys are unique, so no object is overwritten",
        "auto_create_bucket": "buckets are not created",
        "hex_random_length": "%{hex_random} has eight characters",
        "index_format": "%{index} is random text, so that tasks do not overwrite each other's objects",
        "force_path_style": "the bucket stands in the path of requests",
        "signature_version": "requests are signed with version 4",
        "compute_checksums": "requests are signed with the hash of their body",
        "warn_for_delay": "delays are in the metrics",
        "time_slice_format": "see timekey of <buffer>",
    }
    refused = {
        "aws_key_id": KEYS,
        "aws_sec_key": KEYS,
        "aws_credential_process": FOUND,
        "proxy_uri": PROXY,
        "grant_full_control": ACCESS,
        "grant_read": ACCESS,
        "grant_read_acp": ACCESS,
        "grant_write_acp": ACCESS,
        "sse_customer_algorithm": CUSTOMER_KEYS,
        "sse_customer_key": CUSTOMER_KEYS,
        "sse_customer_key_md5": CUSTOMER_KEYS,
        "s3_metadata": "objects get no metadata here: see tagging",
        "checksum_algorithm": "objects get no checksum but that of the request",
        "enable_transfer_acceleration": "set s3_endpoint",
        "enable_dual_stack": "set s3_endpoint",
        "reduced_redundancy": "set storage_class REDUCED_REDUNDANCY",
    }
    ignored_sections = CREDENTIALS_IGNORED
    refused_sections = {
        **WEB_IDENTITY,
        "bucket_lifecycle_rule": "buckets are not changed: set the rule with the bucket",
        "compress": "the level of compression is not chosen here",
    }

    s3_bucket: str = opt("Name of the bucket.")
    s3_region: str | None = opt("AWS region.", default=None)
    s3_endpoint: str | None = opt("Another URL of the service.", default=None)
    path: str = opt("What keys begin with; may hold ${tag}, ${tag[1]} and %Y.", default="")
    s3_object_key_format: str = opt(
        "Keys: %{path}, %{time_slice}, %{index}, %{file_extension}, %{hex_random}, %{uuid_flush}, %{hostname}, ${tag}.",
        default="%{path}%{time_slice}_%{index}.%{file_extension}",
    )
    store_as: str = opt("gzip, text, json or zstd.", default="gzip")
    storage_class: str | None = opt("Storage class of the objects.", default=None)
    acl: str | None = opt("Canned ACL of the objects.", default=None)
    use_server_side_encryption: str | None = opt("AES256, aws:kms or aws:kms:dsse.", default=None)
    ssekms_key_id: str | None = opt("Key for aws:kms.", default=None)
    tagging: str | None = opt("Tags of the objects: name=value, with & between.", default=None)
    aws_profile: str | None = opt("Profile of ~/.aws that holds the credentials.", default=None)
    ssl_verify_peer: Bool = opt("Check the certificate of the service.", default=True)
    ssl_ca_bundle: str | None = opt("File of certificate authorities (PEM).", default=None)
    ssl_ca_directory: str | None = opt("Folder of certificate authorities.", default=None)
    assume_role_credentials: AssumeRole | None = section(AssumeRole)
    shared_credentials: SharedCredentials | None = section(SharedCredentials)

    def check(self) -> Iterable[tuple[str, str]]:
        if self.store_as not in COMPRESSIONS:
            yield "store_as", f"store_as is '{self.store_as}': expected gzip, text, json or zstd"
        for key, text in (("path", self.path), ("s3_object_key_format", self.s3_object_key_format)):
            yield from check_fields(self, key, text, ["time"])
            if re.search(r"\$\{(?!tag(?:\[\d+\])?\})", text):
                yield key, f"{key}: of placeholders, ${{tag}}, ${{tag[1]}} and those of strftime are understood here"
        for name in re.findall(r"%\{[^}]*\}", self.s3_object_key_format):
            if name not in self.values:
                yield "s3_object_key_format", f"there is no {name}: expected {', '.join(self.values)}"

    @property
    def values(self) -> dict[str, str]:
        return {
            "%{path}": self.path,
            "%{time_slice}": slice_format(self.buffer.timekey if self.buffer else None) if self.timed else "",
            "%{index}": "$UUID",
            "%{hex_random}": "$UUID",
            "%{uuid_flush}": "$UUID",
            "%{hms_slice}": "%H%M%S",
            "%{file_extension}": COMPRESSIONS.get(self.store_as, ("", "txt"))[1],
            "%{hostname}": socket.gethostname().replace("%", "%%"),
        }

    @property
    def timed(self) -> bool:
        return "time" in self.keys(["time"])

    def lower(self, to: Lowered) -> None:
        key = self.s3_object_key_format
        for name, text in self.values.items():
            key = key.replace(name, text)
        key = re.sub(r"\$\{tag(?:\[(\d+)\])?\}", lambda found: f"$TAG[{found[1]}]" if found[1] else "$TAG", key)
        to.set("bucket", self.s3_bucket, "s3_bucket")
        to.set("region", self.s3_region, "s3_region")
        to.set("endpoint", self.s3_endpoint, "s3_endpoint")
        to.set(
            "s3_key_format",
            f"/{key.lstrip('/')}",
            "s3_object_key_format" if self.said("s3_object_key_format") else "path",
        )
        to.set("compression", COMPRESSIONS[self.store_as][0], "store_as")
        to.set("storage_class", self.storage_class, "storage_class")
        to.set("canned_acl", self.acl, "acl")
        to.set("sse", self.use_server_side_encryption, "use_server_side_encryption")
        to.set("sse_kms_key_id", self.ssekms_key_id, "ssekms_key_id")
        to.set("tags", self.tagging, "tagging")
        to.set("profile", self.aws_profile, "aws_profile")
        to.set("tls.verify", self.ssl_verify_peer, "ssl_verify_peer")
        to.set("tls.ca_file", self.ssl_ca_bundle, "ssl_ca_bundle")
        to.set("tls.ca_path", self.ssl_ca_directory, "ssl_ca_directory")
        for inner in (self.assume_role_credentials, self.shared_credentials):
            if inner:
                inner.lower(to)
        self._objects(to)
        if isinstance(self.format, JsonFormat):
            to.set("json_date_key", "off")
        else:
            to.set("log_key", TEXT)
            to.process("format", written((self.format or OutFileFormat()).compile()))

    def _objects(self, to: Lowered) -> None:
        """When what is stored becomes an object."""
        buffer = self.buffer
        seconds = buffer.flush_interval if buffer and buffer.flush_interval is not None else None
        if seconds is None:
            seconds = (buffer.timekey if buffer else None) or 86400.0
        to.set("upload_timeout", max(int(seconds), 1))
        if buffer and buffer.chunk_limit_size:
            to.set("total_file_size", buffer.chunk_limit_size)
            to.set("use_put_object", True)
        if buffer and buffer.on_disk and buffer.path:
            to.set("store_dir", f"{buffer.path.rstrip('/*')}.s3")
