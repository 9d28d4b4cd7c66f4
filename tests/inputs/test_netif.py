"""Network interfaces."""

import os
import socket
from pathlib import Path

import pytest

from pyrolens.api import ConfigError
from pyrolens.inputs.netif import COUNTERS, Netif, found, interfaces
from tests.inputs.lent import Lent, run
from tests.inputs.looking import QUICK, looked

linux = pytest.mark.skipif(not os.path.exists("/proc/net/dev"), reason="there is no /proc here")
DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0   0
 eth10:    2000      20    0    0    0     0          0         0     2000      20    0    0    0     0       0   0
  eth1:     500       5    1    2    3     4          5         6      600       6    7    8    9    10      11  12
"""


def test_counters_by_interface(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "dev").write_text(DEV)
    there = interfaces(str(tmp_path))
    assert list(there) == ["lo", "eth10", "eth1"]
    assert found(there, "eth1") == [500, 5, 1, 2, 3, 4, 5, 6, 600, 6, 7, 8, 9, 10, 11, 12]
    assert found(there, "eth") == there["eth1"], "the last that begins so"
    assert found(there, "wlan0") is None


def test_differences() -> None:
    before, now = list(range(16)), [2 * n for n in range(16)]
    usual = Netif(interface="eth0").record(before, now)
    assert usual == {
        "eth0.rx.bytes": 0, "eth0.rx.packets": 1, "eth0.rx.errors": 2,
        "eth0.tx.bytes": 8, "eth0.tx.packets": 9, "eth0.tx.errors": 10,
    }  # fmt: skip
    every = Netif(interface="eth0", verbose=True).record(before, now)
    assert every == {f"eth0.{name}": n for n, name in enumerate(COUNTERS)}
    assert Netif(interface="x").record([9] * 16, [4] * 16)["x.rx.bytes"] == 4, "it counts from 0 again"


@linux
def test_this_machine() -> None:
    """Numbers of datagrams to ourselves, and the keys as recorded from Fluent Bit."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        env = looked(Netif(interface="lo", every=QUICK), 40, lambda: one.sendto(b"x" * 1000, one.getsockname()))
    keys = ["lo.rx.bytes", "lo.rx.packets", "lo.rx.errors", "lo.tx.bytes", "lo.tx.packets", "lo.tx.errors"]
    assert [list(record) for record in env.records] == [keys] * len(env.records)
    assert sum(record["lo.rx.bytes"] for record in env.records) >= 1028 * 30


@linux
def test_one_that_is_not_there() -> None:
    assert set(looked(Netif(interface="zz9", every=QUICK)).records[0].values()) == {0}

    async def check() -> None:
        with pytest.raises(ConfigError, match=r"interface is 'zz9', which is not there: expected one of .*\blo\b"):
            await Netif(interface="zz9", test_at_init=True).open(Lent()).start()

    run(check())
