"""What runs the containers of a task: local processes (process_runtime) and Docker (docker_runtime)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pyrolens.ecs.task_definition import Container

Output = Callable[[str, bytes], None]
"""(stdout or stderr, bytes as they were read; b"" when that output has closed)."""


def _nobody(id_: str) -> None:
    """Does not want to know."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One container to start."""

    container: Container
    id: str
    """64 hex digits."""
    environment: Mapping[str, str]
    """All of it: the task definition's, and what ECS and we add."""
    output: Output
    name: str = ""
    """In Docker."""
    log_options: Mapping[str, str] | None = None
    """Of the log driver fluentd; None: what it prints is not logged."""
    binds: tuple[str, ...] = ()
    """Files and folders of this machine, as in `docker run -v`."""
    made: Callable[[str], None] = field(default=_nobody)
    """Told the id that the engine has given, before anything is printed."""


class Running(Protocol):
    """A container that was started."""

    @property
    def ports(self) -> Mapping[int, int]:
        """Its ports, and where they are on this machine's loopback."""

    @property
    def why(self) -> str:
        """What is known of why it has ended, besides its status; "" when nothing is."""

    async def wait(self) -> int:
        """The exit status, once it has ended and all of its output was handed over."""

    async def healthy(self) -> bool:
        """True once its health check says so, or when there is none; False when it is unhealthy or has ended."""

    async def unhealthy(self) -> None:
        """Comes back when it is unhealthy."""

    async def stop(self, within: float) -> int:
        """End it: SIGTERM, then SIGKILL after so many seconds. Gives the exit status as `wait` does."""

    def kill(self) -> None:
        """End it at once, and do not wait. It may have ended already."""


class Runtime(Protocol):
    def check(self, container: Container) -> str:
        """Why this runtime cannot start the container; "" when it can."""

    async def start(self, launch: Launch) -> Running:
        """Raises: RuntimeError with a line for people when it does not start."""
