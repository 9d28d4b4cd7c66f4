"""Options of outputs that lose records, or send them where nobody looks."""

import posixpath
import re
from collections.abc import Iterator

from pyrolens.check import mends
from pyrolens.check.context import Context, is_on, name, text
from pyrolens.check.fields import container_tags, fields_of
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import IN
from pyrolens.check.tags import within
from pyrolens.check.tasks.example import task
from pyrolens.language.document import Entry, Section
from pyrolens.plugin import find
from pyrolens.records.accessor import Key, read_parts

CLOUDWATCH = "[OUTPUT]\n    Name cloudwatch_logs\n    Match *\n    region us-east-1\n    log_group_name /app\n"
HERE = {"null", "stdout", "file", "counter", "prometheus_exporter", "s3"}
"""Outputs that call nobody; and s3, which tries for ever unless it is told otherwise."""
IN_GO = re.compile(r"\$\(([^)]*)\)")


def place_of(section: Section, key: str = "name") -> Entry | Section:
    """An option of it, or the section."""
    return section.get(key) or section


def go_template(context: Context) -> Iterator[Finding]:
    for section in context.plugins("output", "cloudwatch_logs"):
        for entry in section.entries:
            if found := IN_GO.search(str(entry.value)):
                message = f"{found[0]} is a template of the plugin cloudwatch; here it is a part of the name"
                hint = "use log_group_template and log_stream_template, with $key, or the output cloudwatch"
                yield Finding(message, entry.value_place, hint)


def missing_key(context: Context) -> Iterator[Finding]:
    """A template with a field that no record of a container has."""
    if not context.task:
        return
    tags = container_tags(context)
    for section in context.plugins("output", "cloudwatch_logs", "cloudwatch"):
        for entry, keys, instead in _templates(section):
            for tag in (t for t in tags if context.reaches(section, t)):
                known = fields_of(context, tag)
                missing = [key for key in keys if known is not None and key not in known]
                if missing:
                    container = tag.removesuffix("-firelens-*")
                    message = f"records of container '{container}' have no {missing[0]}, so they go to {instead}"
                    hint = f"they have {', '.join(sorted(known or ()))}"
                    yield Finding(message, entry.value_place, hint)
                    break


def _templates(section: Section) -> Iterator[tuple[Entry, list[str], str]]:
    """(option, fields that it names, what holds where one of them is not there)."""
    in_go = name(section) == "cloudwatch"
    for kind in ("group", "stream"):
        option = f"log_{kind}_{'name' if in_go else 'template'}"
        entry = section.get(option)
        if entry is None or "${" in str(entry.value):
            continue
        instead = f"default_log_{kind}_name" if in_go else f"log_{kind}_name"
        if in_go:
            keys = [re.split(r"\[", key)[0] for key in IN_GO.findall(str(entry.value))]
            keys = [k for k in keys if k not in ("ecs_task_id", "ecs_cluster", "ecs_task_arn", "tag", "")]
        else:
            try:
                keys = [part.name for part in read_parts(str(entry.value)) if isinstance(part, Key)]
            except ValueError:
                continue
            if kind == "stream" and section.get("log_stream_prefix"):
                instead = "the stream of log_stream_prefix"
        yield entry, keys, f"'{text(section, instead)}'" if text(section, instead) else instead


def few_retries(context: Context) -> Iterator[Finding]:
    """Outputs with the default; told once."""
    found = [
        entry.value_place
        for section in context.plugins("output")
        if (entry := section.get("name"))
        and name(section) not in HERE
        and not section.get("retry_limit")
        and not section.get("dead_letter")
        and find("output", name(section))
    ]
    if found:
        others = f"; so it is with {len(found) - 1} more" if len(found) > 1 else ""
        message = f"records that this destination refuses twice, some seconds apart, are given up{others}"
        yield Finding(message, found[0], "set Retry_Limit, such as 5")


def sends_type(context: Context) -> Iterator[Finding]:
    for section in context.plugins("output", "es", "opensearch"):
        if not is_on(section, "suppress_type_name"):
            version = "Elasticsearch 8" if name(section) == "es" else "OpenSearch 2"
            entry = section.get("suppress_type_name") or section.get("type")
            place = entry.place if entry else getattr(section.get("name"), "value_place", section.place)
            message = f"a _type is sent with each record, which {version} and later refuse"
            yield Finding(message, place, "set Suppress_Type_Name On, unless the server is older")


def wrong_search(context: Context) -> Iterator[Finding]:
    for section in context.plugins("output", "es"):
        entry = section.get("host")
        if entry and re.search(r"\.(?:es|aoss)\.amazonaws\.com", str(entry.value)):
            message = "this host is Amazon OpenSearch Service, and es speaks as to Elasticsearch"
            yield Finding(message, entry.value_place, "use the output opensearch, with the same options")


def lost_parts(context: Context) -> Iterator[Finding]:
    """s3 in parts, with a store that ends with the container."""
    router = context.router
    if router is None:
        return
    for section in context.plugins("output", "s3"):
        folder = text(section, "store_dir") or "/tmp/fluent-bit/s3"
        kept = any(posixpath.join(folder, "").startswith(posixpath.join(m.path, "")) for m in router.mounts)
        entry = section.get("name")
        if entry and not kept and not is_on(section, "use_put_object") and "$" not in folder:
            message = "a router that ends early leaves an upload in parts behind, of which S3 shows nothing"
            yield Finding(message, entry.value_place, "set use_put_object On, or put store_dir on a volume")


def empty_part(context: Context) -> Iterator[Finding]:
    """$TAG[1] of tags that no delimiter divides."""
    for section in context.plugins("output", "s3"):
        entry = section.get("s3_key_format")
        delimiters = text(section, "s3_key_format_tag_delimiters") or "."
        numbers = [int(n) for n in re.findall(r"\$TAG\[(\d)\]", str(entry.value) if entry else "")]
        for container in context.firelens:
            tag = f"{container.name}-firelens-"
            parts = len(re.split(f"[{re.escape(delimiters)}]", tag + "0" * 32))
            match = text(section, "match")
            if entry and match and within(tag + "*", match) and any(n >= parts for n in numbers):
                worst = max(numbers)
                message = f"$TAG[{worst}] is empty: the tag '{tag}…' has {parts} part{'s' if parts > 1 else ''}"
                message += f" between {' '.join(delimiters)}"
                yield Finding(message, entry.value_place, "set s3_key_format_tag_delimiters -")
                break


INTAKE = re.compile(r".*\.(?:datadoghq\.(?:com|eu)|ddog-gov\.com)", re.IGNORECASE)


def in_the_open(context: Context) -> Iterator[Finding]:
    """A key that goes over the network for everyone to read."""
    for section in context.plugins("output", "datadog"):
        host = text(section, "host") or "http-intake.logs.datadoghq.com"
        if not is_on(section, "tls") and INTAKE.fullmatch(host):
            entry = section.get("tls") or section.get("name")
            message = f"the API key and the logs go to {host} without TLS"
            yield Finding(message, entry.value_place if entry else section.place, "set TLS On")


SPEAK_HTTP = ("http", "es", "opensearch", "loki", "splunk", "opentelemetry", "influxdb", "prometheus_remote_write")


def no_tls(context: Context) -> Iterator[Finding]:
    for section in context.plugins("output", *SPEAK_HTTP):
        entry = section.get("port")
        if entry and str(entry.value) == "443" and not is_on(section, "tls"):
            message = "port 443 speaks TLS, and this output does not: every call fails"
            yield Finding(message, entry.value_place, "set tls On")


def closed_port(context: Context) -> Iterator[Finding]:
    """A domain of Amazon's, which listens on 80 and 443 only."""
    for section in context.plugins("output", "es", "opensearch"):
        host, port = section.get("host"), text(section, "port") or "9200"
        amazon = host and re.search(r"\.(?:es|aoss)\.amazonaws\.com$", str(host.value))
        if host and amazon and port not in ("80", "443") and "$" not in port and not section.get("cloud_id"):
            entry = section.get("port") or host
            message = f"port {port} of {host.value} is closed: it listens on 443, and perhaps on 80"
            yield Finding(message, entry.value_place, "set Port 443 and tls On")


RETRY = "    Retry_Limit 5\n"
NO_TYPE = "    Suppress_Type_Name On\n"
OPENSEARCH = "[OUTPUT]\n    Name opensearch\n    Match *\n    Host search.example.com\n    tls On\n"
EXAMPLE_S3 = '{"logDriver": "awsfirelens", "options": {"Name": %s, "region": "us-east-1", "bucket": "logs"%s}}'
GROUPS = (
    '{"logDriver": "awsfirelens", "options": {"Name": "cloudwatch_logs", "region": "us-east-1",'
    ' "log_group_name": "/app",\n    "log_stream_prefix": "app/", %s: "/app/$%s"}}'
)
RULES = [
    Rule(
        "PL202",
        "error",
        "an option of cloudwatch in cloudwatch_logs, or the reverse",
        "AWS's older plugin cloudwatch and cloudwatch_logs have nearly the same options, but not all. A template"
        " `$(key)` is understood by cloudwatch only, and in cloudwatch_logs becomes a part of the name, which the"
        " service refuses or which all tasks share. Other options stop the start.",
        "In cloudwatch_logs, templates are `log_group_template` and `log_stream_template`, with `$key` or"
        " `$map['key']`, and log_group_name and log_stream_prefix hold where a field is missing.",
        bad=IN + CLOUDWATCH + "    log_stream_name «$(ecs_task_id)»\n",
        good=IN + CLOUDWATCH + "    log_stream_prefix app/\n    log_stream_template $ecs_task_arn\n",
        find=go_template,
        told=("unknown-option",),
        says="output cloudwatch_logs has no option '(?i:default_log_group_name|default_log_stream_name|"
        "new_log_group_tags|credentials_endpoint|auto_create_stream)'|output cloudwatch has no option"
        " '(?i:log_group_template|log_stream_template|metric_namespace|metric_dimensions)'",
    ),
    Rule(
        "PL203",
        "warning",
        "a template with a field that is not there",
        "Where a record lacks what a template names, the fallback holds, and the records of all tasks are in one place"
        " that nobody looks at. What records of a container have is known: what Docker's log driver sends, the metadata"
        " that ECS adds, and what filters add.",
        "Name a field that is there, or add it with a filter record_modifier.",
        bad=task(GROUPS % ('«"log_group_template"»', "ecs_task_id")),
        good=task(GROUPS % ('"log_group_template"', "container_name")),
        find=missing_key,
    ),
    Rule(
        "PL208",
        "warning",
        "one retry only",
        "Without `Retry_Limit` a call is made twice, with some seconds between. A destination that is away for longer,"
        " or throttles for longer, costs records.",
        "Set `Retry_Limit`: with 5, calls are made for minutes. Records that are given up nevertheless can be kept:"
        " `dead_letter`.",
        bad=IN + CLOUDWATCH.replace("cloudwatch_logs", "«cloudwatch_logs»") + "    log_stream_prefix app/\n",
        good=IN + CLOUDWATCH + "    log_stream_prefix app/\n" + RETRY,
        find=few_retries,
    ),
    Rule(
        "PL222",
        "warning",
        "a _type that newer servers refuse",
        "Elasticsearch from version 8 and OpenSearch from version 2 answer 400 to records with a `_type`. In Fluent Bit"
        " all of them are lost; here the first call fails, and later ones send none.",
        "Set `Suppress_Type_Name On`, and remove `Type`.",
        bad=IN + OPENSEARCH.replace("opensearch", "«opensearch»") + RETRY,
        good=IN + OPENSEARCH + "    Suppress_Type_Name On\n" + RETRY,
        find=sends_type,
    ),
    Rule(
        "PL223",
        "warning",
        "es to Amazon OpenSearch Service",
        "The output opensearch speaks as OpenSearch does: it follows its versions, and OpenSearch Serverless takes"
        " nothing else.",
        "Write `Name opensearch`; the other options stay.",
        bad=IN + "[OUTPUT]\n    Name es\n    Match *\n    Host «search-a1.us-east-1.es.amazonaws.com»\n    Port 443\n"
        "    tls On\n    Suppress_Type_Name On\n",
        good=IN + "[OUTPUT]\n    Name opensearch\n    Match *\n    Host search-a1.us-east-1.es.amazonaws.com\n"
        "    Port 443\n    tls On\n    Suppress_Type_Name On\n",
        find=wrong_search,
    ),
    Rule(
        "PL228",
        "warning",
        "uploads in parts from a disk that ends with the task",
        "Without `use_put_object` an object is uploaded in parts, and is there only when all of them are. A router that"
        " is killed leaves the parts that it has sent, for which you pay and of which no listing tells; what goes on"
        " with them is in `store_dir`, and that is gone with the container.",
        "Set `use_put_object On`, with a small `total_file_size` and `upload_timeout`, or put `store_dir` on a volume.",
        bad=task(EXAMPLE_S3 % ('"s3"', "")).replace('"Name"', '«"Name"»', 1),
        good=task(EXAMPLE_S3 % ('"s3"', ', "use_put_object": "On"')),
        find=lost_parts,
    ),
    Rule(
        "PL231",
        "warning",
        "a part of the tag that is empty",
        "`$TAG[n]` is the part of the tag between delimiters, which is a dot if nothing is said. Tags of FireLens are"
        " `<container>-firelens-<task id>` and have no dot.",
        "Set `s3_key_format_tag_delimiters -`.",
        bad=task(EXAMPLE_S3 % ('"s3"', ', "use_put_object": "On",\n    «"s3_key_format"»: "/$TAG[2]/%Y/$UUID"')),
        good=task(
            EXAMPLE_S3
            % (
                '"s3"',
                ', "use_put_object": "On",\n    "s3_key_format": "/$TAG[2]/%Y/$UUID",'
                ' "s3_key_format_tag_delimiters": "-"',
            )
        ),
        find=empty_part,
    ),
    Rule(
        "PL236",
        "warning",
        "a key of Datadog in the open",
        "TLS is off unless it is switched on, and whoever is on the way reads the API key and the logs.",
        "Set `TLS On`.",
        bad=IN + "[OUTPUT]\n    Name «datadog»\n    Match *\n    apikey ${DATADOG_API_KEY}\n" + RETRY,
        good=IN + "[OUTPUT]\n    Name datadog\n    Match *\n    apikey ${DATADOG_API_KEY}\n    TLS On\n" + RETRY,
        find=in_the_open,
    ),
    Rule(
        "PL247",
        "error",
        "AWS_Auth without a region",
        "A request is signed for a region. Without `AWS_Region`, and without AWS_REGION in the environment, the router"
        " does not start.",
        "Set `AWS_Region`.",
        bad=task(
            '{"logDriver": "awsfirelens", "options": {«"Name"»: "opensearch", "Host": "search.example.com",\n'
            '    "tls": "On", "AWS_Auth": "On", "Suppress_Type_Name": "On"}}'
        ),
        good=task(
            '{"logDriver": "awsfirelens", "options": {"Name": "opensearch", "Host": "search.example.com",\n'
            '    "tls": "On", "AWS_Auth": "On", "AWS_Region": "us-east-1", "Suppress_Type_Name": "On"}}'
        ),
        told=("bad-value", "bad-plugin"),
        says="aws_region is needed",
    ),
    Rule(
        "PL249",
        "error",
        "port 443 without TLS",
        "Whoever listens there waits for TLS, and refuses what is none.",
        "Set `tls On`.",
        bad=IN + "[OUTPUT]\n    Name http\n    Match *\n    Host logs.example.com\n    Port «443»\n" + RETRY,
        good=IN + "[OUTPUT]\n    Name http\n    Match *\n    Host logs.example.com\n    Port 443\n    tls On\n" + RETRY,
        find=no_tls,
        mend=mends.tls_on,
    ),
    Rule(
        "PL250",
        "error",
        "a port that Amazon OpenSearch Service does not have",
        "Domains and collections of Amazon OpenSearch Service listen on 443, and domains that do not ask for HTTPS on"
        " 80, too. The port of the output is 9200 unless it is set.",
        "Set `Port 443` and `tls On`.",
        bad=IN + OPENSEARCH.replace("search.example.com", "«search-a1.us-east-1.es.amazonaws.com»") + NO_TYPE,
        good=IN
        + OPENSEARCH.replace("search.example.com", "search-a1.us-east-1.es.amazonaws.com\n    Port 443")
        + NO_TYPE,
        find=closed_port,
        mend=mends.port_443,
    ),
]
