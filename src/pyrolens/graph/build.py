"""From a config that was understood, and the tags that its records can have, to nodes and edges.

Sets of tags are followed as the pipeline does it: through the filters in their order, in again at the first one when
a filter gives a new tag, and to the outputs. In a config of Fluentd's, through the stages of labels.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from pyrolens.check.context import ANY, FOLLOWS, Context, text
from pyrolens.check.reading import UNKNOWN, VARIABLE
from pyrolens.config import Built, Config
from pyrolens.ecs.router_config import HEALTH_TAG
from pyrolens.ecs.rules import FORWARD_PORT
from pyrolens.explain.tags import takes as proven
from pyrolens.graph.emitting import Emission, always, emissions
from pyrolens.graph.model import ELSEWHERE, Edge, EdgeKind, Graph, Node, NodeKind
from pyrolens.graph.places import condition_text, does, leads_to, reads
from pyrolens.graph.tagset import Split, Tags, Trial
from pyrolens.problems import Place, nearest

MOST_STEPS = 5000
"""Arrivals of a set of tags at a filter; a config with more is not followed to its end."""
MOST_HOPS = 12
"""Times that records enter again."""
LONG = 3
"""Times after which a tag is followed by the pattern of all that a rule makes."""
SOCKET = "*-firelens-*"


class Way(NamedTuple):
    """How records go on, besides their tags."""

    label: str = ""
    """Of Fluentd's."""
    last: str = ""
    """Id of the filter that let them enter again; it does not see them."""
    outputs: tuple[int, ...] | None = None
    """Numbers of the outputs that get them; None: those that match."""
    source: str = ""
    """The input or stream, for stream tasks."""
    hops: int = 0


class Stop(NamedTuple):
    """Something that tags go through or end at, as it is met."""

    node: str
    takes: Callable[[Tags, str], Split]
    """(tags, source)"""
    kind: str
    """filter, task, or output; match: the outputs of a match of Fluentd's, and records that it takes go no further."""
    emits: tuple[Emission, ...] = ()
    consumes: bool = False
    """Nothing goes on behind it under its tag."""
    outputs: tuple[str, ...] = ()
    """Ids of the first nodes of those of a match."""
    onward: tuple[str, ...] = ()
    """Conditions under which records go on under their tag."""


def build_graph(
    context: Context,
    *,
    title: str = "",
    everything: bool = False,
    sockets: bool = False,
    place: Callable[[Place | None], Place | None] = lambda place: place,
) -> Graph:
    """`everything`: also what ECS adds for loggers in the application and for health checks, even if all that it
    leads to is reached without it. `sockets`: containers lead to the input that their log drivers write to. `place`:
    the place that people know. The context has a config."""
    if context.task is None or everything:
        return Builder(context, set(), sockets, place).graph(title)
    hidden = {number for number, built in enumerate(_inputs(context)) if _of_agent(built)}
    graph = Builder(context, hidden, sockets, place).graph(title)
    for number in sorted(hidden):
        tried = Builder(context, hidden - {number}, sockets, place).graph(title)
        if _lost(tried) < _lost(graph):
            hidden = hidden - {number}
            graph = tried
    return graph


def _inputs(context: Context) -> list[Built[Any]]:
    return context.config.inputs if context.config else []


def _of_agent(built: Built[Any]) -> bool:
    """An input that the ECS agent adds besides the socket."""
    if built.section is None:
        return False
    loggers = built.plugin.name == "forward" and text(built.section, "port") == str(FORWARD_PORT)
    return (loggers and not text(built.section, "unix_path")) or built.tag == HEALTH_TAG


def _lost(graph: Graph) -> int:
    return sum(not node.reached for node in graph.nodes if node.kind != "nowhere")


class Builder:
    def __init__(
        self, context: Context, hidden: set[int], sockets: bool, place: Callable[[Place | None], Place | None]
    ) -> None:
        assert context.config is not None
        self.context, self.config, self.hidden, self.sockets = context, context.config, hidden, sockets
        self.place = place
        self.known = known_variables(context)
        self.nodes: list[Node] = []
        self.flows: dict[tuple[str, str, EdgeKind], dict[Tags | None, list[str]]] = {}
        self.why: dict[str, str] = {}
        """What a node that nothing reaches has to say."""
        self.steps = 0
        self.met: set[tuple[str, Tags, str, str, tuple[int, ...] | None, str]] = set()
        self.lost: dict[str, list[Tags]] = {}
        self.outputs: list[str] = []
        """Ids of the first nodes of all outputs, "" for those that are not shown."""
        self.exits: dict[str, Stop] = {}
        """Matches of Fluentd's that send records on."""
        self.notes: list[str] = []

    # -- nodes -------------------------------------------------------------------------------------------------------

    def graph(self, title: str) -> Graph:
        entries = self._sources()
        self.stages = self._stages()
        for tags, node, way, condition in entries:
            self.walk(node, tags, way, "flow", condition)
        self._metrics()
        self._nowhere()
        return self._finished(title)

    def _node(
        self,
        kind: NodeKind,
        built: Built[Any],
        head: str,
        lines: tuple[str, ...],
        near: str = "",
    ) -> str:
        id_ = f"n{len(self.nodes) + 1}"
        plugin = built.plugin.name
        shown = head if built.label.rpartition(".")[0] == plugin else f"{head} · {plugin}"
        self.nodes.append(Node(id_, kind, built.label, shown, lines, self.place(built.place)))
        self.why[id_] = near
        return id_

    def _chain(self, first: str, processors: list[Built[Any]]) -> str:
        """Processors behind a node; the last one."""
        for built in processors:
            if is_inner(built):
                continue
            id_ = self._processor(built)
            self._edge(first, id_, "flow", None, ())
            first = id_
        return first

    def _processor(self, built: Built[Any]) -> str:
        condition = built.section.get("condition") if built.section else None
        lines = does(built)
        if condition is not None:
            lines = (f"if {condition_text(condition.value)}", *lines)
        return self._node("processor", built, "processor", lines)

    # -- what records come from --------------------------------------------------------------------------------------

    def _sources(self) -> list[tuple[Tags, str, Way, str]]:
        """(tags, node, way, condition) of all that begins."""
        out: list[tuple[Tags, str, Way, str]] = []
        tags_of = {id(section): tag for section, tag in self.context.inputs}
        containers = []
        socket = next((b for b in self.config.inputs if self._is_socket(b, tags_of)), None)
        for container in self.context.firelens if socket is not None else ():
            id_ = f"n{len(self.nodes) + 1}"
            self.nodes.append(Node(id_, "container", container.name, "container", (), container.place))
            containers.append((id_, Tags((f"{container.name}-firelens-{FOLLOWS}",))))
        if not self.config.inputs:
            id_ = f"n{len(self.nodes) + 1}"
            self.nodes.append(Node(id_, "input", "any", ELSEWHERE))
            self.notes.append("there is no input: this is taken for a part of a config that has them elsewhere")
            return [(Tags((ANY,), certain=False), id_, Way(), "")]
        for number, built in enumerate(self.config.inputs):
            if number in self.hidden:
                what = "health checks by TCP" if built.tag == HEALTH_TAG else "loggers in the application, any tag"
                self.notes.append(f"{built.label} ({what}) is not shown")
                continue
            if built is socket and not (self.sockets or built.processors or built.routes):
                way = Way(label=built.enters, source=built.name, outputs=None if built.routable else ())
                out += [(tags, id_, way, "") for id_, tags in containers]
                continue
            id_ = self._node("input", built, "input", reads(built))
            if built.plugin.publishes(built.tag) is not None and not built.processors:
                continue
            last = self._chain(id_, built.processors)
            if built is socket:
                for container_id, tags in containers:
                    self._edge(container_id, id_, "flow", tags, ())
                    out += self._routed(built, tags, last)
            else:
                tag = self._tag(built, tags_of)
                out += self._routed(
                    built, Tags((tag,), foreign=self.context.task is not None, certain=tag != ANY), last
                )
        return out

    def _is_socket(self, built: Built[Any], tags_of: Mapping[int, str]) -> bool:
        return tags_of.get(id(built.section)) == SOCKET and self.context.task is not None

    def _tag(self, built: Built[Any], tags_of: Mapping[int, str]) -> str:
        """A variable of which the value is known does not make it unknown."""
        tag = tags_of.get(id(built.section), built.tag)
        names = VARIABLE.findall(text(built.section, "tag")) if built.section else []
        return built.tag if tag == ANY and names and all(n in self.known for n in names) else tag

    def _routed(self, built: Built[Any], tags: Tags, node: str) -> Iterator[tuple[Tags, str, Way, str]]:
        """With the routes of an input; see records.routes."""
        way = Way(label=built.enters, source=built.name)
        if not built.routable:
            yield tags, node, way._replace(outputs=()), ""
            return
        if not built.routes:
            yield tags, node, way, ""
            return
        entry = built.section.get("routes") if built.section else None
        spec = entry.value if entry else {}
        blocks = (
            [b for v in spec.values() for b in (v if isinstance(v, list) else [v])] if isinstance(spec, dict) else []
        )
        words = {str(b.get("name")): condition_text(b.get("condition")) for b in blocks if isinstance(b, dict)}
        chosen = any(not r.default and (r.holds or r.per_record) for r in built.routes)
        defaults = any(r.default for r in built.routes)
        for rule in built.routes:
            numbers = rule.outputs
            if rule.default:
                condition = words.get(rule.name) or ("no other route" if chosen else "")
                yield Tags((rule.name,)), node, way._replace(outputs=numbers), condition
            elif rule.holds or rule.per_record:
                yield Tags((rule.name,)), node, way._replace(outputs=numbers), words.get(rule.name, "")
            elif chosen or defaults:
                yield tags, node, way._replace(outputs=numbers), ""
            else:
                fits = tuple(n for n, test in zip(numbers, rule.fits, strict=True) if self._fits(n, tags) and test)
                yield tags, node, way._replace(outputs=fits), ""

    def _fits(self, number: int, tags: Tags) -> bool:
        return self._taker(self.config.outputs[number])(tags, "").part is not None

    # -- filters, tasks and outputs -----------------------------------------------------------------------------------

    def _stages(self) -> dict[str, list[Stop]]:
        """Of each label; "" where there are none."""
        if self.config.flows is not None:
            return self._of_fluentd(self.config)
        stops = []
        for number, built in enumerate(self.config.filters, 1):
            lines = (self._match_text(built), *does(built))
            id_ = self._node("filter", built, f"filter {number}", lines, self._missed(built))
            found = emissions(built)
            ends = any(e.takes_all for e in found)
            moved = tuple(c for e in found for c in e.moves)
            onward = ("no rule fits",) if moved and len(moved) == len(found) else ()
            stops.append(Stop(id_, self._taker(built), "filter", found, ends, onward=onward))
        for task in self.config.streams:
            head = "stream task"
            where = _where(task)
            kind = task.statement.kind
            lines = (f"from {task.statement.source.kind} {task.statement.source.name}", *([where] if where else []))
            id_ = f"n{len(self.nodes) + 1}"
            self.nodes.append(Node(id_, "stream_task", task.name, head, lines, self.place(task.place)))
            self.why[id_] = f"no record comes from {task.statement.source.kind} {task.statement.source.name}"
            makes = () if kind in ("select", "snapshot") else (Emission(always(task.tag), "", ()),)
            stops.append(Stop(id_, self._task_taker(task), "task", makes))
        for output in self.config.outputs:
            id_ = "" if self._is_hidden(output) else self._output(output, (self._match_text(output),))
            self.outputs.append(id_)
            stops.append(Stop("", self._taker(output), "output", outputs=(id_,)))
        return {"": stops}

    def _is_hidden(self, built: Built[Any]) -> bool:
        """Where ECS lets its health checks go, if these are not shown."""
        shown = any(b.tag == HEALTH_TAG for n, b in enumerate(self.config.inputs) if n not in self.hidden)
        swallows = built.plugin.name == "null" and built.plugin.match == HEALTH_TAG
        return bool(self.hidden) and swallows and not shown

    def _output(self, built: Built[Any], first: tuple[str, ...]) -> str:
        """Its first node: that of its first processor, if it has some."""
        chain = [self._processor(p) for p in built.processors if not is_inner(p)]
        for id_ in chain:
            self.why[id_] = self._missed(built)
        lines = (*first, *leads_to(built, self.known))
        last = self._node("output", built, "output", tuple(filter(None, lines)), self._missed(built))
        for one, other in pairwise([*chain, last]):
            self._edge(one, other, "flow", None, ())
        return chain[0] if chain else last

    def _match_text(self, built: Built[Any]) -> str:
        written = [text(built.section, "match"), text(built.section, "match_regex")] if built.section else []
        shown = " or ".join(filter(None, [written[0], f"/{written[1]}/" if written[1] else ""])) if written else ""
        return f"Match {shown}" if shown else ""

    def _taker(self, built: Built[Any]) -> Callable[[Tags, str], Split]:
        if built.matches is None:
            return lambda tags, source: Split(None, tags)
        plugin: Any = built.plugin
        section = built.section
        unknown = section is not None and any(
            n not in self.known for key in ("match", "match_regex") for n in VARIABLE.findall(text(section, key))
        )
        if unknown:
            return lambda tags, source: Split(tags, tags)
        if plugin.match_regex is not None:
            test = Trial(f"/{plugin.match_regex}/", built.matches, proves=lambda tags: proven(built, tags))
            return lambda tags, source: tags.by_test(test)
        if plugin.match is None:
            return lambda tags, source: Split(tags, None)
        return lambda tags, source: tags.by(plugin.match)

    def _task_taker(self, task: Any) -> Callable[[Tags, str], Split]:
        if task.source is None:
            return lambda tags, source: tags.by(task.statement.source.name)
        return lambda tags, source: Split(tags, None) if source == task.source else Split(None, tags)

    def _of_fluentd(self, config: Config) -> dict[str, list[Stop]]:
        number = 0
        out: dict[str, list[Stop]] = {}
        for label, stages in (config.flows or {}).items():
            stops = out[label] = []
            under = f" of {label}" if label else ""
            for stage in stages:
                test = Trial(stage.pattern or "**", stage.takes, samples(stage.pattern))
                every = stage.pattern in ("", "**")

                def takes(tags: Tags, source: str, test: Trial = test, every: bool = every) -> Split:
                    return Split(tags, None) if every else tags.by_test(test)

                if stage.filter is not None:
                    number += 1
                    lines = (f"<filter {stage.pattern}>{under}", *does(stage.filter))
                    id_ = self._node("filter", stage.filter, f"filter {number}", lines, self._untaken(stage.pattern))
                    stops.append(Stop(id_, takes, "filter", emissions(stage.filter)))
                    continue
                match = f"<match {stage.pattern}>{under}"
                ids = [self._output(o, (match,)) for o in stage.outputs]
                for id_ in ids:
                    self.why[id_] = self._untaken(stage.pattern)
                self.outputs += ids
                for built in stage.exits:
                    number += 1
                    lines = (match, *does(built))
                    id_ = self._node("filter", built, f"match {number}", lines, self._untaken(stage.pattern))
                    self.exits[id_] = Stop(id_, takes, "filter", emissions(built), True)
                    ids.append(id_)
                stops.append(Stop("", takes, "match", outputs=tuple(ids)))
        return out

    # -- why nothing comes ------------------------------------------------------------------------------------------

    def _missed(self, built: Built[Any]) -> str:
        written = self._match_text(built).removeprefix("Match ")
        if any(built is self.config.outputs[n] for i in self.config.inputs for r in i.routes for n in r.outputs):
            return "no record of a route gets here"
        if built.matches is None or not written:
            return "it has no Match"
        return self._untaken(written)

    def _untaken(self, written: str) -> str:
        made = ""
        if self.context.other_tags and not self.context.has_streams:
            made = " that is known"
        near = nearest(written, [t for t in self.context.tags if t != ANY])
        hint = f"; {near}" if near and not near.endswith(f"'{written}'?") else ""
        return f"no tag{made} fits {written}{hint}"

    # -- following tags -----------------------------------------------------------------------------------------------

    def walk(self, origin: str, tags: Tags, way: Way, kind: EdgeKind, condition: str, start: int = 0) -> None:
        """From a node through the stages, beginning at one of them."""
        stages = self.stages.get(way.label, [])
        conditions = (condition,) if condition else ()
        rest: Tags | None = tags
        for number, stop in enumerate(stages[start:], start):
            if rest is None:
                return
            if stop.kind == "output":
                break
            if stop.node and stop.node == way.last:
                continue
            part, left = stop.takes(rest, way.source)
            if part is None:
                continue
            if stop.kind == "task":
                self._edge(origin, stop.node, "copy", part, conditions)
                self._emit(stop, part, way)
                continue
            if stop.kind == "match":
                for id_ in stop.outputs:
                    self._edge(origin, id_, kind, part, conditions)
                    if id_ in self.exits:
                        self._emit(self.exits[id_], part, way)
            else:
                self._edge(origin, stop.node, kind, part, conditions)
                self._into(stop, number, part, way)
            rest = left
        if rest is None:
            return
        if self.config.flows is None:
            self._arrive(origin, rest, way, kind, conditions)
        elif rest.certain:
            self._lose(origin, rest)

    def _into(self, stop: Stop, number: int, tags: Tags, way: Way) -> None:
        key = (stop.node, tags, way.label, way.last, way.outputs, way.source)
        self.steps += 1
        if key in self.met or self.steps > MOST_STEPS:
            return
        self.met.add(key)
        self._emit(stop, tags, way)
        if not stop.consumes:
            self.walk(stop.node, tags, way, "flow", stop.onward[0] if stop.onward else "", number + 1)

    def _emit(self, stop: Stop, tags: Tags, way: Way) -> None:
        if way.hops >= MOST_HOPS:
            return
        for emission in stop.emits:
            # a tag that grows in a circle is soon followed as all that it may become
            made = emission.makes(tags.pattern if way.hops < LONG else ANY)
            new = tags if made == tags.pattern else Tags((made,), foreign=True, certain=tags.certain or "*" not in made)
            label = way.label if emission.label is None else emission.label
            source = getattr(next((t for t in self.config.streams if self._is(stop.node, t.name)), None), "stream", "")
            onward = Way(label, stop.node, None, source, way.hops + 1)
            key = (f"from {stop.node}", new, label, emission.condition, None, source)
            if key not in self.met:
                self.met.add(key)
                self.walk(stop.node, new, onward, "emit", emission.condition)

    def _is(self, id_: str, label: str) -> bool:
        return any(n.id == id_ and n.kind == "stream_task" and n.label == label for n in self.nodes)

    def _arrive(self, origin: str, tags: Tags, way: Way, kind: EdgeKind, conditions: tuple[str, ...]) -> None:
        if way.outputs is not None:
            for number in way.outputs:
                self._edge(origin, self.outputs[number], kind, tags, conditions)
            return
        rest: Tags | None = tags
        copied = False
        for stop, built in zip((s for s in self.stages[""] if s.kind == "output"), self.config.outputs, strict=True):
            if not built.plugin.takes_logs:
                continue
            part = stop.takes(tags, way.source).part
            if part is not None:
                self._edge(origin, stop.outputs[0], kind, part, conditions)
            if rest is not None:
                rest = stop.takes(rest, way.source).rest
        copied = any(s.kind == "task" and s.takes(tags, way.source).part for s in self.stages[""])
        if rest is not None and rest.certain and not copied:
            self._lose(origin, rest)

    def _lose(self, origin: str, tags: Tags) -> None:
        shown = self.lost.setdefault(origin, [])
        if tags not in shown:
            shown.append(tags)

    def _edge(self, source: str, target: str, kind: EdgeKind, tags: Tags | None, conditions: tuple[str, ...]) -> None:
        if not target:
            return
        known = self.flows.setdefault((source, target, kind), {}).setdefault(tags, [])
        known += [c for c in conditions if c not in known]

    # -- the rest ----------------------------------------------------------------------------------------------------

    def _metrics(self) -> None:
        """What plugins count goes to outputs that take metrics, past all filters."""
        by_label = {node.label: node.id for node in self.nodes if node.kind in ("input", "filter", "processor")}
        makers: list[Built[Any]] = [
            *(b for n, b in enumerate(self.config.inputs) if n not in self.hidden),
            *self.config.filters,
        ]
        for maker in makers:
            tag = maker.plugin.publishes(maker.tag)
            if tag is None or maker.label not in by_label:
                continue
            for id_, output in zip(self.outputs, self.config.outputs, strict=True):
                if output.plugin.takes_metrics and output.matches is not None and output.matches(tag):
                    self._edge(by_label[maker.label], id_, "metrics", Tags((tag,)), ())

    def _nowhere(self) -> None:
        for origin, tags in self.lost.items():
            id_ = f"n{len(self.nodes) + 1}"
            why = "no output takes these records: they are dropped"
            self.nodes.append(Node(id_, "nowhere", "nowhere", "no output", (), None, why))
            self.flows[origin, id_, "flow"] = {tag: [] for tag in tags}

    def _finished(self, title: str) -> Graph:
        starts = {n.id for n in self.nodes if n.kind in ("container", "input")}
        edges = [Edge(source, target, kind, told(flows)) for (source, target, kind), flows in self.flows.items()]
        reached = set(starts)
        grown = True
        while grown:
            new = {e.target for e in edges if e.source in reached} - reached
            reached |= new
            grown = bool(new)
        order = {n.id: number for number, n in enumerate(self.nodes)}
        nodes = tuple(
            replace(n, why=n.why or ("" if n.id in reached else self.why.get(n.id) or "nothing leads here"))
            for n in self.nodes
        )
        if self.steps > MOST_STEPS:
            self.notes.append("there are more ways than are followed: some edges are missing")
        edges.sort(key=lambda e: (order[e.source], order[e.target], e.kind))
        return Graph(title, nodes, tuple(edges), tuple(self.notes))


def told(flows: Mapping[Tags | None, list[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Of an edge, without those that are part of others."""
    sets = [tags for tags in flows if tags is not None]
    out: dict[tuple[str, tuple[str, ...]], None] = {}
    for tags, conditions in flows.items():
        wider = (s for s in sets if tags is not None and s != tags and s.covers(tags) and not tags.covers(s))
        if not any(flows[one] == conditions for one in wider):
            out[str(tags) if tags is not None else "", tuple(conditions)] = None
    return tuple(out)


def is_inner(built: Built[Any]) -> bool:
    """A processor that a config in Fluentd's language stands for, and nobody wrote."""
    return built.name.startswith("fluentd.")


def samples(pattern: str) -> tuple[str, ...]:
    """Tags that a pattern of Fluentd's may be meant for."""
    return tuple(
        re.sub(r"\{([^,}]*)[^}]*\}", r"\1", one).replace("**", "x").replace("*", "x") for one in pattern.split()
    )


def known_variables(context: Context) -> dict[str, str]:
    """What a task definition says in plain words."""
    return {k: v for k, v in context.environ.items() if v != UNKNOWN} if context.task else {}


def _where(task: Any) -> str:
    line = task.place.text
    at = line.upper().find(" WHERE ")
    return line[at + 1 :].strip().rstrip(";").strip() if at >= 0 else ""
