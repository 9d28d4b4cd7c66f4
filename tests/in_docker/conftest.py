"""The engine and the images, made once for a run; a second worker finds them in the engine's cache."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.in_docker import base_image
from tests.in_docker.engine import Engine, find

ROOT = Path(__file__).parents[2]
ROUTER = "pyrolens-test-router"


@dataclass(frozen=True)
class Images:
    busybox: str
    base: str
    """Python, curl and nc."""
    router: str
    """Ours."""


@pytest.fixture(scope="session")
def engine() -> Engine:
    return find()


@pytest.fixture(scope="session")
def images(engine: Engine) -> Images:
    with open(Path(tempfile.gettempdir(), f"pyrolens-images-{os.getuid()}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        busybox = base_image.BUSYBOX if engine.has(base_image.BUSYBOX) else base_image.import_busybox(engine)
        base = base_image.BASE if engine.has(base_image.BASE) else base_image.import_base(engine)
        router = base_image.build(engine, ROOT, ROUTER, "--build-arg", f"BASE={base}")
    return Images(busybox, base, router)


@pytest.fixture
def started(engine: Engine) -> Iterator[list[str]]:
    """Names of containers: they are removed at the end."""
    names: list[str] = []
    yield names
    if names:
        engine.run("rm", "-f", "-v", *names)
