"""output logdna.

Source: Fluent Bit 5.1.1 plugins/out_logdna."""

import os
from collections.abc import Callable
from urllib.parse import quote

from pyrolens.api import Chunk, Commas, Event, Net, Output, OutputEnv, Secret, Tls, group, opt, plugin
from pyrolens.outputs._post import IGNORED, Frame, Lines, PostSink, Table, basic, poster, valid_target
from pyrolens.records.codecs import Json
from pyrolens.records.event import SECOND, Record

PROMOTED = {"level": "level", "severity": "level", "meta": "meta", "file": "file", "app": "app", "hostname": "hostname"}


@plugin("logdna")
class Logdna(Output):
    """Send records to LogDNA (Mezmo)."""

    ignored = {**IGNORED, "host": "logdna_host names the host", "port": "logdna_port names the port"}
    differs = (
        "Values in the address are percent-encoded; Fluent Bit sends a request that is none for a hostname with a "
        "blank.",
        "JSON is always valid: nan and inf become null, keys that are not text become text.",
    )

    logdna_host: str = opt("Host of the service.", default="logs.logdna.com")
    logdna_port: int = opt("Port of the service.", default=443, low=1, high=65535)
    logdna_endpoint: str = opt("Path that logs are posted to.", default="/logs/ingest")
    api_key: Secret = opt("Ingestion key.")
    hostname: str | None = opt("Host that the logs are from; else HOSTNAME of the environment.", default=None)
    mac: str = opt("MAC address of that host.", default="")
    ip: str = opt("IP address of that host.", default="")
    tags: Commas = opt("Tags, with commas between.", default=[])
    file: str | None = opt("File of records that have no field file.", default=None)
    app: str = opt("App of records that have no field app.", default="Fluent Bit")
    exclude_promoted_keys: bool = opt("Fields that become a part of the line's own are not in its text.", default=False)
    tls_on: bool = opt("Off: speak plain HTTP.", default=True, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def open(self, env: OutputEnv) -> "LogdnaSink":
        host = self.hostname or os.environ.get("HOSTNAME") or "unknown"
        headers = [
            ("Host", self.logdna_host),
            ("User-Agent", "Fluent-Bit"),
            ("Content-Type", "application/json; charset=UTF-8"),
            basic(self.api_key, ""),
        ]
        query = {"hostname": host, "mac": self.mac, "ip": self.ip, "now": "{now}", "tags": ",".join(self.tags)}
        pairs = "&".join(f"{name}={quote(value, safe=',:{}')}" for name, value in query.items())
        target = f"{valid_target(self.logdna_endpoint)}?{pairs}"
        tls = self.tls if self.tls_on else None
        post = poster(self.logdna_host, self.logdna_port, self.net, tls, target, headers)
        lines = self.lines(env, host)
        return LogdnaSink(env, post, lambda tag: lines, frame=Frame(b'{"lines":[', b",", b"]}"), table=Table())

    def lines(self, env: OutputEnv, host: str) -> Lines:
        each = Json(None, escape_unicode=env.escape_unicode).each
        line_of = self.line_of()
        missing = {"file": self.file, "app": self.app, "hostname": host}

        def entry(ns: int, record: Record, line: bytes) -> Event:
            out: Record = {}
            for key, value in record.items():
                name = PROMOTED.get(key)
                if name and name not in out:
                    out[name] = value
            out.update({name: value for name, value in missing.items() if value is not None and name not in out})
            return 0, {**out, "timestamp": ns // SECOND, "line": line.decode()}

        def lines(events: list[Event]) -> list[bytes]:
            texts = each([(0, line_of(record)) for _, record in events])
            return each([entry(ns, record, line) for (ns, record), line in zip(events, texts, strict=True)])

        return lines

    def line_of(self) -> Callable[[Record], Record]:
        """What of a record is in its line."""
        if not self.exclude_promoted_keys:
            return lambda record: record
        return lambda record: {key: value for key, value in record.items() if key not in PROMOTED}


class LogdnaSink(PostSink):
    """The address holds {now} for the time of sending, in seconds."""

    def target(self, chunk: Chunk) -> str:
        return self.poster.target.replace("{now}", str(self.env.now() // SECOND))
