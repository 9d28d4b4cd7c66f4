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
METRICS = "at /api/v2/metrics/prometheus, with HTTP_Server On in [SERVICE], and from the input fluentbit_metrics"
SCRAPE = "let the input prometheus_scrape read"
NODE = f"run Prometheus' node_exporter on the machine and {SCRAPE} it"
CONTAINER = "ECS has the numbers of its tasks in CloudWatch Container Insights"
INPUTS_INSTEAD = {
    "collectd": f"let collectd's write_prometheus plugin serve its values and {SCRAPE} them",
    "cpu": NODE,
    "disk": NODE,
    "docker": f"{CONTAINER}; elsewhere run cAdvisor and {SCRAPE} it",
    "docker_events": "the input exec can run `docker events --format '{{json .}}'`",
    "fluentbit_logs": "the router's own log goes to stderr or to Log_File, which the input tail can read",
    "gpu_metrics": f"run NVIDIA's dcgm-exporter and {SCRAPE} it",
    "head": "the input exec can run `head` or `cat` at an interval",
    "health": "the input exec can run `curl` or `nc` at an interval",
    "kmsg": "the input exec can run `dmesg --follow`",
    "kubernetes_events": "the router is made for ECS and reads nothing of Kubernetes",
    "mem": NODE,
    "mqtt": "let a subscriber such as mosquitto_sub write to the input exec or tcp",
    "netif": NODE,
    "nginx_metrics": f"run nginx-prometheus-exporter beside nginx and {SCRAPE} it",
    "node_exporter_metrics": NODE,
    "podman_metrics": f"run prometheus-podman-exporter and {SCRAPE} it",
    "proc": "the input exec can run `ps` at an interval",
    "process_exporter_metrics": f"run process-exporter and {SCRAPE} it",
    "prometheus_remote_write": f"{SCRAPE} the program whose metrics these are",
    "prometheus_textfile": f"let node_exporter read the files and {SCRAPE} it, or serve them over HTTP",
    "serial": "the input exec can run `cat /dev/ttyS0`",
    "thermal": NODE,
    "windows_exporter_metrics": f"run windows_exporter on the machine and {SCRAPE} it",
}
"""What to do in place of an input that is not here."""
PROCESSORS_INSTEAD = {
    "cumulative_to_delta": "most receivers take cumulative values; an OpenTelemetry collector can do it for the others",
    "opentelemetry_envelope": "the output opentelemetry makes the envelope by itself",
    "sampling": "there are no traces here to sample",
    "sql": "the filters grep, modify and record_modifier do most of what SELECT and WHERE do",
    "tda": "it analyses metrics of Fluent Bit itself, and there is nothing like it here",
    "template": "the filter modify and the processor content_modifier set fields",
}
"""What to do in place of a processor that is not here."""
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
    "flowcounter": f"how much goes where is {METRICS}",
}
"""What to do in place of an output that is not here."""


def hint_for(kind: PluginKind, name: str, processor: bool = False) -> str:
    """For a plugin that is not here."""
    if processor and name.lower() in PROCESSORS_INSTEAD:
        return f"Fluent Bit has it, Pyrolens has not; {PROCESSORS_INSTEAD[name.lower()]}"
    if name.strip("\"'") != name:
        return "without the quotes"
    if name.lower() in FLUENT_BIT[kind].split():
        instead = {"output": INSTEAD, "input": INPUTS_INSTEAD}.get(kind, {}).get(name.lower())
        return f"Fluent Bit has it, Pyrolens has not; {instead or f'the {kind}s here: ' + ', '.join(names(kind))}"
    return nearest(name, names(kind))
