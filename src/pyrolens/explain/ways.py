"""All ways that records can go by a config: which outputs they reach, who drops them, what reaches nothing.

It follows sets of records through the same steps as pipeline.Pipeline follows batches.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pyrolens.check.tags import within
from pyrolens.config import Built, Config
from pyrolens.config.model import Stage
from pyrolens.explain.conditions import Question
from pyrolens.explain.flow import ALL, Flow, Turn, entering
from pyrolens.explain.steps import decides, outcomes
from pyrolens.explain.tags import match_text, takes
from pyrolens.explain.wording import condition_text, where_text
from pyrolens.language.yaml_nodes import any_case
from pyrolens.plugin import Filter, Input, Output
from pyrolens.records.tags import glob

MOST_HOPS = 12
"""Times that a record is followed to the first filter again."""
MOST_ENDS = 1000


@dataclass(frozen=True, slots=True)
class End:
    """Where some of the records end."""

    how: Literal["output", "dropped", "nowhere", "apart"]
    """apart: no output wants them, as the config means it: they were for stream tasks, or no route takes them."""
    who: str
    """Label of the output or of the filter that dropped them."""
    flow: Flow


class Ways:
    def __init__(self, config: Config) -> None:
        self.config = config

    def of(self, built: Built[Input] | None, tags: str) -> list[End]:
        """Of the records of an input that have one of these tags. None: they come in where nobody knows."""
        if self.config.flows is not None and "*" in tags:
            return self._anywhere(built, tags, "takes the tags that its peers choose")
        ends: dict[object, End] = {}
        for end in self._of_input(built, tags) if built else self._enter(Flow(tags=tags)):
            if len(ends) >= MOST_ENDS:
                return self._anywhere(built, tags, f"leads to more than {MOST_ENDS} ways, so they are not told apart")
            flow = end.flow
            ends.setdefault((end.how, end.who, flow.tags, flow.conditions, flow.doubts), end)
        return list(ends.values())

    def _anywhere(self, built: Built[Input] | None, tags: str, why: str) -> list[End]:
        """Nothing is known but the ends that there are."""
        who, place = (built.label, built.place) if built else ("the input", None)
        flow = Flow(tags=tags).doubted(who, why, place)
        outputs = [End("output", o.label, flow) for o in self.config.outputs if type(o.plugin).takes_logs]
        return [
            *outputs,
            *(End("dropped", f.label, flow) for f in self.config.filters if decides(f)),
            End("nowhere", "", flow),
        ]

    def _of_input(self, built: Built[Input], tags: str) -> Iterator[End]:
        flow = Flow(tags=tags, source=built.name, label=built.enters, outputs=None if built.routable else ())
        for out in self._through(built.processors, flow):
            if isinstance(out, End):
                yield out
            elif built.routes:
                yield from self._routed(built, out)
            else:
                yield from self._enter(out)

    def _through(self, processors: Sequence[Built[Filter]], flow: Flow) -> Iterator[End | Flow]:
        """Through the processors of an input or an output."""
        if not processors:
            yield flow
            return
        first, *rest = processors
        for how, out in outcomes(first, flow):
            if how == "passes":
                yield from self._through(rest, out)
            elif how == "drops":
                yield End("dropped", first.label, out)
            else:
                yield from self._enter(out)

    def _routed(self, built: Built[Input], flow: Flow) -> Iterator[End]:
        """By the routes of an input: see records.routes.splitter."""
        chosen = [r for r in built.routes if not r.default and (r.holds or r.per_record)]
        defaults = [r for r in built.routes if r.default]
        plain = [r for r in built.routes if not (r.default or r.holds or r.per_record)]
        if not chosen and not defaults:
            fits = [n for r in plain for n, takes in zip(r.outputs, r.fits, strict=True) if takes and takes(flow.tags)]
            yield from self._enter(replace(flow, outputs=tuple(fits)))
            return
        texts = route_conditions(built)
        rest: Flow | None = flow
        for rule in [*chosen, *defaults]:
            part = rest if rule.default else flow
            test = Question("", "where", texts.get(rule.name) or f"route {rule.name}", flow.changed.get(ALL, 0))
            if part is not None and rule.holds:
                part = part.where(test, True, f"route {rule.name}", built.place)
            if part is not None:
                turns = (*flow.turns, Turn(rule.name, rule.name, built.place))
                yield from self._enter(replace(part, tags=rule.name, outputs=rule.outputs, turns=turns))
            if not rule.default and rest is not None:
                rest = rest.where(test, False, f"route {rule.name}", built.place) if rule.holds else None
        if plain:
            yield from self._enter(replace(flow, outputs=tuple(n for r in plain for n in r.outputs)))
        elif rest is not None and not defaults:
            yield End("apart", "", rest)

    def _enter(self, flow: Flow) -> Iterator[End]:
        """Begin at the first filter."""
        last = flow.path[-1] if flow.path else None
        if last and (last in flow.path[:-1] or len(flow.path) > MOST_HOPS):
            # the router takes them out of the loop here
            yield from self._arrive(flow, filtered=True)
        elif self.config.flows is not None:
            yield from self._stages(flow, 0)
        else:
            yield from self._filters(flow, 0, last[0] if last else "")

    def _filters(self, flow: Flow, number: int, last: str) -> Iterator[End]:
        for at in range(number, len(self.config.filters)):
            built = self.config.filters[at]
            sees = False if built.name == last else takes(built, flow.tags)
            if sees is False:
                continue
            if sees is None:
                if not decides(built):
                    flow = flow.with_changed(ALL)
                    continue
                if other := self._fitting(built, flow, False):
                    yield from self._filters(other, at + 1, last)
                seen = self._fitting(built, flow, True)
                if seen is None:
                    return
                flow = seen
            for how, out in outcomes(built, flow):
                if how == "passes":
                    yield from self._filters(out, at + 1, last)
                elif how == "drops":
                    yield End("dropped", built.label, out)
                else:
                    yield from self._enter(out)
            return
        yield from self._arrive(flow)

    def _fitting(self, built: Built[Any], flow: Flow, fits: bool) -> Flow | None:
        """Those of them whose tag a filter or an output takes, or does not."""
        match = getattr(built.plugin, "match", None)
        regex = getattr(built.plugin, "match_regex", None)
        text = match if match and not regex else match_text(built.plugin)
        found = flow.where(Question("tag", "like", text, len(flow.turns)), fits, built.label, built.place)
        if found and fits and match and not regex and within(match, flow.tags):
            found = replace(found, tags=match)
        return found

    def _arrive(self, flow: Flow, filtered: bool = False) -> Iterator[End]:
        """Behind the filters: the stream tasks and the outputs."""
        tasks = 0 if filtered else (yield from self._tasks(flow))
        if flow.outputs is not None:
            for n in flow.outputs:
                yield from self._at(self.config.outputs[n], flow)
            if not flow.outputs:
                yield End("apart", "", flow)
            return
        left: Flow | None = flow
        for output in self.config.outputs:
            sees = takes(output, flow.tags) if type(output.plugin).takes_logs else False
            if sees:
                yield from self._at(output, flow)
                left = None
            elif sees is None:
                if some := self._fitting(output, flow, True):
                    yield from self._at(output, some)
                left = self._fitting(output, left, False) if left else None
        if left:
            yield End("apart" if tasks else "nowhere", "", left)

    def _at(self, output: Built[Output], flow: Flow) -> Iterator[End]:
        for out in self._through(output.processors, flow):
            yield out if isinstance(out, End) else End("output", output.label, out)

    # -- stream tasks -------------------------------------------------------------------------------------------------

    def _tasks(self, flow: Flow) -> Generator[End, None, int]:
        """Gives back how many of them look at these records."""
        looking = 0
        for task in self.config.streams:
            statement = task.statement
            sees = task.source == flow.source if task.source is not None else glob(statement.source.name)(flow.tags)
            if not sees or (flow.path and flow.path[-1][0] == task.label):
                continue
            looking += 1
            if statement.kind != "stream":
                continue
            copy: Flow | None = flow
            if statement.where is not None:
                test = Question("", "where", where_text(statement.where), flow.changed.get(ALL, 0))
                copy = flow.where(test, True, task.label, task.place)
            if copy is None:
                continue
            if not all(column.is_all for column in statement.columns):
                copy = copy.with_changed(ALL)
            if statement.aggregates:
                copy = copy.doubted(task.label, "sends on only what it has counted", task.place)
            step: Built[Any] = Built(task, task.label, task.place)
            made = replace(entering(copy, step, task.tag), source=task.stream, outputs=None if task.routable else ())
            yield from self._enter(made)
        return looking

    # -- Fluentd's ----------------------------------------------------------------------------------------------------

    def _stages(self, flow: Flow, number: int) -> Iterator[End]:
        stages = (self.config.flows or {}).get(flow.label, [])
        for at in range(number, len(stages)):
            stage = stages[at]
            sees = stage_takes(stage, flow.tags)
            if sees is False:
                continue
            if sees is None:
                parts: list[Built[Any]] = [*([stage.filter] if stage.filter else []), *stage.outputs, *stage.exits]
                first = parts[0] if parts else None
                who, place = (first.label, first.place) if first else ("", None)
                test = Question("tag", "like", f"the pattern of {who}", len(flow.turns))
                if other := flow.where(test, False, who, place):
                    yield from self._stages(other, at + 1)
                seen = flow.where(test, True, who, place)
                if seen is None:
                    return
                flow = seen
            if stage.filter is None:
                for output in stage.outputs:
                    yield from self._at(output, flow)
                for exit_ in stage.exits:
                    yield from self._done(exit_, flow)
                if not stage.outputs and not stage.exits:
                    yield End("nowhere", "", flow)
                return
            for how, out in outcomes(stage.filter, flow):
                if how == "passes":
                    yield from self._stages(out, at + 1)
                else:
                    yield from self._done_as(stage.filter, how, out)
            return
        yield End("nowhere", "", flow)

    def _done(self, built: Built[Filter], flow: Flow) -> Iterator[End]:
        for how, out in outcomes(built, flow):
            if how != "passes":
                yield from self._done_as(built, how, out)

    def _done_as(self, built: Built[Filter], how: str, flow: Flow) -> Iterator[End]:
        if how == "drops":
            yield End("dropped", built.label, flow)
        else:
            yield from self._enter(flow)


def stage_takes(stage: Stage, tags: str) -> bool | None:
    """Whether a section of Fluentd's takes tags: True: all, False: none, None: some, or that is not known."""
    if "*" not in tags:
        return stage.takes(tags)
    # a text that stands in no pattern, as one part of the tag and as two
    return True if all(stage.takes(tags.replace("*", fresh)) for fresh in ("\0", "\0.\0")) else None


def route_conditions(built: Built[Input]) -> dict[str, str]:
    """The condition of each route of an input, by its name."""
    entry = built.section.get("routes") if built.section else None
    blocks = any_case(entry.value) if entry else {}
    out = {}
    for block in blocks.values():
        for route in block if isinstance(block, list) else [block]:
            if isinstance(route, dict) and "condition" in route:
                out[str(route.get("name"))] = condition_text(route["condition"])
    return out
