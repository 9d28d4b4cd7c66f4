"""Chunks that wait until it is time to send them again."""

import asyncio
from collections.abc import Callable, Iterator

from pyrolens.delivery.outcome import Chunk


class Retries:
    def __init__(self, due: Callable[[Chunk], None]) -> None:
        """due: called with each when its time has come."""
        self._due = due
        self._timers: dict[str, tuple[asyncio.TimerHandle, Chunk]] = {}

    def __bool__(self) -> bool:
        return bool(self._timers)

    def __iter__(self) -> Iterator[Chunk]:
        return (chunk for _, chunk in self._timers.values())

    def __contains__(self, chunk: Chunk) -> bool:
        return chunk.id in self._timers

    def add(self, chunk: Chunk, seconds: float) -> None:
        timer = asyncio.get_running_loop().call_later(seconds, self._now, chunk)
        self._timers[chunk.id] = timer, chunk

    def remove(self, chunk: Chunk) -> None:
        self._timers.pop(chunk.id)[0].cancel()

    def latest_first(self) -> list[tuple[float, Chunk]]:
        """Seconds from now, by when each is due."""
        now = asyncio.get_running_loop().time()
        return sorted(((timer.when() - now, chunk) for timer, chunk in self._timers.values()), key=lambda one: -one[0])

    def all_now(self) -> None:
        for chunk in list(self):
            self._now(chunk)

    def clear(self) -> None:
        for timer, _ in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _now(self, chunk: Chunk) -> None:
        self.remove(chunk)
        self._due(chunk)
