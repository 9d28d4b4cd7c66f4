"""output nrlogs.

Source: Fluent Bit 5.1.1 plugins/out_nrlogs; limits from New Relic's reference of its Log API."""

from collections.abc import Iterable

from pyrolens.api import Event, Net, Output, OutputEnv, Secret, Tls, group, opt, plugin
from pyrolens.outputs._newrelic import DEFAULT, LIMITS, key_header, newrelic_poster
from pyrolens.outputs._post import IGNORED, PLAIN_TEXT, Frame, Gzip, Lines, PostSink, Table, read_url
from pyrolens.records.codecs import Json
from pyrolens.records.event import Record

COMMON = b'[{"common":{"attributes":{"plugin":{"type":"Fluent Bit","version":"5.1.1"}}},"logs":['


@plugin("nrlogs")
class Nrlogs(Output):
    """Send records to New Relic."""

    ignored = {**IGNORED, "host": "base_uri names the host", "port": "base_uri names the port"}
    differs = (
        "A request holds at most 1 MB, as the service allows; Fluent Bit sends larger ones, which are refused.",
        "JSON is always valid: nan and inf become null, keys that are not text become text.",
    )

    base_uri: str = opt("Address of the Log API.", default=DEFAULT)
    license_key: Secret | None = opt("License key.", default=None)
    api_key: Secret | None = opt("Insert key, where there is no license key.", default=None)
    compress: Gzip = opt("gzip, or false.", default=True)
    tls_on: bool = opt("Off: speak plain HTTP.", default=True, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        if not self.license_key and not self.api_key:
            yield "license_key", "nrlogs needs license_key or api_key"
        try:
            read_url(self.base_uri)
        except ValueError as why:
            yield "base_uri", f"base_uri is '{self.base_uri}': {why}"

    def open(self, env: OutputEnv) -> PostSink:
        url = read_url(self.base_uri)
        if url.scheme == "http" and self.tls_on:
            env.log.warning("base_uri says http, but TLS is spoken: set tls Off, or say https")
        elif not self.tls_on and url.scheme == "https":
            env.log.warning(PLAIN_TEXT)
        tls = self.tls if self.tls_on else None
        post = newrelic_poster(url, self.net, tls, key_header(self.license_key, self.api_key), gzip=self.compress)
        json = Json(None, escape_unicode=env.escape_unicode)

        def lines(tag: str) -> Lines:
            return lambda events: json.each([entry(*event) for event in events])

        return PostSink(env, post, lines, frame=Frame(COMMON, b",", b"]}]"), table=Table(), limits=LIMITS)


def entry(ns: int, record: Record) -> Event:
    """The record as the service knows it: log, or else message, is the message, all others are attributes."""
    out: Record = {"timestamp": ns // 1_000_000}
    name = "log" if "log" in record else "message" if "message" in record else None
    if name is None:
        return 0, {**out, "attributes": record}
    rest = {key: value for key, value in record.items() if key != name}
    return 0, {**out, "message": record[name], "attributes": rest}
