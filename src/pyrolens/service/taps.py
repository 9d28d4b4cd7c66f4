"""Who listens to the records of a running router: GET /api/v2/tap, a stream of JSON lines.

While nobody listens nothing is in the way of the records, see pipeline/observe.py. Two kinds of lines: records (see
records/recorded.py), and {"tap": {"event": …}} about the listening itself: began, points (after a reload), counts, end.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from pyrolens.net.http_server import Answer, Request, Streamed
from pyrolens.plugin import Log
from pyrolens.problems import nearest
from pyrolens.records.event import Event
from pyrolens.service.listener import SHARE, Listener
from pyrolens.service.points import Point, Points, wanted
from pyrolens.service.wanted import NotUnderstoodError, read_wanted

MOST = 4
"""Listeners at a time."""
OFF = "tapping is switched off: http_tap off in [SERVICE]"
MOVED = "the config was loaded again, and the HTTP API is elsewhere now"


class Tapped(Protocol):
    """A router."""

    @property
    def points(self) -> Points: ...


class Taps:
    def __init__(self, router: Tapped, log: Log, *, on: bool) -> None:
        self.router = router
        self.log = log
        self.on = on
        self.listeners: list[Listener] = []
        self._take_off: Callable[[], None] | None = None
        self._rewiring: asyncio.Handle | None = None

    # -- requests -------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer | Streamed:
        """A stream, or why there is none."""
        if request.method != "GET":
            return refused(405, "only GET is answered here")
        if not self.on:
            return refused(403, OFF)
        if len(self.listeners) >= MOST:
            return refused(429, f"{MOST} listen already, which is as many as may")
        try:
            asked = read_wanted(request.query)
            points = self._found(asked.point)
            listener = Listener(asked, self._leave)
        except NotUnderstoodError as why:
            return refused(400, str(why))
        if not points:
            return self._nothing_there(asked.point)
        listener.say("began", points=list(map(str, points)), seconds=asked.seconds, rate=asked.rate)
        self.listeners.append(listener)
        self._rewire()
        self.log.info("somebody listens to records", points=" ".join(asked.point), who=peer_of(request))
        return listener

    def points(self, request: Request) -> Answer:
        if not self.on:
            return refused(403, OFF)
        return Answer(200, msgspec.json.encode({"points": list(map(str, self.router.points))}), "application/json")

    def _nothing_there(self, patterns: Sequence[str]) -> Answer:
        there = list(map(str, self.router.points))
        hint = nearest(patterns[0], [*there, *(point.partition(":")[2] for point in there)])
        message = f"there is no such point: {', '.join(patterns)}{f'; {hint}' if hint else ''}"
        return refused(404, message, points=there)

    def _found(self, patterns: Sequence[str]) -> list[Point]:
        tests = [wanted(pattern) for pattern in patterns]
        return [point for point in self.router.points if any(test(point) for test in tests)]

    # -- what is in the way of records ------------------------------------------------------------------------------

    def _leave(self, listener: Listener) -> None:
        if listener not in self.listeners:
            return  # it was not let in
        self.listeners.remove(listener)
        shown = listener.counts.shown
        self.log.info("somebody listens no more", shown=shown, why=listener.why)
        # not now: a batch may be under way
        if self._rewiring is None:
            self._rewiring = asyncio.get_running_loop().call_soon(self._rewire)

    def _rewire(self) -> None:
        if self._rewiring is not None:
            self._rewiring.cancel()
            self._rewiring = None
        if self._take_off is not None:
            self._take_off()
            self._take_off = None
        looking: dict[Point, list[Listener]] = {}
        for listener in self.listeners:
            listener.share = SHARE / len(self.listeners)
            for point in self._found(listener.wanted.point):
                looking.setdefault(point, []).append(listener)
        if looking:
            each = [(point, partial(self._see, str(point), listeners)) for point, listeners in looking.items()]
            self._take_off = self.router.points.observe(each)

    def _see(self, point: str, listeners: Sequence[Listener], tag: str, events: list[Event]) -> None:
        for listener in listeners:
            try:
                listener.see(point, tag, events)
            except Exception as error:  # whatever it is, the records go on
                self.log.error("unexpected", what="tap", error=repr(error))
                listener.end("an error of ours, which is in the router's log")

    # -- another config, and the end --------------------------------------------------------------------------------

    def succeed(self, old: "Taps") -> None:
        """The config was loaded again: who listens there goes on here, if there is something to listen to."""
        listeners, old.listeners = old.listeners, []
        old._rewire()
        for listener in listeners:
            points = self._found(listener.wanted.point)
            listener.moved(self._leave)
            self.listeners.append(listener)
            if not self.on:
                listener.end(OFF)
            elif not points:
                listener.end("the config was loaded again, and there is no such point any more")
            else:
                listener.say("points", points=list(map(str, points)), why="the config was loaded again")
        self._rewire()

    def end(self, why: str) -> None:
        for listener in list(self.listeners):
            listener.end(why)
        self._rewire()


def refused(status: int, why: str, **more: object) -> Answer:
    headers = [("Allow", "GET")] if status == 405 else []
    return Answer(status, msgspec.json.encode({"error": why, **more}), "application/json", headers)


def peer_of(request: Request) -> str:
    return str(request.peer[0]) if isinstance(request.peer, tuple) and request.peer else ""
