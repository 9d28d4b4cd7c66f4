"""output forward.

Source: Fluent Bit 5.1.1 plugins/out_forward; Forward Protocol Specification v1.5.
Differs: where records are acknowledged one by one (a tag made from fields), only those that were not are sent again.
"""

import asyncio
import base64
from collections.abc import Callable, Iterable
from hashlib import sha512
from itertools import cycle
from typing import Any

from pyrolens.api import (
    DELIVERED,
    NET_IGNORED,
    TLS_IGNORED,
    Chunk,
    Encode,
    Event,
    Limits,
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
from pyrolens.outputs._forward_peer import Peer, extra_options, peers_of_file, read_compress
from pyrolens.records.codecs import (
    forward_message,
    pack_entries,
    pack_entries_integer_time,
    pack_entries_without_metadata,
)

FORMS: dict[str, Callable[[list[Event]], bytes]] = {
    "event": pack_entries,
    "plain": pack_entries_without_metadata,
    "integer": pack_entries_integer_time,
}
LARGEST = 2 * 1024 * 1024
"""Bytes of a message: receivers refuse larger ones (Fluent Bit's take 6 MB)."""


@plugin("forward")
class Forward(Output):
    """Send records to Fluentd, Fluent Bit or another router with the forward protocol."""

    differs = ("with a tag made from fields and acks, only records that were not acknowledged are sent again",)
    ignored = {
        **NET_IGNORED,
        **TLS_IGNORED,
        "fluentd_compat": "it is for metrics and traces, which are not routed",
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

    def check(self) -> Iterable[tuple[str, str]]:
        try:
            read_compress(self.compress)
        except ValueError as why:
            yield "compress", f"forward: compress is '{self.compress}': {why}"
            return
        if self.upstream is None:
            for option, message in self._peer().mistakes():
                yield option, f"forward: {message}"

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

    def open(self, env: OutputEnv) -> "ForwardSink":
        return ForwardSink(peers_of_file(self.upstream) if self.upstream else [self._peer()], self.net)


class ForwardSink:
    limits = Limits(size=LARGEST)

    def __init__(self, peers: list[Peer], net: Net) -> None:
        self.net = net
        self.forms = sorted({peer.form for peer in peers})
        self.turns = cycle(peers)
        self.compress = compressor("gzip")
        self._idle: dict[int, list[Link]] = {id(peer): [] for peer in peers}

    def encoder(self, tag: str) -> Encode:
        writers = [FORMS[form] for form in self.forms]

        def encode(events: list[Event]) -> list[Parcel]:
            item = tuple([write(events) for write in writers])
            size = max(map(len, item))
            if size > LARGEST and len(events) > 1:
                half = len(events) // 2
                return encode(events[:half]) + encode(events[half:])
            return [Parcel(tag, [item], len(events), size, [size])]

        return encode

    async def start(self) -> None:
        pass

    async def deliver(self, chunk: Chunk) -> Outcome:
        peer = next(self.turns)
        message, token = self._message(peer, chunk)
        try:
            link = await self._link(peer)
            try:
                await link.send(message)
                if token:
                    await link.acked(token)
            except BaseException:
                link.abort()
                raise
        except NetError as why:
            return Outcome.again(chunk, str(why))
        await self._done(link)
        return DELIVERED

    def _message(self, peer: Peer, chunk: Chunk) -> tuple[bytes, str]:
        """The message, and what its ack must say."""
        form = self.forms.index(peer.form)
        entries = b"".join([item[form] for item in chunk.items])
        tag = peer.tag if peer.tag is not None else chunk.key
        if not peer.send_options:
            return forward_message(tag, entries, chunk.records, None), ""
        token = token_of(entries) if peer.require_ack else ""
        options: dict[str, Any] = {"chunk": token} if token else {}
        options["size"] = chunk.records
        if peer.compress:
            options["compressed"] = "gzip"
            entries = self.compress(entries)
        options |= {"fluent_signal": 0, **peer.extra}
        return forward_message(tag, entries, chunk.records, options, packed=peer.compress), token

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
