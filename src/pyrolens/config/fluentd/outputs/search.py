"""Outputs elasticsearch and opensearch.

Source: fluent-plugin-elasticsearch 5.4, fluent-plugin-opensearch 1.1.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pyrolens.config.fluentd.accessors import remover
from pyrolens.config.fluentd.kinds import Bool, Fields, Hidden, Int, Time
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.outputs.base import HOLDER, STRFTIME, OutputSaid, check_fields
from pyrolens.config.fluentd.reading import Said, section
from pyrolens.config.fluentd.times import ReadTime, read_float, reader, writer
from pyrolens.language.document import Entry
from pyrolens.options import opt
from pyrolens.plugin import FilterEnv, Transform
from pyrolens.records.event import Event, Record

TIMESTAMP = "@timestamp"

CLIENT = "there is one client, which connects again by itself"
TEMPLATES = "index templates are not installed here: install them with the server"
ILM = "index lifecycles are not set up here: set them up with the server"
VERSION = "the server's answers say what it takes"
FIELDS = "records go as they are"
AFFINITY = "the index is that of the config"


class Place(NamedTuple):
    """What a URL says."""

    secure: bool
    host: str
    port: int | None
    path: str
    user: str | None
    password: str | None


def read_url(text: str) -> Place:
    """Raises: ValueError."""
    try:
        url = urlsplit(text)
        if url.scheme in ("http", "https") and url.hostname:
            return Place(url.scheme == "https", url.hostname, url.port, url.path, url.username, url.password)
    except ValueError:
        pass
    raise ValueError("expected a URL such as https://host:9200")


def with_scheme(text: str, scheme: str) -> str:
    return text if "://" in text else f"{scheme}://{text}"


@dataclass(frozen=True, kw_only=True)
class Search(OutputSaid):
    """What both outputs have."""

    ignored = {
        "time_precision": "times have nanoseconds",
        "reload_connections": CLIENT,
        "reload_on_failure": CLIENT,
        "reload_after": CLIENT,
        "resurrect_after": CLIENT,
        "reconnect_on_error": CLIENT,
        "sniffer_class_name": CLIENT,
        "selector_class_name": CLIENT,
        "http_backend": CLIENT,
        "http_backend_excon_nonblock": CLIENT,
        "with_transporter_log": "set @log_level debug",
        "log_es_400_reason": "the reason of each failure is always logged",
        "log_os_400_reason": "the reason of each failure is always logged",
        "max_retry_putting_template": TEMPLATES,
        "fail_on_putting_template_retry_exceed": TEMPLATES,
        "template_overwrite": TEMPLATES,
        "use_legacy_template": TEMPLATES,
        "fail_on_detecting_es_version_retry_exceed": VERSION,
        "fail_on_detecting_os_version_retry_exceed": VERSION,
        "max_retry_get_es_version": VERSION,
        "max_retry_get_os_version": VERSION,
        "verify_es_version_at_startup": VERSION,
        "verify_os_version_at_startup": VERSION,
        "default_elasticsearch_version": VERSION,
        "default_opensearch_version": VERSION,
        "validate_client_version": VERSION,
        "content_type": "it is application/x-ndjson",
        "prefer_oj_serializer": "the encoder of this router is used",
        "unrecoverable_error_types": "the status of each record says whether it is tried again",
        "unrecoverable_record_types": "the status of each record says whether it is tried again",
        "emit_error_label_event": "what is refused for good is counted and logged; see <secondary>",
        "emit_error_for_missing_id": "what is refused for good is counted and logged; see <secondary>",
        "retry_tag": "only the records that failed are sent again",
        "ignore_exceptions": "the status of each record says whether it is tried again",
        "exception_backup": "see <secondary>",
        "bulk_message_request_threshold": "a request holds as much as servers take",
        "truncate_caches_interval": "there are no such caches",
        "catch_transport_exception_on_retry": CLIENT,
        "time_parse_error_tag": "a time that cannot be read is counted and logged",
        "application_name": ILM,
        "include_index_in_url": "the index stands with each record",
        "index_date_pattern": ILM,
        "index_separator": ILM,
    }
    refused = {
        "target_index_key": "use logstash_format with logstash_prefix, or a <match> for each index",
        "target_type_key": "servers from version 7 on have no types",
        "parent_key": FIELDS,
        "routing_key": FIELDS,
        "remove_keys_on_update": FIELDS,
        "remove_keys_on_update_key": FIELDS,
        "flatten_hashes": "let the server flatten: the field type flattened",
        "flatten_hashes_separator": "let the server flatten: the field type flattened",
        "template_name": TEMPLATES,
        "template_file": TEMPLATES,
        "customize_template": TEMPLATES,
        "templates": TEMPLATES,
        "rollover_index": ILM,
        "deflector_alias": ILM,
        "enable_ilm": ILM,
        "ilm_policy_id": ILM,
        "ilm_policy": ILM,
        "ilm_policies": ILM,
        "ilm_policy_overwrite": ILM,
        "custom_headers": "requests get no headers of your own here",
        "suppress_doc_wrap": FIELDS,
        "target_index_affinity": AFFINITY,
        "utc_index": "the date in the name of an index is UTC",
    }
    refused_sections = {"metadata": "chunks have no ids here"}

    host: str = opt("Host of the server.", default="localhost")
    port: Int = opt("Port of the server.", default=9200)
    hosts: str | None = opt(
        "The same as one text, such as https://user:password@host:9200/path.", default=None, secret=True
    )
    scheme: Literal["http", "https"] = opt("https: speak TLS.", default="http")
    user: str | None = opt("User for basic authentication.", default=None)
    password: Hidden | None = opt("Its password.", default=None)
    path: str | None = opt("Path before /_bulk.", default=None)
    index_name: str = opt("Name of the index.", default="fluentd")
    logstash_format: Bool = opt("The index is logstash_prefix and the date of the record.", default=False)
    logstash_prefix: str = opt("What the index begins with.", default="logstash")
    logstash_prefix_separator: str = opt("What stands between prefix and date.", default="-")
    logstash_dateformat: str = opt("strftime format of the date.", default="%Y.%m.%d")
    include_timestamp: Bool = opt("Add @timestamp, as logstash_format does.", default=False)
    suppress_type_name: Bool = opt("Send no type: servers from version 8 on refuse it.", default=False)
    id_key: str | None = opt("Field that is the _id.", default=None)
    write_operation: Literal["index", "create", "update", "upsert"] = opt(
        "What is done with each record.", default="index"
    )
    request_timeout: Time = opt("Seconds that a request may take.", default=5.0)
    ssl_verify: Bool = opt("Check the certificate of the server.", default=True)
    ca_file: str | None = opt("File of certificate authorities (PEM).", default=None)
    client_cert: str | None = opt("Our certificate (PEM).", default=None)
    client_key: str | None = opt("Its key (PEM).", default=None)
    client_key_pass: Hidden | None = opt("Password of that key.", default=None)
    ssl_version: str | None = opt("Oldest TLS version, such as TLSv1_2.", default=None)
    ssl_max_version: str | None = opt("Newest TLS version.", default=None)
    ssl_min_version: str | None = opt("Oldest TLS version.", default=None)
    remove_keys: Fields = opt("Fields that are not sent.", default=[])
    include_tag_key: Bool = opt("Add the tag to the record.", default=False)
    tag_key: str = opt("Field for the tag.", default="tag")
    pipeline: str | None = opt("Ingest pipeline that the server runs.", default=None)
    time_key: str | None = opt("Field with the time of a record, which becomes @timestamp.", default=None)
    time_key_format: str | None = opt("How that time is written, as for strptime.", default=None)
    time_key_exclude_timestamp: Bool = opt("That time is for the index only: add no @timestamp.", default=False)
    compression_level: Literal["no_compression", "best_speed", "best_compression", "default_compression"] = opt(
        "Compress the body.", default="no_compression"
    )

    def check(self) -> Iterable[tuple[str, str]]:
        for key in ("index_name", "logstash_prefix"):
            yield from check_fields(self, key, getattr(self, key), ["tag"])
        if HOLDER.search(self.logstash_prefix):
            yield "logstash_prefix", "logstash_prefix has no placeholders here: use a <match> for each prefix"
        yield from self.check_index()
        self.read_time()
        if self.hosts and "," in self.hosts:
            yield "hosts", "hosts names several: put a load balancer in front of them"
        elif self.hosts:
            try:
                read_url(with_scheme(self.hosts.strip(), self.scheme))
            except ValueError as why:
                yield "hosts", f"hosts: {why}"

    def check_index(self) -> Iterable[tuple[str, str]]:
        if HOLDER.search(self.index_name):
            yield "index_name", "index_name has no placeholders here: use a <match> for each index, or opensearch"

    def lower(self, to: Lowered) -> None:
        self.server(to)
        to.set("index", self.index(), "index_name")
        if STRFTIME.search(self.index_name):
            to.set("current_time_index", None)
        if self.logstash_format:
            to.set("logstash_format", True, "logstash_format")
            to.set("logstash_prefix", self.logstash_prefix.lower(), "logstash_prefix")
            to.set("logstash_prefix_separator", self.logstash_prefix_separator, "logstash_prefix_separator")
            to.set("logstash_dateformat", self.logstash_dateformat, "logstash_dateformat")
        stamped = self.logstash_format or self.include_timestamp
        to.set("time_key", TIMESTAMP if stamped and not self.time_key_exclude_timestamp else "off")
        to.set("time_key_nanos", True if stamped else None)
        to.set("include_tag_key", self.include_tag_key, "include_tag_key")
        to.set("tag_key", self.tag_key, "tag_key")
        to.set("pipeline", self.pipeline, "pipeline")
        to.set("id_key", self.id_key and (self.id_key if self.id_key.startswith("$") else f"${self.id_key}"), "id_key")
        to.set("write_operation", self.write_operation, "write_operation")
        to.set("suppress_type_name", self.suppress_type_name, "suppress_type_name")
        to.set("compress", "gzip" if self.compression_level != "no_compression" else None, "compression_level")
        to.set("deliver_timeout", int(max(self.request_timeout, 1)) if self.said("request_timeout") else None)
        to.set("replace_dots", False)
        if stamped:
            to.process("timestamp", self.stamp)
        if self.remove_keys:
            removers = [remover(key) for key in self.remove_keys]

            def remove(tag: str, events: list[Event]) -> list[Event]:
                out: list[Event] = []
                for ns, record in events:
                    for one in removers:
                        record = one(record)
                    out.append((ns, record))
                return out

            to.process("remove_keys", lambda env: remove)

    def read_time(self) -> ReadTime:
        read = reader("string", self.time_key_format, UTC if self.time_key_format else None)
        return lambda value: read_float(value) if isinstance(value, int | float) else read(value)

    def stamp(self, env: FilterEnv) -> Transform:
        """The time of a record is that which its own @timestamp or time_key names."""
        read, key, hidden = self.read_time(), self.time_key, self.time_key_exclude_timestamp
        write = writer("%Y-%m-%dT%H:%M:%S.%NZ", UTC)

        def stamped(ns: int, record: Record) -> Event:
            own = TIMESTAMP if TIMESTAMP in record else key
            if own is None or own not in record:
                return ns, {**record, TIMESTAMP: write(ns)} if hidden else record
            try:
                ns = read(record[own])
            except ValueError as why:
                env.count("unread_times")
                env.log.warning("the time of a record cannot be read, so that of the event counts", reason=str(why))
            return ns, record if hidden or own == TIMESTAMP else {**record, TIMESTAMP: write(ns)}

        return lambda tag, events: [stamped(*event) for event in events]

    def index(self) -> str:
        return self.index_name.lower() if not STRFTIME.search(self.index_name) else self.index_name

    def server(self, to: Lowered) -> None:
        """Where it is, and how to speak with it."""
        host, port, path, secure = self.host, self.port, self.path, self.scheme == "https"
        user, password = self.user, self.password
        if self.hosts:
            text = self.hosts.strip()
            url = read_url(with_scheme(text, self.scheme))
            host, secure = url.host, url.secure
            port = url.port or (443 if secure and "://" in text else self.port)
            path, user, password = url.path or path, url.user or user, url.password or password
        to.set("host", host, "hosts" if self.hosts else "host")
        to.set("port", port, "hosts" if self.hosts else "port")
        to.set("path", path.rstrip("/") if path else None, "path")
        to.set("http_user", user, "user")
        to.set("http_passwd", password, "password")
        to.set("tls", secure, "scheme")
        if secure:
            self.tls(to)

    def tls(self, to: Lowered) -> None:
        oldest = self.ssl_min_version or self.ssl_version
        to.set("tls.verify", self.ssl_verify, "ssl_verify")
        to.set("tls.verify_hostname", self.ssl_verify, "ssl_verify")
        to.set("tls.ca_file", self.ca_file, "ca_file")
        to.set("tls.crt_file", self.client_cert, "client_cert")
        to.set("tls.key_file", self.client_key, "client_key")
        to.set("tls.key_passwd", self.client_key_pass, "client_key_pass")
        to.set("tls.min_version", oldest and oldest.replace("_", "."), "ssl_min_version")
        to.set("tls.max_version", self.ssl_max_version and self.ssl_max_version.replace("_", "."), "ssl_max_version")


@dataclass(frozen=True, kw_only=True)
class Elasticsearch(Search):
    """Send records to Elasticsearch."""

    plugin = "es"

    cloud_id: str | None = opt("Cloud ID of a deployment in Elastic Cloud.", default=None)
    cloud_auth: Hidden | None = opt("user:password of that deployment.", default=None)
    api_key: Hidden | None = opt("API key, in base64.", default=None)
    type_name: str = opt("Type of the documents, for servers before version 8.", default="_doc")

    def lower(self, to: Lowered) -> None:
        super().lower(to)
        to.set("type", self.type_name, "type_name")
        to.set("cloud_id", self.cloud_id, "cloud_id")
        to.set("cloud_auth", self.cloud_auth, "cloud_auth")
        to.set("http_api_key", self.api_key, "api_key")


@dataclass(frozen=True, kw_only=True)
class Endpoint(Said):
    """A domain of Amazon OpenSearch Service; requests are signed."""

    ignored = {
        "refresh_credentials_interval": "they are renewed in time",
        "assume_role_session_name": "it is named by the router",
        "ecs_container_credentials_relative_uri": "the task role is found by itself",
        "sts_credentials_region": "STS is asked in the region of the domain",
    }
    refused = {
        "access_key_id": "keys come from the task role, or from AWS_ACCESS_KEY_ID in the environment",
        "secret_access_key": "keys come from the task role, or from AWS_SECRET_ACCESS_KEY in the environment",
        "assume_role_web_identity_token_file": "set AWS_WEB_IDENTITY_TOKEN_FILE in the environment",
    }

    region: str = opt("AWS region.")
    url: str = opt("URL of the domain.")
    assume_role_arn: str | None = opt("Role to assume.", default=None)
    aws_service_name: Literal["es", "aoss"] = opt("aoss for OpenSearch Serverless.", default="es")

    def check(self) -> Iterable[tuple[str, str]]:
        try:
            read_url(self.url)
        except ValueError as why:
            yield "url", f"url: {why}"

    def lower(self, to: Lowered) -> None:
        url = read_url(self.url)
        place = self.place("url")
        for option, value, where in (
            ("host", url.host, place),
            ("port", str(url.port or (443 if url.secure else 80)), place),
            ("tls", "on" if url.secure else "off", place),
            ("path", url.path.rstrip("/"), place),
            ("aws_auth", "on", self.element.place),
            ("aws_region", self.region, self.place("region")),
            ("aws_role_arn", self.assume_role_arn or "", self.place("assume_role_arn")),
            ("aws_service_name", self.aws_service_name, self.place("aws_service_name")),
        ):
            if value:
                to.section.entries.append(Entry(option, value, where, where))


@dataclass(frozen=True, kw_only=True)
class Opensearch(Search):
    """Send records to OpenSearch, Amazon OpenSearch Service, or OpenSearch Serverless."""

    plugin = "opensearch"

    endpoint: Endpoint | None = section(Endpoint)

    def check_index(self) -> Iterable[tuple[str, str]]:
        if re.search(r"\$\{(?!tag(?:\[\d+\])?\})", self.index_name):
            yield "index_name", "index_name: of placeholders, ${tag} and ${tag[1]} are understood here"
        if HOLDER.search(self.index_name) and STRFTIME.search(self.index_name):
            yield "index_name", "index_name has the tag or a time here, not both: use logstash_format"

    def index(self) -> str:
        found = HOLDER.search(self.index_name)
        if not found:
            return super().index()
        return HOLDER.sub(lambda f: f"$TAG[{f[2]}]" if f[2] else "$TAG", self.index_name)

    def server(self, to: Lowered) -> None:
        to.set("suppress_type_name", None)
        if self.endpoint:
            self.endpoint.lower(to)
        else:
            super().server(to)

    def lower(self, to: Lowered) -> None:
        super().lower(to)
        if not self.said("suppress_type_name"):
            # no server of OpenSearch needs a type, and newer ones refuse it
            to.section.entries = [e for e in to.section.entries if e.key != "suppress_type_name"]
            to.set("suppress_type_name", True)
