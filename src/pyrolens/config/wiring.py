"""Sections become plugins: built, named, and matched to tags.

Source: Fluent Bit 5.1.1, src/flb_config.c (configure_plugins_type), flb_router.c, flb_input.c, flb_output.c.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pyrolens.config import slow
from pyrolens.config.core import CORES, REASONS, InputCore, OutputCore, connection_options, names_of
from pyrolens.config.elsewhere import ALIASES, hint_for, hint_for_custom
from pyrolens.config.files import found
from pyrolens.config.match import TagTest, either, everything, nothing, pattern_test, regex_test
from pyrolens.config.model import Built
from pyrolens.config.registry import Registry
from pyrolens.config.service import Service
from pyrolens.config.signals import check_signals
from pyrolens.config.unrouted import Unrouted
from pyrolens.config.values import Values
from pyrolens.language.document import Document, Entry, Section
from pyrolens.language.includes import is_elsewhere
from pyrolens.options import TRUE, OptionError, masked, read_options, spec_of
from pyrolens.plugin import Filter, Input, Output, Plugin, PluginKind, find
from pyrolens.problems import Problems

ACTIVE_IS_A_RULE = ("modify", "nest")
"""Filters which take Active for one of their rules, and refuse it, unless it switches them off."""
NO_OPTION = "this plugin has no such option of its connections"
URL = re.compile(r"([^:/]+)://(?:\[([^\]]*)\]|([^:/]*))(?::([^/]*))?(/.*)?", re.DOTALL)


def wire(
    document: Document, service: Service, registry: Registry, values: Values, problems: Problems
) -> tuple[list[Built[Input]], list[Built[Filter]], list[Built[Output]]]:
    """All inputs, filters and outputs of the document that can be built; the rest is in problems."""
    builder = Builder(document, service, values, problems)
    for section in document.of("custom"):
        entry = section.get("name")
        name = values.text(entry, problems) if entry else ""
        message = f"there is no custom plugin '{name}'"
        place = entry.value_place if entry else section.place
        problems.error("unknown-plugin", message, place, hint_for_custom(name))
    inputs = [i for s in document.of("input") if (i := builder.input(s))]
    filters = [f for s in document.of("filter") if (f := builder.filter(s))]
    pair = len(document.of("input")) == 1 and len(document.of("output")) == 1
    outputs = [o for s in document.of("output") if (o := builder.output(s, pair))]
    if len(outputs) == len(document.of("output")):
        inputs = [builder.routed(i, outputs, pair) for i in inputs]
    builder.tell_unmatched(inputs, outputs)
    check_signals(inputs, filters, outputs, problems)
    return inputs, filters, outputs


class Builder:
    def __init__(self, document: Document, service: Service, values: Values, problems: Problems) -> None:
        self.document, self.service, self.values, self.problems = document, service, values, problems
        self.counts: Counter[tuple[str, str]] = Counter()

    # -- the three kinds -----------------------------------------------------------------------------------------

    def input(self, section: Section) -> Built[Input] | None:
        made = self._plugin("input", section)
        if made is None:
            return None
        plugin, name, core = made
        processors, routable = self._processors(section.processors), True
        of_metrics = self._processors(section.metrics_processors, of_metrics=True)
        storage, pauses = "memory", False
        if isinstance(core, InputCore):
            routable = core.routable
            if not routable:
                of_metrics.append(Built(Unrouted(), f"{name}.unrouted", section.place))
            storage, pauses = self._storage(name, section, core), core.storage_pause_on_chunks_overlimit
        tag = plugin.tag if plugin.tag is not None else name
        return Built(
            plugin,
            name,
            section.place,
            tag=tag,
            routable=routable,
            processors=processors,
            section=section,
            metrics_processors=of_metrics,
            storage=storage,
            pauses_over_limit=pauses,
        )

    def routed(self, built: Built[Input], outputs: list[Built[Output]], pair: bool) -> Built[Input]:
        """With its routes. With one input and one output they count for nothing, but must be right."""
        entry = built.section.get("routes") if built.section else None
        if entry is None or entry.value == {}:
            return built
        from pyrolens.config.routes import read_routes  # only YAML has routes, and few of them

        slow.forget()
        problems = Problems() if pair else self.problems
        routes = read_routes(entry, outputs, problems)
        if pair:
            for problem in problems.errors:
                self.problems.add(problem)
            return built
        slow.tell("routes", [entry], entry.place, self.problems)
        return replace(built, routes=routes)

    def _storage(self, name: str, section: Section, core: InputCore) -> str:
        """The storage.type of an input."""
        entry = section.get("storage.type")
        place = entry.value_place if entry else section.place
        kind: str = core.storage_type or "memory"
        if core.storage_type is None and self.service.storage_inherit:
            said = self.service.storage_type
            kind = (said or "memory").lower()
            if kind not in ("memory", "filesystem", "memrb"):
                message = f"input {name}: storage.type of [SERVICE] is '{said}', so its records wait in memory"
                self.problems.warning("odd-value", message, place, "expected memory, filesystem or memrb")
                kind = "memory"
            elif said is None:
                message = f"input {name}: storage.inherit is on and [SERVICE] has no storage.type"
                self.problems.warning("odd-value", message, place, "its records wait in memory")
        if kind == "filesystem" and self.service.storage_path is None:
            message = f"input {name} is to wait on disk, but storage.path is not set"
            self.problems.error("no-storage-path", message, place, "set storage.path in [SERVICE]")
        return kind

    def filter(self, section: Section) -> Built[Filter] | None:
        made = self._plugin("filter", section)
        if made is None:
            return None
        plugin, name, _ = made
        matches = self._matches(plugin, section)
        if matches is None:
            hint = "add Match * to see all records"
            self.problems.error("no-match", f"filter {plugin.name} needs Match or Match_Regex", section.place, hint)
            return None
        if self._inactive(section):
            self.problems.warning("inactive", f"filter {name} is switched off by Active", section.place)
            return None
        active = section.get("active")
        if active and plugin.name in ACTIVE_IS_A_RULE:
            message = f"filter {plugin.name}: Active is '{active.value}': expected false or 0"
            self.problems.error("bad-value", message, active.value_place, "remove it")
            return None
        return Built(plugin, name, section.place, matches, section=section)

    def output(self, section: Section, pair: bool) -> Built[Output] | None:
        made = self._plugin("output", section)
        if made is None:
            return None
        plugin, name, core = made
        limit = core.storage_total_limit_size if isinstance(core, OutputCore) else 0
        if limit > 0 and self.service.storage_path is None and (entry := section.get("storage.total_limit_size")):
            message = f"output {name}: {entry.key} has no effect: without storage.path nothing waits on disk"
            self.problems.warning("option-ignored", message, entry.place)
            limit = 0
        matches = self._matches(plugin, section)
        if matches is None and pair:
            matches = everything
        return Built(
            plugin,
            name,
            section.place,
            matches,
            processors=self._processors(section.processors),
            section=section,
            metrics_processors=self._processors(section.metrics_processors, of_metrics=True),
            total_limit=max(limit, 0),
        )

    def tell_unmatched(self, inputs: list[Built[Input]], outputs: list[Built[Output]]) -> None:
        """Outputs that neither a Match nor a route gives records."""
        routed = [i.routes for i in inputs if any(r.holds or r.default or r.per_record for r in i.routes)]
        reached = {number for routes in routed for route in routes for number in route.outputs}
        for number, output in enumerate(outputs):
            if output.matches is None and number not in reached:
                message = f"output {output.label} has no Match, so it gets nothing"
                self.problems.warning("no-match", message, output.place, "add Match * to get all records")

    # -- what they have in common ----------------------------------------------------------------------------------

    def _plugin(self, kind: PluginKind, section: Section, who: str = "") -> tuple[Any, str, Any] | None:
        """The plugin of a section with its options, its name (plugin.number), and what the core reads for it.
        `who`: what it is called in messages, if not by its kind."""
        named = section.get("name")
        if named is None:
            colon = section.get("name:")
            hint = "write Name, as in Fluent Bit; @type is Fluentd's" if section.get("@type") else ""
            hint = "write Name without a colon: blanks part a key from its value" if colon else hint
            place = colon.place if colon else section.place
            self.problems.error("missing-option", f"[{section.name or kind}] needs Name", place, hint)
            return None
        slow.forget()
        processor = section.kind == "processor"
        name = str(named.value) if processor else self.values.text(named, self.problems)
        url = URL.fullmatch(name)
        cls = self._class(kind, url[1] if url else name, named, who or kind)
        if cls is None:
            return None
        elsewhere = {"name", "active", "routes"} | ({"condition"} if processor else set())
        entries = [e for e in section.entries if e.key.lower() not in elsewhere]
        if url and kind != "filter":
            entries = self._from_url(cls, url, named, entries)
        number = self.counts[kind, cls.name]
        self.counts[kind, cls.name] += 1
        who = f"{who or kind} {cls.name}"
        own = {n for s in spec_of(cls) for n in s.names}
        core_names = {n for n in names_of(kind) if n not in own and n not in cls.ignored}
        core = self._core(kind, who, section, entries, core_names, own)
        rest = Section(section.kind, section.place, [e for e in entries if e.key.lower() not in core_names])
        foreign = self._foreign(cls, kind, own, rest.entries)
        plugin = read_options(
            cls,
            who,
            rest,
            self.values.text,
            self.problems,
            ignored={**cls.ignored, **foreign},
            refused=cls.refused,
            empty_is_unset=kind != "filter",
        )
        if plugin is None or core is None:
            return None
        if (plugin := self._placed(plugin, who, section)) is None or not self._checked(plugin, who, section):
            return None
        slow.tell(who, section.entries, section.place, self.problems)
        return plugin, f"{cls.name}.{number}", core

    def _class(self, kind: PluginKind, name: str, named: Entry, who: str) -> type[Any] | None:
        name = ALIASES.get((kind, name.lower()), name)
        cls = find(kind, name)
        if cls is not None and who == "filter" and cls.only_processor:
            message = f"{name} is no filter but a processor"
            hint = "in YAML, write it below processors: logs: of an input or an output"
            self.problems.error("unknown-plugin", message, named.value_place, hint)
            return None
        if cls is None:
            message = f"there is no {who} '{name}'"
            self.problems.error("unknown-plugin", message, named.value_place, hint_for(kind, name, who == "processor"))
        return cls

    def _from_url(self, cls: type[Plugin], url: re.Match[str], named: Entry, entries: list[Entry]) -> list[Entry]:
        """`Name forward://host:port/path`: as if Host, Port and (where there is one) URI stood first."""
        known = {n for s in spec_of(cls) for n in s.names}
        given = [("host", url[2] or url[3]), ("listen", url[2] or url[3]), ("port", url[4])]
        if "uri" in known and url[5] and url[5] != "/":
            entries = [e for e in entries if e.key.lower() != "uri"]
            given.append(("uri", url[5]))
        if not (url[2] or url[3]):
            message = f"'{named.value}' names no host"
            self.problems.error("bad-value", message, named.value_place, "write name://host:port")
        place = named.value_place
        written = {e.key.lower() for e in entries}
        made = [Entry(k, v, place, place) for k, v in given if v and k in known and k not in written]
        return made + entries

    def _core(
        self, kind: str, who: str, section: Section, entries: list[Entry], names: set[str], own: set[str]
    ) -> Any | None:
        if kind not in CORES:
            return ()
        mine = [e for e in entries if e.key.lower() in names]
        for entry in mine:
            reason = REASONS.get(entry.key.lower())
            if reason:
                self.problems.warning("option-ignored", f"{who}: {entry.key} has no effect: {reason}", entry.place)
            elif entry.key.lower() in ("host", "port", "listen"):
                message = f"{who}: {entry.key} has no effect: it opens no connection of that kind"
                self.problems.warning("option-ignored", message, entry.place)
            elif entry.key.lower() == "tls":
                self._tls(who, entry, own)
            elif entry.key.lower().startswith("net."):
                self.problems.warning("option-ignored", f"{who}: {entry.key} has no effect: {NO_OPTION}", entry.place)
        core = Section(section.kind, section.place, mine)
        return read_options(
            CORES[kind], who, core, self.values.text, self.problems, empty_is_unset=kind != "filter", last_wins=True
        )

    def _tls(self, who: str, entry: Entry, own: set[str]) -> None:
        """`tls` of an output that does not declare it."""
        if str(entry.value).lower() not in TRUE:
            return
        if own & {"host", "endpoint", "region", "url"}:
            message = f"{who}: {entry.key} has no effect: the plugin knows by itself whether to speak TLS"
            self.problems.warning("option-ignored", message, entry.place)
        else:
            self.problems.error("bad-value", f"{who} does not speak TLS", entry.place, "remove it")

    def _foreign(self, cls: type[Plugin], kind: str, own: set[str], entries: Iterable[Entry]) -> dict[str, str]:
        """Options of Fluent Bit's core for connections that the plugin does not declare: accepted, and said so."""
        out = {} if "condition" in own else {"condition": "conditions belong to processors and routes"}
        if kind not in ("input", "output"):
            return out
        for entry in entries:
            key = entry.key.lower()
            if key in own or key in cls.ignored:
                continue
            family = key.split(".")[0] + "."
            if key in connection_options() and not any(name.startswith(family) for name in own):
                out[key] = NO_OPTION
        return out

    def _checked(self, plugin: Plugin, who: str, section: Section) -> bool:
        ok = True
        for misfit in plugin.check():
            ok = False
            option, message = (misfit.option, str(misfit)) if isinstance(misfit, OptionError) else misfit
            entry = section.get(option)
            place = entry.value_place if entry else section.place
            if isinstance(misfit, OptionError):
                place = misfit.place or place
            if entry and any(spec.name == option and spec.kind.secret for spec in spec_of(type(plugin))):
                place = masked(place, entry)
            self.problems.error("bad-value", message if who in message else f"{who}: {message}", place)
        return ok

    def _placed(self, plugin: Plugin, who: str, section: Section) -> Plugin | None:
        try:
            return plugin.placed(self._on_disk, self.values.variables.defined)
        except OptionError as why:
            entry = section.get(why.option)
            self.problems.error("bad-value", f"{who}: {why}", entry.value_place if entry else section.place)
            return None

    def _on_disk(self, path: str) -> str | None:
        where = found(path, self.document.folder)
        return None if where is None or is_elsewhere(where) else where

    def _matches(self, plugin: Any, section: Section) -> TagTest | None:
        regex = None
        if plugin.match_regex is not None:
            try:
                regex = regex_test(plugin.match_regex)
                slow.tell(f"{plugin.kind} {plugin.name}", section.all("match_regex"), section.place, self.problems)
            except ValueError as why:
                entries = list(section.all("match_regex"))
                place = entries[-1].value_place if entries else section.place
                message = f"{plugin.kind} {plugin.name}: Match_Regex does not compile, so it counts as not given: {why}"
                self.problems.warning("bad-regex", message, place)
        pattern = plugin.match
        if pattern == "":
            return either(nothing, regex)
        return either(pattern_test(pattern), regex)

    def _inactive(self, section: Section) -> bool:
        return any(str(e.value).lower() in ("false", "0") for e in section.all("active"))

    def _processors(self, sections: list[Section], of_metrics: bool = False) -> list[Built[Filter]]:
        return [b for p in sections if (b := self._processor(p, of_metrics))]

    def _processor(self, section: Section, of_metrics: bool) -> Built[Filter] | None:
        # only YAML has processors, and few of them
        from pyrolens.config.conditions import compile_condition
        from pyrolens.config.processors import conditional
        from pyrolens.language.yaml_nodes import any_case, place_of

        made = self._plugin("filter", _flat(section), who="processor")
        condition = section.get("condition")
        holds = None
        if condition is not None:
            try:
                holds = compile_condition(any_case(condition.value))
                slow.tell("condition", [condition], section.place, self.problems)
            except ValueError as why:
                place = place_of(getattr(why, "part", None), condition.value_place)
                self.problems.error("bad-condition", f"condition: {why}", place)
                return None
        if made is None or self._inactive(section):
            return None
        plugin, name, _ = made
        if plugin.of_metrics != of_metrics:
            wanted, found = ("metrics", "logs") if of_metrics else ("logs", "metrics")
            message = f"processor {plugin.name} is of {found}, and stands below {wanted}"
            hint = f"write it below processors: {found}:"
            if plugin.only_processor:
                # Fluent Bit starts with it, and it does nothing
                self.problems.warning("bad-processor", f"{message}, where it has no effect", section.place, hint)
            else:
                self.problems.error("bad-processor", message, section.place, hint)
            return None
        if holds is not None and of_metrics:
            message = f"processor {plugin.name}: condition has no effect: metrics have no fields to compare"
            self.problems.warning("option-ignored", message, section.place)
        elif holds is not None:
            plugin = conditional(plugin, holds)
        return Built(plugin, name, section.place, everything, section=section)


def _flat(section: Section) -> Section:
    """With an entry for each item of a list."""
    entries: list[Entry] = []
    for entry in section.entries:
        items = entry.value if isinstance(entry.value, list) else [entry.value]
        entries += [replace(entry, value=item) for item in items]
    return replace(section, entries=entries)
