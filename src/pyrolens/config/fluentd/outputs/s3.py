"""Output s3.

Source: fluent-plugin-s3 1.8.
"""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from pyrolens.config.fluentd.format import JsonFormat, OutFileFormat
from pyrolens.config.fluentd.kinds import Bool
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.outputs.aws import (
    CREDENTIALS_IGNORED,
    FOUND,
    KEYS,
    PROXY,
    WEB_IDENTITY,
    AssumeRole,
    SharedCredentials,
)
from pyrolens.config.fluentd.outputs.base import (
    TEXT,
    Formatting,
    check_fields,
    written,
)
from pyrolens.config.fluentd.outputs.plain import slice_format
from pyrolens.config.fluentd.reading import section
from pyrolens.options import opt

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
