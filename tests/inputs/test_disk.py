"""Disks."""

import os
from pathlib import Path

import pytest

from pyrolens.inputs.disk import Disk, difference, totals
from tests.inputs.looking import QUICK, looked

STATS = """\
   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 7106 1030 617762 4049 23519 28403 1935032 66129 0 21316 76213 12 0 99 6034 0 0
 254       1 vda1 10 0 40 1 2 0 80 1 0 1 1 0 0 0 0 0 0
"""


def test_sectors_by_device(tmp_path: Path) -> None:
    (tmp_path / "diskstats").write_text(STATS)
    assert totals("", str(tmp_path)) == {"loop0": (0, 0), "vda": (617762, 1935032), "vda1": (40, 80)}
    assert totals("da1", str(tmp_path)) == {"vda1": (40, 80)}
    assert totals("zzz", str(tmp_path)) == {}


def test_bytes_between_two_looks() -> None:
    before = {"a": (10, 20), "b": (5, 5), "gone": (9, 9)}
    now = {"a": (12, 21), "b": (1, 0), "new": (1000, 1000)}
    assert difference(before, now) == {"read_size": (2 + 1) * 512, "write_size": 512}
    assert difference({}, {}) == {"read_size": 0, "write_size": 0}


@pytest.mark.skipif(
    not os.path.exists("/proc/diskstats") or not totals(""), reason="there are no disks to be seen here"
)
def test_this_machine() -> None:
    record = looked(Disk(every=QUICK)).records[0]  # on a busy machine there are more
    assert list(record) == ["read_size", "write_size"]
    assert {type(value) for value in record.values()} == {int}
