"""What is said of configs of which it is recorded whether Fluent Bit starts them: errors exactly where it refuses, or
where something of the config counts for nothing."""

import os
from pathlib import Path

import pytest

from pyrolens.check.catalogue import findings
from pyrolens.check.reading import Reader
from tests.conformance.cases import Found, all_cases, known_differences

CASES = [
    found
    for found in all_cases()
    if found.kind == "config"
    and "main" in found.case
    and not found.case.get("argv")
    and found.case["main"] in found.case.get("files", {})
    and found.id not in known_differences()
]
IGNORED = {
    "cl-section-spaces": {"CF101"}, "cl-section-unknown": {"CF101"}, "ya-unknown-top-map": {"CF101"},
    "pa-unknown-key": {"CF104"}, "st-keys": {"CF104"}, "st-y-tasks": {"CF104"},
    "st-malformed": {"CF107"},
    "in-folder": {"CF108"}, "in-y-glob-none": {"CF108"}, "pa-streams-missing": {"CF108"},
    "ma-tag-spaces-upper": {"CF112"}, "ma-match-quoted-star": {"CF112", "CF113"},
    "ma-output-no-match-two-inputs": {"CF111", "CF113"}, "ma-output-no-match-two-outputs": {"CF111"},
    "ma-http-output-no-match": {"CF111"}, "va-undefined-match-output": {"CF113"},
    "yr-with-match": {"CF111"}, "yr-unknown-output": {"CF111"}, "yr-to-list": {"CF111"}, "yr-routes-empty": {"CF111"},
    "yr-logs-map": {"CF111"}, "yr-variable": {"CF111"},
    "pa-unregistered-one-of-two": {"CF103"}, "pa-unregistered-tail": {"CF103"},
    "ma-regex-bad-output": {"CF126"},
}  # fmt: skip
"""Fluent Bit starts, and does nothing with a part of the config."""
NOT_SEEN = {
    "in-nested-base-sub": "which file of the image it is may be known by its name only",
    "lu-processor-syntax": "code", "lu-script-only-by-include": "code", "lu-empty-code": "code",
    "vl-storage-path-file": "this machine", "vl-tail-db-bad": "this machine", "vl-bind-used": "this machine",
    "vl-upstream-no-nodes": "read at the start", "vl-upstream-node-no-port": "read at the start",
    "va-undefined-tag": "a variable", "va-undefined-option-filter": "a variable",
    "va-undefined-record-value": "a variable", "va-undefined-flush": "a variable", "va-in-key": "a variable",
}  # fmt: skip
"""Fluent Bit refuses, and check cannot know it."""


def test_recorded_configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for found in CASES:
        with monkeypatch.context() as patch:
            told = errors(found, tmp_path / found.id, patch)
        if found.case.get("refused"):
            assert bool(told) is (found.id not in NOT_SEEN), f"{found.id}: {found.case['start_errors']}"
        else:
            assert {code for code, _ in told} == IGNORED.get(found.id, set()), f"{found.id}: {told}"


def errors(found: Found, folder: Path, patch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    def fill(text: str) -> str:
        for token, value in {"@SOCK@": f"{folder}/in.sock", "@PORT2@": "5402", "@PORT@": "5401"}.items():
            text = text.replace(token, value)
        return text.replace("@DIR@", str(folder))

    for name, text in found.case["files"].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fill(text).encode("utf-8", "surrogateescape"))
    for name, value in found.case.get("env", {}).items():
        patch.setenv(name, fill(value)) if value is not None else patch.delenv(name, raising=False)
    cwd = folder / found.case.get("cwd", ".")
    cwd.mkdir(exist_ok=True)
    patch.chdir(cwd)
    reader = Reader()
    main = os.path.relpath(folder / found.case["main"])
    problems = findings(reader.file(main, Path(main).read_text(errors="surrogateescape"), "config"), reader)
    return [(p.code, p.message) for p in problems if p.severity == "error"]


def test_the_lists_are_of_cases() -> None:
    ids = {found.id for found in CASES}
    assert IGNORED.keys() | NOT_SEEN.keys() <= ids
