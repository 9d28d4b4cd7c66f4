"""output forward.

Source: Fluent Bit 5.1.1 plugins/out_forward; Forward Protocol Specification v1.5.
Differs: where records are acknowledged one by one (a tag made from fields), only those that were not are sent again.
"""

import asyncio
import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha512
from itertools import cycle
from typing import Any, NamedTuple

from pyrolens.api import (
    DELIVERED,
    NET_IGNORED,
    TLS_IGNORED,
    Chunk,
    Encode,
    EncodeMetrics,
    Event,
    Limits,
    Log,
    Net,
    Outcome,
    Output,
    OutputEnv,
    Pair,
    Parcel,
    Secret,
    Tls,
    group,
    opt,
    plugin,
)
from pyrolens.net import NetError, compressor
from pyrolens.outputs._forward_link import Link
from pyrolens.outputs._forward_peer import Peer, extra_options, read_compress
from pyrolens.outputs._metrics import MetricsOf, as_whole
from pyrolens.outputs._upstream import found_at, nodes_of_file, with_node
from pyrolens.records.codecs import (
    event_time,
    forward_message,
    pack,
    pack_entries,
    pack_entries_integer_time,
    pack_entries_without_metadata,
)
from pyrolens.records.event import SECOND, metadata_of
from pyrolens.records.template import Render

FORMS: dict[str, Callable[[list[Event]], bytes]] = {
    "event": pack_entries,
    "plain": pack_entries_without_metadata,
    "integer": pack_entries_integer_time,
}
OF_NODES = frozenset(
    {
        "compress", "empty_shared_key", "password", "require_ack_response", "retain_metadata_in_forward_mode",
        "self_hostname", "send_options", "shared_key", "tag", "time_as_integer", "username",
    }
)  # fmt: skip
"""Keys of a node that are honoured, beside those of every node."""
LARGEST = 2 * 1024 * 1024
"""Bytes of a message: receivers refuse larger ones (Fluent Bit's take 6 MB)."""


@plugin("forward")
class Forward(Output):
    """Send records to Fluentd, Fluent Bit or another router with the forward protocol; metrics, but not to Fluentd."""

    takes_metrics = True
    differs = ("with a tag made from fields and acks, only records that were not acknowledged are sent again",)
    ignored = {
        **NET_IGNORED,
        **TLS_IGNORED,
        "fluentd_compat": "Fluentd does not understand metrics, in whatever form; narrow Match so that it gets none",
    }

    host: str = opt("Host to connect to.", default="127.0.0.1", last_wins=True)
    port: int = opt("Port to connect to.", default=24224, last_wins=True)
    unix_path: str | None = opt("Unix socket to connect to, instead of host and port.", default=None)
    upstream: str | None = opt("File with several [NODE]s, which take turns.", default=None)
    tag: str | None = opt("Another tag for the records; may use $TAG, $TAG[n] and $field.", default=None)
    time_as_integer: bool = opt("Send times as whole seconds, for Fluentd up to 0.12.", default=False)
    retain_metadata_in_forward_mode: bool = opt("Send the metadata of events.", default=True)
    send_options: bool = opt("Send the options map with each message.", default=False)
    require_ack_response: bool = opt("A message counts as delivered when the receiver says so.", default=False)
    compress: str | None = opt("gzip, or text for none.", default=None)
    shared_key: Secret | None = opt("Key that both sides must know.", default=None)
    empty_shared_key: bool = opt("Authenticate with an empty key.", default=False)
    self_hostname: str = opt("Our name, as told to the receiver when authenticating.", default="localhost")
    username: str = opt("User, where the receiver asks for one.", default="")
    password: Secret = opt("Password of that user.", default="")
    add_option: list[Pair] = opt("Add KEY VALUE to the options map.", default=[])
    tls_on: bool = opt("Speak TLS.", default=False, name="tls")
    net: Net = group(Net, "net.")
    tls: Tls = group(Tls, "tls.")

    def placed(self, found: Callable[[str], str | None], variables: Mapping[str, str]) -> "Forward":
        return replace(self, upstream=found_at(self.upstream, found))

    def check(self) -> Iterable[tuple[str, str]]:
        try:
            read_compress(self.compress)
        except ValueError as why:
            yield "compress", f"compress is '{self.compress}': {why}"
            return
        if self.upstream is None:
            yield from self._peer().mistakes()

    def _peer(self) -> Peer:
        compress = read_compress(self.compress)
        return Peer(
            host=self.host,
            port=self.port,
            unix_path=self.unix_path,
            tls=self.tls if self.tls_on else None,
            shared_key="" if self.empty_shared_key else self.shared_key,
            username=self.username,
            password=self.password,
            self_hostname=self.self_hostname,
            tag=self.tag,
            time_as_integer=self.time_as_integer,
            retain_metadata=self.retain_metadata_in_forward_mode,
            send_options=self.send_options or self.require_ack_response or compress or bool(self.add_option),
            require_ack=self.require_ack_response,
            compress=compress,
            extra=extra_options(self.add_option),
        )

    def peers(self, log: Log) -> list[Peer]:
        """Raises: ConfigError."""
        if not self.upstream:
            return [self._peer()]
        # a node that says nothing gets entries without metadata, unlike an output without Upstream
        plain = Forward(retain_metadata_in_forward_mode=False)
        peers = []
        for node in nodes_of_file(self.upstream, self.name):
            options = with_node(plain, node, OF_NODES, log)
            for key, message in options.check():
                raise node.wrong(message, key)
            peers.append(options._peer())
        return peers

    def open(self, env: OutputEnv) -> "ForwardSink":
        return ForwardSink(self.peers(env.log), self.net)


METRICS = 1
"""fluent_signal of metrics; 0 is that of logs."""


class Message(NamedTuple):
    """A record in a message of its own, and what its ack must say."""

    data: bytes
    token: str


class ForwardSink:
    """Items are (entries in each form that a peer wants, the message for each peer which gets records one by one)."""

    limits = Limits(size=LARGEST)

    def __init__(self, peers: list[Peer], net: Net) -> None:
        self.net = net
        self.turns = cycle(peers)
        self.forms = sorted({peer.form for peer in peers if not peer.by_record})
        self.peers_by_record = [peer for peer in peers if peer.by_record]
        self.compress = compressor("gzip")
        self._idle: dict[int, list[Link]] = {id(peer): [] for peer in peers}

    def metrics_encoder(self, tag: str) -> EncodeMetrics:
        from pyrolens.records.codecs.cmetrics import pack_metrics  # few routers send metrics by forward

        return as_whole(MetricsOf(tag), pack_metrics)

    def encoder(self, tag: str) -> Encode:
        writers = [FORMS[form] for form in self.forms]

        def encode(events: list[Event]) -> list[Parcel]:
            entries = [write(events) for write in writers]
            size = max(map(len, entries))
            if size > LARGEST and len(events) > 1:
                half = len(events) // 2
                return encode(events[:half]) + encode(events[half:])
            return [Parcel(tag, [(entries, ())], len(events), size, [size])]

        def encode_each(events: list[Event]) -> list[Parcel]:
            items = [([write([e]) for write in writers], [tuple(message(e)) for message in messages]) for e in events]
            sizes = [max(map(len, entries + [data for data, _ in each])) for entries, each in items]
            return [Parcel(tag, items, len(items), sum(sizes), sizes)]

        messages = [partial(_message, peer, peer.tags_of(tag)) for peer in self.peers_by_record]
        return encode_each if messages else encode

    def shown(self, key: str, item: tuple[list[bytes], Sequence[tuple[bytes, str]]]) -> bytes:
        """Of the first peer: the entries of a message, or where it gets records one by one, the message."""
        entries, messages = item
        return entries[0] if entries else messages[0][0]

    async def start(self) -> None:
        pass

    async def deliver(self, chunk: Chunk) -> Outcome:
        peer = next(self.turns)
        done = 0
        try:
            link = await self._link(peer)
            try:
                for message, token, items in self._messages(peer, chunk):
                    await link.send(message)
                    if token:
                        await link.acked(token)
                        done += items
            except BaseException:
                link.abort()
                raise
        except NetError as why:
            return Outcome(range(done, len(chunk.items)), reason=str(why))
        await self._done(link)
        return DELIVERED

    def _messages(self, peer: Peer, chunk: Chunk) -> Iterable[tuple[bytes, str, int]]:
        """Messages, what the ack of each must say, and how many items of the chunk it carries."""
        if isinstance(chunk.key, MetricsOf):
            return [self._metrics(peer, chunk)]
        if peer.by_record:
            column = self.peers_by_record.index(peer)
            messages = [Message(*each[column]) for _, each in chunk.items]
            if peer.require_ack:
                return [(message.data, message.token, 1) for message in messages]
            return [(b"".join([message.data for message in messages]), "", len(messages))]
        column = self.forms.index(peer.form)
        entries = b"".join([forms[column] for forms, _ in chunk.items])
        tag = peer.tag_of(chunk.key)
        if not peer.send_options:
            return [(forward_message(tag, entries, chunk.records, None), "", len(chunk.items))]
        token = token_of(entries) if peer.require_ack else ""
        options: dict[str, Any] = {"chunk": token} if token else {}
        options["size"] = chunk.records
        if peer.compress:
            options["compressed"] = "gzip"
            entries = self.compress(entries)
        options |= {"fluent_signal": 0, **peer.extra}
        message = forward_message(tag, entries, chunk.records, options, packed=peer.compress)
        return [(message, token, len(chunk.items))]

    def _metrics(self, peer: Peer, chunk: Chunk) -> tuple[bytes, str, int]:
        """[tag, readings, options], as _messages gives it."""
        readings = b"".join(chunk.items)
        token = token_of(readings) if peer.require_ack else ""
        options: dict[str, Any] = {"chunk": token} if token else {}
        if peer.compress:
            options["compressed"] = "gzip"
            readings = self.compress(readings)
        options |= {"fluent_signal": METRICS, **peer.extra}
        tag = chunk.key.tag if peer.by_record else peer.tag_of(chunk.key.tag)
        # bytes, not text: that is how Fluent Bit tells them from records
        return forward_message(tag, readings, 0, options, packed=True), token, len(chunk.items)

    async def _link(self, peer: Peer) -> Link:
        idle = self._idle[id(peer)]
        while idle:
            link = idle.pop()
            if link.usable:
                return link
            link.abort() if link.reader.at_eof() else await link.close()
        return await Link.open(peer, self.net)

    async def _done(self, link: Link) -> None:
        link.uses += 1
        link.idle_since = asyncio.get_running_loop().time()
        if link.usable:
            self._idle[id(link.peer)].append(link)
        else:
            await link.close()

    async def close(self) -> None:
        links = [link for idle in self._idle.values() for link in idle]
        for idle in self._idle.values():
            idle.clear()
        await asyncio.gather(*(link.close() for link in links))


def token_of(entries: bytes) -> str:
    """The name of a chunk in its ack. The same records have the same name, so that a receiver may know them again."""
    return base64.b64encode(sha512(entries).digest()[:16]).decode()


def _message(peer: Peer, tag_of: Render | None, event: Event) -> Message:
    """Message mode: [tag, time, record, options]."""
    ns, record = event
    token = token_of(pack_entries([event])) if peer.require_ack else ""
    options: dict[str, Any] = {"chunk": token} if token else {}
    options |= {"fluent_signal": 0, **peer.extra}
    if metadata_of(ns):
        options["metadata"] = metadata_of(ns)
    time = pack(ns // SECOND) if peer.time_as_integer else event_time(ns)
    tag = (tag_of(record, ()) if tag_of else None) or ""
    return Message(b"".join([b"\x94", pack(tag), time, pack(record), pack(options)]), token)
