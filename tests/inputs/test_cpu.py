"""CPU time."""

import os
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import ConfigError
from pyrolens.inputs._host import needs_linux
from pyrolens.inputs.cpu import Cpu, Load
from tests.inputs.lent import Lent, run
from tests.inputs.looking import QUICK, looked

linux = pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="there is no /proc here")
TICKS = os.sysconf("SC_CLK_TCK")


def machine(tmp_path: Path, *cpus: tuple[str, int, int, int]) -> Load:
    """A machine whose processors have had these ticks: user, nice, system."""
    lines = [f"{name}  {user} {nice} {system} 900 80 7 6 5 4 3" for name, user, nice, system in cpus]
    (tmp_path / "stat").write_text("\n".join(lines) + "\nintr 12345 0 0\nctxt 9\n")
    return Load(-1, str(tmp_path))


def test_shares_of_the_machine_and_of_each_processor(tmp_path: Path) -> None:
    load = machine(tmp_path, ("cpu", 100, 10, 50), ("cpu0", 60, 10, 20), ("cpu2", 40, 0, 30))
    load.begin()
    machine(tmp_path, ("cpu", 100 + TICKS, 10, 50 + TICKS), ("cpu0", 60, 10 + TICKS, 20), ("cpu2", 40, 0, 30 + TICKS))
    assert list(load.look(2.0)) == [
        {
            "cpu_p": 50.0, "user_p": 25.0, "system_p": 25.0,
            "cpu0.p_cpu": 50.0, "cpu0.p_user": 50.0, "cpu0.p_system": 0.0,
            "cpu2.p_cpu": 50.0, "cpu2.p_user": 0.0, "cpu2.p_system": 50.0,
        }
    ]  # fmt: skip
    assert set(next(iter(load.look(1.0))).values()) == {0.0}, "nothing has happened since"


def test_one_process(tmp_path: Path) -> None:
    def stat(user: int, system: int) -> None:
        (tmp_path / "7").mkdir(exist_ok=True)
        (tmp_path / "7" / "stat").write_text(
            f"7 (a) b (c) S 1 7 7 0 -1 4 {'9 ' * 4}{user} {system} 1 1 20 0 1 0 5 6 7\n"
        )

    stat(100, 10)
    load = Load(7, str(tmp_path))
    load.begin()
    stat(100 + TICKS, 10)
    share = 100.0 / (os.cpu_count() or 1)
    assert list(load.look(1.0)) == [{"cpu_p": share, "user_p": share, "system_p": 0.0}]


@linux
def test_this_machine() -> None:
    """Keys and their order as recorded from Fluent Bit."""
    record: dict[str, Any] = looked(Cpu(every=QUICK), 2).records[1]
    processors = range(os.cpu_count() or 1)
    each = [f"cpu{n}.p_{what}" for n in processors for what in ("cpu", "user", "system")]
    assert list(record) == ["cpu_p", "user_p", "system_p", *each]
    assert {type(value) for value in record.values()} == {float}


@linux
def test_a_process_that_is_not_there() -> None:
    async def check() -> None:
        with pytest.raises(ConfigError, match="cannot read /proc/999999999/stat: No such file"):
            await Cpu(pid=999999999).open(Lent("cpu.0")).start()

    run(check())


def test_what_is_for_linux_is_refused_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="this system has not: the plugin is for Linux"):
        needs_linux(str(tmp_path / "stat"))
