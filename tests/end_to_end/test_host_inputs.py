"""The inputs that look at the machine, in a router: what arrives has the keys and types of Fluent Bit's."""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.running import running, until

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/diskstats"), reason="there is no /proc here")
CONFIG = """\
[SERVICE]
    Flush 0.1
{inputs}
[OUTPUT]
    Name   file
    Match  *
    File   {{dir}}/out
"""
INPUTS = {
    "random": ("", {"rand_value": int}),
    "cpu": ("pid {pid}", {"cpu_p": float, "user_p": float, "system_p": float}),
    "mem": ("", dict.fromkeys(("Mem.total", "Mem.used", "Mem.free", "Swap.total", "Swap.used", "Swap.free"), int)),
    "proc": ("proc_name nothere\n    mem off", {"alive": bool, "proc_name": str, "pid": int, "fd": int}),
    "netif": ("interface lo", {f"lo.{w}.{what}": int for w in ("rx", "tx") for what in ("bytes", "packets", "errors")}),
    "head": ("file /proc/self/comm\n    add_path on", {"head": str, "path": str}),
    "health": ("host 127.0.0.1\n    port 1\n    add_port on", {"alive": bool, "port": int}),
}  # fmt: skip
"""By plugin: options, and what was recorded from Fluent Bit 5.1.1."""


def section(name: str, options: str) -> str:
    lines = [f"Name {name}", "Interval_Sec 0", "Interval_NSec 50000000", options.format(pid=os.getpid())]
    return "[INPUT]\n    " + "\n    ".join(lines) + "\n"


def test_what_arrives(tmp_path: Path) -> None:
    async def check() -> None:
        config = CONFIG.format(inputs="".join(section(name, options) for name, (options, _) in INPUTS.items()))
        async with running(tmp_path, config) as router:
            await until(lambda: set(arrived(tmp_path)) == set(INPUTS), "each input has sent a record")
            assert await router.stop() == 0
            assert "[error]" not in router.said()
        for name, (_, shape) in INPUTS.items():
            record = arrived(tmp_path)[name]
            assert {key: type(value) for key, value in record.items()} == shape
            assert list(record) == list(shape)

    asyncio.run(check())


def arrived(folder: Path) -> dict[str, Any]:
    """The first record of each input that is in the file."""
    out: dict[str, Any] = {}
    if (folder / "out").exists():
        for tag, record in re.findall(r"^(\w+)\.0: \[[\d.]+, (\{.*\})\]$", (folder / "out").read_text(), re.MULTILINE):
            out.setdefault(tag, msgspec.json.decode(record))
    return out
