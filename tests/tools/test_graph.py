"""pyrolens graph: a picture in each form, to a file or to standard output."""

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from docs.pictures import pictures

from pyrolens.cli import main

ROOT = Path(__file__).parents[2]
TASK = "examples/color-app/task-definition.json"
GOLDEN = Path(__file__).parent / "golden"
CONFIG = "[INPUT]\n    Name dummy\n    Tag app\n[OUTPUT]\n    Name stdout\n    Match *\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("form", "suffix"), [("svg", "svg"), ("mermaid", "mmd"), ("dot", "dot"), ("text", "txt")])
def test_each_form_of_an_example(
    form: str, suffix: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["graph", TASK, "--format", form]) == 0
    assert capsys.readouterr().out == (GOLDEN / f"color-app.{suffix}").read_text()


@pytest.mark.usefixtures("here")
def test_the_name_of_the_file_says_the_form() -> None:
    Path("router.conf").write_text(CONFIG)
    begins = {"a.svg": "<svg ", "a.mmd": "flowchart LR", "a.gv": "digraph ", "a.txt": "router.conf\n"}
    for name, begin in begins.items():
        assert main(["graph", "router.conf", "--out", name, "--direction", "right"]) == 0
        assert Path(name).read_text().startswith(begin)
    ElementTree.parse("a.svg")


def test_a_config_from_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(CONFIG))
    assert main(["graph", "-"]) == 0
    assert capsys.readouterr().out == (
        "standard input\n\ndummy.0  (input)\n  → stdout.0: app\n\n"
        "stdout.0  (output)\n    Match *\n    standard output\n"
    )


@pytest.mark.parametrize(
    ("text", "args", "says"),
    [
        (CONFIG.replace("stdout", "stdot"), [], "there is no output 'stdot'"),
        (CONFIG, ["--live", "router"], "expected an address such as http://127.0.0.1:2020"),
        (CONFIG, ["--out", "picture.PNG"], "name it picture.svg, .mmd or .dot"),
        (CONFIG, ["--out", "no/such/folder.svg"], "cannot write no/such/folder.svg: No such file or directory"),
        ('{"containerDefinitions": [{"name": "a", "image": "b", "essential": true}]}', [], "does not use FireLens"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_cannot_be_drawn(text: str, args: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = "task.json" if text.startswith("{") else "router.conf"
    Path(name).write_text(text)
    assert main(["graph", name, *args]) == 2
    assert says in capsys.readouterr().err


def test_the_pictures_of_the_page_are_those_of_the_code() -> None:
    for name, text in pictures().items():
        assert (ROOT / "docs" / name).read_text() == text
        assert f"({name})" in (ROOT / "docs" / "graph.md").read_text()
