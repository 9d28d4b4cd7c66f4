"""Upstream files: several nodes that an output takes turns with.

Source: Fluent Bit 5.1.1 src/flb_upstream_ha.c."""

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pyrolens.api import ConfigError, Log, OptionError, Output, Place, Problem
from pyrolens.language import classic
from pyrolens.language.document import Document, Section
from pyrolens.language.includes import Files, UnreadableError, is_yaml, looks_classic
from pyrolens.options import SECRET_NAME, Spec, masked, read_value, spec_of
from pyrolens.problems import Problems

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
    """A node as its file has it: keys in lower case, variables replaced, and where each stands."""

    output: str
    place: Place
    keys: dict[str, str]
    places: dict[str, Place]

    def wrong(self, message: str, key: str = "") -> ConfigError:
        return _wrong(self.output, message, self.places.get(key, self.place))

    def read(self, spec: Spec) -> Any:
        """Raises: ConfigError."""
        key = spec.name.lower()
        text = self.keys[key]
        try:
            if doubt := spec.kind.doubt(text):
                raise ValueError(doubt.partition(", so ")[0])
            return read_value(spec, text)
        except ValueError as why:
            shown = "***" if spec.kind.secret else text
            raise self.wrong(f"{spec.name} is '{shown}': {why}", key) from None


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
    files, document, problems = Files(os.path.dirname(path)), Document(), Problems()
    try:
        text = files.read(path)
    except UnreadableError as why:
        raise _wrong(output, f"upstream: {why}", Place(path)) from None
    if is_yaml(path) and not looks_classic(text):
        from pyrolens.language import yaml  # only who has YAML pays for it

        yaml.parse(text, path, files, document, problems)
    else:
        classic.parse(text, path, files, document, problems)
    if problems.errors:
        raise ConfigError(problems.errors)
    upstreams = document.of("upstream")
    if not upstreams or upstreams[0].get("name") is None:
        place = upstreams[0].place if upstreams else Place(path)
        raise _wrong(output, "upstream needs an [UPSTREAM] section with a name", place)
    found = [*document.of("node"), *(node for upstream in upstreams for node in upstream.groups)]
    if not found:
        raise _wrong(output, "upstream has no [NODE]", upstreams[0].place)
    return [_node(section, output) for section in found]


def _node(section: Section, output: str) -> Node:
    """Raises: ConfigError."""
    keys: dict[str, str] = {}
    places: dict[str, Place] = {}
    for entry in section.entries:
        key = entry.key.lower()
        if key in PLACE and key in keys:
            continue  # the first one counts
        keys[key] = VARIABLE.sub(lambda m: os.environ.get(m[1], ""), str(entry.value))
        places[key] = masked(entry.value_place, entry) if SECRET_NAME.search(key) else entry.value_place
    node = Node(output, section.place, keys, places)
    for needed in NEEDED:
        if needed not in keys:
            raise node.wrong(f"a node needs {needed}")
    return node


def with_node(options: AnyOutput, node: Node, honoured: Collection[str], log: Log) -> AnyOutput:
    """The options, with what the node says in their place. honoured: the keys, beside PLACE; others are warned of.

    Raises: ConfigError."""
    groups: dict[str, dict[str, Any]] = {}
    own: dict[str, Any] = {}
    for spec in spec_of(type(options)):
        if spec.name.lower() in node.keys and spec.name.lower() in {*PLACE, *honoured}:
            (groups.setdefault(spec.group, {}) if spec.group else own)[spec.field] = node.read(spec)
    for key in sorted(node.keys.keys() - PLACE - {*honoured}):
        log.warning(f"{key} of a node has no effect", upstream=str(node.places[key]))
    made = {name: replace(getattr(options, name), **given) for name, given in groups.items()}
    return replace(options, **own, **made)


def _wrong(output: str, message: str, place: Place) -> ConfigError:
    return ConfigError([Problem("bad-upstream", f"{output}: {message}", place)])
