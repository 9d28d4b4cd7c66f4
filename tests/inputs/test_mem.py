"""Memory."""

import os
from pathlib import Path

import pytest

from pyrolens.api import Record
from pyrolens.inputs._host import Every, Looking
from pyrolens.inputs.mem import EveryWhole, Mem, memory, of_process, readable
from tests.inputs.lent import Lent

linux = pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="there is no /proc here")


def test_the_sizes_are_in_kib(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text(
        "MemTotal:       24682416 kB\nMemFree:        17759188 kB\nMemAvailable:   20000000 kB\n"
        "HugePages_Total:       0\n"
        "SwapTotal:          1000 kB\nSwapFree:            400 kB\n"
    )
    assert memory(str(tmp_path)) == {
        "Mem.total": 24682416, "Mem.used": 6923228, "Mem.free": 17759188,
        "Swap.total": 1000, "Swap.used": 600, "Swap.free": 400,
    }  # fmt: skip


def test_a_process(tmp_path: Path) -> None:
    (tmp_path / "9").mkdir()
    (tmp_path / "9" / "stat").write_text(f"9 (x) S {'0 ' * 20}6400 0 0\n")
    size = 6400 * os.sysconf("SC_PAGESIZE")
    assert of_process(9, str(tmp_path)) == {"proc_bytes": size, "proc_hr": readable(size)}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 b"),
        (1023, "1023 b"),
        (1024, "1.00K"),
        (26152960, "24.94M"),
        (5 << 30, "5.00G"),
        ((1 << 20) - 1, "1024.00K"),
    ],
)
def test_a_size_as_people_read_it(size: int, text: str) -> None:
    """As human_readable_size of Fluent Bit's plugins/in_mem/proc.c makes it, and does not send it."""
    assert readable(size) == text


@pytest.mark.parametrize(
    ("given", "seconds"), [((1, 0), 1.0), ((0, 500_000_000), 1.5), ((-1, -1), 1.0), ((2, 5), 2.000000005)]
)
def test_the_interval_is_at_least_a_second(given: tuple[int, int], seconds: float) -> None:
    assert EveryWhole(interval_sec=given[0], interval_nsec=given[1]).seconds == seconds


@pytest.mark.parametrize(
    ("given", "seconds"), [((1, 0), 1.0), ((0, 500_000_000), 0.5), ((-1, -1), 1.0), ((0, 0), 1.0), ((-3, 5), 5e-9)]
)
def test_the_interval_of_the_others(given: tuple[int, int], seconds: float) -> None:
    assert Every(interval_sec=given[0], interval_nsec=given[1]).seconds == seconds


def looks(plan: Mem, env: Lent, number: int) -> list[Record]:
    source = plan.open(env)
    assert isinstance(source, Looking)
    return [record for _ in range(number) for record in source.look(1.0)]


@linux
def test_this_machine() -> None:
    (record,) = looks(Mem(pid=os.getpid()), Lent(), 1)
    plain = ["Mem.total", "Mem.used", "Mem.free", "Swap.total", "Swap.used", "Swap.free"]
    assert list(record) == [*plain, "proc_bytes", "proc_hr"]
    assert 0 < record["Mem.free"] < record["Mem.total"] == record["Mem.free"] + record["Mem.used"]
    assert 1e6 < record["proc_bytes"] < record["Mem.total"] * 1024


@linux
def test_a_process_that_is_not_there_is_said_once() -> None:
    env = Lent()
    assert ["proc_bytes" in record for record in looks(Mem(pid=999999999), env, 2)] == [False, False]
    assert [level for level, _, _ in env.said.lines] == ["warning"]
