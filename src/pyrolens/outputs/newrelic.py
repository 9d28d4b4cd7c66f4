"""output newrelic: the name and the options of New Relic's own plugin, which their task definitions use.

Source: newrelic-fluent-bit-output 3.7.0."""

import os
from collections.abc import Iterable
from dataclasses import replace

from pyrolens.api import Event, Net, Output, OutputEnv, Seconds, Secret, Tls, group, opt, plugin
from pyrolens.outputs._newrelic import DEFAULT, LIMITS, key_header, newrelic_poster
from pyrolens.outputs._post import IGNORED, Frame, Lines, PostSink, Table, check_proxy, read_url
from pyrolens.records.codecs import Json
from pyrolens.records.event import Record

AGAIN = frozenset({408, 429, 500, 502, 503, 504, 599})
VERSION = "3.7.0"
"""Of the plugin whose records these are."""
OLD = "it has had no effect since version 1.3 of New Relic's plugin"


@plugin("newrelic")
class Newrelic(Output):
    """Send records to New Relic, with the options of New Relic's own plugin."""

    ignored = {
        **IGNORED,
        "host": "endpoint names the host",
        "port": "endpoint names the port",
        "maxbuffersize": OLD,
        "maxrecords": OLD,
        "maxtimebetweenflushes": OLD,
        "sendmetrics": "there are no metrics of New Relic's plugin to send",
        "compression": "bodies are compressed with gzip",
        "validateproxycerts": "the certificate of a proxy is always checked",
    }
    differs = (
        "A request holds at most 1 MB before it is compressed, so that no record is discarded for the others' size.",
        "JSON is always valid: nan and inf become null, keys that are not text become text.",
    )

    licensekey: Secret | None = opt("License key.", default=None, name="licenseKey")
    apikey: Secret | None = opt("Insert key, in place of the license key.", default=None, name="apiKey")
    endpoint: str = opt("Address of the Log API; in the EU https://log-api.eu.newrelic.com/log/v1.", default=DEFAULT)
    timeout: Seconds = opt(
        "Seconds without progress after which a request fails.", default=5.0, name="httpClientTimeout"
    )
    lowdatamode: bool = opt("Add one short field about the sender instead of a map.", default=False, name="lowDataMode")
    proxy: str | None = opt("Proxy, as http://user:password@host:port.", default=None)
    ignoresystemproxy: bool = opt("Do not look at HTTPS_PROXY and HTTP_PROXY.", default=False, name="ignoreSystemProxy")
    cabundlefile: str | None = opt("File of certificate authorities (PEM).", default=None, name="caBundleFile")
    cabundledir: str | None = opt("Folder of certificate authorities.", default=None, name="caBundleDir")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if not self.licensekey and not self.apikey:
            yield "licenseKey", "newrelic needs licenseKey or apiKey"
        if self.licensekey and self.apikey:
            yield "apiKey", "apiKey cannot be combined with licenseKey"
        try:
            read_url(self.endpoint)
        except ValueError as why:
            yield "endpoint", f"endpoint is '{self.endpoint}': {why}"
        yield from check_proxy(self.proxy)

    def open(self, env: OutputEnv) -> PostSink:
        url = read_url(self.endpoint)
        net = replace(
            self.net,
            proxy_env_ignore=self.net.proxy_env_ignore or self.ignoresystemproxy,
            io_timeout=self.net.io_timeout or self.timeout,
        )
        secure = replace(
            self.tls,
            verify_hostname=True,
            ca_file=self.cabundlefile or self.tls.ca_file,
            ca_path=self.cabundledir or self.tls.ca_path,
        )
        tls = secure if url.scheme == "https" else None
        key = key_header(self.licensekey, self.apikey)
        post = newrelic_poster(url, net, tls, key, gzip=True, proxy=self.proxy)
        json = Json(None, escape_unicode=env.escape_unicode)
        sender = self.sender()

        def entry(ns: int, record: Record) -> Event:
            out = {**record, "timestamp": record.get("timestamp", ns // 1_000_000)}
            if "log" in out:
                out["message"] = out.pop("log")
            return 0, out if "plugin" in out else {**out, **sender}

        def lines(tag: str) -> Lines:
            return lambda events: json.each([entry(*event) for event in events])

        table = Table(frozenset(range(200, 300)), lambda status: status not in AGAIN)
        return PostSink(env, post, lines, frame=Frame(b"[", b",", b"]"), table=table, limits=LIMITS)

    def sender(self) -> Record:
        """What is added to each record; SOURCE is set by New Relic's own images."""
        source = os.environ.get("SOURCE", "BARE-METAL")
        if self.lowdatamode:
            return {"plugin.source": f"{source}-fb-{VERSION}"}
        return {"plugin": {"type": "fluent-bit", "version": VERSION, "source": source}}
