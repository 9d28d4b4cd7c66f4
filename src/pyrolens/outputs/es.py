"""output es.

Source: Fluent Bit 5.1.1 plugins/out_es."""

import base64
import binascii
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from pyrolens.api import Log, Net, Output, OutputEnv, Secret, Tls, group, opt, plugin
from pyrolens.aws import Identity
from pyrolens.options import spec_of
from pyrolens.outputs._bulk import BULK_DIFFERS, BULK_IGNORED, Bulk, BulkSink, Documents, Server, user
from pyrolens.outputs._post import Headers, basic
from pyrolens.outputs._upstream import found_at, nodes_of_file, with_node

OF_NODES = frozenset(
    {
        "http_user", "http_passwd", "http_api_key", "cloud_auth", "compress", "path", "pipeline", "aws_auth",
        "aws_region", "aws_service_name", "aws_role_arn", "aws_external_id", "aws_sts_endpoint", "aws_profile",
    }
)  # fmt: skip
"""Keys of a node that are honoured, beside those of every node: how it is asked."""
OF_DOCUMENTS = {spec.name for spec in spec_of(Bulk)} - OF_NODES


@plugin("es")
class Es(Output):
    """Send records to Elasticsearch, or to an OpenSearch domain of AWS."""

    ignored = BULK_IGNORED
    differs = (
        *BULK_DIFFERS,
        "The nodes of an Upstream may differ in how they are asked, such as by a password or a path; where their index "
        "or other options of the documents differ, the router does not start.",
    )

    host: str = opt("Host of the server.", default="127.0.0.1")
    port: int = opt("Port of the server.", default=9200, low=1, high=65535)
    bulk: Bulk = group(Bulk)
    http_api_key: Secret | None = opt("API key, in base64.", default=None)
    cloud_id: str | None = opt("Cloud ID of a deployment in Elastic Cloud, in place of host and port.", default=None)
    cloud_auth: Secret | None = opt("user:password of that deployment.", default=None)
    upstream: str | None = opt("File with several [NODE]s, which take turns in place of host and port.", default=None)
    aws: Identity = group(Identity, "aws_")
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def placed(self, found: Callable[[str], str | None], variables: Mapping[str, str]) -> "Es":
        return replace(self, upstream=found_at(self.upstream, found))

    def check(self) -> Iterable[tuple[str, str]]:
        yield from self.bulk.mistakes(self.aws)
        if self.cloud_id:
            try:
                cloud_place(self.cloud_id)
            except ValueError as why:
                yield "cloud_id", f"cloud_id is '{self.cloud_id}': {why}"

    def open(self, env: OutputEnv) -> BulkSink:
        documents = Documents(self.bulk, env, murmur)
        return BulkSink(env, documents, [options.server(env.log) for options in self.nodes(env.log)])

    def nodes(self, log: Log) -> "list[Es]":
        """The options for each server. Raises: ConfigError."""
        if not self.upstream:
            return [self]
        plain = replace(self, upstream=None, tls_on=False, tls=Tls(), cloud_id=None)
        nodes = []
        for node in nodes_of_file(self.upstream, self.name):
            for key in sorted(node.keys.keys() & OF_DOCUMENTS):
                raise node.wrong(f"{key} cannot differ from node to node; use an output for each", key)
            options = with_node(plain, node, OF_NODES, log)
            for key, message in options.check():
                raise node.wrong(message, key)
            nodes.append(options)
        return nodes

    def server(self, log: Log) -> Server:
        """Raises: ConfigError."""
        place = cloud_place(self.cloud_id) if self.cloud_id else (self.host, self.port)
        login = self.authorization()
        return Server(self.bulk, place, self.net, self.tls, login, self.aws, log, tls_on=self.tls_on)

    def authorization(self) -> Headers:
        if self.bulk.http_user:
            return user(self.bulk)
        if self.http_api_key:
            return [("Authorization", f"ApiKey {self.http_api_key}")]
        name, colon, password = (self.cloud_auth or "").partition(":")
        return [basic(name, password)] if colon else []


def cloud_place(cloud_id: str) -> tuple[str, int]:
    """Host and port. Raises: ValueError("expected ...")."""
    try:
        text = base64.b64decode(cloud_id.partition(":")[2] + "==").decode()
        region, host = text.split("$")[:2]
        name, _, port = host.partition(":")
        if not name or not region:
            raise ValueError
        return f"{name}.{region}", int(port or 443)
    except (ValueError, binascii.Error):
        raise ValueError("expected NAME:BASE64, as Elastic Cloud shows it") from None


def murmur(packed: bytes) -> str:
    """The _id as Fluent Bit makes it: MurmurHash3 of 128 bit."""
    import mmh3

    parts = struct.unpack("<8H", mmh3.hash_bytes(packed, 42, True))
    texts = [f"{part:04x}" for part in parts]
    return f"{texts[0]}{texts[1]}-{texts[2]}-{texts[3]}-{texts[4]}-{''.join(texts[5:])}"
