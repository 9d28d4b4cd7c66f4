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
PROCESSORS = (
    """content_modifier cumulative_to_delta labels metrics_selector opentelemetry_envelope sampling sql tda template"""
)
"""Of Fluent Bit, besides its filters."""

AZURE = "send to an OpenTelemetry collector with the output opentelemetry, which has exporters for Azure"
GOOGLE = "send to an OpenTelemetry collector with the output opentelemetry, which has exporters for Google Cloud"
FLUENTD = "send to Fluentd with the output forward, which has a plugin for it"
METRICS = "at /api/v2/metrics/prometheus, with HTTP_Server On in [SERVICE], and from the input fluentbit_metrics"
SCRAPE = "let the input prometheus_scrape read"
NODE = f"run Prometheus' node_exporter on the machine and {SCRAPE} it"
CONTAINER = "ECS has the numbers of its tasks in CloudWatch Container Insights"
OWN_TESTS = "it is for Fluent Bit's own tests: the input dummy makes records up"
PARTS = "it is a part of others in Fluent Bit, and no config names it"
WINDOWS = "run Fluent Bit on Windows, and send with its output forward to the input forward"
OF_METRICS = "it changes metrics and leaves logs alone: remove it"
INPUTS_INSTEAD = {
    "blob": "upload files with `aws s3 sync`; the input tail reads the lines of files",
    "calyptia_fleet": "the config comes from -c, and SIGHUP loads it again",
    "collectd": f"let collectd's write_prometheus plugin serve its values and {SCRAPE} them",
    "docker": f"{CONTAINER}; elsewhere run cAdvisor and {SCRAPE} it",
    "docker_events": "the input exec can run `docker events --format '{{json .}}'`",
    "ebpf": "nothing here looks into the kernel; the input kmsg reads its log",
    "emitter": PARTS,
    "event_test": OWN_TESTS,
    "event_tracing_windows": WINDOWS,
    "event_type": OWN_TESTS,
    "exec_wasi": "the input exec runs programs",
    "gpu_metrics": f"run NVIDIA's dcgm-exporter and {SCRAPE} it",
    "kafka": "the input exec can run a consumer such as kcat",
    "kubernetes_events": "the router is made for ECS and reads nothing of Kubernetes",
    "lib": "it is for programs that Fluent Bit is built into: send with the forward protocol to the input forward",
    "mqtt": "the input exec can run a subscriber such as mosquitto_sub",
    "nginx_metrics": f"run nginx-prometheus-exporter beside nginx and {SCRAPE} it",
    "node_exporter_metrics": f"{NODE}; the inputs cpu, mem, disk and netif make records of the most important numbers",
    "podman_metrics": f"run prometheus-podman-exporter and {SCRAPE} it",
    "process_exporter_metrics": f"run process-exporter and {SCRAPE} it; the input proc watches one process",
    "prometheus_remote_write": f"{SCRAPE} the program whose metrics these are",
    "prometheus_textfile": f"let node_exporter read the files and {SCRAPE} it",
    "serial": "the input exec can run `cat /dev/ttyS0`",
    "storage_backlog": PARTS,
    "stream_processor": PARTS,
    "unix_socket": "the inputs forward and syslog listen on unix sockets",
    "windows_exporter_metrics": f"run windows_exporter on the machine and {SCRAPE} it",
    "winevtlog": WINDOWS,
    "winlog": WINDOWS,
    "winstat": WINDOWS,
}
"""What to do in place of an input that is not here."""
FILTERS_INSTEAD = {
    "alter_size": "it is for Fluent Bit's own tests: remove it",
    "geoip2": "let the destination look places up, such as an ingest pipeline of OpenSearch or Elasticsearch",
    "kubernetes": "on ECS, use the filter ecs, or enable-ecs-log-metadata of FireLens, which is on by itself;"
    " on Kubernetes, run Fluent Bit",
    "nightfall": "mask what is sensitive with a data protection policy of the CloudWatch Logs group",
    "tensorflow": "run the model behind the router, such as in a Lambda function of Firehose",
    "throttle_size": "the filter throttle limits the number of records",
    "wasm": "change records behind the router, such as in a Lambda function of Firehose",
}
"""What to do in place of a filter that is not here."""
PROCESSORS_INSTEAD = {
    "cumulative_to_delta": "most receivers take cumulative values; an OpenTelemetry collector can do it for the others",
    "tda": OF_METRICS,
    "template": "it is the pattern for new processors and does nothing: remove it",
}
"""What to do in place of a processor that is not here."""
OUTPUTS_INSTEAD = {
    "azure": AZURE,
    "azure_blob": AZURE,
    "azure_kusto": AZURE,
    "azure_logs_ingestion": AZURE,
    "bigquery": GOOGLE,
    "calyptia": f"the router's own metrics are {METRICS}",
    "chronicle": GOOGLE,
    "exit": "it is for Fluent Bit's own tests; the inputs exec and stdin can end the router",
    "flowcounter": f"how much goes where is {METRICS}",
    "gcs": GOOGLE,
    "kafka-rest": "use the output kafka",
    "lib": "it is for programs that Fluent Bit is built into: let them listen for the output http or forward",
    "nats": "use the output kafka, or http with a gateway to NATS",
    "oracle_log_analytics": FLUENTD,
    "pgsql": f"{FLUENTD}, or load what the output s3 stores",
    "plot": "use the output file with Format template",
    "retry": "it is for Fluent Bit's own tests: use the output null",
    "skywalking": "send to an OpenTelemetry collector with the output opentelemetry, from which SkyWalking takes logs",
    "stackdriver": GOOGLE,
    "td": FLUENTD,
    "vivo_exporter": "use the output http",
    "websocket": "use the output http or tcp",
}
"""What to do in place of an output that is not here."""
VENDORS_INSTEAD = {
    "grafana-loki": "use the output loki",
    "logzio": "use the output http with Format json_lines, Host listener.logz.io, Port 8071, tls on, URI /?token=TOKEN",
    "signalfx": "count records with the filter log_to_metrics, and send the metrics with the output opentelemetry:"
    " Host ingest.REALM.signalfx.com, tls on, metrics_uri /v2/datapoint/otlp, header X-SF-Token TOKEN",
}
"""What to do in place of outputs that others have made for Fluent Bit, as plugins in Go."""
CUSTOM_INSTEAD = {"calyptia": "it reports to Calyptia's service: remove it; the router's own metrics are " + METRICS}
"""What to do in place of [CUSTOM]."""
INSTEAD = {"input": INPUTS_INSTEAD, "filter": FILTERS_INSTEAD, "output": OUTPUTS_INSTEAD}
HEAD = "Fluent Bit has it, Pyrolens has not; "


def hint_for(kind: PluginKind, name: str, processor: bool = False) -> str:
    """For a plugin that is not here. `processor`: it stands below processors, and its kind is filter."""
    if name.strip("\"'") != name:
        return "without the quotes"
    small = name.lower()
    if processor and small in PROCESSORS_INSTEAD:
        return HEAD + PROCESSORS_INSTEAD[small]
    if small in INSTEAD.get(kind, {}):
        return HEAD + INSTEAD[kind][small]
    if kind == "output" and small in VENDORS_INSTEAD:
        return f"it is no part of Fluent Bit, but a plugin in Go; {VENDORS_INSTEAD[small]}"
    if kind == "filter" and small in PROCESSORS_INSTEAD:
        return f"it is a processor; {HEAD}{PROCESSORS_INSTEAD[small]}"
    if small in FLUENT_BIT[kind].split():
        return f"{HEAD}the {kind}s here: {', '.join(names(kind))}"
    return nearest(name, names(kind))


def hint_for_custom(name: str) -> str:
    """For a plugin of [CUSTOM]."""
    instead = CUSTOM_INSTEAD.get(name.lower())
    return HEAD + instead if instead else "there are none: remove it"
