"""pyrolens run, short of running."""

from pathlib import Path

import pytest

from pyrolens.config import load
from pyrolens.language.document import Section
from pyrolens.problems import ConfigError, Place, Problem, Problems
from pyrolens.tools import run
from pyrolens.tools.run_arguments import read_arguments


def test_a_good_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["-i", "dummy", "-o", "null", "-D"]) == 0
    assert capsys.readouterr().err == "the config is good\n"


def test_warnings_are_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = tmp_path / "a.conf"
    main.write_text("[SERVICE]\n    Colour blue\n[INPUT]\n    Name dummy\n[OUTPUT]\n    Name null\n")
    assert run.main(["-c", str(main), "--dry-run", "word"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "warning[ignored-word]: command line: 'word' belongs to no option: it is ignored",
        f"{main}:2:5: warning[unknown-option]: [SERVICE] has no option 'Colour': it is ignored",
        "        Colour blue",
        "        ^^^^^^",
        "the config is good, but see 2 above",
    ]


def test_a_refused_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = tmp_path / "a.conf"
    main.write_text("[INPUT]\n    Name dumy\n[OUTPUT]\n    Name null\n    Colour blue\n")
    assert run.main(["-c", str(main)]) == 1
    assert [line for line in capsys.readouterr().err.splitlines() if "error[" in line] == [
        f"{main}:2:10: error[unknown-plugin]: there is no input 'dumy'",
        f"{main}:5:5: error[unknown-option]: output null has no option 'Colour'",
    ]


@pytest.mark.parametrize(
    "argv",
    [
        ["-c", "/gone.conf"],
        ["-R", "/gone.conf", "-i", "dummy"],
        ["-R", "gone.conf", "-i", "dummy"],
        ["-e", "/gone.so", "-i", "dummy"],
        ["-w", "/gone", "-i", "dummy"],
        ["-f", "0", "-i", "dummy"],
        ["-i", "dummy", "-p", "tag="],
        ["-i", "dummy", "-p", "samples=1", "-p", "samples=2"],
        ["-x"],
        ["-S"],
    ],
)
def test_what_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([*argv, "-D"]) == 1
    assert "error[" in capsys.readouterr().err


def test_the_file_counts_before_the_command_line(tmp_path: Path) -> None:
    main = tmp_path / "a.conf"
    main.write_text("[SERVICE]\n    Flush 0.2\n")
    assert run.main(["-c", str(main), "-f", "0", "-D"]) == 0
    main.write_text("[SERVICE]\n    Flush 0\n")
    assert run.main(["-c", str(main), "-f", "0.2", "-D"]) == 1


def test_variables_of_the_init_process_are_told_when_nothing_reads_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("aws_fluent_bit_init_s3_1", "arn:aws:s3:::b/x.conf")
    assert run.main(["-i", "dummy", "-o", "null", "-D"]) == 0
    assert "warning[no-init]: aws_fluent_bit_init_s3_1 has no effect" in capsys.readouterr().err
    monkeypatch.setenv("PYROLENS_INIT", "done")
    assert run.main(["-i", "dummy", "-o", "null", "-D"]) == 0
    assert "no-init" not in capsys.readouterr().err


def test_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "a.conf").write_text("[INPUT]\n    Name dummy\n")
    assert run.main(["-c", "a.conf", "-w", str(tmp_path), "-D"]) == 0


def test_the_folder_of_the_store(tmp_path: Path) -> None:
    run.make_storage(load(None, stored(tmp_path / "a" / "b")))
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made: File exists"):
        run.make_storage(load(None, stored(tmp_path / "file")))


def stored(path: Path) -> list[Section]:
    return read_arguments(["-b", str(path)], Problems()).sections


@pytest.mark.parametrize(("argv", "begins"), [(["-V"], "pyrolens "), (["-h"], "usage: pyrolens run")])
def test_version_and_help(argv: list[str], begins: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(argv) == 0
    assert capsys.readouterr().out.startswith(begins)


def test_colour() -> None:
    problem = Problem("code", "text", Place("a", 1), severity="warning")
    assert run.coloured(problem) == "a:1: \x1b[1;33mwarning[code]\x1b[0m: text"
