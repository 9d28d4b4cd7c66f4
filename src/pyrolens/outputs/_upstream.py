"""Upstream files: several nodes that an output takes turns with.

Source: Fluent Bit 5.1.1 src/flb_upstream_ha.c."""

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pyrolens.api import ConfigError, Log, OptionError, Output, Problem
from pyrolens.options import Spec, read_value, spec_of

VARIABLE = re.compile(r"\$\{([^}]*)\}")
PLACE = frozenset(
    {
        "name", "host", "port", "tls", "tls.verify", "tls.verify_hostname", "tls.ca_file", "tls.ca_path",
        "tls.crt_file", "tls.key_file", "tls.key_passwd", "tls.vhost",
    }
)  # fmt: skip
"""Keys that the nodes of every output have."""
NEEDED = ("name", "host", "port")

AnyOutput = TypeVar("AnyOutput", bound=Output)


@dataclass(frozen=True)
class Node:
    """A node as its file has it: keys in lower case, variables replaced."""

    output: str
    file: str
    number: int
    keys: dict[str, str]

    def wrong(self, message: str) -> ConfigError:
        return _wrong(self.output, f"{self.file}: node {self.number}{message}")

    def read(self, spec: Spec) -> Any:
        """Raises: ConfigError."""
        text = self.keys[spec.name.lower()]
        try:
            if doubt := spec.kind.doubt(text):
                raise ValueError(doubt.partition(", so ")[0])
            return read_value(spec, text)
        except ValueError as why:
            shown = "***" if spec.kind.secret else text
            raise self.wrong(f": {spec.name} is '{shown}': {why}") from None


def found_at(path: str | None, found: Callable[[str], str | None]) -> str | None:
    """Where the file is. Raises: OptionError."""
    if not path:
        return path
    where = found(path)
    if where is None:
        raise OptionError("upstream", f"no such file: {path}")
    return where


def nodes_of_file(path: str, output: str) -> list[Node]:
    """In order. Raises: ConfigError."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError as why:
        raise _wrong(output, f"upstream '{path}' cannot be read: {why.strerror}") from None
    found = _of_yaml(text, path, output) if path.endswith((".yaml", ".yml")) else _of_classic(text, path, output)
    if not found:
        raise _wrong(output, f"upstream '{path}' has no [NODE]")
    nodes = []
    for number, keys in enumerate(found, 1):
        replaced = {k: VARIABLE.sub(lambda m: os.environ.get(m[1], ""), v) for k, v in keys.items()}
        nodes.append(node := Node(output, path, number, replaced))
        for needed in NEEDED:
            if needed not in replaced:
                raise node.wrong(f" needs {needed}")
    return nodes


def with_node(options: AnyOutput, node: Node, honoured: Collection[str], log: Log) -> AnyOutput:
    """The options, with what the node says in their place. honoured: the keys, beside PLACE; others are warned of.

    Raises: ConfigError."""
    groups: dict[str, dict[str, Any]] = {}
    own: dict[str, Any] = {}
    for spec in spec_of(type(options)):
        if spec.name.lower() in node.keys and spec.name.lower() in {*PLACE, *honoured}:
            (groups.setdefault(spec.group, {}) if spec.group else own)[spec.field] = node.read(spec)
    for key in sorted(node.keys.keys() - PLACE - {*honoured}):
        log.warning(f"{key} of a node has no effect", upstream=node.file, node=node.number)
    made = {name: replace(getattr(options, name), **given) for name, given in groups.items()}
    return replace(options, **own, **made)


def _of_classic(text: str, path: str, output: str) -> list[dict[str, str]]:
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
            raise _wrong(output, f"{path}:{number}: expected a section or `Key value`")
        sections[-1][1][key.lower()] = value.strip()
    upstream = next((entries for name, entries in sections if name == "upstream"), None)
    if upstream is None or "name" not in upstream:
        raise _wrong(output, f"upstream '{path}' needs an [UPSTREAM] section with a name")
    return [entries for name, entries in sections if name == "node"]


def _of_yaml(text: str, path: str, output: str) -> list[dict[str, str]]:
    import yaml  # only here

    try:
        read: Any = yaml.load(text, Loader=yaml.BaseLoader)
        servers = read["upstream_servers"]
        return [{str(k).lower(): str(v) for k, v in n.items()} for s in servers for n in s["nodes"]]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as why:
        raise _wrong(output, f"upstream '{path}': expected upstream_servers with a list of nodes ({why})") from None


def _wrong(output: str, message: str) -> ConfigError:
    return ConfigError([Problem("bad-upstream", f"{output}: {message}")])
