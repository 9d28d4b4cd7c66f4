"""Starting a program that must not outlive the test, and what to do where there is none."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

SECONDS = 90.0
"""For a program to be ready: some seconds, or many where the machine is busy."""


def missing(reason: str) -> NoReturn:
    """The tests cannot run here."""
    if os.environ.get("PYROLENS_SERVERS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


def program(name: str, package: str) -> str:
    """Where it is."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return found or missing(f"there is no {name} here (Debian: apt-get install {package})")


class Program:
    """One that runs; it is killed at the end, and by the kernel if the test process goes first."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        setpriv = shutil.which("setpriv")
        self.command = [*((setpriv, "--pdeathsig", "KILL") if setpriv else ()), *command]
        self.log, self.env = log, {**os.environ, **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, ready: Callable[[], object]) -> None:
        """Returns when `ready` returns something true; what it raises of network errors counts as not yet. To be
        called in the main thread: the kernel ends the program with the thread that started it."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env
            )
        ends = time.monotonic() + SECONDS
        while True:
            try:
                if ready():
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > ends:
                self.kill()
                pytest.fail(f"{self.command[0]} is not ready: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(program: Program, ready: Callable[[], object]) -> Iterator[Program]:
    program.start(ready)
    try:
        yield program
    finally:
        program.kill()


def listening(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 1):
        return True
