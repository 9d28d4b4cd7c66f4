"""A Docker engine to test with: the one that DOCKER_HOST names, or none."""

import os
import shutil
import subprocess
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """The tests cannot run here."""
    if os.environ.get("PYROLENS_DOCKER") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


class Engine:
    """By way of its command line, so that what is tested is not tested by itself."""

    def docker(self, *arguments: str, data: bytes | None = None, seconds: float = 60) -> str:
        """What it prints. A failure fails the test."""
        done = self.run(*arguments, data=data, seconds=seconds)
        if done.returncode != 0:
            pytest.fail(f"docker {' '.join(arguments)}: {done.stdout.decode()}{done.stderr.decode()}")
        return done.stdout.decode().strip()

    def has(self, image: str) -> bool:
        return self.run("image", "inspect", image).returncode == 0

    def run(
        self, *arguments: str, data: bytes | None = None, seconds: float = 60
    ) -> "subprocess.CompletedProcess[bytes]":
        # the classic builder: the other one is a plugin that need not be there
        environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
        return subprocess.run(
            ["docker", *arguments], input=data, capture_output=True, timeout=seconds, env=environment, check=False
        )


def find() -> Engine:
    if os.environ.get("PYROLENS_DOCKER") not in ("required", "yes"):
        missing("PYROLENS_DOCKER is not set: tests with containers run when it is 'yes'")
    if shutil.which("docker") is None:
        missing("there is no docker here (Debian: apt-get install docker.io)")
    made = Engine()
    done = made.run("version", "--format", "{{.Server.Version}}")
    if done.returncode != 0:
        missing(f"no Docker engine answers: {done.stderr.decode().strip()}")
    return made
