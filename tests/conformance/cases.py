"""The cases on disk, and the list of those in which we are known to differ."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.conformance.wire import Json

HERE = Path(__file__).parent


class Found(NamedTuple):
    kind: str
    """The folder: config, filters or outputs."""
    file: str
    case: dict[str, Json]

    @property
    def id(self) -> str:
        """Unique over all files."""
        return str(self.case["id"])


def all_cases() -> Iterator[Found]:
    for kind in ("config", "filters", "outputs"):
        for path in sorted((HERE / "cases" / kind).glob("*.json")):
            for case in json.loads(path.read_text()):
                yield Found(kind, path.stem, case)


class Difference(NamedTuple):
    reason: str
    test: str
    """Of what we do instead: FILE::NAME, below tests."""
    cases: list[str]


def differences() -> list[Difference]:
    listed = tomllib.loads((HERE / "known_differences.toml").read_text())["difference"]
    return [Difference(**each) for each in listed]


def known_differences() -> dict[str, str]:
    """Case -> why we differ. Raises: ValueError for a case that is listed twice."""
    known: dict[str, str] = {}
    for difference in differences():
        for case in difference.cases:
            if case in known:
                raise ValueError(f"{case} is listed twice")
            known[case] = difference.reason
    return known
