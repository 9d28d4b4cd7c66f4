"""input forward: the forward protocol of Fluentd, over a Unix socket or TCP. What FireLens stands on.

Source: Forward Protocol Specification v1; plugins/in_forward (Fluent Bit 5.1.1).
"""

import asyncio
import os
from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Literal

import msgpack

from pyrolens.api import (
    ConfigError,
    Event,
    FilterEnv,
    Input,
    InputEnv,
    Pair,
    Problem,
    Seconds,
    Secret,
    Size,
    Source,
    Transform,
    group,
    opt,
    plugin,
)
from pyrolens.inputs._forward_handshake import DeniedError, Handshake, Keys
from pyrolens.inputs._forward_protocol import NotForwardError, Protocol
from pyrolens.inputs._json import take_values
from pyrolens.inputs._refusals import Refusals
from pyrolens.inputs._rest import Rest
from pyrolens.inputs._server import NET_NOT_SERVER, Connection, Server, ServerNet, ServerSource, is_mode
from pyrolens.inputs._tls import TLS_NOT_SERVER, ServerTls, server_context, tls_print
from pyrolens.options import read_bool
from pyrolens.records.frames import NOTHING, Whole, decode_any
from pyrolens.records.runs import Runs

STRANGER = 64 * 1024
"""Bytes that a peer may send before it has shown that it knows the shared key."""
SWITCH = "PYROLENS_JOIN_PARTIAL_MESSAGES"
"""Environment variable: join_partial_messages where the config does not say it."""


@plugin("forward")
class Forward(Input):
    """Receive records from Docker's fluentd log driver, Fluentd, Fluent Bit and the fluent loggers."""

    relays_metrics = True
    ignored = MappingProxyType(
        {
            "workers": "one loop reads all connections",
            "buffer_chunk_size": "the buffer grows as it needs to, up to buffer_max_size",
            **NET_NOT_SERVER,
            **TLS_NOT_SERVER,
        }
    )
    differs = (
        "a message that cannot be understood is refused alone; Fluent Bit closes the connection and loses what follows",
        "while the buffer is full the connections wait; Fluent Bit closes them",
        "a float is also taken as the time in Message mode, and so is MessagePack's own timestamp",
    )

    listen: str = opt("Address to listen on.", default="0.0.0.0")
    port: int = opt("Port to listen on.", default=24224, low=0, high=65535, last_wins=True)
    unix_path: str | None = opt("Listen on this Unix socket, and not on a port.", default=None)
    unix_perm: str | None = opt("Permissions of the socket, an octal number such as 0666.", default=None)
    tag_prefix: str | None = opt("Put this before the tag of every message.", default=None)
    buffer_max_size: Size = opt("Bytes of the largest message, also once it is decompressed.", default=6144000)
    shared_key: Secret | None = opt("Take records only from peers that know this key.", default=None)
    empty_shared_key: bool = opt("Ask for the handshake with an empty key.", default=False)
    self_hostname: str = opt("Name to give in the handshake.", default="localhost")
    security_users: list[Pair] = opt(
        "`NAME PASSWORD` of a user that may send; peers must then log in.",
        default=[],
        name="security.users",
        secret=True,
    )
    ack_on: Literal["received", "stored", "delivered"] | None = opt(
        "When a peer that asks for it (the option chunk) is told that its records arrived: when they are received; when"
        " they are on disk; or when all outputs have them, and until then it has them itself, so they are not put on"
        " disk here. stored with storage.type filesystem, else received. Not in Fluent Bit.",
        default=None,
    )
    join_partial_messages: bool | None = opt(
        "Make lines whole again that Docker has cut at 16 KiB. If the config does not say it, the environment variable "
        "PYROLENS_JOIN_PARTIAL_MESSAGES does, which is on under `pyrolens up`; else it is off.",
        default=None,
    )
    joined_max_size: Size = opt("Bytes of such a line; a longer one goes on in parts.", default=1_000_000)
    joined_max_wait: Seconds = opt("Seconds to wait for the next piece of such a line.", default=5.0, low=1)
    net: ServerNet = group(ServerNet, "net.")
    tls: bool = opt("Speak TLS.", default=False)
    tls_options: ServerTls = group(ServerTls, "tls.")

    def check(self) -> Iterable[tuple[str, str]]:
        if self.unix_perm is not None and not is_mode(self.unix_perm):
            yield "unix_perm", f"unix_perm is '{self.unix_perm}': expected an octal number such as 0666"
        if self.security_users and self.keys is None:
            yield "security.users", "security.users needs shared_key, or empty_shared_key on"
        if self.tls and self.unix_path:
            yield "tls", "tls cannot be combined with unix_path"

    @property
    def keys(self) -> Keys | None:
        """None: anybody may send."""
        if self.empty_shared_key or self.shared_key is not None:
            key = "" if self.empty_shared_key else self.shared_key or ""
            return Keys(key, self.self_hostname, {u.key: u.value for u in self.security_users})
        return None

    def tag_of(self, sent: str) -> str:
        """The tag of records that came with the tag `sent`."""
        if self.tag_prefix:
            return self.tag_prefix + sent
        return self.tag or sent

    def open(self, env: InputEnv) -> Source:
        return ForwardSource(self, env)

    def compile(self, env: FilterEnv) -> Transform | None:
        if not switched_on(self.join_partial_messages):
            return None
        from pyrolens.inputs._forward_partial import PartialMessages

        return PartialMessages(env, self.joined_max_size, self.joined_max_wait)


def switched_on(said: bool | None, environ: Mapping[str, str] = os.environ) -> bool:
    """`said`: by the config. Raises: ConfigError for a value of the environment that is neither on nor off."""
    if said is not None:
        return said
    try:
        return read_bool(environ.get(SWITCH) or "off")
    except ValueError as why:
        raise ConfigError([Problem("bad-value", f"{SWITCH} is '{environ[SWITCH]}': {why}")]) from None


class ForwardSource(ServerSource):
    def __init__(self, plan: Forward, env: InputEnv) -> None:
        self.plan = plan
        self.env = env
        self.keys = plan.keys
        self.refuse = Refusals(env)
        self.protocol = Protocol(plan.tag_of, max(plan.buffer_max_size, 0), self.refuse)
        self.tls = server_context(plan.tls_options) if plan.tls else None
        self.tls_print = tls_print(plan.tls_options if plan.tls else None)
        self.ack_on = plan.ack_on or ("stored" if env.stores else "received")
        self.server = Server(self.refuse, lambda server: ForwardConnection(server, self), plan.net)

    async def start(self) -> None:
        plan = self.plan
        if plan.unix_path:
            await self.server.listen_unix(plan.unix_path, int(plan.unix_perm, 8) if plan.unix_perm else None)
        else:
            await self.server.listen_tcp(plan.listen, plan.port, self.tls)

    def hear(self, data: bytes | None, at: str) -> None:
        """Records are JSON here."""
        if data is None:
            return
        taken = take_values(data, True)
        events: list[Event] = [(self.env.now(), value) for value in taken.values if isinstance(value, dict)]
        if len(events) < len(taken.values) or taken.refused:
            self.refuse("what is heard is no JSON object")
        if events:
            self.env.ingest(self.plan.tag_of(at or self.env.tag), events, len(data))

    def inherit(self, old: "ForwardSource") -> bool:
        plan = self.plan
        place = plan.unix_path or (plan.listen, plan.port)
        same = plan.keys == old.plan.keys
        certificate = plan.tls_options if plan.tls else None
        return self.tls_print == old.tls_print and self.server.inherit(
            old.server, place, peers=same, certificate=certificate
        )


class ForwardConnection(Connection):
    def __init__(self, server: Server, source: ForwardSource) -> None:
        super().__init__(server)
        self.source = source
        self.env = source.env
        self.frames = Runs(source.protocol.limit)
        self.handshake: Handshake | None = None
        self.late: asyncio.TimerHandle | None = None
        """For who says nothing where a handshake is wanted."""
        self.unanswered = 0
        """Messages whose ack waits for something."""
        self.rest = Rest(source.env.flush)

    @property
    def owes(self) -> bool:
        return self.unanswered > 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.source.keys is not None:
            self.handshake = Handshake(self.source.keys)
            self.frames.bound(STRANGER)
            self.transport.write(self.handshake.helo())
            if patience := self.source.plan.net.accept_timeout:
                self.late = asyncio.get_running_loop().call_later(patience, self._too_late)

    def _too_late(self) -> None:
        if self.handshake is not None:
            self._close("the peer did not say in time that it knows the shared key")

    def received(self, data: bytes) -> None:
        frames = self.frames
        run, waits = None, self.handshake is not None
        if self.handshake is None:
            run, whole = frames.run(data)
        else:
            whole = frames.take(data)
            if whole.ends:
                whole = self._shake(self.handshake, whole)
        if run or whole.ends:
            try:
                for tag, events, size, acks, metrics in self.source.protocol.batches(whole, run):
                    waits = waits or bool(acks)
                    for reading in metrics:
                        self.env.publish(tag, reading)
                    if acks and events:
                        self._take(tag, events, size, acks)
                    elif events:
                        self.env.ingest(tag, events, size)
                    elif acks:
                        self._ack(acks)
            except NotForwardError as why:
                self._close(str(why))
                return
        if frames.broken:
            self._close(frames.broken)
        elif not waits and not self.server.stopped:
            self.rest.after(len(data), self.transport, self.server.loop)

    def inherit(self, old: "ForwardConnection") -> bool:
        if old.handshake is not None:
            return False
        self.frames = old.frames
        self.frames.bound(self.source.protocol.limit)
        return True

    def _take(self, tag: str, events: list[Event], size: int, acks: list[str]) -> None:
        """Hand over a batch whose sender wants an answer."""
        when = self.source.ack_on
        if when == "received":
            self.env.ingest(tag, events, size)
            self._ack(acks)
            return
        self.unanswered += 1
        if when == "stored":
            self.env.ingest(tag, events, size, stored=partial(self._ack_late, acks))
        else:
            self.env.ingest(tag, events, size, delivered=partial(self._ack_late, acks))

    def _ack(self, acks: list[str]) -> None:
        if not self.transport.is_closing():
            for chunk in acks:
                self.transport.write(msgpack.packb({"ack": chunk}, unicode_errors="surrogateescape"))

    def _ack_late(self, acks: list[str]) -> None:
        self.unanswered -= 1
        self._ack(acks)
        if not self.unanswered and self.server.stopped:
            self.transport.close()

    def _shake(self, handshake: Handshake, whole: Whole) -> Whole:
        """Take the first message as the peer's part of the handshake. Gives the messages after it."""
        first, *ends = whole.ends
        try:
            self.transport.write(handshake.pong(decode_any(whole.data[:first])))
        except (DeniedError, ValueError) as why:
            if isinstance(why, DeniedError) and why.answer:
                self.transport.write(why.answer)
            self._close(str(why))
            return NOTHING
        self.handshake = None
        self.frames.bound(self.source.protocol.limit)
        if self.late:
            self.late.cancel()
        return Whole(whole.data[first:], [end - first for end in ends])

    def _close(self, reason: str) -> None:
        if not self.transport.is_closing():
            self.source.refuse.closed(reason)
            self.transport.close()

    def finish(self) -> None:
        if self.frames.waiting:
            self.source.refuse("the rest of a message had not come when the input stopped")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.rest.end()
        if self.late:
            self.late.cancel()
        if self.frames.waiting and not self.frames.broken:
            self.source.refuse("the connection ended in the middle of a message")
