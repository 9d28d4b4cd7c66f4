"""output s3.

Source: Fluent Bit 5.1.1 plugins/out_s3."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pyrolens.api import Event, Net, Output, OutputEnv, Seconds, Secret, Size, Tls, group, opt, plugin
from pyrolens.aws import AWS_IGNORED, Aws, aws_client
from pyrolens.aws.options import check_aws, region_of
from pyrolens.outputs._s3_calls import Bucket
from pyrolens.outputs._s3_formats import COLUMNS, has_pyarrow, packer
from pyrolens.outputs._s3_key import KeyFormat
from pyrolens.outputs._s3_sink import PART, Lines, Rules, S3Sink
from pyrolens.outputs._s3_store import Store
from pyrolens.outputs._values import value_line
from pyrolens.records.codecs import DATE_FORMATS, Json, read_date_format

SMALLEST, LARGEST = 1_000_000, 50_000_000_000
"""Bytes of an object."""
LARGEST_PUT = 1_000_000_000
LARGEST_PART, LARGEST_COMPRESSED = 50_000_000, 5_000_000_000


@dataclass(frozen=True, kw_only=True)
class Blobs:
    """What Fluent Bit's plugin has for whole files (blobs), which we do not send."""

    blob_database_file: str | None = opt("Not available: for blobs.", default=None)
    authorization_endpoint_url: str | None = opt("Not available: for blobs.", default=None)
    authorization_endpoint_username: str | None = opt("Not available: for blobs.", default=None)
    authorization_endpoint_password: Secret | None = opt("Not available: for blobs.", default=None)
    authorization_endpoint_bearer_token: Secret | None = opt("Not available: for blobs.", default=None)


@plugin("s3")
class S3(Output):
    """Store records as objects in Amazon S3.

    Records are first put into files in store_dir, which survive a crash; an object is made when a file is large or
    old enough, and when the router stops."""

    ignored = {
        **AWS_IGNORED,
        "part_size": "it is for blobs, which are not sent",
        "file_delivery_attempt_limit": "it is for blobs, which are not sent",
        "part_delivery_attempt_limit": "it is for blobs, which are not sent",
        "upload_parts_timeout": "it is for blobs, which are not sent",
        "upload_part_freshness_limit": "it is for blobs, which are not sent",
        "storage.total_limit_size": "s3 has a store of its own; see store_dir_limit_size",
    }
    differs = (
        "A failed part is sent again within its upload; Fluent Bit begins another upload and leaves the first one.",
        "After a restart the rest of an upload becomes its last part; Fluent Bit puts it under the same key, where the "
        "upload then overwrites it.",
        "The key of an upload in parts gets -object and random characters as well, unless it has the second: the next "
        "upload of the tag would overwrite it.",
        "An upload that is tried again has the key that it had, so a lost answer makes no second object.",
        "Without Retry_Limit an upload is tried until it succeeds, for its data are on the disk; Fluent Bit puts them "
        "aside after 5 retries, and no_limits is 5 as well.",
        "upload_timeout is kept to the second; Fluent Bit looks every 6 to 60 seconds.",
        "When the store is full all of it is uploaded at once and records wait; Fluent Bit drops them.",
        "The key has the time of the first record also when the router stops; Fluent Bit takes the present time.",
        "The key is percent-encoded in requests.",
        "log_key sends text with a NUL byte whole; Fluent Bit loses the rest of the chunk.",
        "preserve_data_ordering: the order is kept always.",
    )

    bucket: str = opt("Name of the bucket.")
    format: str = opt("json_lines, or parquet or arrow (with pyarrow: the extra `parquet`).", default="json_lines")
    json_date_key: str = opt("Field for the record's time; off for none.", default="date")
    json_date_format: str = opt(f"How that time is written: {', '.join(DATE_FORMATS)}.", default="iso8601")
    log_key: str | None = opt("Store only the value of this field.", default=None)
    total_file_size: Size = opt("Bytes of an object.", default=100_000_000)
    upload_chunk_size: Size = opt("Bytes of a part of an object, from 5242880 on.", default=PART)
    upload_timeout: Seconds = opt("Time after which what is stored becomes an object.", default=600.0)
    use_put_object: bool = opt(
        "Upload whole objects. Otherwise large ones are uploaded in parts as they grow.", default=False
    )
    compression: str = opt("gzip, zstd, snappy or none.", default="none")
    content_type: str | None = opt("MIME type of the objects.", default=None)
    canned_acl: str | None = opt("Canned ACL of the objects.", default=None)
    storage_class: str | None = opt("Storage class of the objects.", default=None)
    send_content_md5: bool = opt("Send Content-MD5, as buckets with object lock ask for.", default=False)
    sse: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = opt(
        "Encryption of the objects on the server, where it is not the bucket's.", default=None
    )
    sse_kms_key_id: str | None = opt("Key for sse aws:kms.", default=None)
    tags: str | None = opt("Tags of the objects: name=value, with & between.", default=None)
    s3_key_format: str = opt(
        "Key of an object: $TAG, $TAG[n], $UUID, $INDEX and what strftime knows.",
        default="/fluent-bit-logs/$TAG/%Y/%m/%d/%H/%M/%S",
    )
    s3_key_format_tag_delimiters: str = opt("Characters at which $TAG[n] cuts the tag.", default=".")
    static_file_path: bool = opt("Add nothing random to a key without $UUID.", default=False)
    store_dir: str = opt("Folder of the local store.", default="/tmp/fluent-bit/s3")
    store_dir_limit_size: Size = opt("Bytes of the local store; 0: no limit.", default=0)
    store_dir_sync: bool = opt(
        "Let the disk confirm what was stored before it counts, so that it survives the machine's end too.",
        default=False,
    )
    preserve_data_ordering: bool = opt("The objects of a tag are uploaded in order, always.", default=True)
    retry_exhausted_action: Literal["quarantine", "delete"] = opt(
        "What becomes of a file after Retry_Limit: quarantine puts it aside in store_dir.", default="quarantine"
    )
    quarantine_dir_limit_size: Size = opt(
        "Bytes that may be put aside; then files are deleted. 0: no limit.", default=0
    )
    tls_on: bool | None = opt("TLS is spoken unless the endpoint begins with http://.", default=None, name="tls")
    blobs: Blobs = group(Blobs)
    aws: Aws = group(Aws)
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    # -- options ----------------------------------------------------------------------------------------------

    @property
    def form(self) -> str:
        """lines, parquet or arrow; the last two are also spelled as a compression."""
        named = [word.lower() for word in (self.compression, self.format)]
        return next((word for word in named if word in COLUMNS), "lines")

    @property
    def packing(self) -> str:
        """How objects are compressed."""
        return "none" if self.compression.lower() in COLUMNS else self.compression.lower()

    @property
    def one_put(self) -> bool:
        return self.use_put_object or self.form != "lines" or self.total_file_size < 2 * PART

    def with_region(self) -> Aws:
        return replace(self.aws, region=region_of(self.aws) or "us-east-1")

    def check(self) -> Iterable[tuple[str, str]]:
        yield from self._check_format()
        yield from self._check_sizes()
        if not self.s3_key_format.startswith("/"):
            yield "s3_key_format", f"s3_key_format is '{self.s3_key_format}': it must begin with /"
        if self.sse_kms_key_id and not (self.sse or "").startswith("aws:kms"):
            yield "sse_kms_key_id", "sse_kms_key_id needs sse aws:kms"
        for name, value in vars(self.blobs).items():
            if value is not None:
                yield name, f"{name} is for blobs, which s3 does not send here"
        yield from check_aws(self.with_region())

    def _check_format(self) -> Iterable[tuple[str, str]]:
        if self.format.lower() not in ("json_lines", "json", *COLUMNS):
            yield "format", f"format is '{self.format}': expected json_lines, parquet or arrow"
        if self.packing not in ("none", "gzip", "zstd", "snappy"):
            yield "compression", f"compression is '{self.compression}': expected gzip, zstd, snappy or none"
        elif self.form != "lines" and self.packing not in COLUMNS[self.form]:
            yield "compression", f"{self.form} is compressed by {', '.join(COLUMNS[self.form][1:])}, or none"
        if self.form != "lines" and self.log_key:
            yield "log_key", f"log_key cannot be combined with {self.form}"
        if self.form != "lines" and not has_pyarrow():
            yield "format", f"{self.form} needs pyarrow: pip install 'pyrolens[parquet]'"
        if read_date_format(self.json_date_format) is None:
            known = ", ".join(DATE_FORMATS)
            yield "json_date_format", f"json_date_format is '{self.json_date_format}': expected one of {known}"

    def _check_sizes(self) -> Iterable[tuple[str, str]]:
        total, part = self.total_file_size, self.upload_chunk_size
        if not SMALLEST <= total <= LARGEST:
            yield "total_file_size", f"total_file_size is {total}: expected {SMALLEST:,} to {LARGEST:,} bytes"
        elif self.one_put and total > LARGEST_PUT:
            yield "total_file_size", f"total_file_size is {total}: an object in one piece has {LARGEST_PUT:,} at most"
        if not self.one_put:
            most = LARGEST_PART if self.packing == "none" else LARGEST_COMPRESSED
            if part > total:
                yield "upload_chunk_size", "upload_chunk_size is larger than total_file_size"
            elif not PART <= part <= most:
                yield "upload_chunk_size", f"upload_chunk_size is {part}: expected {PART:,} to {most:,} bytes"
        if part != PART and part * 2 > total:
            yield "upload_chunk_size", "upload_chunk_size is more than half of total_file_size"

    # -- at work ----------------------------------------------------------------------------------------------

    def open(self, env: OutputEnv) -> S3Sink:
        if self.format.lower() == "json":
            env.log.warning("format json is json_lines here")
        if not self.preserve_data_ordering:
            env.log.warning("preserve_data_ordering Off has no effect: the order is kept always")
        client = aws_client("s3", "", self.with_region(), self.net, self.tls, service_id="S3", log=env.log)
        rules = Rules(
            self.total_file_size,
            self.upload_chunk_size,
            self.upload_timeout,
            self.one_put,
            store_limit=self.store_dir_limit_size,
            keep_failed=self.retry_exhausted_action == "quarantine",
            quarantine_limit=self.quarantine_dir_limit_size,
        )
        # without Retry_Limit for ever, for the data are on the disk
        policy = env.retry if self.retry_limit else replace(env.retry, limit=None)
        return S3Sink(
            env,
            Bucket(client, self.bucket, self.headers(), md5=self.send_content_md5),
            Store(Path(self.store_dir).absolute() / self.bucket, env.name, sync=self.store_dir_sync),
            rules,
            KeyFormat(self.s3_key_format, self.s3_key_format_tag_delimiters, static=self.static_file_path),
            self.lines(env.escape_unicode),
            packer(self.form, self.packing),
            policy,
            missing=f"no field '{self.log_key}'",
        )

    def headers(self) -> list[tuple[str, str]]:
        """Of each object."""
        encoding = self.packing if self.form == "lines" and self.packing != "none" else None
        named = {
            "Content-Type": self.content_type,
            "Content-Encoding": encoding,
            "x-amz-acl": self.canned_acl,
            "x-amz-storage-class": self.storage_class,
            "x-amz-server-side-encryption": self.sse,
            "x-amz-server-side-encryption-aws-kms-key-id": self.sse_kms_key_id,
            "x-amz-tagging": self.tags,
        }
        return [(name, value) for name, value in named.items() if value]

    def lines(self, escape_unicode: bool) -> Lines:
        key = self.log_key
        if key is None:
            off = self.json_date_key.lower() in ("off", "false", "no")
            form = read_date_format(self.json_date_format) or "iso8601"
            json = Json(None if off else self.json_date_key, form, escape_unicode=escape_unicode)
            return lambda events: ([], json.lines(events))

        def values(events: list[Event]) -> tuple[list[Event], bytes]:
            unfit = [event for event in events if key not in event[1]]
            return unfit, b"".join([value_line(r[key], escape_unicode) for _, r in events if key in r])

        return values
