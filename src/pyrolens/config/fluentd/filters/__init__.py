"""The filters of Fluentd, and the outputs of its that send records on by another tag or label."""

from collections.abc import Mapping

from pyrolens.config.fluentd.filters.base import FilterSaid, Relabel, as_filter
from pyrolens.config.fluentd.filters.concat import Concat
from pyrolens.config.fluentd.filters.grep import Grep
from pyrolens.config.fluentd.filters.parser import Parser
from pyrolens.config.fluentd.filters.record_modifier import RecordModifier
from pyrolens.config.fluentd.filters.record_transformer import RecordTransformer
from pyrolens.config.fluentd.filters.rewrite_tag import RewriteTag
from pyrolens.config.fluentd.filters.stdout import Stdout

FILTERS: Mapping[str, type[FilterSaid]] = {
    "grep": Grep,
    "record_transformer": RecordTransformer,
    "record_modifier": RecordModifier,
    "parser": Parser,
    "concat": Concat,
    "stdout": Stdout,
}
EXITS: Mapping[str, type[FilterSaid]] = {"relabel": Relabel, "rewrite_tag_filter": RewriteTag}
"""Matches whose records go on elsewhere."""
INSTEAD = {
    "geoip": "let the destination look places up, such as an ingest pipeline of OpenSearch",
    "kubernetes_metadata": "on ECS, enable-ecs-log-metadata of FireLens adds what is known of the task",
    "prometheus": "the router's own metrics are at /api/v2/metrics/prometheus",
    "elasticsearch_genid": "set id_key to a field of the record's own",
    "opensearch_genid": "set id_key to a field of the record's own",
    "throttle": "use the filter throttle, with the router's config in YAML",
    "detect_exceptions": "use a filter concat with multiline_start_regexp",
}
"""For filters that are not here."""

__all__ = ["EXITS", "FILTERS", "INSTEAD", "FilterSaid", "as_filter"]
