"""What is rehearsed: a router's config, or a task definition with all that its router reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyrolens.config import Config
from pyrolens.ecs.firelens import Setup, Task
from pyrolens.ecs.forms import Asked
from pyrolens.problems import Place, Problem


@dataclass
class Subject:
    """Use it with `with`, or call close(): configs of tasks are put together in a folder that is made for it."""

    path: str
    """As it was given."""
    config: Config
    task: Task | None = None
    """None: it is a config."""
    setup: Setup | None = None
    """What the ECS agent makes of the task."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Of the router: what the config's variables were read from."""
    warnings: list[Problem] = field(default_factory=list)
    sources: tuple[str, ...] = ()
    """Files that were read, as people know them: watch these for changes."""

    @property
    def containers(self) -> tuple[str, ...]:
        """Names of the containers that log through the router."""
        raise NotImplementedError

    def tag_of(self, container: str) -> str:
        """The tag of what a container prints: NAME-firelens-ID. Raises: LookupError with the names that there are."""
        raise NotImplementedError

    def place(self, place: Place | None) -> Place | None:
        """The place that people know, in their own file, for one in a file that was made or copied."""
        raise NotImplementedError

    def close(self) -> None:
        """Remove the folder."""

    def __enter__(self) -> "Subject":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_subject(
    path: str,
    *,
    asked: Asked | None = None,
    task: Mapping[str, object] | None = None,
    files: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Subject:
    """A router's config (classic, YAML, Fluentd's) or a task definition in any form; `-` is standard input.

    `asked`: which task definition of the file, and its parameters (see ecs.load.asked_for). `task`: arguments of
    firelens.Task (see ecs.load.task_options). `files`: local file by path in the router's container or by ARN in S3.
    `environ`: variables that are set besides; a variable that nobody sets is empty, as in the router, and one of a
    secret is `secret-NAME`. The process's own environment is not looked at.

    Raises: ConfigError with all that a start would refuse, the places being those that people know."""
    raise NotImplementedError
