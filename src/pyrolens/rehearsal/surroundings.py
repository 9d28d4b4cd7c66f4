"""What a config is rehearsed in, in place of this process's own: variables, the time zone, the standard output."""

import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pyrolens.config import Config

LOOKED_AT = ("PYROLENS_JOIN_PARTIAL_MESSAGES",)
"""Variables that plugins look at while they are made."""
SCRIPTS = {"lua", "python"}
"""Filters that may look at all of them, at any time."""
PRINTING = {"python", "stdout"}
ZONE = "TZ"
CONTAINERS = "UTC"
"""The time zone of a container, if nobody says another."""


class Surroundings:
    """`environ`: of the router; None: this process's own. What nothing in the config looks at is not put there."""

    def __init__(self, config: Config, environ: Mapping[str, str] | None) -> None:
        of_inputs = [p for built in config.inputs for p in built.processors]
        of_outputs = [p for built in config.outputs for p in built.processors]
        plugins = {built.plugin.name for built in (*config.filters, *of_inputs, *of_outputs)}
        self._prints = bool(plugins & PRINTING or config.streams)
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
        own = {name: os.environ.get(name) for name in self._others}
        put(self._others)
        stdout, printed = sys.stdout, io.BytesIO()
        if self._prints:
            sys.stdout = io.TextIOWrapper(printed, "utf-8", "surrogateescape", write_through=True)
        try:
            yield
        finally:
            text = printed.getvalue()
            sys.stdout = stdout
            put(own)
            for line in text.decode("utf-8", "surrogateescape").splitlines():
                tell(line)

    @property
    def needed(self) -> bool:
        return self._prints or bool(self._others)


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
