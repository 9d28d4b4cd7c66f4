"""Whole pages, as they stand beside the configs that they are about. The first line of a config is the command.

`python -m tests.explain.test_golden` writes them again: look at what has changed."""

import contextlib
import io
import os
import shlex
from pathlib import Path

import pytest

from pyrolens.tools import explain

GOLDEN = Path(__file__).parent / "golden"
CONFIGS = sorted(GOLDEN.glob("*.conf"))


def page(config: Path) -> str:
    """What the command prints, and its exit status."""
    first = config.read_text().partition("\n")[0]
    command = shlex.split(first.removeprefix("# explain"))
    out = io.StringIO()
    with contextlib.chdir(GOLDEN), contextlib.redirect_stdout(out):
        status = explain.main([config.name, *command])
    return f"{out.getvalue()}[exit status {status}]\n"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.stem)
def test_the_page(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    assert page(config) == config.with_suffix(".txt").read_text()


if __name__ == "__main__":
    os.environ["COLUMNS"] = "110"
    for each in CONFIGS:
        each.with_suffix(".txt").write_text(page(each))
