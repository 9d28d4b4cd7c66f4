"""The command and its verbs."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pyrolens import cli

COLOR = str(Path(__file__).parents[1] / "examples/color-app/task-definition.json")


def test_help_names_the_verbs_that_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    text = capsys.readouterr().out
    for verb, (module, about) in cli.VERBS.items():
        assert (f"  {verb:9} {about}" in text) is cli.exists(module)
    assert cli.exists("pyrolens.tools.run")
    assert not cli.exists("pyrolens.tools.nothing")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("pyrolens ")


def test_an_unknown_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rum"]) == 2
    assert capsys.readouterr().err == "pyrolens: there is no 'rum'; did you mean 'run'?\n"


def test_a_verb_gets_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "-V"]) == 0
    assert "drop-in for Fluent Bit" in capsys.readouterr().out


def test_called_as_fluent_bit_it_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["/fluent-bit/bin/fluent-bit", "-i", "dummy", "-o", "null", "--dry-run"])
    assert cli.main() == 0
    assert capsys.readouterr().err == "the config is good\n"


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import pyrolens.cli", {"pyrolens.config", "pyrolens.tools.run", "argparse", "asyncio"}),
        # a classic config with these plugins needs no YAML, no AWS and none of the tools
        (
            "from pyrolens.tools import run; run.main(['-i', 'dummy', '-o', 'null', '-D'])",
            {"yaml", "awscrt", "botocore", "argparse", "pyrolens.language.yaml", "pyrolens.inputs.forward"},
        ),
    ],
)
def test_nothing_is_imported_that_is_not_needed(statement: str, absent: set[str]) -> None:
    code = f"{statement}; import sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(done.stdout.split())


def called(*args: str, env: Mapping[str, str], out: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyrolens", *args]
    return subprocess.run(
        command, stdout=out, stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, **env}
    )


@pytest.mark.parametrize("verb", ["graph", "explain"])
def test_a_terminal_that_has_no_arrows(verb: str) -> None:
    done = called(verb, COLOR, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "? " in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has it")
def test_a_full_disk() -> None:
    with open("/dev/full", "wb") as full:
        done = called("graph", COLOR, "--format", "svg", env={}, out=full.fileno())
    assert (done.returncode, done.stderr) == (2, "pyrolens graph: cannot write: No space left on device\n")
