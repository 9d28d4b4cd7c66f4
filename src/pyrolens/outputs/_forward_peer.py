"""Whom the forward output sends to: one peer from its own options, or the nodes of an Upstream file."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pyrolens.api import ConfigError, Log, Pair, Problem, Tls
from pyrolens.options import read_bool
from pyrolens.records.template import Render, Template

VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One receiver, and how it wants to be spoken to."""

    host: str = "127.0.0.1"
    port: int = 24224
    unix_path: str | None = None
    tls: Tls | None = None
    shared_key: str | None = None
    """None: no handshake."""
    username: str = ""
    password: str = ""
    self_hostname: str = "localhost"
    tag: str | None = None
    time_as_integer: bool = False
    retain_metadata: bool = True
    send_options: bool = False
    require_ack: bool = False
    compress: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.unix_path or f"{self.host}:{self.port}"

    @property
    def form(self) -> str:
        """How it gets entries: event [[time, metadata], record], plain [time, record], integer [seconds, record]."""
        return "integer" if self.time_as_integer else "event" if self.retain_metadata else "plain"

    @cached_property
    def template(self) -> Template | None:
        """Of the tag. Raises: ValueError("expected ...")."""
        return None if self.tag is None else Template(self.tag)

    @property
    def by_record(self) -> bool:
        """Each record has its own tag, so each is a message of its own."""
        return self.template is not None and (self.template.needs_record or self.template.needs_groups)

    def tag_of(self, tag: str) -> str:
        """The tag of all records of that tag, where not each has its own."""
        return tag if self.template is None else self.template.constant(tag) or ""

    def tags_of(self, tag: str) -> Render | None:
        """From a record (and no groups) to its tag, where each has its own."""
        return self.template.render(tag) if self.template is not None and self.by_record else None

    def mistakes(self) -> list[tuple[str, str]]:
        """(option, message) for each wrong combination."""
        found = []
        if self.shared_key is None and (self.username or self.password):
            found.append(("username", "username and password need shared_key (or empty_shared_key)"))
        if self.compress and self.time_as_integer:
            found.append(("compress", "compress gzip cannot be combined with time_as_integer"))
        try:
            if self.by_record and self.compress:
                found.append(("compress", "compress gzip cannot be combined with a tag made from fields"))
        except ValueError as why:
            found.append(("tag", f"tag is '{self.tag}': {why}"))
        return found


def read_compress(text: str | None) -> bool:
    """Raises: ValueError("expected ...")."""
    if text is None or text.lower() == "text":
        return False
    if text.lower() == "gzip":
        return True
    raise ValueError("expected text or gzip")


KNOWN = frozenset(
    {
        "name", "host", "port", "tls", "tls.verify", "tls.verify_hostname", "tls.ca_file", "tls.ca_path",
        "tls.crt_file", "tls.key_file", "tls.key_passwd", "tls.vhost", "compress", "empty_shared_key", "password",
        "require_ack_response", "retain_metadata_in_forward_mode", "self_hostname", "send_options", "shared_key", "tag",
        "time_as_integer", "username",
    }
)  # fmt: skip
"""Keys of a node that are honoured."""


def peers_of_file(path: str, log: Log) -> list[Peer]:
    """The nodes of an Upstream file, in order. Raises: ConfigError."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError as why:
        raise _refuse(f"upstream '{path}' cannot be read: {why.strerror}") from None
    nodes = _yaml_nodes(text, path) if path.endswith((".yaml", ".yml")) else _classic_nodes(text, path)
    if not nodes:
        raise _refuse(f"upstream '{path}' has no [NODE]")
    peers = [_peer(node, f"{path}: node {i}") for i, node in enumerate(nodes, 1)]
    for number, node in enumerate(nodes, 1):
        for key in node.keys() - KNOWN:
            log.warning(f"{key} of a node has no effect", upstream=path, node=number)
    return peers


def _classic_nodes(text: str, path: str) -> list[dict[str, str]]:
    sections: list[tuple[str, dict[str, str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith("["):
            sections.append((stripped.strip("[]").lower(), {}))
            continue
        key, _, value = stripped.partition(" ")
        if not sections or not value.strip():
            raise _refuse(f"{path}:{number}: expected a section or `Key value`")
        sections[-1][1][key.lower()] = value.strip()
    upstream = next((entries for name, entries in sections if name == "upstream"), None)
    if upstream is None or "name" not in upstream:
        raise _refuse(f"upstream '{path}' needs an [UPSTREAM] section with a name")
    return [entries for name, entries in sections if name == "node"]


def _yaml_nodes(text: str, path: str) -> list[dict[str, str]]:
    import yaml  # only here

    try:
        read: Any = yaml.load(text, Loader=yaml.BaseLoader)
        servers = read["upstream_servers"]
        return [{str(k).lower(): str(v) for k, v in n.items()} for s in servers for n in s["nodes"]]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as why:
        raise _refuse(f"upstream '{path}': expected upstream_servers with a list of nodes ({why})") from None


def _peer(node: dict[str, str], where: str) -> Peer:
    node = {k: VARIABLE.sub(lambda m: os.environ.get(m[1], ""), v) for k, v in node.items()}
    for needed in ("name", "host", "port"):
        if needed not in node:
            raise _refuse(f"{where} needs {needed}")

    def read(key: str, kind: Callable[[str], Any], default: Any) -> Any:
        if key not in node:
            return default
        try:
            return kind(node[key])
        except ValueError as why:
            raise _refuse(f"{where}: {key} is '{node[key]}': {why}") from None

    verify = read("tls.verify", read_bool, True)
    tls = Tls(
        verify=verify,
        verify_hostname=read("tls.verify_hostname", read_bool, False),
        ca_file=node.get("tls.ca_file"),
        ca_path=node.get("tls.ca_path"),
        crt_file=node.get("tls.crt_file"),
        key_file=node.get("tls.key_file"),
        key_passwd=node.get("tls.key_passwd"),
        vhost=node.get("tls.vhost"),
    )
    ack = read("require_ack_response", read_bool, False)
    compress = read("compress", read_compress, False)
    peer = Peer(
        host=node["host"],
        port=read("port", int, 0),
        tls=tls if read("tls", read_bool, False) else None,
        shared_key="" if read("empty_shared_key", read_bool, False) else node.get("shared_key"),
        username=node.get("username", ""),
        password=node.get("password", ""),
        self_hostname=node.get("self_hostname", "localhost"),
        tag=node.get("tag"),
        time_as_integer=read("time_as_integer", read_bool, False),
        # a node that says nothing gets entries without metadata, unlike an output without Upstream
        retain_metadata=read("retain_metadata_in_forward_mode", read_bool, False),
        send_options=read("send_options", read_bool, False) or ack or compress,
        require_ack=ack,
        compress=compress,
    )
    for _, message in peer.mistakes():
        raise _refuse(f"{where}: {message}")
    return peer


def extra_options(pairs: list[Pair]) -> dict[str, str]:
    return {pair.key: pair.value for pair in pairs}


def _refuse(message: str) -> ConfigError:
    return ConfigError([Problem("bad-upstream", f"forward: {message}")])
