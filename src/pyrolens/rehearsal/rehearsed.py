"""The router of a rehearsal: the same filters, processors, stream tasks and routes, and outputs that only remember."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pyrolens.config import Built, Config
from pyrolens.config.processors import Conditional
from pyrolens.pipeline.pipeline import Batch, Route, Way
from pyrolens.pipeline.step import Step, TaskStep
from pyrolens.plugin import Filter, Input, LogLine, Output
from pyrolens.records.event import Event
from pyrolens.records.metrics import MetricSet
from pyrolens.records.tags import glob
from pyrolens.rehearsal.journey import Kind
from pyrolens.rehearsal.notes import Notes
from pyrolens.rehearsal.rules import Rules
from pyrolens.rehearsal.virtual_time import VirtualClock
from pyrolens.rehearsal.watched import Watched
from pyrolens.rehearsal.way import Miles, Milestone, Watch
from pyrolens.service.envs import PluginEnv
from pyrolens.service.router import Router
from pyrolens.service.secrets import plugins_of, secrets_of

MOST_WAYS = 10_000
NOT_ASKED = "what it asks others for is not known in a rehearsal, so records go on without it"
ROUTED = "the routes of the input lead elsewhere"
UNROUTABLE = "the input is not routable, or its routes lead nowhere"
IN_A_LOOP = "the records have left a loop, so no filter sees them"
BEHIND = "an earlier match has taken the tag"


class Entry(NamedTuple):
    """How the batches of an input come in."""

    built: Built[Input]
    before: list[Step]
    way: Way


class Hearing(PluginEnv):
    """An InputEnv that keeps what it is given."""

    stores = False

    def __init__(self, tag: str, flush: float, *args: Any) -> None:
        super().__init__(*args)
        self.tag, self.flush = tag, flush
        self.taken: list[tuple[str, list[Event]]] = []

    def ingest(
        self,
        tag: str,
        events: list[Event],
        size: int,
        settled: Callable[[], None] | None = None,
        *,
        stored: Callable[[], None] | None = None,
        delivered: Callable[[], None] | None = None,
    ) -> None:
        self.taken.append((tag, events))
        for call in (stored, settled, delivered):
            if call is not None:
                call()

    def publish(self, tag: str, metrics: MetricSet) -> None:
        self.log.info("metrics came in, of which nothing is shown here", tag=tag)

    def own_metrics(self) -> MetricSet:
        return MetricSet(())

    def listen(self, take: Callable[[LogLine], None]) -> Callable[[], None]:
        return lambda: None

    def leads_to(self, output: str) -> bool:
        return True


class Rehearsed(Router):
    """Raises: ConfigError with all that does not compile."""

    pipeline: Watched

    def __init__(self, config: Config, clock: VirtualClock) -> None:
        self._kind: Kind = "filter"
        self._belongs: Watch | None = None
        self._whole = config
        self._ways: dict[object, Miles] = {}
        notes = Notes()

        def watched(*args: Any) -> Watched:
            return Watched(notes, *args)

        service = replace(config.service, http_server=False, storage_path=None, log_file=None)
        bare = replace(config, service=service, inputs=[], outputs=[], flows=None)
        super().__init__(bare, clock=clock, logs=notes, pipeline=watched)
        pipeline = self.pipeline
        pipeline.miles = self.miles
        self.logs.mask(secrets_of([p for p in plugins_of(config) if p.kind != "filter"], {}))
        self.leave = lambda status: notes.add("info", "engine", f"the router would end, with status {status}")
        for task, step in zip(config.streams, [s for s in pipeline.steps if isinstance(s, TaskStep)], strict=True):
            source = task.statement.source.name
            asks_for = f"FROM STREAM:{source}" if task.source else f"FROM TAG:'{source}'"
            pipeline.watch(step, Watch("stream_task", task.label, "stream_task", task.place, asks_for))
        self._kind = "processor"
        of_filters = len(pipeline.endings)
        pipeline.routes += [r for o in config.outputs if (r := self._compiled(o, self._remembering)) is not None]
        self._belongs = None
        of_outputs = len(pipeline.endings)
        self.entries = [e for i in config.inputs if (e := self._compiled(i, self._entry)) is not None]
        endings = pipeline.endings
        pipeline.endings = endings[of_outputs:] + endings[:of_filters] + endings[of_filters:of_outputs]
        self._problems.raise_if_any()
        if config.flows is not None:
            doors = zip(config.outputs, pipeline.routes, strict=True)
            pipeline.flows = self.flows(config, {o.name: route.door for o, route in doors if route.door})

    def step(self, built: Built[Filter]) -> Step:
        pipeline = self.pipeline
        endings, asked = len(pipeline.endings), pipeline.asked
        step = super().step(built)
        plugin = built.plugin
        if plugin.waits:
            pipeline.impatient += pipeline.endings[endings:]
        if pipeline.asked > asked:
            pipeline.notes.add("info", built.label, NOT_ASKED)
        watch = Watch(self._kind, built.label, plugin.name, built.place, takes(plugin), self._belongs)
        deciding = plugin.deciding(self._parser_env(built.label))
        watch.holds = plugin.holds if isinstance(plugin, Conditional) else None
        watch.rules = Rules(deciding, built.section) if deciding and deciding.rules else None
        pipeline.watch(step, watch)
        return step

    def _remembering(self, built: Built[Output]) -> Route:
        """An output that only remembers what comes to it."""
        plugin = built.plugin
        watch = Watch("output", built.label, plugin.name, built.place, takes(plugin))
        self.pipeline.outputs.append(watch)
        if not plugin.takes_logs:
            return Route(built.matches, None)
        door = self.pipeline.door(watch)
        if built.processors:
            self._belongs = watch
            door = self.processed(door, built)
        return Route(built.matches, door)

    def hearing(self, built: Built[Input]) -> Hearing:
        """What the source of an input is lent that is told what comes in. Nobody gets what it makes of it."""
        label = built.label
        lent = label, self._log_of(built), self.metrics.input(label, built.plugin.name), self._lent
        return Hearing(built.tag, self.config.service.flush, *lent)

    def _entry(self, built: Built[Input]) -> Entry:
        before = self.input_steps(built)
        for step in before:
            if step not in self.pipeline.watches:
                self.pipeline.watch(step, Watch("input", built.label, built.plugin.name, built.place))
        return Entry(built, before, self.way(built))

    # -- who is on the way of a tag, and why others are not ------------------------------------------------------------

    def miles(self, batch: Batch, behind: Step | None) -> Miles:
        """`behind`: the filter behind which the batch goes on."""
        last = batch.path[-1][0] if batch.path else None
        key = batch.tag, last, batch.outputs, batch.source, batch.label, behind, batch.filtered
        found = self._ways.get(key)
        if found is None:
            if len(self._ways) >= MOST_WAYS:
                self._ways.clear()
            ways = self._matching(batch, behind, last) if self.pipeline.flows is None else self._flowing(batch)
            found = self._ways[key] = Miles(ways)
        return found

    def _matching(self, batch: Batch, behind: Step | None, last: Step | None) -> Iterator[Milestone]:
        pipeline, tag = self.pipeline, batch.tag
        steps = pipeline.steps
        for step in steps[steps.index(behind) + 1 :] if behind in steps else steps:
            watch = pipeline.watches[step]
            why = ""
            if batch.filtered:
                why = IN_A_LOOP
            elif step is last:
                why = "it emitted them itself"
            elif not step.takes(tag, batch.source):
                why = misses(watch, tag)
            yield mile(watch, tag, why)
        for number, (watch, route) in enumerate(zip(pipeline.outputs, pipeline.routes, strict=True)):
            why = ""
            if route.door is None:
                why = "it takes metrics only"
            elif batch.outputs is not None:
                why = "" if number in batch.outputs else ROUTED if batch.outputs else UNROUTABLE
            elif route.matches is None or not route.matches(tag):
                why = misses(watch, tag)
            yield mile(watch, tag, why)

    def _flowing(self, batch: Batch) -> Iterator[Milestone]:
        """As pipeline.first_match, of a config in Fluentd's language."""
        pipeline, tag, taken = self.pipeline, batch.tag, False
        steps = dict(zip([f.name for f in self._whole.filters], pipeline.steps, strict=True))
        outputs = {o.name: watch for o, watch in zip(self._whole.outputs, pipeline.outputs, strict=True)}
        for stage in (self._whole.flows or {}).get(batch.label, ()):
            takes = stage.takes(tag)
            if stage.filter is not None:
                if not taken:
                    watch = pipeline.watches[steps[stage.filter.name]]
                    yield mile(watch, tag, "" if takes else misses(watch, tag))
                continue
            watches = [outputs[o.name] for o in stage.outputs]
            watches += [pipeline.watches[steps[f.name]] for f in stage.exits]
            for watch in watches:
                yield mile(watch, tag, (BEHIND if taken else "") if takes else misses(watch, tag))
            taken = taken or takes


def mile(watch: Watch, tag: str, why: str) -> Milestone:
    return Milestone(watch, watch.station(tag, "skipped", why) if why else None)


def misses(watch: Watch, tag: str) -> str:
    if not watch.takes:
        return "it has no Match" if watch.kind == "output" else f"its pattern does not take the tag {tag}"
    return f"{watch.takes} does not take the tag {tag}"


def takes(plugin: Filter | Output) -> str:
    if plugin.match is not None:
        return f"Match {plugin.match}"
    return f"Match_Regex {plugin.match_regex}" if plugin.match_regex is not None else ""


def entry_of(entries: Sequence[Entry], tag: str, named: str | None) -> Entry | None:
    """See Rehearsal.feed. Raises: LookupError."""
    if named is not None:
        for names in (lambda b: (b.label, b.name), lambda b: (b.plugin.name,)):
            found = [entry for entry in entries if named in names(entry.built)]
            if len(found) == 1 or (found and names(found[0].built) != (named,)):
                return found[0]
        known = ", ".join(dict.fromkeys(entry.built.label for entry in entries)) or "none"
        raise LookupError(f"there is no one input {named}; inputs are {known}")
    tags = [(entry, entry.built.tag) for entry in entries]
    own = [entry for entry, usual in tags if tag == usual or ("*" in usual and glob(usual)(tag))]
    sockets = [entry for entry in entries if getattr(entry.built.plugin, "unix_path", None)]
    return next(iter([*own, *sockets]), None)
