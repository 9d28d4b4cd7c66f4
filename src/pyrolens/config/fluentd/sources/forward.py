"""Sources forward and unix.

Source: Fluentd 1.19, lib/fluent/plugin/in_forward.rb and in_unix.rb.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pyrolens.config.fluentd.kinds import Bool, Hidden, Int, Size
from pyrolens.config.fluentd.lower import Lowered
from pyrolens.config.fluentd.reading import Said, section
from pyrolens.config.fluentd.sources.base import HOST, ONE_LOOP, QUEUE, SourceSaid, Transport
from pyrolens.language.document import Entry
from pyrolens.options import opt


@dataclass(frozen=True, kw_only=True)
class User(Said):
    """A user that may send."""

    username: str = opt("Name.")
    password: Hidden = opt("Password.")


@dataclass(frozen=True, kw_only=True)
class Security(Said):
    """Who may send."""

    refused_sections = {"client": "keys and users are the same for all networks here"}

    self_hostname: str = opt("Name to give in the handshake.")
    shared_key: Hidden = opt("Take records only from peers that know this key.")
    user_auth: Bool = opt("Peers must log in as one of the users.", default=False)
    allow_anonymous_source: Bool = opt("Peers of any address may send.", default=True)
    users: tuple[User, ...] = section(User, many=True, name="user")

    def check(self) -> Iterable[tuple[str, str]]:
        if not self.allow_anonymous_source:
            yield "allow_anonymous_source", "peers are not told apart by their addresses here"
        if self.user_auth and not self.users:
            yield "user_auth", "user_auth needs a <user>"

    def lower(self, to: Lowered) -> None:
        def add(option: str, value: str, said: Said, key: str) -> None:
            to.section.entries.append(Entry(option, value, said.place(key), said.place(key)))

        add("self_hostname", self.self_hostname, self, "self_hostname")
        add("shared_key", self.shared_key, self, "shared_key")
        for user in self.users if self.user_auth else ():
            add("security.users", f"{user.username} {user.password}", user, "password")


@dataclass(frozen=True, kw_only=True)
class Forward(SourceSaid):
    """Receive records with the forward protocol."""

    plugin = "forward"
    ignored = {
        "backlog": QUEUE,
        "linger_timeout": "connections are closed as usual",
        "blocking_timeout": ONE_LOOP,
        "resolve_hostname": HOST,
        "deny_keepalive": "a connection is open for as long as its client keeps it open",
        "send_keepalive_packet": "the kernel's defaults hold",
        "chunk_size_warn_limit": "the size of messages is limited by chunk_size_limit",
        "decompression_size_limit": "the limit is that of chunk_size_limit",
        "skip_invalid_event": "an event that is none is always left out",
    }
    refused = {
        "source_address_key": "records do not say here which peer sent them",
        "source_hostname_key": "records do not say here which peer sent them",
    }

    bind: str = opt("Address to listen on.", default="0.0.0.0")
    port: Int = opt("Port to listen on.", default=24224)
    tag: str | None = opt("Tag of all records, in place of their own.", default=None)
    add_tag_prefix: str | None = opt("Put this, and a dot, before the tags.", default=None)
    chunk_size_limit: Size | None = opt("Bytes of the largest message.", default=None)
    security: Security | None = section(Security)
    transport: Transport | None = section(Transport)

    def lower(self, to: Lowered) -> None:
        to.set("listen", self.bind, "bind")
        to.set("port", self.port, "port")
        to.set("tag", self.tag, "tag")
        to.set("tag_prefix", self.add_tag_prefix and f"{self.add_tag_prefix}.", "add_tag_prefix")
        to.set("buffer_max_size", self.chunk_size_limit or 256 * 1024 * 1024, "chunk_size_limit")
        for inner in (self.security, self.transport):
            if inner:
                inner.lower(to)


@dataclass(frozen=True, kw_only=True)
class Unix(SourceSaid):
    """Receive records with the forward protocol through a Unix socket, as ECS uses it."""

    plugin = "forward"
    ignored = {"backlog": QUEUE}

    path: str = opt("Path of the socket.", default="/var/run/fluent/fluent.sock")
    tag: str | None = opt("Tag of all records, in place of their own.", default=None)

    def lower(self, to: Lowered) -> None:
        to.set("unix_path", self.path, "path")
        to.set("tag", self.tag, "tag")
        to.set("buffer_max_size", 256 * 1024 * 1024)
