"""Mistakes of published task definitions and configs, written anew: each is found, where it is, and nothing else is.

In the files «CODE text» marks a finding; of several at one place the codes stand with commas."""

import json
import re
from pathlib import Path

import pytest

from pyrolens.cli import main

EXAMPLES = Path(__file__).parent / "examples"
MARK = re.compile(r"«([A-Z0-9,]+) |»")


def unmarked(text: str, file: str) -> tuple[str, list[tuple[str, str, int, int]]]:
    """The text as it is in use, and (code, file, line, column) of each finding."""
    marks: list[tuple[str, str, int, int]] = []
    out = ""
    at = 0
    for found in MARK.finditer(text):
        out += text[at : found.start()]
        at = found.end()
        for code in (found[1] or "").split(","):
            if code:
                marks.append((code, file, out.count("\n") + 1, len(out) - out.rfind("\n")))
    return out + text[at:], marks


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir()))
def test_its_mistakes_are_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = []
    for path in sorted((EXAMPLES / name).iterdir()):
        text, marks = unmarked(path.read_text(), path.name)
        Path(path.name).write_text(text)
        wanted += marks
    main(["check", "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert sorted((p["code"], p["file"], p["line"], p["column"]) for p in found) == sorted(wanted), found
    assert wanted


def test_marks_are_read() -> None:
    assert unmarked("a\n  «X1,Y2 b» c\n«Z »d", "f") == ("a\n  b c\nd", [
        ("X1", "f", 2, 3), ("Y2", "f", 2, 3), ("Z", "f", 3, 1)
    ])  # fmt: skip
