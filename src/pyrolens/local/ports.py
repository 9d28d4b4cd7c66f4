"""Ports of this machine for a task's containers.

A router listens seconds after its port was chosen, and several tasks may start at once. So whoever chooses a port
claims it till the process ends: the byte of that number is locked in a file that all runs of a user share."""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Sequence
from functools import cache

ANY = range(20_000, 32_000)
"""What systems give to no client as its own port, so that none is taken before there is a listener."""
TRIES = 100

_claimed: set[int] = set()


def free_port(host: str, wanted: Sequence[int]) -> int:
    """The first of these ports that can be listened on and that no run has chosen; 0 is any."""
    for port in wanted:
        for one in [port] if port else random.sample(ANY, TRIES):
            if _bindable(host, one) and _claim(one):
                return one
    raise RuntimeError(f"no free port on {host}")


def _bindable(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _claim(port: int) -> bool:
    if port in _claimed:
        return False
    file = _file()
    if file is not None:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
    _claimed.add(port)
    return True


@cache
def _file() -> int | None:
    """Open till the end of the process, and its locks with it. None: it cannot be had, so other runs see no claims."""
    path = os.path.join(tempfile.gettempdir(), f"pyrolens-ports-{os.getuid()}")
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
