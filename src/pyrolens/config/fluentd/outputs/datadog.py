"""Output datadog.

Source: fluent-plugin-datadog 0.15, lib/fluent/plugin/out_datadog.rb.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC

from pyrolens.config.fluentd.kinds import Bool, Hash, Hidden, Int
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.outputs.base import OutputSaid
from pyrolens.config.fluentd.times import writer
from pyrolens.options import opt
from pyrolens.records.event import Event, Record

NONE = ("", "nil", "null", "false")


@dataclass(frozen=True, kw_only=True)
class Datadog(OutputSaid):
    """Send records to Datadog's log intake."""

    plugin = "datadog"
    ignored = {
        "max_retries": "what fails is tried again by <buffer>",
        "max_backoff": "what fails is tried again by <buffer>",
        "compression_level": "the level is that of gzip",
        "use_json": "records are JSON",
        "force_v1_routes": "the route is /api/v2/logs",
    }

    api_key: Hidden = opt("API key.")
    include_tag_key: Bool = opt("Add the tag to the record.", default=False)
    tag_key: str = opt("Field for the tag.", default="tag")
    timestamp_key: str = opt("Field for the time; a record's own field of that name stays.", default="@timestamp")
    service: str | None = opt("Name of the service, where the record says none.", default=None)
    dd_sourcecategory: str | None = opt("Category, where the record says none.", default=None)
    dd_source: str | None = opt("Technology that the logs are from, where the record says none.", default=None)
    dd_tags: str | None = opt("Tags, where the record says none.", default=None)
    dd_hostname: str | None = opt("Host, where the record says none; else this one.", default=None)
    delete_extracted_tag_attributes: Bool = opt("Remove the fields kubernetes and docker.", default=False)
    site: str = opt("Site of Datadog, such as datadoghq.eu.", default="datadoghq.com")
    host: str | None = opt("Host of the intake, if not that of the site.", default=None)
    use_ssl: Bool = opt("Speak TLS.", default=True)
    port: Int = opt("Port without TLS.", default=80)
    ssl_port: Int = opt("Port with TLS.", default=443)
    use_http: Bool = opt("Send over HTTP, which is the only way here.", default=True)
    custom_headers: Hash | None = opt("Headers of the requests.", default=None)
    use_compression: Bool = opt("Compress the body.", default=True)
    no_ssl_validation: Bool = opt("Check no certificate.", default=False)
    http_proxy: str | None = opt("Proxy, as http://host:port.", default=None)

    def check(self) -> Iterable[tuple[str, str]]:
        if not self.use_http:
            yield "use_http", "records are sent over HTTP only: remove use_http"

    def lower(self, to: Lowered) -> None:
        to.set("apikey", self.api_key, "api_key")
        to.set("host", self.host or f"http-intake.logs.{self.site}", "host" if self.host else "site")
        to.set("port", self.ssl_port if self.use_ssl else self.port, "ssl_port" if self.use_ssl else "port")
        to.set("tls", self.use_ssl, "use_ssl")
        to.set("tls.verify", not self.no_ssl_validation, "no_ssl_validation")
        to.set("tls.verify_hostname", self.use_ssl and not self.no_ssl_validation, "no_ssl_validation")
        to.set("compress", "gzip" if self.use_compression else None, "use_compression")
        to.set("proxy", self.http_proxy, "http_proxy")
        for name, value in (self.custom_headers or {}).items():
            to.set("header", f"{name} {value}", "custom_headers")
        # what becomes of a record is decided below, so nothing is added to it later
        key = None if self.timestamp_key in NONE else self.timestamp_key
        to.set("json_date_key", key or "timestamp", "timestamp_key")
        to.set("dd_message_key", "message")
        defaults = {
            "ddsourcecategory": self.dd_sourcecategory,
            "ddsource": self.dd_source,
            "ddtags": self.dd_tags,
            "service": self.service,
            "hostname": self.dd_hostname or socket.gethostname(),
        }
        given = {name: value for name, value in defaults.items() if value is not None}
        write = writer("%Y-%m-%dT%H:%M:%S.%LZ", UTC)
        tag_key = self.tag_key if self.include_tag_key else None
        dropped = ("kubernetes", "docker") if self.delete_extracted_tag_attributes else ()

        def enriched(tag: str, ns: int, record: Record) -> Record:
            made = {k: v for k, v in record.items() if k not in dropped} if dropped else dict(record)
            for name, value in given.items():
                if made.get(name) in (None, False):
                    made[name] = value
            if tag_key:
                made[tag_key] = tag
            if key and made.get(key) is None:
                made[key] = write(ns)
            return made

        def enrich(tag: str, events: list[Event]) -> list[Event]:
            return [(ns, enriched(tag, ns, record)) for ns, record in events]

        to.process("enrich", lambda env: enrich)
