"""What is rehearsed: a router's config, or a task definition with all that its router reads."""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyrolens.check.kinds import kind_of
from pyrolens.check.reading import Checked, Reader
from pyrolens.config import Config
from pyrolens.ecs import firelens
from pyrolens.ecs.firelens import Setup, Task
from pyrolens.ecs.forms import Asked
from pyrolens.ecs.load import text_of
from pyrolens.problems import ConfigError, Place, Problem, nearest

JOIN = "PYROLENS_JOIN_PARTIAL_MESSAGES"
"""Environment variable that the image of the router sets to on: lines that the log driver has cut are made whole."""


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
    """Files that were read, absolute, that itself too: watch these for changes."""
    place: Callable[[Place | None], Place | None] = lambda place: place
    """The place that people know, in their own file, for one in a file that was made or copied."""
    folder: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)

    @property
    def containers(self) -> tuple[str, ...]:
        """Names of the containers that log through the router."""
        return tuple(s.container.name for s in self.setup.containers if s.log_options is not None) if self.setup else ()

    def tag_of(self, container: str) -> str:
        """The tag of what a container prints: NAME-firelens-ID. Raises: LookupError with the names that there are."""
        if self.task is None or self.setup is None:
            raise LookupError(f"{self.path} is no task definition, so it has no containers")
        for started in self.setup.containers:
            if started.container.name == container:
                if started.log_options is None:
                    raise LookupError(f"container '{container}' does not log through the router")
                return firelens.tag(self.task, started.container)
        known = ", ".join(self.containers) or "none"
        hint = f"; {near}" if (near := nearest(container, self.containers)) else ""
        raise LookupError(f"the task has no container '{container}'; through the router log: {known}{hint}")

    def close(self) -> None:
        """Remove the folder."""
        if self.folder is not None:
            self.folder.cleanup()

    def __enter__(self) -> "Subject":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_subject(
    path: str,
    *,
    asked: Asked | None = None,
    task: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Subject:
    """A router's config (classic, YAML, Fluentd's) or a task definition in any form; `-` is standard input.

    `asked`: which task definition of the file, and its parameters (see ecs.load.asked_for). `task`: arguments of
    firelens.Task (see ecs.load.task_options). `files`: local file by path in the router's container or by ARN in S3.
    `environ`: variables that are set besides those of the task; one that nobody sets is empty, as in the router, and
    one of a secret is `value-of-NAME`. The process's own environment is not looked at.

    Raises: ConfigError with all that a start would refuse, at the places that people know."""
    text = text_of(path)
    folder = tempfile.TemporaryDirectory(prefix="pyrolens-")
    try:
        reader = Reader(asked, files, environ=environ or {}, run=task)
        # who names a file says that it is one of both, even if nothing is in it
        task_like = path.endswith((".json", ".tf")) or (path == "-" and text.lstrip().startswith("{"))
        kind = kind_of(path, text) or ("task" if task_like else "config")
        found = reader.read(path, text, kind, Path(folder.name).resolve())
        return subject_of(path, found, reader, folder)
    except BaseException:
        folder.cleanup()
        raise


def subject_of(path: str, found: Checked, reader: Reader, folder: tempfile.TemporaryDirectory[str]) -> Subject:
    config = found.context.config
    if config is None or any(p.severity == "error" for p in found.problems):
        if not found.problems:
            message = "no container has a firelensConfiguration, so there is no router to rehearse"
            raise ConfigError([Problem("no-router", message, Place(path))])
        raise ConfigError(found.problems)
    made = os.path.realpath(folder.name)
    own = {os.path.realpath(path)} if path != "-" else set()
    sources = tuple(sorted(own | {file for file in found.uses if os.path.commonpath([file, made]) != made}))
    setup = found.setup
    return Subject(
        path,
        config,
        setup.task if setup else None,
        setup,
        {JOIN: "on", **found.environ} if setup else found.environ,
        found.problems,
        sources,
        reader.place,
        folder,
    )
