"""The labels and the structured metadata that the loki output finds in records."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from pyrolens.records.accessor import MISSING, Key, Tag, getter, read_parts
from pyrolens.records.codecs import json_text
from pyrolens.records.event import Record
from pyrolens.records.template import Template

ODD = re.compile(r"[^A-Za-z0-9_]")
Labels = dict[str, str]


class Label(NamedTuple):
    """A label: its text, or where a record has it."""

    name: str
    template: Template | None = None
    text: str = ""


def label_name(text: str) -> str:
    """The name that Loki takes."""
    name = ODD.sub("_", text)
    return f"_{name}" if name[:1].isdigit() else name


def read_label(text: str) -> Label:
    """`name=text`, `name=$accessor` or `$accessor`. Raises: ValueError("expected ...")."""
    if text.startswith("$"):
        return Label(label_name(_joined(text)), _template(text))
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise ValueError(f"'{text}' is no label: expected name=value or an accessor such as $key")
    name = label_name(name)
    return Label(name, _template(value)) if value.startswith("$") else Label(name, None, value)


def read_key(text: str) -> Label:
    """`$accessor`. Raises: ValueError("expected ...")."""
    if not text.startswith("$"):
        raise ValueError(f"'{text}' is no accessor: expected $key")
    return read_label(text)


def _template(text: str) -> Template:
    if text[1:2].isdigit():
        raise ValueError(f"'{text}' is no accessor: a name cannot begin with a digit")
    return Template(text)


def _joined(text: str) -> str:
    """The parts of an accessor, as a name. A tag at the end counts as two parts, as in Fluent Bit."""
    words: list[str] = []
    parts = read_parts(text)
    for n, part in enumerate(parts, 1):
        if isinstance(part, Key):
            words.append("_".join([part.name, *map(str, part.path)]))
        elif isinstance(part, Tag):
            words += ["", ""] if n == len(parts) else [""]
        else:
            words.append(str(part))
    return "_".join(words)


def labels_of_map(path: str) -> Iterator[Label]:
    """The labels of a label_map_path: {"kubernetes": {"container_name": "container"}}.

    Raises: OSError, ValueError("expected ...")."""
    try:
        said = msgspec.json.decode(Path(path).read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError:
        raise ValueError(f"{path}: expected a map of fields to labels, as JSON") from None

    def found(value: Any, where: tuple[str, ...]) -> Iterator[Label]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from found(inner, (*where, key))
        elif isinstance(value, str):
            rest = "".join(f"['{key}']" for key in where[1:])
            yield Label(label_name(value), _template(f"${where[0]}{rest}"))
        else:
            raise ValueError(f"{path}: expected the name of a label for {'.'.join(where)}")

    yield from found(said, ())


def finder(labels: Iterable[Label], tag: str) -> Callable[[Record], Labels]:
    """Record -> the labels that it has. What is empty or not there is left out."""
    found = [(label.name, label.template.render(tag) if label.template else None, label.text) for label in labels]

    def find(record: Record) -> Labels:
        out = {}
        for name, render, text in found:
            value = text if render is None else render(record, ())
            if value:
                out[name] = value
        return out

    return find


def map_finder(accessors: list[str]) -> Callable[[Record], Labels]:
    """Record -> the entries of the maps that the accessors name; what is no text is JSON."""
    maps = [getter(key) for key in keys(accessors)]

    def find(record: Record) -> Labels:
        out: Labels = {}
        for get in maps:
            value = get(record)
            if isinstance(value, dict):
                for key, inner in value.items():
                    out[label_name(str(key))] = inner if isinstance(inner, str) else json_text(inner)
        return out

    return find


def keys(accessors: Iterable[str]) -> list[Key]:
    """The fields that accessors name."""
    return [part for text in accessors for part in read_parts(text) if isinstance(part, Key)]


def remover(fields: list[Key]) -> Callable[[Record], Record]:
    """Record -> the same without these fields; a new one, where it had them."""
    names = frozenset(key.name for key in fields if not key.path)
    inner = [key for key in fields if key.path]
    getters = [(getter(key), key) for key in inner]

    def remove(record: Record) -> Record:
        if not names.isdisjoint(record):
            record = {key: value for key, value in record.items() if key not in names}
        for get, key in getters:
            if isinstance(record.get(key.name), (dict, list)) and get(record) is not MISSING:
                record = {**record, key.name: _without(record[key.name], key.path)}
        return record

    return remove


def _without(value: Any, path: tuple[str | int, ...]) -> Any:
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        if rest:
            return {**value, step: _without(value[step], rest)} if step in value else value
        return {key: inner for key, inner in value.items() if key != step}
    if isinstance(value, list):
        return [
            _without(inner, rest) if rest and n == step else inner for n, inner in enumerate(value) if rest or n != step
        ]
    return value
