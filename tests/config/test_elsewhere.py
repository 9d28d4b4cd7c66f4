"""Every plugin of Fluent Bit is here, or refused with a word of its own about what to do instead."""

import pytest

from pyrolens.config import build, read_text
from pyrolens.config.elsewhere import (
    ALIASES,
    CUSTOM_INSTEAD,
    FLUENT_BIT,
    HEAD,
    INSTEAD,
    PROCESSORS,
    PROCESSORS_INSTEAD,
    VENDORS_INSTEAD,
    hint_for,
)
from pyrolens.plugin import PluginKind, find, names
from pyrolens.problems import ConfigError, Problems

TYPED = {
    "input": """
    blob cpu mem thermal kmsg proc disk netif docker docker_events podman_metrics process_exporter_metrics gpu_metrics
    node_exporter_metrics kubernetes_events fluentbit_metrics fluentbit_logs prometheus_scrape prometheus_textfile tail
    dummy head health http collectd statsd opentelemetry elasticsearch splunk prometheus_remote_write event_type
    nginx_metrics serial stdin syslog exec udp tcp mqtt forward random

    calyptia_fleet ebpf emitter event_test event_tracing_windows exec_wasi kafka lib storage_backlog stream_processor
    systemd unix_socket windows_exporter_metrics winevtlog winlog winstat
""",
    "processor": """
    content_modifier cumulative_to_delta labels metrics_selector opentelemetry_envelope sampling sql tda

    template
""",
    "filter": """
    alter_size aws checklist ecs record_modifier sysinfo throttle type_converter modify multiline nest parser expect
    grep rewrite_tag log_to_metrics stdout geoip2 nightfall

    kubernetes lua tensorflow throttle_size wasm
""",
    "output": """
    azure azure_blob azure_logs_ingestion azure_kusto bigquery counter datadog es exit file forward http influxdb logdna
    loki kafka-rest nats nrlogs null opensearch oracle_log_analytics plot skywalking slack splunk stackdriver stdout
    syslog tcp udp td flowcounter gcs gelf websocket cloudwatch_logs kinesis_firehose kinesis_streams opentelemetry
    prometheus_exporter prometheus_remote_write s3 vivo_exporter chronicle

    calyptia elasticsearch kafka lib pgsql retry
    cloudwatch firehose kinesis newrelic
""",
}
"""From `fluent-bit --help` of 5.1.1, then what it can be built with besides, and then what the images of AWS and of New
Relic add."""
CUSTOMS = ["calyptia"]

KINDS: tuple[PluginKind, ...] = ("input", "filter", "output")
NAMED = [(kind, name) for kind in KINDS for name in TYPED[kind].split()]


def refusal(text: str, file: str = "a.conf") -> str:
    """The hint of the one problem that such a config has with a plugin."""
    problems = Problems()
    with pytest.raises(ConfigError) as caught:
        build(read_text(text, file, problems, ""), problems, {})
    (unknown,) = [problem for problem in caught.value.problems if problem.code == "unknown-plugin"]
    assert unknown.place
    assert unknown.place.line > 1
    return unknown.hint


@pytest.mark.parametrize(("kind", "name"), NAMED)
def test_a_plugin_is_here_or_refused_with_what_to_do(kind: PluginKind, name: str) -> None:
    if find(kind, ALIASES.get((kind, name), name)):
        assert name not in INSTEAD[kind], "it is here now"
        return
    hint = refusal(f"# a config\n[{kind.upper()}]\n    Name {name.title()}\n    Match *\n")
    assert hint == HEAD + INSTEAD[kind][name]
    assert len(hint) > len(HEAD) + 15


@pytest.mark.parametrize("name", TYPED["processor"].split())
def test_a_processor_is_here_or_refused_with_what_to_do(name: str) -> None:
    cls = find("filter", name)
    if cls:
        assert cls.only_processor
        assert name not in PROCESSORS_INSTEAD, "it is here now"
        return
    text = f"pipeline:\n  inputs:\n    - name: dummy\n      processors:\n        logs:\n          - name: {name}\n"
    assert refusal(text, "a.yaml") == HEAD + PROCESSORS_INSTEAD[name]
    hint = refusal(f"# a config\n[FILTER]\n    Name {name}\n    Match *\n")
    assert hint == f"it is a processor; {HEAD}{PROCESSORS_INSTEAD[name]}"


@pytest.mark.parametrize("name", VENDORS_INSTEAD)
def test_plugins_of_others_are_refused_with_what_to_do(name: str) -> None:
    assert find("output", name) is None
    hint = refusal(f"# a config\n[OUTPUT]\n    Name {name.upper()}\n    Match *\n")
    assert hint == f"it is no part of Fluent Bit, but a plugin in Go; {VENDORS_INSTEAD[name]}"


@pytest.mark.parametrize("name", CUSTOMS)
def test_a_custom_plugin_is_refused_with_what_to_do(name: str) -> None:
    assert refusal(f"# a config\n[CUSTOM]\n    Name {name}\n") == HEAD + CUSTOM_INSTEAD[name]


def test_a_custom_plugin_that_nobody_knows() -> None:
    assert refusal("# a config\n[CUSTOM]\n    Name mine\n") == "there are none: remove it"


def test_a_filter_as_a_processor_is_refused_with_what_to_do() -> None:
    text = "pipeline:\n  inputs:\n    - name: dummy\n      processors:\n        logs:\n          - name: kubernetes\n"
    assert "on ECS, use the filter ecs" in refusal(text, "a.yaml")


def test_the_lists_are_of_the_same_names() -> None:
    """Those of the test were typed, those of the code are what people are told about."""
    typed = {kind: set(text.split()) for kind, text in TYPED.items()}
    typed["output"] -= {"elasticsearch", "newrelic"}
    known = {kind: set(FLUENT_BIT[kind].split()) for kind in KINDS} | {"processor": set(PROCESSORS.split())}
    assert known == typed
    for kind, instead in [*INSTEAD.items(), ("processor", PROCESSORS_INSTEAD)]:
        assert set(instead) <= known[kind]


@pytest.mark.parametrize("kind", ["input", "filter", "output", "parser"])
def test_every_known_name_is_told(kind: PluginKind) -> None:
    listed = FLUENT_BIT[kind].split()
    assert listed == sorted(listed)
    missing = [name for name in listed if name not in names(kind)]
    assert all(hint_for(kind, name.upper()).startswith(HEAD) for name in missing)


def test_a_hint_is_for_its_own_kind() -> None:
    assert hint_for("input", "azure") == ""
    assert hint_for("filter", '"grep"') == "without the quotes"
