"""What a node says of itself: where an output leads, what a filter does. Never a secret."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pyrolens.config import Built
from pyrolens.language.document import Entry, Expanded
from pyrolens.options import spec_of, value_of
from pyrolens.problems import without_secret

LOGS = (("log group", "log_group_template", "log_group_name"), ("stream", "log_stream_template", "log_stream_name"))
SEARCH = (("index", "logstash_prefix", "index"),)
FIREHOSE = (("delivery stream", "delivery_stream"), ("region", "region"))
KINESIS = (("stream", "stream"), ("region", "region"))
LEADS_TO: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "cloudwatch_logs": (*LOGS, ("region", "region")),
    "cloudwatch": (*LOGS, ("region", "region")),
    "kinesis_firehose": FIREHOSE,
    "firehose": FIREHOSE,
    "kinesis_streams": KINESIS,
    "kinesis": KINESIS,
    "s3": (("bucket", "bucket"), ("key", "s3_key_format"), ("region", "region")),
    "sns": (("topic", "topic_arn"),),
    "es": SEARCH,
    "opensearch": SEARCH,
    "splunk": (("index", "event_index"),),
    "datadog": (("service", "dd_service"),),
    "kafka": (("brokers", "brokers"), ("topic", "topics")),
    "file": (("folder", "path"), ("file", "file")),
    "forward": (("socket", "unix_path"),),
    "syslog": (("socket", "unix_path"),),
    "influxdb": (("bucket", "bucket"), ("database", "database")),
    "loki": (("labels", "labels"),),
}
"""Output -> what is said of it: a word, and the options of which the first that is set counts."""
PLAIN = {"null": "nowhere, on purpose", "stdout": "standard output", "slack": "a channel of Slack", "counter": "counts"}
SEVERAL = ("upstream", "unix_path", "cloud_id")
"""Options beside which host and port count for nothing."""
HOSTS = (("host", "port"), ("logdna_host", "logdna_port"))
URLS = ("endpoint", "base_uri")
VARIABLE = re.compile(r"\$\{\s*(\w+)\s*\}")
USERINFO = re.compile(r"//[^/@\s]*@")
LONGEST = 200
"""Characters of a line; the picture shows fewer."""
MOST = 12
QUIET = {
    "name",
    "@type",
    "type",
    "match",
    "match_regex",
    "alias",
    "log_level",
    "tag",
    "mem_buf_limit",
    "condition",
    "routes",
}
"""Options that a node shows elsewhere, or not at all."""


def leads_to(built: Built[Any], known: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """`known`: variables that are no secrets, where values are to be shown as they are written; None: as they count."""
    name = built.plugin.name
    if name in PLAIN:
        return (PLAIN[name],)
    out = []
    for word, *options in LEADS_TO.get(name, ()):
        value = next((v for o in options if (v := _value(built, o, known))), "")
        if word == "stream" and name in ("cloudwatch_logs", "cloudwatch") and not value:
            value = f"{_value(built, 'log_stream_prefix', known)}TAG"
        if value:
            out.append(f"{word} {value}")
    if name not in ("kafka", "file") and (host := _host(built, known)):
        out.insert(0, host)
    return tuple(out)


def _host(built: Built[Any], known: Mapping[str, str] | None) -> str:
    if upstream := next((v for o in SEVERAL if (v := _value(built, o, known))), ""):
        return "" if _value(built, "unix_path", known) else f"by {upstream}"
    for host, port in HOSTS:
        if address := _value(built, host, known):
            number = _value(built, port, known)
            return f"{address}:{number}" if number and number != "0" else address
    for option in URLS:
        if "aws" not in {s.group for s in spec_of(type(built.plugin))} and (url := _value(built, option, known)):
            return without_path(url)
    return ""


def without_path(url: str) -> str:
    """A path may hold a token."""
    scheme, slashes, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].partition('?')[0].rpartition('@')[2]}" if slashes else scheme


def _value(built: Built[Any], option: str, known: Mapping[str, str] | None) -> str:
    """As it is written, with the variables that are known; else what counts without it."""
    specs = [s for s in spec_of(type(built.plugin)) if s.name == option]
    if not specs or specs[0].kind.secret:
        return ""
    entry = next((e for n in specs[0].names if built.section and (e := built.section.get(n))), None)
    if entry is not None and known is not None:
        return filled(_text(entry), known)
    value = value_of(built.plugin, option)
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    return "" if value in (None, "", 0) else USERINFO.sub("//***@", str(value))


def filled(text: str, known: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda found: known.get(found[1], found[0]), text)


def _text(entry: Entry) -> str:
    """A value as the config has it: what comes from the environment may be a secret."""
    value = entry.value
    text = value.written if isinstance(value, Expanded) else str(value)
    return USERINFO.sub("//***@", text)


FROM = (
    "unix_path",
    "path",
    "listen",
    "host",
    "port",
    "command",
    "systemd_filter",
    "parser",
    "multiline.parser",
    "dummy",
)
"""Options of inputs that say what they read."""


def reads(built: Built[Any]) -> tuple[str, ...]:
    """Where an input has its records from, as it is written."""
    return tuple(line for line in does(built) if line.partition(" ")[0].lower() in FROM)


def does(built: Built[Any], most: int | None = MOST) -> tuple[str, ...]:
    """What the options of a plugin say, as they are written."""
    return tuple(shown for shown, _ in entries_of(built)[:most])


def entries_of(built: Built[Any]) -> list[tuple[str, str]]:
    """(as it may be shown, as it is) of each option that tells what a plugin does. The second may be a secret."""
    plugin: Any = built.plugin
    inner = getattr(plugin, "inner", plugin)
    secrets = {n for s in spec_of(type(inner)) if s.kind.secret for n in s.names}
    entries: Iterable[tuple[str, Entry]]
    if said := getattr(plugin, "said", None):
        parts = [("", said.element), *((f"{e.name} ", e) for e in said.element.elements)]
        entries = [(before, e) for before, element in parts for e in element.entries]
    else:
        entries = [("", e) for e in (built.section.entries if built.section else ())]
    out = []
    for before, entry in entries:
        if (not before and entry.key.lower() in QUIET) or entry.key.startswith("@"):
            continue
        shown = "***" if entry.key.lower() in secrets else without_secret(" ".join(_text(entry).split()))
        value = entry.value
        whole = value.written if isinstance(value, Expanded) else str(value)
        out.append((without_secret(f"{before}{entry.key} {shown}")[:LONGEST], f"{before}{entry.key} {whole}"))
    return out


def condition_text(spec: Any) -> str:
    """A condition of a processor or a route in words: `$level eq error and $status gte 500`."""
    if not isinstance(spec, dict):
        return ""
    low = {str(k).lower(): v for k, v in spec.items()}
    rules = [r for r in low.get("rules") or () if isinstance(r, dict)]
    parts = []
    for rule in rules:
        of = {str(k).lower(): v for k, v in rule.items()}
        value = of.get("value")
        words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
        parts.append(f"{of.get('field')} {of.get('op')} {words}")
    return f" {str(low.get('op', 'and')).lower()} ".join(parts)
