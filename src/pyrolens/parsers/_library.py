"""The parsers that everyone expects to be there: those which Fluent Bit ships in its own parsers files, by name.

They need no Parsers_File, and a parser of the same name in one wins. The patterns follow from how each program
writes its lines. In them <host> is short for a named group of all up to the next blank, and [<time>] and "<agent>"
for groups of what is between brackets and between quotes.

Source: the names, fields and times of conf/parsers*.conf (Fluent Bit 5.1.1).
Differs: there they have to be loaded with Parsers_File.
"""

import re
from functools import cache
from typing import NamedTuple

from pyrolens.api import Parser
from pyrolens.parsers._common import TimeOptions
from pyrolens.parsers.json import Json
from pyrolens.parsers.logfmt import Logfmt
from pyrolens.parsers.regex import Regex

COMMON_LOG = "%d/%b/%Y:%H:%M:%S %z"
ISO = "%Y-%m-%dT%H:%M:%S"
ISO_FRACTION = ISO + ".%L"
ISO_ZONE = ISO + ".%L%z"
HEX = "[0-9a-fA-F]"
SYSLOG = "%b %d %H:%M:%S"
DATE_TIME = "%Y-%m-%d %H:%M:%S"

SHORT = re.compile(r'\[<(\w+)>\]|"<(\w+)>"|(?<!\(\?)<(\w+)>')


def long(short: str) -> str:
    """The pattern written out."""

    def group(found: re.Match[str]) -> str:
        in_brackets, in_quotes, word = found.groups()
        if word:
            return f"(?<{word}>[^ ]*)"
        return rf"\[(?<{in_brackets}>[^\]]*)\]" if in_brackets else f'"(?<{in_quotes}>[^"]*)"'

    return SHORT.sub(group, short)


METHOD = r'"(?<method>\S+)'
PATH = r'(?: +(?<path>[^"]*?)(?: +\S*)?)?'
"""It may hold blanks, and the protocol after it may be missing."""
REQUEST = METHOD + PATH + '"'
CLF = f"^<host> [^ ]* <user> [<time>] {REQUEST} <code> <size>"
AGENT = '"<referer>" "<agent>"'

STAMP = r"(?<time>[^ ]* {1,2}[^ ]* [^ ]*)"
PROGRAM = r"(?<ident>[\w/.-]*)(?:\[(?<pid>\d+)\])?(?:[^:]*:)? *(?<message>.*)$"

ENVOY_REQUEST = METHOD + PATH + r' (?<protocol>\S+)"'
ENVOY = (
    f"^[<start_time>] {ENVOY_REQUEST} <code> <response_flags> <bytes_received> <bytes_sent> <duration>"
    r' <x_envoy_upstream_service_time> "(?<x_forwarded_for>[^ ]*)" "<user_agent>" "<request_id>"'
    r' "(?<authority>[^ ]*)" "(?<upstream_host>[^ ]*)"'
)
ISTIO = (
    f"^[<start_time>] {ENVOY_REQUEST} <response_code> <response_flags> <response_code_details>"
    r' <connection_termination_details> "(?<upstream_transport_failure_reason>[^ ]*)" <bytes_received> <bytes_sent>'
    r' <duration> <x_envoy_upstream_service_time> "(?<x_forwarded_for>[^ ]*)" "<user_agent>" "<x_request_id>"'
    r' "(?<authority>[^ ]*)" "(?<upstream_host>[^ ]*)" <upstream_cluster> <upstream_local_address>'
    " <downstream_local_address> <downstream_remote_address> <requested_server_name> <route_name>$"
)
AMBASSADOR = (
    r'^(?<type>\S+) [<time>] "(?<method>\S+)(?: +(?<path>(?:[^"]|\\.)*?)(?: +\S*)?) (?<protocol>\S+)?"'
    r" (?<response_code>\S+) (?<response_flags>\S+) (?<bytes_received>\S+) (?<bytes_sent>\S+) (?<duration>\S+)"
    r' (?<x_envoy_upstream_service_time>\S+) "<x_forwarded_for>" "<user_agent>" "<x_request_id>" "<authority>"'
    ' "<upstream_host>"'
)
NGINX_INGRESS = (
    f"^<host> - <user> [<time>] {REQUEST} <code> <size> {AGENT} <request_length> <request_time>"
    r" \[<proxy_upstream_name>\] (?:\[<proxy_alternative_upstream_name>\] )?<upstream_addr>"
    " <upstream_response_length> <upstream_response_time> <upstream_status> <reg_id>.*$"
)

MAC = "[0-9a-f]{2}(?::[0-9a-f]{2}){5}"
NETFILTER = (
    r"^<(?<pri>\d{1,5})>1 (?<time>[^ ]+) (?<host>[^ ]+) kernel - - - \[[\d.]*\] (?<logprefix>[^ ]*)\s?"
    rf"IN=<in> OUT=<out> MAC=(?<macsrc>{MAC}):(?<macdst>{MAC}):(?<ethtype>[0-9a-f]{{2}}:[0-9a-f]{{2}})"
    r" SRC=<saddr> DST=<daddr> LEN=<len> TOS=<tos> PREC=<prec> TTL=<ttl> ID=<id> D*F*\s*PROTO=<proto>"
    r"\s?(?:SPT=)?(?<sport>\d*)\s?(?:DPT=)?(?<dport>\d*)\s?(?:LEN=)?(?<protolen>\d*)\s?(?:WINDOW=)?(?<window>\d*)"
    r"\s?(?:RES=)?(?<res>0?x?\d*)\s?<flag>\s?(?:URGP=)?(?<urgp>\d*)"
)
ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}"
IPTABLES = (
    r"\[(?<rule_chain>\w*)-(?<rule_name>\w*)-(?<accept_or_drop>\w*)\]IN=(?<in_interface>[\w.]+)?"
    rf" OUT=(?<out_interface>[\w.]+)? MAC=(?<mac_address>[\w:]+)? SRC=(?<source>{ADDRESS}) DST=(?<dest>{ADDRESS})"
    r" LEN=(?<pkt_len>\d+) TOS=(?<pkt_tos>\w+) PREC=(?<pkt_prec>\w+) TTL=(?<pkt_ttl>\d+) ID=(?<pkt_id>\d+)"
    r"\s?(?<pkg_frg>[A-Z\s].?)\s?PROTO=(?<protocol>\w+) "
    r"(?:SPT=(?<source_port>.*) DPT=(?<dest_port>.*) (?:LEN=(?<proto_pkt_len>\w+)?)?"
    r"(?:WINDOW=(?<proto_window_size>\d+) RES=(?<pkt_res>\w+)? (?<pkt_type>\w+)\s(?<pkt_flag>\w+)?\s?"
    r"URGP=(?<pkg_urgency>\d))? )?"
    r"(?:TYPE=(?<pkt_icmp_type>\d+) CODE=(?<pkt_icmp_code>\d+) ID=(?<pkt_icmp_id>\d+) SEQ=(?<pkt_icmp_seq>\d+) )?$"
)
HTTP_STATEMENT = (
    r"^.*(?:(?<req_method>GET|POST|PUT|DELETE|CONNECT|OPTIONS|HEAD[^ ]\w+)\s*(?<req_path>[^ ][-._?=%&\/[:alnum:]]*)\s*"
    r"""(?<req_protocol>[^ ][.\/\dHTFSP]+)?)(?:['"\s]*)?(?:(?:\s*status:\s*(?<req_status>[^ ]\d+))?"""
    r"(?:\s*len: (?<req_len>[^ ]\d+))?(?:\s*time:\s*(?<req_log_time>[^ ][.\d]+))?"
    r"(?:\s*microversion:\s*(?<req_mver>[^ ][.\d]+))?)?$"
)
RAILS_DONE = (
    r"Completed (?<code>[^ ]+) [^ ]+ in (?<runtime>[\d.]+)ms"
    r" \(Views: (?<view_runtime>[\d.]+)ms \| ActiveRecord: (?<ar_runtime>[\d.]+)ms\)"
)

BRACKET_STAMP = r"\[(?<log_time>[^ ][-.\d+:]+T[:\d]*)[^\]]*?\]"
OPENSTACK_REQUEST = " ".join(
    rf"(?<{name}>[^ ][-\w]*)"
    for name in ("req_id", "req_user", "req_project", "req_domain", "req_user_domain", "req_project_domain")
)
OPENSTACK = (
    r"^(?<log_time>[^ ][-.\d+:T]+ *[.:\d]*)\s+(?<pid>[^ ]\d+)\s+(?<severity>[^ ][.-_\w]+)\s+(?<component>[^ ][.-_\w]+)"
    rf"\s+\[(?:-|{OPENSTACK_REQUEST})\]\s+(?<message>.*)$"
)
CEPH = r"^(?<log_time>[^ ][-.\d+:T]+ *[.:\d]*)\s+(?<message>.*)$"

CLOCK = r"\d+:\d+:\d+"
COUCHBASE = rf"^(?<timestamp>\d+-\d+-\d+T{CLOCK}\.\d+[+-]\d+:\d+)\s+"
COUCHBASE_MIXED = (
    rf"^(?<timestamp>\d+[-/]\d+[-/]\d+(?:T|\s+){CLOCK}(?:\.\d+[+-]\d+:\d+)?)\s+\[?(?<level>\w+)[\]:](?<message>.*)$"
)


SCHEMA_REGISTRY = (
    r"^\[(?<time>\d{4}-\d{1,2}-\d{1,2} \d\d:\d\d:\d\d,\d{1,4})\] (?<level>[A-Z]{1,8}) (?<src>[\d.]+) - -"
    r' \[(?<date>.*)\] "(?<method>[A-Z]+) (?<path>/\S+|/) (?<http_version>HTTP/\d\.\d)" (?<code>\d{1,3})'
    r' (?<size>\d+) "-" "(?<agent>.*)" (?<extra_info>.*)'
)


class Pattern(NamedTuple):
    """A parser of Format regex."""

    short: str
    key: str = ""
    layout: str = ""
    keep: bool = False

    def parser(self) -> Parser:
        return Regex(regex=long(self.short), time=TimeOptions(key=self.key, format=self.layout, keep=self.keep))


def json(key: str, layout: str, keep: bool = False) -> Parser:
    return Json(time=TimeOptions(key=key, format=layout, keep=keep))


SHIPPED: dict[str, Pattern | Parser] = {
    # formats
    "json": json("time", COMMON_LOG),
    "logfmt": Logfmt(),
    "universal": Pattern("^(?<message>.*)$"),
    "uuid": Pattern(f"(?<uuid>{HEX}{{8}}-{HEX}{{4}}-[1-5]{HEX}{{3}}-[89abAB]{HEX}{{3}}-{HEX}{{12}})"),
    # web servers and proxies
    "apache": Pattern(f"{CLF}(?: {AGENT})?$", "time", COMMON_LOG),
    "apache2": Pattern(
        rf'^<host> [^ ]* <user> [<time>] {METHOD}(?: +(?<path>[^ ]*) +\S*)?" <code> <size>'
        r'(?: "<referer>" "(?<agent>.*)")?$',
        "time",
        COMMON_LOG,
    ),
    "apache_error": Pattern(
        r"^\[[^ ]* (?<time>[^\]]*)\] [<level>](?: \[pid (?<pid>[^\]]*)\])?(?: \[client (?<client>[^\]]*)\])?"
        " (?<message>.*)$"
    ),
    "nginx": Pattern(f"^<remote> <host> <user> [<time>] {REQUEST} <code> <size> {AGENT}", "time", COMMON_LOG),
    "k8s-nginx-ingress": Pattern(NGINX_INGRESS, "time", COMMON_LOG),
    "envoy": Pattern(ENVOY, "start_time", ISO_ZONE, keep=True),
    "istio-envoy-proxy": Pattern(ISTIO, "start_time", ISO_ZONE, keep=True),
    "ambassador": Pattern(AMBASSADOR),
    "http_statement": Pattern(HTTP_STATEMENT),
    # containers
    "docker": json("time", ISO_FRACTION, keep=True),
    "docker-daemon": Pattern(
        r'time="(?<time>[^ ]*)" level=<level> msg="(?<msg>[^ ].*)"', "time", ISO_FRACTION, keep=True
    ),
    "cri": Pattern("^(?<time>[^ ]+) (?<stream>stdout|stderr) <logtag> (?<message>.*)$", "time", ISO_ZONE, keep=True),
    "kube-custom": Pattern(
        r"(?<tag>[^.]+)?\.?(?<pod_name>[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*)"
        r"_(?<namespace_name>[^_]+)_(?<container_name>.+)-(?<docker_id>[a-z0-9]{64})\.log$"
    ),
    # the system
    "syslog-rfc5424": Pattern(
        r"^<(?<pri>\d{1,5})>1 (?<time>[^ ]+) (?<host>[^ ]+) (?<ident>[^ ]+) (?<pid>[-\d]+) (?<msgid>[^ ]+)"
        r" (?<extradata>\[.*?\]|-) (?<message>.+)$",
        "time",
        ISO_ZONE,
        keep=True,
    ),
    "syslog-rfc3164": Pattern(rf"^<(?<pri>\d+)>{STAMP} <host> {PROGRAM}", "time", SYSLOG, keep=True),
    "syslog-rfc3164-local": Pattern(rf"^<(?<pri>\d+)>{STAMP} {PROGRAM}", "time", SYSLOG, keep=True),
    "kmsg-netfilter-log": Pattern(NETFILTER, "time", ISO_ZONE),
    # Fluent Bit separates these types with commas, which it does not understand, so they convert nothing
    "iptables": Pattern(IPTABLES),
    "pacemaker": Pattern(
        r"^\s*(?<log_time>[^ ]* {1,2}[^ ]* [^ ]*) \[(?<pid>\d+)\] (?<node>[-\w]*)\s*(?<component>\w*):\s+"
        r"(?<severity>\w+):\s+(?<message>.*)$",
        "log_time",
        SYSLOG,
    ),
    "crowbar": Pattern(rf"^.*{BRACKET_STAMP}\s+?(?<severity>[^ ]\w+)[\s-]*:?\s+(?<message>.*)", "log_time", ISO),
    "chefclient": Pattern(rf"^{BRACKET_STAMP}\s+(?<severity>[^ ]\w+):\s+(?<message>.*)$", "log_time", ISO),
    "ceph": Pattern(CEPH, "log_time", DATE_TIME + ".%L"),
    # databases and queues
    "mongodb": Pattern(
        r"^<time>\s+(?<severity>\w)\s+(?<component>[^ ]+)\s+\[(?<context>[^\]]+)\]\s+(?<message>.*?) *"
        r"(?<ms>\d+)?:?(?:ms)?$",
        "time",
        ISO_FRACTION,
        keep=True,
    ),
    "mysql_error": Pattern(
        r"^(?<log_time>[^ +][-\d]+[ T]*[:\dZ]+)\s*(?<myid>[^ ]\d+)\s+\[(?<severity>[^ ]\w+)\]"
        r"(?:\s+(?<subsystem>[^ ]\w+):)?\s+(?<message>.*)$",
        "log_time",
        DATE_TIME,
    ),
    "mysql_slow": Pattern(
        r"^# User@Host:\s+(?<user>[^@][\w\[\]]+)[@\s]+(?<dbhost>[^ ][-.\w]+)\s+(?:\[(?<dbhost_address>[.\d]+)\])?"
        r"\s+(?<message>.*)$"
    ),
    "rabbitmq": Pattern(
        r"^=(?<severity>[^ ]\w+)\s+REPORT[=\s]*(?<log_time>[^ =][-:.\w]+)[\s=]+(?<message>.*)$",
        "log_time",
        "%d-%b-%Y::%H:%M:%S",
    ),
    "confluent-schema-registry": Pattern(SCHEMA_REGISTRY, "time", DATE_TIME + ",%L"),
    "confluent-schema-registry-prefixed": Pattern(
        SCHEMA_REGISTRY.replace("(?<", "(?<_sr_"), "_sr_time", DATE_TIME + ",%L"
    ),
    "couchbase_json_log_nanoseconds": json("timestamp", ISO_FRACTION, keep=True),
    "couchbase_rebalance_report": json("timestamp", ISO + "Z", keep=True),
    "couchbase_simple_log": Pattern(COUCHBASE + r"\[(?<level>\w+)\](?<message>.*)$", "timestamp", ISO_ZONE, keep=True),
    "couchbase_simple_log_space_separated": Pattern(
        COUCHBASE + r"(?<level>\w+)\s+(?<message>.*)$", "timestamp", ISO_ZONE, keep=True
    ),
    "couchbase_simple_log_utc": Pattern(
        rf"^(?<timestamp>\d+-\d+-\d+T{CLOCK}\.\d+Z)\s+(?<level>\w+)(?<message>.*)$",
        "timestamp",
        ISO_FRACTION + "Z",
        keep=True,
    ),
    "couchbase_simple_log_mixed": Pattern(COUCHBASE_MIXED, "timestamp", keep=True),
    "couchbase_erlang_multiline": Pattern(
        rf"\[(?<logger>\w+):(?<level>\w+),(?<timestamp>\d+-\d+-\d+T{CLOCK}.\d+Z),(?<message>.*)$",
        "timestamp",
        ISO_FRACTION,
        keep=True,
    ),
    "couchbase_java_multiline": Pattern(
        COUCHBASE + r"(?<level>\w+)\s+(?<class>.*)\s+\[(?<thread>.*)\]\s+(?<message>.*)$",
        "timestamp",
        ISO_ZONE,
        keep=True,
    ),
    "couchbase_http": Pattern(
        rf'^<host> [^ ]* <user> [<timestamp>] {METHOD}(?: +(?<path>[^ ]*) +\S*)?" <code> <size> - (?<client>.*)$',
        "timestamp",
        COMMON_LOG,
        keep=True,
    ),
    # frameworks
    "java_multiline": Pattern(
        r"^(?<time>\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{1,2}:\d{1,2}) \[(?<thread>.*)\] (?<level>\S+)(?<message>.*)",
        "time",
        DATE_TIME,
    ),
    "mult_first": Pattern(
        r'Started (?<method>[^ ]+) "(?<path>[^"]+)" for (?<host>[^ ]+) at (?<time>[^ ]+ [^ ]+ [^ ]+)',
        "time",
        DATE_TIME + " %z",
    ),
    "mult_1": Pattern(
        r"Processing by (?<controller>[^\u0023]+)\u0023(?<controller_method>[^ ]+) as (?<format>[^ ]+?)$"
    ),
    "mult_2": Pattern("(?:  Parameters: (?<parameters>[^ ]+))?"),
    "mult_3": Pattern(r"  Rendered (?<template>[^ ]+) within (?<layout>.+) \([\d.]+ms\)"),
    "mult_4": Pattern(RAILS_DONE),
    **dict.fromkeys(
        ("cinder", "glance", "heat", "keystone", "neutron", "nova"), Pattern(OPENSTACK, "log_time", DATE_TIME + ".%L")
    ),
}


def for_multiline(name: str) -> Parser | None:
    """What the built-in multiline parsers docker and cri read their lines with."""
    if name == "_ml_json_docker":
        return Json(time=TimeOptions(key="time", format=ISO_FRACTION, keep=True, strict=False))
    if name == "_ml_cri":
        return Regex(
            regex="^(?<time>.+?) (?<stream>stdout|stderr) (?<_p>[FP]) (?<log>.*)$",
            time=TimeOptions(key="time", format=ISO_ZONE, keep=True, strict=False),
            skip_empty_values=False,
        )
    return None


@cache
def builtin(name: str) -> Parser | None:
    """The parser of that name, or None."""
    shipped = SHIPPED.get(name)
    if shipped is None:
        return for_multiline(name)
    return shipped.parser() if isinstance(shipped, Pattern) else shipped


def names() -> list[str]:
    return sorted(SHIPPED)
