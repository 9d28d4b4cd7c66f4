"""Records as they pass: while somebody looks, what is called at a point is replaced; afterwards it is put back.

Nothing on the way of the records asks whether somebody looks, so that it costs nothing while nobody does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pyrolens.delivery.receipt import Receipt
from pyrolens.pipeline.pipeline import ANYWHERE, Door, Pipeline, Way
from pyrolens.pipeline.step import Step, TaskStep
from pyrolens.plugin import Held, Transform
from pyrolens.records.event import Event

See = Callable[[str, list[Event]], None]
"""(tag, events). Never raises, and keeps no more than it has copied: the list may be changed by whoever made it."""


class Gate:
    """Where an output takes records in: makes the door for a tag. `watch`: put around each door that is made; None:
    nobody looks."""

    __slots__ = ("door", "watch")

    def __init__(self, door: Callable[[str], Door]) -> None:
        self.door = door
        self.watch: Callable[[str, Door], Door] | None = None

    def __call__(self, tag: str) -> Door:
        made = self.door(tag)
        return made if self.watch is None else self.watch(tag, made)


@dataclass(frozen=True)
class Views:
    """Who looks where."""

    inputs: Mapping[str, tuple[See, Step | None]] = field(default_factory=dict)
    """By the label of the input: who sees what it hands over, and its first processor, in front of which that is."""
    before: Mapping[Step, See] = field(default_factory=dict)
    after: Mapping[Step, See] = field(default_factory=dict)
    """What goes on behind a filter, and what it lets enter again. Of a stream task: what it makes."""
    outputs: Sequence[tuple[Gate, See]] = ()
    """What is about to be encoded, behind the processors of the output."""


def observe(pipeline: Pipeline, views: Views) -> Callable[[], None]:
    """Begin. Gives what ends it: then each object is the one from before. Not to be called while a batch is under
    way."""
    undo: list[Callable[[], None]] = []
    for step in {**views.before, **views.after}:
        undo.append(partial(setattr, step, "transform", step.transform))
        step.transform = seen(step, views.before.get(step), views.after.get(step))
    own: dict[str, Callable[..., None]] = {}
    if views.inputs:
        own["feed"] = feeding(pipeline, views.inputs)
    if views.after:
        own.update(leaving(pipeline, views.after))
    # beside the methods, which are there again when these have gone
    vars(pipeline).update(own)
    undo += [partial(vars(pipeline).pop, name) for name in own]
    if views.outputs:
        undo.append(partial(setattr, pipeline, "_plans", pipeline._plans))
        pipeline._plans = {}  # doors are made with the plan
        for gate, see in views.outputs:
            undo.append(partial(setattr, gate, "watch", gate.watch))
            gate.watch = partial(watched, see)

    def end() -> None:
        while undo:
            undo.pop()()

    return end


def watched(see: See, tag: str, door: Door) -> Door:
    def accept(events: list[Event], receipt: Receipt) -> None:
        see(tag, events)
        door(events, receipt)

    return accept


def seen(step: Step, before: See | None, after: See | None) -> Transform:
    """The transform of the step, with somebody who looks. What it fails at goes on as it came: see Step.run."""
    plain = step.transform
    alone = 0
    """So many calls are for single records of a batch that was seen already."""

    def transform(tag: str, events: list[Event]) -> list[Event]:
        nonlocal alone
        if alone:
            alone -= 1
        elif before:
            before(tag, events)
        try:
            out = plain(tag, events)
        except Exception:
            if not step.stateful and len(events) > 1:
                alone = len(events)
            elif after:
                after(tag, events)
            raise
        if after and out and not isinstance(step, TaskStep):
            after(tag, out)
        return out

    return transform


class Look(Step):
    """A step that only looks."""

    __slots__ = ("see",)

    def __init__(self, see: See) -> None:
        self.see = see

    def run(self, tag: str, events: list[Event]) -> list[Event]:
        if events:
            self.see(tag, events)
        return events


def feeding(pipeline: Pipeline, views: Mapping[str, tuple[See, Step | None]]) -> Callable[..., None]:
    """Pipeline.feed, with somebody who looks in front of the processors of inputs."""
    plain, looks = pipeline.feed, {label: (Look(see), first) for label, (see, first) in views.items()}

    def feed(tag: str, events: list[Event], receipt: Receipt, before: Sequence[Step] = (), way: Way = ANYWHERE) -> None:
        look, first = looks.get(way.input, (None, None))
        if look is not None and first is None:
            before = (*before, look)
        elif look is not None and first in before:  # else a later one had held them back, and they were seen
            at = before.index(first)
            before = (*before[:at], look, *before[at:])
        plain(tag, events, receipt, before, way)

    return feed


def leaving(pipeline: Pipeline, views: Mapping[Step, See]) -> dict[str, Callable[..., None]]:
    """The ways of records out of a step besides its transform, with somebody who looks."""

    def with_look(plain: Callable[..., None]) -> Callable[..., None]:
        def call(step: Step, tag: str, events: list[Event], *args: Sequence[Held] | Any, **more: Any) -> None:
            see = views.get(step)
            if see is not None and events:
                see(tag, events)
            plain(step, tag, events, *args, **more)

        return call

    return {name: with_look(getattr(pipeline, name)) for name in ("emit", "make", "go_on")}
