"""Options of single plugins that cost records, duplicates or security."""

import re
from collections.abc import Iterator

from pyrolens.check import mends
from pyrolens.check.context import Context, is_on, name, text
from pyrolens.check.rule import Finding, Rule
from pyrolens.check.structure import IN, OUT

LOCAL = re.compile(r"localhost|127\.[\d.]+|::1|")


def unlimited(context: Context) -> Iterator[Finding]:
    """Retries without end while everything waits in memory."""
    kinds = {text(s, "storage.type").lower() for s in context.plugins("input")}
    service = {e.key.lower() for s in context.document.of("service") for e in s.entries}
    if "filesystem" in kinds or "storage.path" in service:
        return
    for section in context.plugins("output"):
        entry = section.get("retry_limit")
        if entry and str(entry.value).lower() in ("no_limits", "false"):
            message = "records are tried for ever, and wait in memory: the inputs stop when a destination is away long"
            yield Finding(message, entry.value_place, "give a number, or let the inputs wait on disk: storage.path")


def unverified(context: Context) -> Iterator[Finding]:
    for section in context.plugins("output"):
        entry = section.get("tls.verify")
        host = text(section, "host") or text(section, "cloud_id").partition(":")[0]
        if entry and not is_on(section, "tls.verify", True) and not LOCAL.fullmatch(host):
            message = f"the certificate of {host} is not checked: anyone on the way can read the logs"
            yield Finding(message, entry.value_place, "remove it; for a CA of your own, tls.ca_file names it")


SECRET = re.compile(r"(?:api_?key|license_?key|.*token|.*passwd|.*password|shared_key)", re.IGNORECASE)
PLACEHOLDER = re.compile(r"<[^>]+>|x{3,}|your[-_ ].*|change[-_]?me|abcd\w*|TODO", re.IGNORECASE)


def placeholder(context: Context) -> Iterator[Finding]:
    for section in context.plugins("output"):
        for entry in section.entries:
            if SECRET.fullmatch(entry.key) and PLACEHOLDER.fullmatch(str(entry.value)):
                message = f"{entry.key} holds the placeholder of an example"
                yield Finding(message, entry.value_place, "let secretOptions give it, or a variable")


def no_dns_mode(context: Context) -> Iterator[Finding]:
    """Fluent Bit looks at the first letter: T is TCP, all else UDP."""
    for section in context.document.sections:
        key = "dns.mode" if section.kind == "service" else "net.dns.mode"
        entry = section.get(key)
        if entry and "$" not in str(entry.value) and str(entry.value).upper() not in ("TCP", "UDP"):
            resolver = str(entry.value).upper() in ("LEGACY", "ASYNC")
            hint = f"{entry.key.lower().replace('mode', 'resolver')} takes it" if resolver else "write UDP or TCP"
            yield Finding(f"{entry.key} is '{entry.value}', which counts as UDP", entry.value_place, hint)


def index_and_logstash(context: Context) -> Iterator[Finding]:
    for section in context.plugins("output", "es", "opensearch"):
        entry = section.get("index")
        if entry and is_on(section, "logstash_format"):
            message = "Index has no effect with Logstash_Format On"
            yield Finding(message, entry.place, "set Logstash_Prefix, or Logstash_Format Off")


def no_time(context: Context) -> Iterator[Finding]:
    for section in context.plugins("output", "s3"):
        entry = section.get("s3_key_format")
        if entry is None or re.search(r"\$UUID|%|\$INDEX|\$\{", str(entry.value)):
            continue
        message = "every object gets the same key but for a random end: the key has neither a time nor $UUID"
        yield Finding(message, entry.value_place, "add such as /%Y/%m/%d/%H/%M/%S/$UUID")


def serverless(context: Context) -> Iterator[Finding]:
    for section in context.plugins("output", "es", "opensearch"):
        if "aoss.amazonaws.com" in text(section, "host") and text(section, "aws_service_name").lower() != "aoss":
            entry = section.get("aws_service_name") or section.get("host")
            message = f"{name(section)} signs for the service es, and this host is OpenSearch Serverless"
            yield Finding(message, entry.value_place if entry else section.place, "set AWS_Service_Name aoss")


HTTP = "[OUTPUT]\n    Name http\n    Match *\n    Host logs.example.com\n    tls On\n"
ES = "[OUTPUT]\n    Name es\n    Match *\n    Host search.example.com\n    tls On\n    Suppress_Type_Name On\n"
CLOUDWATCH = "[OUTPUT]\n    Name cloudwatch_logs\n    Match *\n    region us-east-1\n    log_group_name /app\n"
S3 = "[OUTPUT]\n    Name s3\n    Match *\n    region us-east-1\n    bucket logs\n    use_put_object On\n"
RULES = [
    Rule(
        "PL201",
        "error",
        "cloudwatch_logs with no stream, or with two",
        "A log stream is named by log_stream_name, or by log_stream_prefix and the tag. With both or neither the router"
        " does not start.",
        "Give one of the two.",
        bad=IN + CLOUDWATCH + "    log_stream_name web\n    log_stream_prefix «web-»\n",
        good=IN + CLOUDWATCH + "    log_stream_prefix web-\n",
        told=("bad-value", "bad-plugin"),
        says="log_stream_name or log_stream_prefix|cannot be combined with log_stream_name",
    ),
    Rule(
        "PL209",
        "warning",
        "retries without end in memory",
        "While a destination is away its records wait. Without a limit and without a disk they fill the"
        " memory, and then"
        " the inputs of all other destinations stop, too.",
        "Give `Retry_Limit` a number, or set `storage.path` and `storage.type filesystem`.",
        bad=IN + HTTP + "    Retry_Limit «no_limits»\n",
        good=IN + HTTP + "    Retry_Limit 10\n",
        find=unlimited,
    ),
    Rule(
        "PL211",
        "error",
        "records on disk without a place",
        "`storage.type filesystem` keeps what waits below `storage.path`. Without it the router does not start.",
        "Set `storage.path` in [SERVICE].",
        bad="[INPUT]\n    Name dummy\n    Tag app\n    storage.type «filesystem»\n" + OUT,
        good="[SERVICE]\n    storage.path /var/lib/router\n[INPUT]\n    Name dummy\n    Tag app\n"
        "    storage.type filesystem\n" + OUT,
        told=("no-storage-path",),
    ),
    Rule(
        "PL224",
        "warning",
        "Index and Logstash_Format",
        "With `Logstash_Format On` the index is made of a prefix and the date, and `Index` counts for nothing.",
        "Keep one of the two.",
        bad=IN + ES + "    Logstash_Format On\n    «Index» app\n",
        good=IN + ES + "    Logstash_Format On\n    Logstash_Prefix app\n",
        find=index_and_logstash,
        mend=mends.no_effect,
    ),
    Rule(
        "PL225",
        "error",
        "OpenSearch Serverless signed as another service",
        "OpenSearch Serverless refuses what is signed for the service es.",
        "Set `AWS_Service_Name aoss`.",
        bad=IN
        + "[OUTPUT]\n    Name opensearch\n    Match *\n    Host «a1.us-east-1.aoss.amazonaws.com»\n    tls On\n"
        + "    Port 443\n    AWS_Auth On\n    AWS_Region us-east-1\n    Suppress_Type_Name On\n",
        good=IN
        + "[OUTPUT]\n    Name opensearch\n    Match *\n    Host a1.us-east-1.aoss.amazonaws.com\n    tls On\n"
        + "    Port 443\n    AWS_Auth On\n    AWS_Region us-east-1\n    AWS_Service_Name aoss\n"
        "    Suppress_Type_Name On\n",
        find=serverless,
        mend=mends.serverless_name,
    ),
    Rule(
        "PL229",
        "error",
        "sizes that S3 does not take",
        "Objects and their parts have limits, and a key begins with a slash. With others the router does not start.",
        "total_file_size of 1M to 50G (1G in one piece); upload_chunk_size of 5M to 50M, and at most half of it.",
        bad=IN + "[OUTPUT]\n    Name s3\n    Match *\n    region us-east-1\n    bucket logs\n"
        "    s3_key_format «logs/%Y/$UUID»\n",
        good=IN + S3 + "    s3_key_format /logs/%Y/$UUID\n",
        told=("bad-value",),
        says="(?:total_file_size|upload_chunk_size|s3_key_format) is ",
        mend=mends.first_slash,
    ),
    Rule(
        "PL230",
        "warning",
        "an s3_key_format without a time",
        "Without a time or $UUID in the key, all objects of all tasks lie side by side and differ by a random"
        " end only.",
        "Put the time and $UUID into the key.",
        bad=IN + S3 + "    s3_key_format «/logs/app»\n",
        good=IN + S3 + "    s3_key_format /logs/app/%Y/%m/%d/%H_%M_%S_$UUID\n",
        find=no_time,
    ),
    Rule(
        "PL235",
        "warning",
        "a certificate that is not checked",
        "With `tls.verify Off` whoever is on the way can take the place of the destination, and gets the logs and the"
        " credentials that are sent with them.",
        "Remove it. If the destination has a certificate of a CA of your own, name that in `tls.ca_file`.",
        bad=IN + HTTP + "    tls.verify «Off»\n",
        good=IN + HTTP,
        find=unverified,
    ),
    Rule(
        "PL239",
        "warning",
        "a net.dns.mode that is none",
        "`net.dns.mode` says by what names are asked for, UDP or TCP. Fluent Bit takes all else for UDP without a word."
        " LEGACY, which is advised against trouble with names, is a value of `net.dns.resolver`.",
        "Write `net.dns.resolver LEGACY`, or UDP or TCP.",
        bad=IN + HTTP + "    net.dns.mode «LEGACY»\n",
        good=IN + HTTP + "    net.dns.resolver LEGACY\n",
        find=no_dns_mode,
        mend=mends.dns_resolver,
    ),
    Rule(
        "PL237",
        "warning",
        "a placeholder instead of a key",
        "The value comes from an example, so the destination refuses all records.",
        "Keep the key as a secret, and let `secretOptions` hand it to the router.",
        bad=IN + "[OUTPUT]\n    Name datadog\n    Match *\n    apikey «<DATADOG_API_KEY>»\n    tls On\n",
        good=IN + "[OUTPUT]\n    Name datadog\n    Match *\n    apikey ${DATADOG_API_KEY}\n    tls On\n",
        find=placeholder,
    ),
]
