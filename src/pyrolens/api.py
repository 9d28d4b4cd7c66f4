"""All that a plugin may import."""

from pyrolens.delivery.outcome import DELIVERED, Chunk, Encode, EncodeMetrics, Limits, Outcome, Parcel, Sink
from pyrolens.options import (
    Commas,
    Line,
    Lines,
    MultilineParserNames,
    OptionError,
    Pair,
    ParserName,
    Seconds,
    Secret,
    Size,
    Words,
    group,
    lines,
    opt,
)
from pyrolens.plugin import (
    NET_IGNORED,
    TLS_IGNORED,
    Deciding,
    Env,
    Filter,
    FilterEnv,
    Held,
    Input,
    InputEnv,
    Log,
    LogLine,
    MetricsTransform,
    Misfit,
    Net,
    Output,
    OutputEnv,
    Parse,
    Parser,
    Source,
    Tls,
    Transform,
    lines_parser,
    no_parser,
    plugin,
)
from pyrolens.problems import ConfigError, Place, Problem
from pyrolens.records.event import Event, Record, Stamp
from pyrolens.records.metrics import MetricSet

__all__ = [
    "DELIVERED", "NET_IGNORED", "TLS_IGNORED",
    "Chunk", "Commas", "ConfigError", "Deciding", "Encode", "EncodeMetrics", "Env", "Event", "Filter", "FilterEnv",
    "Held", "Input", "InputEnv", "Limits", "Line", "Lines", "Log", "LogLine", "MetricSet", "MetricsTransform",
    "Misfit", "MultilineParserNames", "Net", "OptionError", "Outcome", "Output", "OutputEnv", "Pair", "Parcel",
    "Parse", "Parser", "ParserName", "Place", "Problem", "Record", "Seconds", "Secret", "Sink", "Size", "Source",
    "Stamp", "Tls", "Transform", "Words", "group", "lines", "lines_parser", "no_parser", "opt", "plugin",
]  # fmt: skip
