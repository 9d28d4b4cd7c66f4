"""All that a task's router reads, put together on another machine: what the agent writes, the files of the image, what
an init process would fetch.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from pyrolens.ecs.firelens import Addresses, Setup, Task, set_up
from pyrolens.ecs.image import Image
from pyrolens.ecs.image_files import find
from pyrolens.ecs.init import Fetch, InitError, Plan, prepare
from pyrolens.ecs.init_sources import ignores_firelens, sources
from pyrolens.ecs.private import write_private
from pyrolens.language.includes import shown
from pyrolens.plugin import Log
from pyrolens.problems import ConfigError, Place


def metadata(task: Task) -> dict[str, str]:
    """The variables that an init process gets from the task metadata endpoint."""
    definition = task.definition
    return {
        "AWS_REGION": task.region,
        "AWS_AVAILABILITY_ZONE": f"{task.region}a",
        "ECS_CLUSTER": task.cluster,
        "ECS_TASK_ARN": task.arn,
        "ECS_TASK_ID": task.id,
        "ECS_FAMILY": definition.family,
        "ECS_LAUNCH_TYPE": "FARGATE" if definition.fargate else "EC2",
        "ECS_REVISION": str(definition.revision or 1),
        "ECS_TASK_DEFINITION": definition.label,
    }


def uses_init(environ: Mapping[str, str]) -> bool:
    """Whether the router is one that an init process starts."""
    return bool(sources(environ) or ignores_firelens(environ))


def fetcher(folder: Path, given: Mapping[str, str], remote: Callable[[str], bytes] | None) -> Fetch:
    """Gives what is at an address: the local file that the user says, else what `remote` gets; without it, the only
    file of that name in the folder of the task definition."""

    def fetch(address: str) -> bytes:
        if address in given:
            return _bytes(given[address])
        if remote is not None:
            return remote(address)
        base = os.path.basename(shown(address).partition("#")[0])
        try:
            return _bytes(str(find(f"/{base}", folder, {})))
        except ConfigError:
            message = f"{shown(address)} is not on this machine, and no file here is known to be it"
            raise InitError(message, hint=f"say which: --file {shown(address)}=./{base}") from None

    return fetch


def _bytes(path: str) -> bytes:
    """Raises: InitError."""
    try:
        return Path(path).read_bytes()
    except OSError as why:
        raise InitError(f"{path} cannot be read: {why.strerror}") from None


def write(
    task: Task, at: Addresses, image: Image, into: Path, environ: Mapping[str, str], fetch: Fetch, log: Log
) -> tuple[Setup, Plan]:
    """The agent's config with all that it includes, in the folder. `environ`: of the router. Raises: ConfigError."""
    plain = set_up(task)
    options = plain.router.firelens.options if plain.router.firelens else {}
    include = ""
    if plain.include:
        place = options["config-file-value"].place
        include = str(_external(plain.include.path, plain.include.s3, place, image, into, fetch))
    setup = set_up(task, replace(at, include=include))
    config = into / "fluent.conf"
    write_private(config, setup.config)
    if not uses_init(environ):
        return setup, Plan(str(config), [])

    def local(path: str) -> str:
        try:
            return path if Path(path).is_relative_to(into) else str(image.local(path))
        except ConfigError as error:
            raise InitError(error.problems[0].message, hint=error.problems[0].hint) from None

    try:
        return setup, prepare(environ, into / "init", fetch, log, str(config), local)
    except InitError as why:
        raise why.at("init", plain.router.place, plain.router.variable_places) from None


def _external(path: str, s3: str, place: Place, image: Image, into: Path, fetch: Fetch) -> Path:
    """The user's own file on this machine. Raises: ConfigError."""
    if not s3:
        return image.local(path, place)
    try:
        data = fetch(s3)
    except InitError as why:
        raise why.at("no-file", place) from None
    file = into / os.path.basename(path)
    write_private(file, data)
    return image.read_instead(file)
