"""output opensearch.

Source: Fluent Bit 5.1.1 plugins/out_opensearch."""

from collections.abc import Iterable

from pyrolens.api import Net, Output, OutputEnv, Tls, group, opt, plugin
from pyrolens.aws import Identity
from pyrolens.outputs._bulk import BULK_DIFFERS, BULK_IGNORED, Bulk, BulkSink, Documents, Server, user
from pyrolens.records.template import Template


@plugin("opensearch")
class Opensearch(Output):
    """Send records to OpenSearch, Amazon OpenSearch Service, or OpenSearch Serverless. Index may hold accessors."""

    ignored = BULK_IGNORED
    differs = (
        *BULK_DIFFERS,
        "A record for which Index comes out empty goes to the index fluent-bit; Fluent Bit sends an empty name, for "
        "which the server refuses the whole request.",
    )

    host: str = opt("Host of the server.", default="127.0.0.1")
    port: int = opt("Port of the server.", default=9200, low=1, high=65535)
    bulk: Bulk = group(Bulk)
    aws: Identity = group(Identity, "aws_")
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    tls: Tls = group(Tls, "tls.")
    net: Net = group(Net, "net.")

    def check(self) -> Iterable[tuple[str, str]]:
        yield from self.bulk.mistakes(self.aws)
        try:
            self.index()
        except ValueError as why:
            yield "index", f"index: {why}"

    def index(self) -> Template | None:
        """Raises: ValueError("expected ...")."""
        return Template(self.bulk.index) if "$" in self.bulk.index else None

    def open(self, env: OutputEnv) -> BulkSink:
        documents = Documents(self.bulk, env, xxhash_id, self.index())
        place, login = (self.host, self.port), user(self.bulk)
        server = Server(self.bulk, place, self.net, self.tls, login, self.aws, env.log, tls_on=self.tls_on, slash="/")
        return BulkSink(env, documents, [server])


def xxhash_id(packed: bytes) -> str:
    """The _id as Fluent Bit makes it: XXH3 of 128 bit."""
    import xxhash

    text = xxhash.xxh3_128_intdigest(packed).to_bytes(16, "little").hex().upper()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
