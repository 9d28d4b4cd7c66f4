"""`<source>`: Fluentd's inputs, and the inputs of the router that they become."""

from collections.abc import Mapping

from pyrolens.config.fluentd.reading import Reading
from pyrolens.config.fluentd.sources.base import SourceSaid
from pyrolens.config.fluentd.sources.forward import Forward, Unix
from pyrolens.config.fluentd.sources.http import Http
from pyrolens.config.fluentd.sources.lines import Tail, Tcp, Udp, Whole
from pyrolens.config.fluentd.sources.sample import Sample
from pyrolens.language.fluentd import Element

SOURCES: Mapping[str, type[SourceSaid]] = {
    "forward": Forward,
    "unix": Unix,
    "tail": Tail,
    "tcp": Tcp,
    "udp": Udp,
    "http": Http,
    "sample": Sample,
    "dummy": Sample,
}
INSTEAD = {
    "syslog": "use a source tcp or udp with <parse> of @type syslog",
    "exec": "use the input exec, with the router's config in YAML",
    "monitor_agent": "the router has an HTTP API of its own: pyrolens run --http",
    "debug_agent": "the router has an HTTP API of its own: pyrolens run --http",
    "prometheus": "the router's own metrics are at /api/v2/metrics/prometheus: pyrolens run --http",
    "prometheus_monitor": "the router's own metrics are at /api/v2/metrics/prometheus: pyrolens run --http",
    "prometheus_output_monitor": "the router's own metrics are at /api/v2/metrics/prometheus: pyrolens run --http",
    "systemd": "use the input systemd, with the router's config in YAML",
    "gc_stat": "it is about Ruby: remove it",
    "object_space": "it is about Ruby: remove it",
    "stdin": "use the input stdin, with the router's config in YAML",
}


def source(reading: Reading, element: Element) -> type[SourceSaid] | None:
    return reading.type_of(element, SOURCES, **INSTEAD)


__all__ = ["SOURCES", "SourceSaid", "Whole", "source"]
