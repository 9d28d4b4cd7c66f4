"""Ports for what a test starts later."""

import socket

from pyrolens.local import ports


def free_port() -> int:
    """One of the loopback, for TCP and UDP, that no client gets and no other test of this machine has asked for."""
    while True:
        port = ports.free_port("127.0.0.1", [0])
        with socket.socket(type=socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
