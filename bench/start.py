"""What a start costs: from the first instruction until the router listens, with the config of a pipeline."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.pipelines import Pipeline
from bench.router import BenchError, Router
from bench.run import free_port

NAME = "start"
IDLE = 1.0
"""Seconds after which a router that has nothing to do is looked at."""


@dataclass(frozen=True)
class Start:
    router: str
    pipeline: str
    ready_s: float
    """Seconds until it listens."""
    cpu_s: float
    """Seconds of CPU until then."""
    rss_mib: float
    """Resident while it waits for its first event."""


def measure(name: str, command: list[str], pipeline: Pipeline) -> Start:
    """Raises: BenchError."""
    with tempfile.TemporaryDirectory() as folder:
        config = pipeline.write(Path(folder), "http", free_port(), free_port(), "", "memory")
        began = time.monotonic()
        router = Router(command, config, Path(folder, "router.log"))
        try:
            router.wait_until_listening()
            ready, used = time.monotonic() - began, router.usage()
            time.sleep(IDLE)
            idle = router.usage()
            if not used.peak:
                raise BenchError("there is no /proc here, so a start cannot be measured")
            router.stop()
        finally:
            router.kill()
    return Start(name, pipeline.name, ready, used.cpu, idle.resident / 2**20)
