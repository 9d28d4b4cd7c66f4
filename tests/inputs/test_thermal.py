"""Temperatures."""

from pathlib import Path

from pyrolens.inputs.thermal import Thermal, devices, pattern
from pyrolens.records.regex import compile_pattern
from tests.inputs.lent import Lent
from tests.said import Said


def machine(root: Path, **files: str) -> str:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return str(root)


def test_zones(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        thermal__thermal_zone0__type="acpitz", thermal__thermal_zone0__temp="27800",
        thermal__thermal_zone10__type="x86_pkg_temp", thermal__thermal_zone10__temp="-1500",
        thermal__thermal_zone2__type="iwlwifi", thermal__thermal_zone2__temp="no number",
        thermal__cooling_device0__type="Processor",
        hwmon__hwmon0__name="nvme", hwmon__hwmon0__temp1_input="41850",
    )  # fmt: skip
    assert [tuple(d) for d in devices(None, None, root)] == [
        ("thermal_zone0", "acpitz", 27.8),
        ("thermal_zone10", "x86_pkg_temp", -1.5),
    ]
    assert [d.name for d in devices(compile_pattern("zone1"), None, root)] == ["thermal_zone10"]
    assert [d.name for d in devices(None, compile_pattern("^acpi"), root)] == ["thermal_zone0"]


def test_sensors_where_there_are_no_zones(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        hwmon__hwmon1__name="coretemp", hwmon__hwmon1__temp1_input="55000", hwmon__hwmon1__temp9_input="56000",
        hwmon__hwmon1__temp10_input="57000", hwmon__hwmon0__name="nvme", hwmon__hwmon0__temp1_input="41850",
    )  # fmt: skip
    assert [tuple(d) for d in devices(None, None, root)] == [
        ("hwmon0_temp1_input", "nvme", 41.85),
        ("hwmon1_temp1_input", "coretemp", 55.0),
        ("hwmon1_temp9_input", "coretemp", 56.0),
    ]
    assert [d.name for d in devices(compile_pattern("hwmon1"), None, root)] == [
        "hwmon1_temp1_input",
        "hwmon1_temp9_input",
    ]


def test_none_at_all(tmp_path: Path) -> None:
    assert devices(None, None, str(tmp_path)) == []


def test_a_pattern_that_does_not_compile_counts_as_not_given() -> None:
    said = Said()
    assert pattern("(", "name_regex", said) is None
    assert [level for level, _, _ in said.lines] == ["error"]
    assert pattern(None, "name_regex", said) is None


def test_it_opens() -> None:
    assert Thermal().open(Lent()) is not None
