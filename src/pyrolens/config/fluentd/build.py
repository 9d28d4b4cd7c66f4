"""From the sections of a config in Fluentd's language to a Config.

Source: Fluentd 1.19, lib/fluent/root_agent.rb, agent.rb and event_router.rb: filters and matches count in their order,
the first match that takes a tag ends its way, labels are ways of their own.
Differs: labels that records enter must be there; a label that nothing enters is a warning.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pyrolens.config.fluentd.buffers import BASE, CAP
from pyrolens.config.fluentd.filters import EXITS, FILTERS, FilterSaid, as_filter
from pyrolens.config.fluentd.filters import INSTEAD as FILTERS_INSTEAD
from pyrolens.config.fluentd.filters.stdout import Stdout
from pyrolens.config.fluentd.lower import LEVELS, Lowered, Shared
from pyrolens.config.fluentd.older import BUFFER, with_buffer, with_format, with_inject, with_parse
from pyrolens.config.fluentd.outputs import INSTEAD, OUTPUTS, OutputSaid
from pyrolens.config.fluentd.patterns import TagTest, pattern_test
from pyrolens.config.fluentd.reading import Reading
from pyrolens.config.fluentd.sources import SourceSaid, Whole, source
from pyrolens.config.fluentd.system import read_system
from pyrolens.config.model import Built, Config, Stage
from pyrolens.config.service import Service, read_service
from pyrolens.config.signals import check_signals
from pyrolens.config.values import Values
from pyrolens.config.wiring import Builder
from pyrolens.language.document import Document, Entry, Section
from pyrolens.language.fluentd import Element
from pyrolens.language.variables import Variables
from pyrolens.multiline import MultilineParser
from pyrolens.options import spec_of
from pyrolens.plugin import Filter, Input, Output
from pyrolens.problems import Place, Problems, nearest

TOP = ("source", "filter", "match", "label", "system")
INSIDE = ("filter", "match")
ROOT, ERROR, LOG = "@ROOT", "@ERROR", "@FLUENT_LOG"


class Written(Values):
    """Values as they stand: what the environment says has been put in while the config was read."""

    def text(self, entry: Entry, problems: Problems) -> str:
        return str(entry.value)


def build(root: Element, document: Document, problems: Problems, arguments: Sequence[Section] = ()) -> Config:
    """`arguments`: what the command line asks of the service. Raises: ConfigError with all problems."""
    return _Builder(root, document, problems).build(arguments)


@dataclass
class _Lowered:
    """An input or output before it is built."""

    to: Lowered
    label: str = ""
    multiline: MultilineParser | None = None


@dataclass
class _Stage:
    """A <filter> or a <match> before its outputs are built."""

    takes: TagTest
    pattern: str
    place: Place
    filter: Built[Filter] | None = None
    outputs: list[_Lowered] = field(default_factory=list)
    exits: list[Built[Filter]] = field(default_factory=list)


class _Builder:
    def __init__(self, root: Element, document: Document, problems: Problems) -> None:
        self.root, self.document, self.problems = root, document, problems
        self.reading = Reading(problems)
        self.shared = Shared(problems)
        self.labels: dict[str, Element] = {}
        self.entered: set[str] = {ERROR, LOG}

    def build(self, arguments: Sequence[Section]) -> Config:
        self._top()
        settings = read_system(self.reading, self.root, self.shared)
        inputs = [made for e in self.root.of("source") if (made := self._source(e))]
        flows = {"": self._stages(self.root)}
        flows |= {name: self._stages(element) for name, element in self.labels.items()}
        self._tell_labels()
        self.document.sections = [i.to.section for i in inputs]
        lowered = [o for stages in flows.values() for s in stages for o in s.outputs]
        self.document.sections += [o.to.section for o in lowered]
        service = self._service(settings, arguments)
        builder = Builder(self.document, service, Written(Variables({})), self.problems)
        built_inputs = [b for i in inputs if (b := self._input(builder, i, service))]
        stages, outputs = self._built(builder, flows)
        filters = [f for s in stages.values() for one in s for f in (one.filter, *one.exits) if f]
        check_signals(built_inputs, filters, outputs, self.problems)
        self.problems.raise_if_any()
        return Config(
            service=service,
            inputs=built_inputs,
            filters=filters,
            outputs=outputs,
            parsers={Whole.name: Whole()},
            warnings=list(self.problems),
            document=self.document,
            multiline_parsers={i.multiline.name: i.multiline for i in inputs if i.multiline},
            flows=stages,
        )

    # -- sections ------------------------------------------------------------------------------------------------

    def _top(self) -> None:
        for entry in self.root.entries:
            hint = "parameters stand in sections such as <system>"
            self.problems.error("unknown-option", f"{entry.key} stands outside of any section", entry.place, hint)
        for element in self.root.elements:
            if element.name == "worker":
                message = "<worker> is not understood: there is one process"
                hint = "write its sections outside of it"
                self.problems.error("unknown-section", message, element.place, hint)
            elif element.name not in TOP:
                hint = nearest(element.name, TOP)
                self.problems.error("unknown-section", f"there is no section <{element.name}>", element.place, hint)
        for element in self.root.of("label"):
            self._label(element)
        self.shared.errors = ERROR in self.labels

    def _label(self, element: Element) -> None:
        name = element.argument
        if not name or name == ROOT:
            message = "a label needs a name" if not name else f"{ROOT} is what stands outside of labels"
            self.problems.error("bad-value", message, element.place, "such as <label @APP>")
            return
        if name in self.labels:
            message = f"<label {name}> is there twice; the first is at {self.labels[name].place}"
            self.problems.error("given-twice", message, element.argument_place, "put both into one")
            return
        if not name.startswith("@"):
            message = f"the name of <label {name}> begins with no @"
            self.problems.warning("odd-value", message, element.argument_place)
        self.labels[name] = element
        for inner in element.elements:
            if inner.name not in INSIDE:
                hint = "a label has <filter> and <match>"
                self.problems.error("unknown-section", f"<label> has no section <{inner.name}>", inner.place, hint)
        for entry in element.entries:
            self.problems.error("unknown-option", f"<label> has no parameter {entry.key}", entry.place)

    def _tell_labels(self) -> None:
        for name, element in self.labels.items():
            if name == LOG:
                message = f"nothing enters {LOG}: the router's own log does not become events here"
                self.problems.warning("unused-label", message, element.argument_place)
            elif name not in self.entered:
                hint = nearest(name, self.entered)
                self.problems.warning("unused-label", f"nothing enters <label {name}>", element.argument_place, hint)

    def enter(self, name: str, place: Place) -> str:
        """A label that records enter; "": the top."""
        if name in ("", ROOT):
            return ""
        self.entered.add(name)
        if name not in self.labels:
            message = f"there is no <label {name}>"
            self.problems.error("no-label", message, place, nearest(name, self.labels))
        return name

    def _label_of(self, element: Element) -> str:
        entry = element.get("@label")
        return self.enter(str(entry.value), entry.value_place) if entry else ""

    # -- inputs --------------------------------------------------------------------------------------------------

    def _source(self, element: Element) -> _Lowered | None:
        cls = source(self.reading, element)
        if cls is None:
            return None
        own = {n for s in spec_of(cls) for n in s.names}
        said = self.reading.read(cls, with_parse(element, own), f"<source> {element.text('@type')}")
        label = self._label_of(element)
        if said is None:
            return None
        to = Lowered("input", said.plugin, said, self.shared)
        said.lower(to)
        return _Lowered(to, label, said.multiline() if isinstance(said, SourceSaid) else None)

    def _input(self, builder: Builder, lowered: _Lowered, service: Service) -> Built[Input] | None:
        section = lowered.to.section
        if service.storage_path is not None:
            section.entries.append(Entry("storage.type", "filesystem", section.place, section.place))
        built = builder.input(section)
        if built is None:
            return None
        return replace(built, enters=lowered.label, processors=lowered.to.processors)

    # -- filters and matches ---------------------------------------------------------------------------------------

    def _stages(self, element: Element) -> list[_Stage]:
        stages: list[_Stage] = []
        everything = False
        for inner in element.of(*INSIDE):
            stage = self._stage(inner)
            if stage is None:
                continue
            if everything:
                message = f"nothing comes to <{inner.name} {inner.argument}>: a match before it takes all"
                self.problems.warning("unreachable", message, inner.place, "the order of the config counts: move it up")
                everything = False
            stages.append(stage)
            everything = everything or (inner.name == "match" and "**" in (inner.argument or "**").split())
        return stages

    def _stage(self, element: Element) -> _Stage | None:
        pattern = element.argument or "**"
        try:
            takes = pattern_test(pattern)
        except ValueError as why:
            message = f"<{element.name} {pattern}>: {why}"
            self.problems.error("bad-regex", message, element.argument_place)
            return None
        stage = _Stage(takes, pattern, element.place)
        if element.name == "filter":
            cls = self.reading.type_of(element, FILTERS, **FILTERS_INSTEAD)
            stage.filter = self._filter(element, cls) if cls else None
            return stage if stage.filter else None
        self._match(element, stage)
        return stage

    def _filter(self, element: Element, cls: type[FilterSaid]) -> Built[Filter] | None:
        kind = element.text("@type")
        if cls is Stdout:
            element = with_format(element, (), "stdout")
        said = self.reading.read(cls, element, f"<{element.name}> {kind}")
        if said is None:
            return None
        for label, key in labels_in(said):
            self.enter(label, said.place(key))
        level = element.text("@log_level")
        plugin = as_filter(said, kind, self.shared.errors, element.text("@id") or None, LEVELS.get(level))
        return Built(plugin, self.shared.number(kind), element.place, section=Section("filter", element.place))

    def _match(self, element: Element, stage: _Stage) -> None:
        """What takes the records: an output, several with copy, or what sends them on."""
        kind = element.text("@type")
        if kind == "copy":
            self._copy(element, stage)
        elif kind in EXITS:
            if kind == "relabel" and element.get("@label") is None:
                self.problems.error("missing-option", "<match> relabel needs @label", element.place)
                return
            self._label_of(element)
            if made := self._filter(element, EXITS[kind]):
                stage.exits.append(made)
        else:
            known: dict[str, type[OutputSaid]] = {**OUTPUTS, **dict.fromkeys(("copy", *EXITS), OutputSaid)}
            cls = self.reading.type_of(element, known, **INSTEAD)
            if cls is not None and (output := self._output(element, cls)):
                stage.outputs.append(output)

    def _copy(self, element: Element, stage: _Stage) -> None:
        who = f"<{element.name}> copy"
        for entry in element.entries:
            if entry.key in ("copy_mode", "deep_copy"):
                message = f"{who}: {entry.key} has no effect: records are never edited, so all outputs share them"
                self.problems.warning("option-ignored", message, entry.place)
            elif not entry.key.startswith("@"):
                hint = nearest(entry.key, ["copy_mode"])
                self.problems.error("unknown-option", f"{who} has no option '{entry.key}'", entry.place, hint)
        for store in element.elements:
            if store.name != "store":
                self.problems.error("unknown-section", f"{who} has no section <{store.name}>", store.place, "<store>")
                continue
            words = store.argument.split()
            for word in words:
                if word != "ignore_error":
                    message = f"<store {word}> is not understood: each store gets all records"
                    self.problems.error("bad-value", message, store.argument_place)
            self._match(store, stage)
        if not element.of("store"):
            self.problems.error("missing-section", f"{who} needs <store>", element.place)

    def _output(self, element: Element, cls: type[OutputSaid]) -> _Lowered | None:
        known = {n for s in spec_of(cls) for n in s.names}
        meant = with_buffer(element, known - set(BUFFER))
        if cls.older_inject:
            meant = with_inject(meant, known)
        if cls.older_format:
            meant = with_format(meant, known, cls.older_format)
        said = self.reading.read(cls, meant, f"<{element.name}> {element.text('@type')}")
        if entry := element.get("@label"):
            message = f"<{element.name}> {element.text('@type')}: @label has no effect: no records come from an output"
            self.problems.warning("option-ignored", message, entry.place)
        if said is None:
            return None
        to = Lowered("output", said.plugin, said, self.shared)
        said.send(to)
        return _Lowered(to)

    def _built(
        self, builder: Builder, flows: dict[str, list[_Stage]]
    ) -> tuple[dict[str, list[Stage]], list[Built[Output]]]:
        outputs: list[Built[Output]] = []
        built: dict[str, list[Stage]] = {}
        for label, stages in flows.items():
            built[label] = []
            for stage in stages:
                made = []
                for lowered in stage.outputs:
                    output = builder.output(lowered.to.section, True)
                    if output is not None:
                        made.append(replace(output, matches=stage.takes, processors=lowered.to.processors))
                outputs += made
                exits = tuple(replace(f, matches=stage.takes) for f in stage.exits)
                filter_ = replace(stage.filter, matches=stage.takes) if stage.filter else None
                built[label].append(Stage(stage.takes, filter_, tuple(made), exits, stage.pattern))
        return built, outputs

    # -- the service ---------------------------------------------------------------------------------------------

    def _service(self, settings: Iterable[Entry], arguments: Sequence[Section]) -> Service:
        shared, nowhere = self.shared, self.root.place
        wanted: dict[str, tuple[Any, Place]] = {"json.escape_unicode": ("off", nowhere), "hot_reload": ("on", nowhere)}
        if shared.flushes:
            seconds, place = min(shared.flushes, key=lambda flush: flush[0])
            wanted["flush"] = f"{seconds:g}", place
            for longer, where in shared.flushes:
                if longer > seconds:
                    message = f"flush_interval {longer:g}: all outputs send every {seconds:g} s, the shortest of all"
                    self.problems.warning("option-ignored", message, where)
        wanted["scheduler.base"] = str(max(int(min(shared.waits, default=BASE)), 1)), nowhere
        wanted["scheduler.cap"] = str(max(int(max(shared.caps, default=CAP)), 1)), nowhere
        if shared.folders:
            folder, place = shared.folders[0]
            wanted["storage.path"] = folder, place
            for other, where in shared.folders[1:]:
                if other != folder:
                    message = f"path {other} has no effect: what waits is kept in {folder}, one folder for all"
                    self.problems.warning("option-ignored", message, where)
        section = Section("service", nowhere, [Entry(k, v, p, p) for k, (v, p) in wanted.items()], name="system")
        section.entries += settings
        sections = [*(s for s in arguments if s.kind == "service"), section]
        for argument in arguments:
            if argument.kind != "service":
                message = f"command line: a config in Fluentd's language takes no {argument.kind} from here"
                self.problems.error("bad-option", message, argument.place, "write it into the config")
        return read_service(sections, Values(Variables({})), self.problems)


def labels_in(said: FilterSaid) -> Iterable[tuple[str, str]]:
    """(label, parameter) of what a filter sends elsewhere."""
    if label := getattr(said, "timeout_label", None):
        yield label, "timeout_label"
    for rule in getattr(said, "rule", ()):
        if rule.label:
            yield rule.label, ""
