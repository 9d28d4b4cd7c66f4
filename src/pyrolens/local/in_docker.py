"""The part of a run that is in Docker: what is opened for it, where things are, and what has no effect there."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyrolens.ecs.firelens import Task
from pyrolens.ecs.init import Fetch
from pyrolens.ecs.init_sources import sources
from pyrolens.ecs.rules import FORWARD_PORT
from pyrolens.ecs.task_definition import Container
from pyrolens.local.docker_engine import Docker, DockerError
from pyrolens.local.docker_members import no_effect
from pyrolens.local.docker_runtime import DockerRuntime
from pyrolens.local.embedded_aws import EmbeddedAws
from pyrolens.local.endpoints import Endpoints
from pyrolens.local.story import Story
from pyrolens.problems import ConfigError, Problem


class InDocker:
    """`inside`: the containers that run there. `mixed`: the router does, and others do not."""

    def __init__(
        self,
        task: Task,
        images: Mapping[str, str],
        inside: Sequence[Container],
        mixed: bool,
        endpoints: Endpoints,
        story: Story,
    ) -> None:
        self.task, self._inside, self._mixed, self._story = task, inside, mixed, story
        self._engine = Docker(task.id)
        ports = {c.name: [port for port, _ in c.ports] for c in inside}
        router = task.definition.router
        if mixed and router:
            ports[router.name] = [*ports[router.name], FORWARD_PORT]
        self.runtime = DockerRuntime(self._engine, task, images, ports, endpoints, story.say)

    def open(self) -> None:
        """Raises: ConfigError."""
        definition = self.task.definition
        for member, reason, place in definition.not_here:
            self._story.warn(f"{place}: {member} has no effect: {reason}")
        for container in self._inside:
            for member, reason, place in no_effect(definition, container):
                self._story.warn(f"{place}: {member} of '{container.name}' has no effect: {reason}")
        for volume in definition.volumes:
            if volume.elsewhere:
                self._story.warn(f"{volume.place}: volume '{volume.name}' is on {volume.elsewhere}; here it is empty")
        router = definition.router
        if router and router not in self._inside and router.mounts:
            self._story.warn(
                f"{router.mounts[0].place}: the router is a process here and does not see the volumes of the "
                f"task: run it in its image, with --image {router.name}=…"
            )
        if self._mixed and os.geteuid() and not (router and router.user):
            message = "processes may not write to the socket of a router whose container runs as root"
            raise ConfigError([Problem("user", message, hint=f'give the router "user": "{os.geteuid()}"')])
        try:
            self._engine.open(definition.network_mode)
        except DockerError as why:
            raise ConfigError([Problem("docker", str(why))]) from None
        if self._inside and not definition.task_role:
            self._story.warn("the task has no taskRoleArn: on ECS its containers would have no credentials")
        if not self._engine.gives_credentials:
            self._story.warn(
                "another network has the address of ECS's endpoints, so containers get their keys in the environment"
            )

    def close(self) -> None:
        self._engine.close()

    @property
    def address(self) -> str:
        """Of this machine, as containers see it."""
        return self._engine.address

    @property
    def gives_credentials(self) -> bool:
        return self._engine.gives_credentials

    def stats(self, id_: str) -> Any:
        return self._engine.stats(id_)

    def read_file(self, id_: str, path: str) -> bytes:
        """Of the container that the metadata endpoint knows by that id. Raises: OSError."""
        return self._engine.read_file(self.runtime.endpoints.known[id_].id, path)

    @property
    def forward_listen(self) -> str:
        """For Addresses: where the router's container listens; "" is as ECS has it."""
        return "0.0.0.0" if self._mixed else ""

    def forward(self, inside: bool) -> tuple[str, int]:
        """Where a logger finds the router's container."""
        router = self.task.definition.router
        if router is None or not inside:
            return "127.0.0.1", self.runtime.reached.get(router.name if router else "", {}).get(FORWARD_PORT, 0)
        if self.task.definition.network_mode == "awsvpc":
            return "127.0.0.1", FORWARD_PORT
        return (self.runtime.addresses.get(router.name) or [""])[0], FORWARD_PORT

    def give_files(self, environ: Mapping[str, str], fetch: Fetch, aws: EmbeddedAws) -> None:
        """Put what the router's init process will fetch from S3 into ours. It has been fetched once, so it
        is known."""
        for source in sources(environ):
            if source.kind == "s3":
                bucket, _, key = re.sub(r"^(arn:[^:]+:s3:::|s3://)", "", source.value).partition("/")
                aws.put_object(bucket, key, fetch(source.value))

    def router_binds(self, binds: Sequence[str], files: Mapping[str, Path], socket: str) -> tuple[str, ...]:
        """What the agent mounts, and the files of its image that were found here. It may write into its socket's
        folder."""
        folder = Path(socket).parent
        router = self.task.definition.router
        user = router.user.text if router and router.user else ""
        uid, _, gid = user.partition(":")
        try:
            os.chown(folder, int(uid or 0), int(gid) if gid.isdigit() else -1)
        except PermissionError:
            folder.chmod(0o777)
        return (*binds, *(f"{file.absolute()}:{path}:ro" for path, file in files.items()))
