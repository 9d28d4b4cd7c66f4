"""Whatever stands in a config, it is built or refused, and each problem has its place."""

from collections.abc import Mapping

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.config.fluentd.buffers import Buffer
from pyrolens.config.fluentd.filters import EXITS, FILTERS
from pyrolens.config.fluentd.format import FORMATS
from pyrolens.config.fluentd.outputs import OUTPUTS
from pyrolens.config.fluentd.parse import PARSERS
from pyrolens.config.fluentd.reading import Said
from pyrolens.config.fluentd.sources import SOURCES
from pyrolens.options import Spec, spec_of
from pyrolens.problems import ConfigError
from pyrolens.service.router import Router
from tests.config.fluentd.configs import config

KINDS: dict[str, Mapping[str, type[Said]]] = {
    "source": SOURCES,
    "filter": FILTERS,
    "match": {**OUTPUTS, **EXITS},
    "store": {**OUTPUTS, **EXITS},
    "parse": PARSERS,
    "format": FORMATS,
}
SECTIONS = {
    "grep": {"regexp": "key a\npattern /x/"},
    "record_transformer": {"record": 'a ${record["b"]}\nc {"d":[1]}'},
    "rewrite_tag_filter": {"rule": "key a\npattern /(.)/\ntag $1.${tag}"},
}
FITTING = {
    "text": ["x", "a b", "${tag}", "${tag[1]}", "%Y", "/a/b", "https://u:p@h:1/x", "$.a[0]", "+09:00", "%d/%b", "json",
             "gzip"],
    "whole number": ["1", "0", "24224"],
    "number": ["0.5"],
    "size": ["1m", "512k"],
    "time": ["5s", "1m", "0.5"],
    "true or false": ["true", "no", ""],
    "array": ["a,b", '["a"]'],
    "field": ["a", "$.a.b[0]", "$['a b']"],
    "fields": ["a,$.b"],
    "hash": ['{"a":1}', "a:integer"],
    "pattern": ["/x/", "/(?<a>.)/"],
    "pattern between slashes": ["/x/"],
    "secret": ["\"#{ENV['KEY']}\""],
}  # fmt: skip
ODD = ["", "-1", "9" * 20, "/(/", "[", "$[", "${x}", '${record["a"]}', "@X", "é", "http://[", "Nowhere/At_All"]


def value(draw: st.DrawFn, spec: Spec | None) -> str:
    """One that fits, mostly."""
    if spec is None or draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(ODD))
    return draw(st.sampled_from(list(spec.choices) or FITTING[spec.kind.name]))


@st.composite
def element(draw: st.DrawFn, name: str) -> str:
    plugins = KINDS[name]
    kind = draw(st.sampled_from(sorted(plugins)))
    cls = plugins[kind]
    specs = {spec.name: spec for spec in spec_of(cls)}
    odd = ["@id", "@label", "nonsense", *cls.ignored, *cls.more] if draw(st.integers(0, 4)) == 0 else []
    needed = [name for name, spec in specs.items() if spec.required]
    keys = needed + draw(st.lists(st.sampled_from([*specs, *odd, "@id"]), max_size=5, unique=True))
    body = [f"@type {kind}", *(f"{key} {value(draw, specs.get(key))}" for key in keys)]
    if name in ("source", "filter") and draw(st.booleans()):
        body.append(draw(element("parse")))
    if name in ("match", "store"):
        if draw(st.booleans()):
            options = draw(st.lists(st.sampled_from(spec_of(Buffer)), max_size=3))
            inside = "\n".join(f"{spec.name} {value(draw, spec)}" for spec in options)
            body.append(f"<buffer {draw(st.sampled_from(['', 'tag', 'tag,time', 'x']))}>\n{inside}\n</buffer>")
        if draw(st.booleans()):
            body.append(draw(element("format")))
    for inner, inside in SECTIONS.get(kind, {}).items():
        body.append(f"<{inner}>\n{inside}\n</{inner}>")
    argument = draw(st.sampled_from(["", "**", "a.*", "{a", "/x"])) if name in ("filter", "match") else ""
    return f"<{name} {argument}>\n" + "\n".join(body) + f"\n</{name}>"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(["source", "filter", "match"]).flatmap(element), min_size=1, max_size=3).map("\n".join))
def test_it_is_built_or_refused(text: str) -> None:
    try:
        Router(config(text))
    except ConfigError as error:
        for problem in error.problems:
            assert problem.place is not None, problem.message
            assert problem.place.line > 0
