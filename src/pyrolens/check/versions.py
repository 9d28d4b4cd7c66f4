"""What each line of Fluent Bit has, read from versions.toml: see docs/versions.py."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

NEWEST = {"1": "1.9", "2": "2.2", "3": "3.2", "4": "4.2", "5": "5.1"}
"""The last line of each great version; 1.9 is also aws-for-fluent-bit 2."""
IN_GO = {"cloudwatch", "firehose", "kinesis", "newrelic", "grafana-loki", "logzio", "signalfx"}
"""Outputs that images add; what they take is not Fluent Bit's."""


@cache
def table() -> dict[str, Any]:
    return tomllib.loads((files("pyrolens.check") / "versions.toml").read_text(encoding="utf-8"))


def lines() -> list[str]:
    """The oldest first."""
    known: list[str] = table()["lines"]
    return known


def line_of(target: str) -> str | None:
    """The line that `--target` names, or None."""
    line = NEWEST.get(target, target)
    return line if line in lines() else None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of Fluent Bit, such as 2.1."""

    number: str

    @property
    def label(self) -> str:
        return f"Fluent Bit {self.number}"

    def has(self, kind: str, plugin: str) -> bool:
        return bool(self._known(kind, plugin))

    def takes(self, kind: str, plugin: str, option: str) -> bool:
        """Also where nothing looks at the options of a plugin."""
        names = self._known(kind, plugin)
        return "*" in names or option in names or any(n.endswith("*") and option.startswith(n[:-1]) for n in names)

    def _known(self, kind: str, plugin: str) -> frozenset[str]:
        return _known(kind, plugin, self.number)


def first_line(kind: str, plugin: str, option: str = "") -> str:
    """The first line that has a plugin, or an option of it; "" if none has it."""
    has = (n for n in lines() if (Line(n).takes(kind, plugin, option) if option else Line(n).has(kind, plugin)))
    return next(has, "")


@cache
def _known(kind: str, plugin: str, line: str) -> frozenset[str]:
    """Its options and "", itself; * for any option; nothing if it is not there."""
    told: dict[str, str] = table().get(kind, {}).get(plugin, {})
    if line in told.get("open", "").split():
        return frozenset({"", "*"})
    known: set[str] = set()
    for number in lines():
        if f"gone {number}" in told:
            gone = set(told[f"gone {number}"].split())
            known = known - gone if gone else set()
        if number in told:
            known |= {"", *told[number].split()}
        if number == line:
            break
    if line == "1.9" and known:
        known |= set(told.get("aws", "").split())
    return frozenset(known)
