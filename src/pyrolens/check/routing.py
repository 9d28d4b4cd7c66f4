"""Where records go: what gets nothing, what gets records twice, and what never gets rid of them."""

import difflib
import re
from collections.abc import Iterator

from pyrolens.check.circles import circles
from pyrolens.check.context import ANY, FOLLOWS, Context, name, text
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.tags import overlap, within
from pyrolens.check.tasks.example import task
from pyrolens.ecs.router_config import HEALTH_TAG
from pyrolens.language.document import Section
from pyrolens.options import spec_of


def no_tag(context: Context) -> Iterator[Finding]:
    """A Match that no tag satisfies. An application with a logger of its own may send any tag over TCP, and a rule may
    make one of a field, but none that looks like a container's."""
    for section in [*context.plugins("filter"), *context.plugins("output")]:
        match = section.last("match")
        if match is None or text(section, "match_regex") or "$" in (written := str(match.value)):
            continue
        if section.kind == "output" and context.routed_to(section):
            continue
        tags = context.tags
        if context.task and "-firelens" in written and all(r.makes != ANY for r in context.rewrites):
            tags = [t for t in tags if "-firelens" in t]
        if not tags or any(overlap(tag if OF_TASK.search(written) else _of_one_task(tag), written) for tag in tags):
            continue
        internal = context.task and overlap("firelens-healthcheck", written)
        if not internal:
            near = difflib.get_close_matches(written, tags, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(tags[:6])}"
            who = f"{section.kind} {name(section)}"
            yield Finding(f"{who} sees nothing: no record has a tag like '{written}'", match.value_place, hint)


OF_TASK = re.compile(r"-firelens-[0-9a-f*-]*$")
"""A Match that may name the id of a task."""


def _of_one_task(tag: str) -> str:
    """The tags of a container with an id in place of any text, which might hold the very name that is misspelt."""
    prefix = tag.removesuffix(FOLLOWS)
    return prefix + "0" * 32 if prefix.endswith("-firelens-") else tag


def no_output(context: Context) -> Iterator[Finding]:
    """A container or an input whose records no output takes."""
    if context.has_streams or not (context.router or list(context.plugins("output"))) or not context.document.sections:
        return
    if context.in_fluentd or context.by_another_config:
        return
    outputs = list(context.plugins("output"))
    if len(context.inputs) == len(outputs) == 1 and not outputs[0].get("match"):
        return  # without a Match the only output takes all of the only input
    used = list(context.plugins("filter", "log_to_metrics"))
    moved = [r for r in context.rewrites if not r.keeps and text(r.filter, "match_regex") == ""]

    def lost(tag: str) -> bool:
        takes = [context.reaches(s, tag) for s in context.plugins("output")]
        takes += [context.reaches(s, tag) for s in used]
        # what a rewrite_tag takes is on its way under another tag
        return not any(t is not False for t in takes) and not any(overlap(r.takes, tag) for r in moved)

    hint = "send it to an output, or to the output null if nobody needs it"
    for container in context.firelens:
        if container.log and lost(f"{container.name}-firelens-*"):
            message = f"what container '{container.name}' logs reaches no output"
            yield Finding(message, container.log.place, hint)
    for section, tag in context.inputs:
        if tag == ANY or text(section, "routes") or (context.task and tag == "*-firelens-*"):
            continue
        unrouted = text(section, "routable").lower() in ("off", "false", "no")
        if not unrouted and lost(tag):
            entry = section.get("tag") or section.get("name")
            place = entry.value_place if entry else section.place
            who = f"input {name(section)}".rstrip()
            yield Finding(f"what {who} reads, with the tag '{tag}', reaches no output", place, hint)


def health_records(context: Context) -> Iterator[Finding]:
    """An output that takes what a health check of old sends to port 8877."""
    router = context.router
    if router is None or not router.health or not re.search(r"\b8877\b", " ".join(router.health.command)):
        return
    for section in context.plugins("output"):
        match = section.get("match")
        if match and name(section) != "null" and within(HEALTH_TAG, str(match.value)):
            message = f"{name(section)} also gets a record of each health check, with the tag {HEALTH_TAG}"
            yield Finding(message, match.value_place, "write Match *-firelens-*")


DESTINATION = {
    "cloudwatch_logs": (
        "region", "log_group_name", "log_stream_name", "log_stream_prefix", "log_group_template", "log_stream_template",
        "endpoint", "log_key",
    ),
    "cloudwatch": ("region", "log_group_name", "log_stream_name", "log_stream_prefix", "endpoint", "log_key"),
    "kinesis_firehose": ("region", "delivery_stream", "endpoint", "log_key"),
    "firehose": ("region", "delivery_stream", "endpoint", "log_key"),
    "kinesis_streams": ("region", "stream", "endpoint", "log_key"),
    "kinesis": ("region", "stream", "endpoint", "log_key"),
    "s3": ("region", "bucket", "s3_key_format", "endpoint", "log_key"),
    "es": ("host", "port", "path", "index", "logstash_format", "logstash_prefix", "cloud_id", "pipeline"),
    "opensearch": ("host", "port", "path", "index", "logstash_format", "logstash_prefix", "pipeline"),
    "http": ("host", "port", "uri", "header"),
    "datadog": ("host", "dd_service", "dd_source", "dd_tags"),
    "loki": ("host", "port", "uri", "labels", "tenant_id"),
    "splunk": ("host", "port", "event_index", "event_sourcetype"),
    "forward": ("host", "port", "tag", "unix_path"),
    "kafka": ("brokers", "topics"),
    "opentelemetry": ("host", "port", "logs_uri"),
    "gelf": ("host", "port", "mode"),
    "syslog": ("host", "port", "mode"),
    "tcp": ("host", "port"),
}  # fmt: skip
"""Outputs, and the options that say where exactly they send, and which part of a record."""
SAME_SERVICE = {"cloudwatch": "cloudwatch_logs", "firehose": "kinesis_firehose", "kinesis": "kinesis_streams"}


def twice(context: Context) -> Iterator[Finding]:
    """Two outputs with one destination that both take some record."""
    seen: list[tuple[Section, dict[str, object]]] = []
    for section in context.plugins("output", *DESTINATION):
        destination = _destination(context, section)
        for other, theirs_is in seen:
            shared = [t for t in context.tags if context.reaches(section, t) and context.reaches(other, t)]
            match, theirs = text(section, "match"), text(other, "match")
            if theirs_is != destination or not shared or not overlap(match, theirs):
                continue
            both = [t for t in shared if within(t, match) and within(t, theirs)]
            if not both and not (within(match, theirs) or within(theirs, match)):
                continue
            entry = section.get("match") or section.get("name")
            message = f"records go to this {name(section)} twice: the output at {{also}} takes them, too"
            where = entry.value_place if entry else section.place
            yield Finding(message, where, "narrow one Match, or remove one", other.place)
            break
        seen.append((section, destination))


def _destination(context: Context, section: Section) -> dict[str, object]:
    """Where an output sends, as it will be when the router runs: with the defaults, and with what variables hold where
    that is known. The options that are not set there are left out."""
    plugin = name(section)
    built = next((o.plugin for o in context.config.outputs if o.section is section), None) if context.config else None
    where: dict[str, object] = {"plugin": SAME_SERVICE.get(plugin, plugin)}
    specs = {spec.name: spec for spec in spec_of(type(built))} if built else {}
    for key in DESTINATION[plugin]:
        value: object = [str(e.value) for e in section.all(key)]
        spec = specs.get(key)
        if spec and built and not spec.repeats and not any("${" in str(e.value) for e in section.all(key)):
            value = getattr(getattr(built, spec.group) if spec.group else built, spec.field)
        if key == "region" and not value:
            value = context.environ.get("AWS_REGION")
        if value not in (None, [], ""):
            where[key] = value.lower() if isinstance(value, str) and key == "host" else value
    return where


def joined_twice(context: Context) -> Iterator[Finding]:
    """Two multiline filters that see the same records."""
    seen: list[Section] = []
    for section in context.plugins("filter", "multiline"):
        partial = text(section, "mode").lower() == "partial_message"
        for other in seen:
            same = partial == (text(other, "mode").lower() == "partial_message")
            match, theirs = text(section, "match"), text(other, "match")
            if same and match and theirs and (within(match, theirs) or within(theirs, match)):
                entry = section.get("match") or section.get("name")
                message = "a second filter multiline for the same records; the first is at {also}"
                hint = "keep one, with all parsers in its multiline.parser, separated by commas"
                yield Finding(message, entry.value_place if entry else section.place, hint, other.place)
                break
        seen.append(section)


LISTENS = ("forward", "tcp", "http", "opentelemetry", "elasticsearch", "splunk")
"""Inputs with a TCP port."""


def port_twice(context: Context) -> Iterator[Finding]:
    """Two inputs on one port."""
    seen: dict[str, Section] = {}
    for section in context.plugins("input", *LISTENS):
        if text(section, "unix_path"):
            continue
        entry = section.get("port") or section.get("name")
        port = text(section, "port") or ("24224" if name(section) == "forward" else "")
        other = seen.setdefault(port, section)
        if port and "$" not in port and other is not section and entry:
            message = f"port {port} is taken by the input {name(other)} at {{also}}"
            yield Finding(message, entry.value_place, "give one of them another port", other.place)


HEALTH = (
    task(
        '{"logDriver": "awsfirelens"}',
        '{"type": "fluentbit", "options": {"config-file-type": "file", "config-file-value": "/extra.conf"}}',
        router=',\n   "healthCheck": {"command": ["CMD-SHELL", "echo \'{}\' | nc 127.0.0.1 8877"]}',
    )
    + "==> extra.conf <==\n[OUTPUT]\n    Name http\n    Match %s\n    Host logs.example.com\n    tls On\n"
    "==> Dockerfile <==\nFROM pyrolens\nCOPY extra.conf /extra.conf\n"
)
RULES = [
    Rule(
        "CF111",
        "error",
        "a filter or output without Match",
        "Match says which tags a filter or an output sees. Without it a filter refuses the start, and an output gets"
        " nothing: its records are lost without a word.",
        "Add `Match *` for all records, or `Match app-firelens-*` for those of the container `app`.",
        bad="[INPUT]\n    Name dummy\n    Tag app\n[OUTPUT]\n    Name null\n    Match *\n«[OUTPUT]»\n    Name stdout\n",
        good="[INPUT]\n    Name dummy\n    Tag app\n[OUTPUT]\n    Name stdout\n    Match *\n",
        told=("no-match",),
    ),
    Rule(
        "CF112",
        "error",
        "a Match that no tag satisfies",
        "Tags come from inputs, from rewrite_tag, and in FireLens from the names of containers:"
        " `<container>-firelens-<task id>`. A Match that none of them satisfies sees nothing, most often since a"
        " container or a tag has another name by now.",
        "Write the name as it is now, or remove the section.",
        bad="[INPUT]\n    Name dummy\n    Tag app\n[OUTPUT]\n    Name stdout\n    Match app\n"
        "[OUTPUT]\n    Name null\n    Match «ap.*»\n",
        good="[INPUT]\n    Name dummy\n    Tag app.web\n[OUTPUT]\n    Name null\n    Match app.*\n",
        find=no_tag,
    ),
    Rule(
        "CF113",
        "error",
        "records that reach no output",
        "A record whose tag no output matches is dropped without a word.",
        "Send it to an output; if nobody needs it, `Name null` says so.",
        bad="[INPUT]\n    Name dummy\n    Tag «web»\n[INPUT]\n    Name dummy\n    Tag app\n"
        "[OUTPUT]\n    Name stdout\n    Match app\n",
        good="[INPUT]\n    Name dummy\n    Tag web\n[INPUT]\n    Name dummy\n    Tag app\n"
        "[OUTPUT]\n    Name stdout\n    Match *\n",
        find=no_output,
    ),
    Rule(
        "CF114",
        "warning",
        "the same records to the same destination twice",
        "Every output whose Match takes a tag gets its records. Two outputs with one destination store, and bill, each"
        " record twice. In FireLens the first of them is often the log configuration of the container, and"
        " the second an"
        " output with `Match *` in the extra config file.",
        "Narrow one Match, or remove one of the outputs.",
        bad="[INPUT]\n    Name dummy\n    Tag app\n"
        "[OUTPUT]\n    Name http\n    Match app\n    Host logs.example.com\n"
        "[OUTPUT]\n    Name http\n    Match «*»\n    Host logs.example.com\n",
        good="[INPUT]\n    Name dummy\n    Tag app\n"
        "[OUTPUT]\n    Name http\n    Match app\n    Host logs.example.com\n",
        find=twice,
    ),
    Rule(
        "CF115",
        "warning",
        "a Match that takes health checks",
        "ECS generates an input on port 8877 for health checks. What a check sends there is a record with the tag"
        " firelens-healthcheck, and `Match *` sends it to the destination, too.",
        "Write `Match *-firelens-*`, which takes the containers alone; or let the health check ask /api/v1/uptime.",
        bad=HEALTH % "«*»",
        good=HEALTH % "*-firelens-*",
        find=health_records,
    ),
    Rule(
        "CF117",
        "error",
        "rewrite_tag filters in a circle",
        "One filter makes a tag that another takes, and that one leads back to the first. In Fluent Bit such records"
        " never reach an output, and cost CPU for ever; here they leave the circle after one turn, under a tag that"
        " nobody meant. A filter does not see what it has just made itself, so a circle has two filters or more, of"
        " which one may be a multiline, whose records enter again, too, and then go on here as well. It is told"
        " with a record for which the router's own pipeline goes round; where the sets of tags allow no circle,"
        " there is none.",
        "Let the last filter of the chain make a tag that none of them takes.",
        bad="[INPUT]\n    Name dummy\n    Tag a\n"
        "[FILTER]\n    Name rewrite_tag\n    Match a\n    Rule «$log . b false»\n"
        "[FILTER]\n    Name rewrite_tag\n    Match b\n    Rule $log . a false\n"
        "[OUTPUT]\n    Name stdout\n    Match *\n",
        good="[INPUT]\n    Name dummy\n    Tag a\n"
        "[FILTER]\n    Name rewrite_tag\n    Match a\n    Rule $log . b false\n"
        "[FILTER]\n    Name rewrite_tag\n    Match b\n    Rule $log . c false\n"
        "[OUTPUT]\n    Name stdout\n    Match *\n",
        find=circles,
    ),
    Rule(
        "CF118",
        "error",
        "a rule of rewrite_tag that is none",
        "A rule has four parts: the field, the pattern, the new tag, and whether the record is kept under its old tag.",
        "Write `Rule $FIELD PATTERN NEW_TAG KEEP`.",
        bad="[INPUT]\n    Name dummy\n    Tag app\n"
        "[FILTER]\n    Name rewrite_tag\n    Match app\n    Rule «$level ^error$ errors»\n"
        "[OUTPUT]\n    Name stdout\n    Match *\n",
        good="[INPUT]\n    Name dummy\n    Tag app\n"
        "[FILTER]\n    Name rewrite_tag\n    Match app\n    Rule $level ^error$ errors false\n"
        "[OUTPUT]\n    Name stdout\n    Match *\n",
        told=("bad-value",),
        says="expected four words",
    ),
    Rule(
        "CF128",
        "error",
        "two inputs on one port",
        "The second one cannot listen, and the router does not start. In FireLens, with the network modes awsvpc and"
        " bridge, 24224 and 8877 belong to the inputs that ECS generates.",
        "Give one of them another port.",
        bad="[INPUT]\n    Name forward\n    Port 5000\n[INPUT]\n    Name tcp\n    Port «5000»\n"
        "[OUTPUT]\n    Name stdout\n    Match *\n",
        good="[INPUT]\n    Name forward\n    Port 5000\n[INPUT]\n    Name tcp\n    Port 5001\n"
        "[OUTPUT]\n    Name stdout\n    Match *\n",
        find=port_twice,
    ),
    Rule(
        "CF119",
        "error",
        "two multiline filters for the same records",
        "A filter multiline gives what it joined to the first filter again. Two of them hand the same records to each"
        " other.",
        "Keep one, and name all parsers in its `multiline.parser`.",
        bad="[INPUT]\n    Name dummy\n    Tag app\n"
        "[FILTER]\n    Name multiline\n    Match app\n    multiline.parser java\n"
        "[FILTER]\n    Name multiline\n    Match «*»\n    multiline.parser python\n"
        "[OUTPUT]\n    Name stdout\n    Match *\n",
        good="[INPUT]\n    Name dummy\n    Tag app\n"
        "[FILTER]\n    Name multiline\n    Match app\n    multiline.parser java, python\n"
        "[OUTPUT]\n    Name stdout\n    Match *\n",
        find=joined_twice,
    ),
]
