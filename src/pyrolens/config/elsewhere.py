"""Plugins of Fluent Bit: other names of those that are here, and the names of those that are not."""

from pyrolens.plugin import PluginKind, names
from pyrolens.problems import nearest

ALIASES = {("output", "elasticsearch"): "es"}
"""Source: Fluent Bit 5.1.1, src/flb_plugin_alias.c."""

FLUENT_BIT = {
    "input": """blob collectd cpu disk docker docker_events dummy elasticsearch event_type exec fluentbit_logs
        fluentbit_metrics forward gpu_metrics head health http kafka kmsg kubernetes_events mem mqtt netif nginx_metrics
        node_exporter_metrics opentelemetry podman_metrics proc process_exporter_metrics prometheus_remote_write
        prometheus_scrape prometheus_textfile random serial splunk statsd stdin syslog systemd tail tcp thermal udp
        winlog""",
    "filter": """alter_size aws checklist ecs expect geoip2 grep kubernetes log_to_metrics lua modify multiline nest
        nightfall parser record_modifier rewrite_tag stdout sysinfo tensorflow throttle throttle_size type_converter
        wasm""",
    "output": """azure azure_blob azure_kusto azure_logs_ingestion bigquery chronicle cloudwatch cloudwatch_logs counter
        datadog es exit file firehose flowcounter forward gcs gelf http influxdb kafka kafka-rest kinesis
        kinesis_firehose kinesis_streams logdna loki nats nrlogs null opensearch opentelemetry oracle_log_analytics plot
        prometheus_exporter prometheus_remote_write s3 skywalking slack splunk stackdriver stdout syslog tcp td udp
        vivo_exporter websocket""",
    "parser": "json logfmt ltsv regex",
}
"""Also what the images of AWS add, and Fluent Bit with all of its build options."""


def hint_for(kind: PluginKind, name: str) -> str:
    """For a plugin that is not here."""
    if name.strip("\"'") != name:
        return "without the quotes"
    if name.lower() in FLUENT_BIT[kind].split():
        return f"Fluent Bit has it, Pyrolens has not; the {kind}s here: {', '.join(names(kind))}"
    return nearest(name, names(kind))
