import socket
import subprocess
import sys

import pytest

from pyrolens.local.ports import free_port

CHOOSE = "from pyrolens.local.ports import free_port; print(free_port('127.0.0.1', [{port}, 0]))"


def test_it_is_the_first_that_can_be_listened_on() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", [port, 0]) not in (port, 0)
        with pytest.raises(RuntimeError, match="no free port"):
            free_port("127.0.0.1", [port])


def test_none_is_chosen_twice() -> None:
    port = free_port("127.0.0.1", [0])
    assert free_port("127.0.0.1", [port, 0]) != port
    # nor by another run, until this one has ended
    other = subprocess.run([sys.executable, "-c", CHOOSE.format(port=port)], capture_output=True, text=True, check=True)
    assert int(other.stdout) != port


def test_the_port_of_a_run_that_has_ended_is_free_again() -> None:
    def chosen(port: int) -> int:
        choose = [sys.executable, "-c", CHOOSE.format(port=port)]
        return int(subprocess.run(choose, capture_output=True, text=True, check=True).stdout)

    port = chosen(0)
    assert chosen(port) == port
