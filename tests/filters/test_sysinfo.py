"""The machine in records."""

import os
import socket

import pytest

from pyrolens.filters.sysinfo import Sysinfo
from tests.filters.trial import records, shown

ALL = {
    "fluentbit_version_key": "v", "os_name_key": "o", "hostname_key": "h", "os_version_key": "ov",
    "kernel_version_key": "kv",
}  # fmt: skip


def test_all_of_it_in_the_order_of_fluent_bit() -> None:
    system = os.uname()
    name = {"Linux": "linux", "Darwin": "macos"}[system.sysname]
    (found,) = shown(records(Sysinfo(**ALL), [{"message": "dummy"}]))
    assert found == [
        ("message", "dummy"), ("v", "5.1.1"), ("o", name), ("h", socket.gethostname()), ("ov", system.version),
        ("kv", system.release),
    ]  # fmt: skip


@pytest.mark.parametrize("option", ALL)
def test_one_of_it(option: str) -> None:
    assert list(records(Sysinfo(**{option: "x"}), [{"a": 1}])[0]) == ["a", "x"]


def test_nothing_of_it() -> None:
    assert records(Sysinfo(), [{"a": 1}]) == [{"a": 1}]
