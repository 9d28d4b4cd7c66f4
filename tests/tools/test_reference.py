"""pyrolens plugins, from the declarations."""

from pathlib import Path
from typing import Literal

import pytest

from pyrolens.options import Lines, Pair, lines, opt
from pyrolens.plugin import Filter, plugin
from pyrolens.tools import reference


@plugin("paint")
class Paint(Filter):
    """Paint records.

    Twice."""

    ignored = {"brush": "fingers are used"}
    differs = ("It is quicker.",)

    colour: Literal["red", "blue"] = opt("The colour.", default="red", aliases=["color"])
    coats: int = opt("How often.", low=1, high=3)
    dry: bool = opt("Wait until it is dry.", default=False)
    labels: list[Pair] = opt("What to write on it.", default=[])
    spots: Lines = lines(big="A big spot.", small="A small | spot.")


def test_help() -> None:
    assert reference.help_of(Paint).split("\n  Options of every filter\n")[0].rstrip() == (
        "filter paint\n\n  Paint records.\n\n  Twice.\n\n  Options\n"
        "    colour  (red or blue; default red)\n        The colour. Also written color.\n"
        "    coats  (whole number; at least 1; at most 3; required)\n        How often.\n"
        "    dry  (boolean; default off)\n        Wait until it is dry.\n"
        "    labels  (KEY VALUE; may repeat)\n        What to write on it.\n"
        "    big  (text; may repeat, and the order counts)\n        A big spot.\n"
        "    small  (text; may repeat, and the order counts)\n        A small | spot."
    )
    assert reference.help_of(Paint).endswith(
        "  Taken without effect\n    brush: fingers are used\n\n  Differs from Fluent Bit\n    It is quicker."
    )


def test_a_page() -> None:
    own, _ = reference.own_options(Paint)
    text = reference.page("filter paint", Paint, own, [], Paint.ignored, Paint.differs)
    assert "| `coats` | whole number; at least 1; at most 3; required | How often. |\n" in text
    assert "A small \\| spot. |\n" in text
    assert text.endswith("## Differs from Fluent Bit\n\n- It is quicker.\n")


def test_lists_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["inputs"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("inputs\n  ")
    assert f"\n  {'dummy':24} Make up records: for trying a config, and for tests." in text


@pytest.mark.parametrize("argv", [["output", "null"], ["outputs", "NULL"], ["null"]])
def test_finds_a_plugin(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(argv) == 0
    assert capsys.readouterr().out.startswith("output null\n")


def test_an_unknown_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["output", "nul"]) == 1
    assert capsys.readouterr().err == "there is no plugin 'nul'; did you mean 'null'?\n"


def test_writes_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["--markdown", str(tmp_path)]) == 0
    for name in ("README.md", "service.md", "multiline_parser.md", "inputs/dummy.md", "outputs/null.md"):
        assert (tmp_path / name).read_text().startswith("# ")
    assert "- [dummy](inputs/dummy.md): Make up records" in (tmp_path / "README.md").read_text()
    assert str(tmp_path / "service.md") in capsys.readouterr().out
