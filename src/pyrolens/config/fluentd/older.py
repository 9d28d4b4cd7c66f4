"""Parameters from before there were sections for them, which Fluentd still takes: all that log options of ECS can say.

Source: Fluentd 1.19, lib/fluent/plugin_helper/compat_parameters.rb.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pyrolens.config.fluentd.kinds import read_bool
from pyrolens.language.document import Entry
from pyrolens.language.fluentd import Element

BUFFER = {
    "buffer_type": "@type",
    "buffer_path": "path",
    "num_threads": "flush_thread_count",
    "flush_interval": "flush_interval",
    "try_flush_interval": "flush_thread_interval",
    "queued_chunk_flush_interval": "flush_thread_burst_interval",
    "disable_retry_limit": "retry_forever",
    "retry_limit": "retry_max_times",
    "retry_wait": "retry_wait",
    "max_retry_wait": "retry_max_interval",
    "buffer_chunk_limit": "chunk_limit_size",
    "buffer_queue_limit": "queue_limit_length",
    "buffer_queue_full_action": "overflow_action",
    "flush_at_shutdown": "flush_at_shutdown",
    "time_slice_wait": "timekey_wait",
}
FORMAT = {
    "format": "@type",
    **{name: name for name in (
        "delimiter", "force_quotes", "keys", "fields", "label_delimiter", "output_time", "output_tag", "localtime",
        "utc", "timezone", "message_key", "add_newline", "output_type",
    )},
}  # fmt: skip
INJECT = {name: name for name in ("time_key", "time_format", "timezone", "tag_key", "localtime", "utc")}
INCLUDES = {"include_time_key": "time_key", "include_tag_key": "tag_key"}
"""What asks for a field, and the parameter that names it."""
PARSE = {
    "format": "@type",
    **{name: name for name in (
        "time_format", "time_key", "keep_time_key", "time_type", "timezone", "utc", "localtime", "types", "keys",
        "delimiter", "label_delimiter", "message_key", "format_firstline", "expression", "null_value_pattern",
        "null_empty_string", "with_priority", *(f"format{n}" for n in range(1, 21)),
    )},
}  # fmt: skip
FLAT: Mapping[str, Iterable[str]] = {"buffer": BUFFER, "format": FORMAT, "inject": [*INJECT, *INCLUDES], "parse": PARSE}
"""By the section that they are for."""


def with_buffer(element: Element, own: Iterable[str]) -> Element:
    """`own`: names that mean something else in this section."""
    return moved(element, "buffer", BUFFER, own)


def with_format(element: Element, own: Iterable[str], default: str) -> Element:
    """`default`: the @type, if the config names none."""
    if not any(element.get(name) for name in ("format", "output_type")):
        return element
    made = moved(element, "format", FORMAT, own)
    for section in made.of("format"):
        if section.get("@type") is None:
            section.entries.append(Entry("@type", default, section.place, section.place))
    return made


def with_inject(element: Element, own: Iterable[str]) -> Element:
    asked = [(entry, key) for name, key in INCLUDES.items() if (entry := element.get(name)) and name not in own]
    if not asked:
        return element
    names = {name: key for name, key in INJECT.items() if element.get("format") is None or name not in FORMAT}
    made = moved(element, "inject", {**names, **dict.fromkeys(INCLUDES, "")}, own)
    for section in made.of("inject"):
        section.entries = [entry for entry in section.entries if entry.key]
        for entry, key in asked:
            if truth(str(entry.value)) and section.get(key) is None:
                section.entries.append(replace(entry, key=key, value=key.removesuffix("_key")))
            if truth(str(entry.value)) and key == "time_key":
                section.entries.append(replace(entry, key="time_type", value="string"))
    return made


def truth(text: str) -> bool:
    try:
        return read_bool(text)
    except ValueError:
        return False


def with_parse(element: Element, own: Iterable[str]) -> Element:
    form = element.get("format")
    if form is None:
        return element
    made = moved(element, "parse", PARSE, own)
    for section in made.of("parse"):
        entry = section.get("@type")
        if entry and str(entry.value).startswith("/"):
            section.entries = [e for e in section.entries if e.key != "@type"]
            section.entries += [replace(entry, value="regexp"), replace(entry, key="expression")]
    return made


def moved(element: Element, name: str, names: Mapping[str, str], own: Iterable[str]) -> Element:
    """With what `names` has in a section of that name, unless there is one. `own`: names that stay where they are."""
    own = set(own)
    found = [entry for entry in element.entries if entry.key in names and entry.key not in own]
    if not found or element.of(name):
        return element
    inside = [replace(entry, key=names[entry.key]) for entry in found]
    section = Element(name, "", element.place, element.place, inside)
    kept = [entry for entry in element.entries if entry not in found]
    inner = [*element.elements, section]
    return Element(element.name, element.argument, element.place, element.argument_place, kept, inner)
