"""docs/fluentd-reference.md, from the declarations of the plugins."""

import dataclasses
from collections.abc import Iterator, Mapping

from pyrolens.config.fluentd.buffers import Buffer, Secondary
from pyrolens.config.fluentd.filters import EXITS, FILTERS
from pyrolens.config.fluentd.format import FORMATS, FormatSection, InjectSection
from pyrolens.config.fluentd.outputs import OUTPUTS, OutputSaid
from pyrolens.config.fluentd.parse import PARSERS, ParseSection
from pyrolens.config.fluentd.reading import Said
from pyrolens.config.fluentd.sources import SOURCES, SourceSaid
from pyrolens.config.fluentd.sources.base import Transport
from pyrolens.config.fluentd.system import System
from pyrolens.options import Spec, spec_of
from pyrolens.tools.reference import cell, described

COMMON = {"buffer", "secondary", "inject", "format", "parse", "transport"}
"""Sections that have tables of their own."""


HEAD = """# Plugins and sections of Fluentd's language

<!-- written by docs/build.py -->

What [configs in Fluentd's language](fluentd.md) may hold. Each plugin also takes `@type`, `@id`, `@log_level` and,
where records go on from it, `@label`. Parameters of outputs from before `<buffer>`, such as `flush_interval` and
`retry_limit` beside `@type`, are understood; so are those from before `<format>`, `<inject>` and `<parse>`."""


def page() -> str:
    parts: list[str] = [HEAD]
    groups: list[tuple[str, Mapping[str, type[Said]], type[Said] | None]] = [
        ("source", {name: cls for name, cls in SOURCES.items() if name != "dummy"}, None),
        ("filter", FILTERS, None),
        ("match", {**OUTPUTS, **EXITS}, OutputSaid),
        ("parse", PARSERS, ParseSection),
        ("format", FORMATS, FormatSection),
    ]
    for kind, plugins, common in groups:
        parts.append(f"## `<{kind}>`")
        if common is not None:
            parts += ["Each of them takes:", *parameters(common)]
        for name, cls in plugins.items():
            parts += plugin(name, cls, common)
    parts.append("## Other sections")
    for title, cls in (
        ("`<buffer>`", Buffer),
        ("`<secondary>`", Secondary),
        ("`<inject>`", InjectSection),
        ("`<transport tls>`", Transport),
        ("`<system>`", System),
    ):
        parts += plugin(title, cls)
    return "\n\n".join(parts) + "\n"


def plugin(title: str, cls: type[Said], common: type[Said] | None = None) -> Iterator[str]:
    """`common`: what all of its kind have, which is not shown again."""
    yield f"### {title}"
    doc = " ".join((cls.__doc__ or "").split())
    if issubclass(cls, SourceSaid):
        doc += f" It becomes the input {cls.plugin}."
    yield doc
    yield from parameters(cls, common)
    for name, inner in sections(cls).items():
        if name not in COMMON:
            yield f"`<{name}>`: {' '.join((inner.__doc__ or '').split())}"
            yield from parameters(inner)
    if others := [f"`<{name}>`" for name in section_names(cls) if name in COMMON]:
        yield f"It takes {', '.join(others)}."
    refused = {**cls.refused, **{f"<{name}>": why for name, why in cls.refused_sections.items()}}
    ignored = {**cls.ignored, **{f"<{name}>": why for name, why in cls.ignored_sections.items()}}
    for name in common.ignored if common else ():
        ignored.pop(name, None)
    for what, entries in (("Not taken", refused), ("Taken without effect", ignored)):
        if entries:
            by_reason: dict[str, list[str]] = {}
            for name, why in entries.items():
                by_reason.setdefault(why, []).append(f"`{name}`")
            yield f"{what}:\n\n" + "\n".join(f"- {', '.join(names)}: {why}" for why, names in by_reason.items())


def parameters(cls: type[Said], common: type[Said] | None = None) -> Iterator[str]:
    known = {spec.name for spec in spec_of(common)} if common else set()
    specs = [spec for spec in spec_of(cls) if spec.name not in known]
    if specs:
        rows = [f"| `{spec.name}` | {value(spec)} | {cell(spec.doc)} |" for spec in specs]
        yield "\n".join(["| parameter | value | meaning |", "|---|---|---|", *rows])


def value(spec: Spec) -> str:
    """Its kind, default and limits, in the words of this language."""
    return described(spec).replace("default off", "default false").replace("default on", "default true")


def section_names(cls: type[Said]) -> list[str]:
    return [f.metadata["name"] or f.name for f in dataclasses.fields(cls) if "section" in f.metadata]


def sections(cls: type[Said]) -> dict[str, type[Said]]:
    """Those that are always of one kind, by name."""
    return {
        f.metadata["name"] or f.name: f.metadata["section"]
        for f in dataclasses.fields(cls)
        if isinstance(f.metadata.get("section"), type)
    }
