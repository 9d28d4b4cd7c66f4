"""Where an output leads, in a few words: a log group, a stream, a bucket, a host."""

from typing import Any

from pyrolens.plugin import Output

NAMES = {
    "cloudwatch_logs": ("log_group_name",),
    "cloudwatch": ("log_group_name",),
    "kinesis_firehose": ("delivery_stream",),
    "firehose": ("delivery_stream",),
    "kinesis_streams": ("stream",),
    "kinesis": ("stream",),
    "s3": ("bucket",),
    "sns": ("topic_arn",),
    "kafka": ("topics",),
    "file": ("path", "file"),
    "es": ("index",),
    "opensearch": ("index",),
    "datadog": ("dd_service",),
    "loki": ("labels",),
}
"""The options that name the place; of other outputs it is their host. None of them is a secret."""


def destination(plugin: Output) -> str:
    """Such as `/ecs/web/errors`, or "" where there is nothing to say."""
    said: list[str] = []
    named = NAMES.get(plugin.name, ())
    if named == ("index",) and getattr(plugin, "logstash_format", False):
        named = ("logstash_prefix",)
    for name in named:
        value: Any = getattr(plugin, name, None)
        said += [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)] if value else []
    if plugin.name == "file":
        return "/".join(part.rstrip("/") for part in said)
    if said and not hasattr(plugin, "host"):
        return ", ".join(said)
    address = _address(plugin)
    return f"{address} {', '.join(said)}".strip()


def _address(plugin: Any) -> str:
    host = getattr(plugin, "host", None)
    if not host:
        return ""
    port, uri = getattr(plugin, "port", None), getattr(plugin, "uri", None)
    # what is behind a ? may be a key
    path = uri.partition("?")[0] if isinstance(uri, str) and plugin.name == "http" and uri != "/" else ""
    return f"{host}{f':{port}' if port else ''}{path}"


def origin(plugin: Any) -> str:
    """What an input reads: files, a port, a socket."""
    for name in ("path", "unix_path", "command"):
        if value := getattr(plugin, name, None):
            return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    port = getattr(plugin, "port", None)
    return f"port {port}" if port else ""
