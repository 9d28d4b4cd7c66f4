"""`<parse>`: text becomes records."""

from collections.abc import Mapping

from pyrolens.config.fluentd.parse.base import ParseSection, ParseText
from pyrolens.config.fluentd.parse.logs import Apache2Parse, ApacheParse, NginxParse, SyslogParse
from pyrolens.config.fluentd.parse.multiline import MultilineParse
from pyrolens.config.fluentd.parse.plain import CsvParse, JsonParse, LtsvParse, NoneParse, RegexpParse, TsvParse
from pyrolens.config.fluentd.reading import Reading
from pyrolens.language.fluentd import Element

PARSERS: Mapping[str, type[ParseSection]] = {
    "json": JsonParse,
    "regexp": RegexpParse,
    "none": NoneParse,
    "apache2": Apache2Parse,
    "apache": ApacheParse,
    "nginx": NginxParse,
    "syslog": SyslogParse,
    "ltsv": LtsvParse,
    "csv": CsvParse,
    "tsv": TsvParse,
    "multiline": MultilineParse,
}
INSTEAD = {
    "apache_error": "use @type regexp",
    "msgpack": "send MessagePack to a source forward",
    "in_http": "leave <parse> out: JSON and forms are taken",
    "grok": "use @type regexp",
    "multi_format": "use a filter parser for each form, with reserve_data true",
    "cri": "use @type regexp, and a filter concat",
}


def parser(reading: Reading, element: Element) -> type[ParseSection] | None:
    entry = element.get("@type")
    if entry and str(entry.value).startswith("/"):
        message = "a pattern stands in expression, and @type is regexp"
        reading.problems.error("bad-value", f"<parse>: {message}", entry.value_place)
        return None
    return reading.type_of(element, PARSERS, **INSTEAD)


__all__ = ["PARSERS", "MultilineParse", "ParseSection", "ParseText", "parser"]
