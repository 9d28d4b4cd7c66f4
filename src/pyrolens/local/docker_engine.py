"""What one run has in a Docker engine: a network, volumes, containers. All of it goes at the end.

The calls block; those that take long belong into threads.
"""

import contextlib
import io
import platform
import tarfile
from collections.abc import Callable, Mapping
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from pyrolens.ecs.task_definition import TaskDefinition
from pyrolens.local import pause
from pyrolens.local.docker_members import LABEL

NETWORK = "pyrolens-ecs"
SUBNET, ADDRESS = "169.254.170.0/24", "169.254.170.2"
"""Of ECS: SDKs of AWS take credentials from this address, and from few others."""


class DockerError(Exception):
    """For people, in one line."""


def reason(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error).strip()


class Docker:
    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.address = ADDRESS
        """Of this machine, as containers see it."""
        self.network = NETWORK
        self.gives_credentials = True
        """Whether SDKs take credentials from that address."""
        self.how: dict[str, Any] = {"version": "auto", **docker.utils.kwargs_from_env()}
        """What a client needs."""
        self.client: Any = None
        self._containers: list[str] = []
        self._volumes: list[str] = []

    def open(self, mode: str) -> None:
        """`mode`: of the task's network. Raises: DockerError."""
        try:
            self.client = docker.APIClient(**self.how)
            about = self.client.info()
        except (DockerException, requests.RequestException) as why:
            raise DockerError(f"no Docker engine answers: {reason(why)}") from None
        if not self.client.base_url.startswith("http+docker://") or platform.system() != "Linux":
            raise DockerError(
                "the Docker engine must be on this machine, and this machine run Linux: "
                "the engine's log driver connects to a socket in a folder of ours"
            )
        if about.get("OperatingSystem") == "Docker Desktop":
            raise DockerError(
                "Docker Desktop runs its engine in a machine of its own, whose log driver does not reach our socket"
            )
        if mode in ("host", "none"):
            self.address, self.network = "127.0.0.1", mode
        else:
            self._make_network()

    def _make_network(self) -> None:
        try:
            found = self.client.inspect_network(NETWORK)
        except NotFound:
            pool = docker.types.IPAMPool(subnet=SUBNET, gateway=ADDRESS)
            try:
                self._create_network(NETWORK, docker.types.IPAMConfig(pool_configs=[pool]))
            except APIError:
                # taken by another network: then by any addresses that are free
                self.network, self.gives_credentials = f"{NETWORK}-{self.task_id}", False
                self._create_network(self.network, None)
            found = self.client.inspect_network(self.network)
        self.address = found["IPAM"]["Config"][0]["Gateway"]

    def _create_network(self, name: str, ipam: Any) -> None:
        try:
            self.client.create_network(name, driver="bridge", ipam=ipam, check_duplicate=True, labels={LABEL: "shared"})
        except APIError as why:
            if ipam is not None:
                raise
            raise DockerError(f"no network can be made: {reason(why)}") from None

    # -- images and volumes ------------------------------------------------------------------------------------------

    def image(self, name: str, say: Callable[[str], None]) -> str:
        """Its id; it is pulled if it is not there. Raises: DockerError."""
        try:
            return str(self.client.inspect_image(name)["Id"])
        except ImageNotFound:
            say(name)
        try:
            repository, tag = docker.utils.parse_repository_tag(name)
            self.client.pull(repository, tag=tag or "latest")
            return str(self.client.inspect_image(name)["Id"])
        except (DockerException, requests.RequestException) as why:
            raise DockerError(f"image '{name}' is not here, and cannot be pulled: {reason(why)}") from None

    def volumes(self, definition: TaskDefinition) -> dict[str, str]:
        """What to mount, by name of the task's volume. Raises: DockerError."""
        out = {}
        for volume in definition.volumes:
            if volume.host_path:
                out[volume.name] = volume.host_path
                continue
            name = f"pyrolens-{self.task_id}-{volume.name}"
            self._volumes.append(name)
            try:
                # one that is elsewhere on ECS is an empty one here
                driver = {"driver": volume.driver, "driver_opts": dict(volume.driver_options)} if volume.driver else {}
                self.client.create_volume(name, labels={LABEL: self.task_id}, **driver)
            except APIError as why:
                raise DockerError(f"volume '{volume.name}' cannot be made: {reason(why)}") from None
            out[volume.name] = name
        return out

    # -- containers --------------------------------------------------------------------------------------------------

    def hold_network(self, name: str, exposed: Mapping[str, Any], bindings: Mapping[str, Any]) -> str:
        """Start the container whose network all containers of the task share. Gives its id. Raises: DockerError."""
        try:
            machine = self.client.info().get("Architecture", "")
            image = f"{pause.IMAGE}:{machine or 'latest'}"
            if not self.client.images(image):
                self.client.import_image_from_data(pause.archive(machine), *image.split(":"))
        except KeyError as unknown:
            raise DockerError(f"no program is there for {unknown} that could hold the task's network") from None
        except (DockerException, requests.RequestException) as why:
            raise DockerError(f"the image {pause.IMAGE} cannot be made: {reason(why)}") from None
        host = {"NetworkMode": self.network, "LogConfig": {"Type": "none"}, "PortBindings": dict(bindings)}
        body = {"Image": image, "Cmd": [f"/{pause.PATH}"], "Labels": {LABEL: self.task_id}, "HostConfig": host}
        id_ = self.create(name, {**body, "ExposedPorts": dict(exposed)})
        self.start(id_)
        return id_

    def create(self, name: str, body: Mapping[str, Any]) -> str:
        """Gives the id. Raises: DockerError."""
        try:
            id_: str = self.client.create_container_from_config(dict(body), name)["Id"]
        except (DockerException, requests.RequestException) as why:
            raise DockerError(reason(why)) from None
        self._containers.append(id_)
        return id_

    def start(self, id_: str) -> None:
        """Raises: DockerError."""
        try:
            self._start(id_)
        except (DockerException, requests.RequestException) as why:
            raise DockerError(reason(why)) from None

    def _start(self, id_: str) -> None:
        try:
            self.client.start(id_)
        except APIError as why:
            if f"network {self.network} not found" not in reason(why):
                raise
            # another run has ended just now, and found nobody in it
            self._make_network()
            self.client.start(id_)

    def inspect(self, id_: str) -> dict[str, Any]:
        """Empty when it is not there any more."""
        try:
            found: dict[str, Any] = self.client.inspect_container(id_)
        except (DockerException, requests.RequestException):
            return {}
        return found

    def stats(self, id_: str) -> Any:
        try:
            return self.client.stats(id_, stream=False, one_shot=True)
        except (DockerException, requests.RequestException):
            return {}

    def read_file(self, id_: str, path: str) -> bytes:
        """Of a container, which may have ended. Raises: OSError."""
        try:
            chunks, _ = self.client.get_archive(id_, path)
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
                file = tar.extractfile(tar.getmembers()[0])
                return file.read() if file else b""
        except (DockerException, requests.RequestException, tarfile.TarError) as why:
            raise OSError(f"{path} of the container cannot be read: {reason(why)}") from None

    def addresses(self, id_: str) -> list[str]:
        networks = self.inspect(id_).get("NetworkSettings", {}).get("Networks", {})
        return [n["IPAddress"] for n in networks.values() if n.get("IPAddress")]

    def close(self) -> None:
        """Remove all that was made."""
        if self.client is None:
            return
        for id_ in reversed(self._containers):
            with contextlib.suppress(DockerException, requests.RequestException):
                self.client.remove_container(id_, force=True, v=True)
        for name in self._volumes:
            with contextlib.suppress(DockerException, requests.RequestException):
                self.client.remove_volume(name, force=True)
        if self.network not in ("host", "none"):
            # another run may still be in it
            with contextlib.suppress(DockerException, requests.RequestException):
                self.client.remove_network(self.network)
        self.client.close()
