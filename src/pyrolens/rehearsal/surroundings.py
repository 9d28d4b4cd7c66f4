"""What a config is rehearsed in, in place of this process's own: variables, the time zone, the standard output."""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from pyrolens.config import Config
from pyrolens.records.event import SECOND
from pyrolens.records.times import CLOCK
from pyrolens.rehearsal.printed import of_all, of_python

LOOKED_AT = ("PYROLENS_JOIN_PARTIAL_MESSAGES",)
"""Variables that plugins look at while they are made."""
SCRIPTS = {"lua", "python"}
"""Filters that may look at all of them, at any time."""
PRINTING = {"python", "stdout"}
THROWING = {"python", "sampling"}
"""Filters that may throw dice."""
SEED = 0
ZONE = "TZ"
CONTAINERS = "UTC"
"""The time zone of a container, if nobody says another."""


class Surroundings:
    """`environ`: of the router; None: this process's own. What nothing in the config looks at is not put there."""

    def __init__(self, config: Config, environ: Mapping[str, str] | None, now: Callable[[], int]) -> None:
        """`now`: ns since the epoch."""
        # parsers of Fluentd's are made while its config is read
        self._now = now if config.flows is not None else None
        of_inputs = [p for built in config.inputs for p in built.processors]
        of_outputs = [p for built in config.outputs for p in built.processors]
        plugins = {built.plugin.name for built in (*config.filters, *of_inputs, *of_outputs)}
        prints = plugins & PRINTING or config.streams
        self._printing = of_all if "lua" in plugins else of_python if prints else None
        self._dice: Any = random.Random(SEED).getstate() if plugins & THROWING else None
        wanted: dict[str, str | None] = {}
        if environ is not None:
            wanted |= {name: environ.get(name) for name in LOOKED_AT}
            if plugins & SCRIPTS:
                wanted |= environ
            if plugins & SCRIPTS or has_local_times(config):
                wanted[ZONE] = environ.get(ZONE, CONTAINERS)
        self._others = {name: value for name, value in wanted.items() if os.environ.get(name) != value}

    @contextmanager
    def around(self, tell: Callable[[str], None] = lambda line: None) -> Iterator[None]:
        """`tell`: gets each line that is printed meanwhile."""
        with ExitStack() as stack:
            if self._printing is not None:
                stack.enter_context(self._printing(tell))
            if self._others:
                stack.enter_context(self._variables())
            if self._now is not None:
                stack.enter_context(self._clock(self._now))
            if self._dice is not None:
                stack.enter_context(self._own_dice())
            yield

    @contextmanager
    def _variables(self) -> Iterator[None]:
        own = {name: os.environ.get(name) for name in self._others}
        put(self._others)
        try:
            yield
        finally:
            put(own)

    @contextmanager
    def _clock(self, now: Callable[[], int]) -> Iterator[None]:
        token = CLOCK.set(lambda: now() / SECOND)
        try:
            yield
        finally:
            CLOCK.reset(token)

    @contextmanager
    def _own_dice(self) -> Iterator[None]:
        """They fall the same way each time."""
        own = random.getstate()
        random.setstate(self._dice)
        try:
            yield
        finally:
            self._dice = random.getstate()
            random.setstate(own)

    @property
    def needed(self) -> bool:
        return bool(self._printing or self._others or self._dice or self._now)


def has_local_times(config: Config) -> bool:
    """Whether something in it reads or writes times of the system's zone."""
    zones = (getattr(getattr(parser, "time", None), "system_timezone", False) for parser in config.parsers.values())
    return bool(config.streams) or config.flows is not None or any(zone is not False for zone in zones)


def put(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if ZONE in variables:
        time.tzset()
