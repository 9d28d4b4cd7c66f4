"""Plugins of Fluent Bit: other names of those that are here, and the names of those that are not."""

from pyrolens.plugin import PluginKind, names
from pyrolens.problems import nearest

ALIASES = {("output", "elasticsearch"): "es"}
"""Source: Fluent Bit 5.1.1, src/flb_plugin_alias.c."""

FLUENT_BIT = {
    "input": """blob calyptia_fleet collectd cpu disk docker docker_events dummy ebpf elasticsearch emitter event_test
        event_tracing_windows event_type exec exec_wasi fluentbit_logs fluentbit_metrics forward gpu_metrics head health
        http kafka kmsg kubernetes_events lib mem mqtt netif nginx_metrics node_exporter_metrics opentelemetry
        podman_metrics proc process_exporter_metrics prometheus_remote_write prometheus_scrape prometheus_textfile
        random serial splunk statsd stdin storage_backlog stream_processor syslog systemd tail tcp thermal udp
        unix_socket windows_exporter_metrics winevtlog winlog winstat""",
    "filter": """alter_size aws checklist ecs expect geoip2 grep kubernetes log_to_metrics lua modify multiline nest
        nightfall parser record_modifier rewrite_tag stdout sysinfo tensorflow throttle throttle_size type_converter
        wasm""",
    "output": """azure azure_blob azure_kusto azure_logs_ingestion bigquery calyptia chronicle cloudwatch
        cloudwatch_logs counter datadog es exit file firehose flowcounter forward gcs gelf http influxdb kafka
        kafka-rest kinesis kinesis_firehose kinesis_streams lib logdna loki nats nrlogs null opensearch opentelemetry
        oracle_log_analytics pgsql plot prometheus_exporter prometheus_remote_write retry s3 skywalking slack splunk
        stackdriver stdout syslog tcp td udp vivo_exporter websocket""",
    "parser": "json logfmt ltsv regex",
}
"""Also what the images of AWS add, and Fluent Bit with all of its build options."""

AZURE = "send to an OpenTelemetry collector with the output opentelemetry, which has exporters for Azure"
GOOGLE = "send to an OpenTelemetry collector with the output opentelemetry, which has exporters for Google Cloud"
METRICS = "at /api/v2/metrics/prometheus, with HTTP_Server On in [SERVICE]"
INSTEAD = {
    "azure": AZURE,
    "azure_blob": AZURE,
    "azure_kusto": AZURE,
    "azure_logs_ingestion": AZURE,
    "bigquery": GOOGLE,
    "chronicle": GOOGLE,
    "gcs": GOOGLE,
    "stackdriver": GOOGLE,
    "kafka-rest": "use the output kafka",
    "prometheus_exporter": f"the router's own metrics are {METRICS}",
    "prometheus_remote_write": f"let Prometheus read the metrics {METRICS}",
    "flowcounter": f"how much goes where is {METRICS}",
}
"""What to do in place of an output that is not here."""


def hint_for(kind: PluginKind, name: str) -> str:
    """For a plugin that is not here."""
    if name.strip("\"'") != name:
        return "without the quotes"
    if name.lower() in FLUENT_BIT[kind].split():
        instead = INSTEAD.get(name.lower()) if kind == "output" else None
        return f"Fluent Bit has it, Pyrolens has not; {instead or f'the {kind}s here: ' + ', '.join(names(kind))}"
    return nearest(name, names(kind))
