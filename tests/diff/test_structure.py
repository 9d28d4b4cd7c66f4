"""Two configs without a sample."""

from contextlib import ExitStack
from pathlib import Path

from pyrolens.diff.structure import Part, Row, Step, Structure, structure
from pyrolens.rehearsal.subject import open_subject
from tests.diff import file, filter_, output

IN = "[INPUT]\n    Name tcp\n    Tag app\n"


def of(folder: Path, before: str, after: str) -> Structure:
    (folder / "a.conf").write_text(before)
    (folder / "b.conf").write_text(after)
    with ExitStack() as opened:
        one, other = (opened.enter_context(open_subject(str(folder / name))) for name in ("a.conf", "b.conf"))
        return structure(one, other)


def test_the_same(tmp_path: Path) -> None:
    found = of(tmp_path, IN + file("a"), IN + file("a"))
    assert found == Structure((), ())
    assert not found.differs


def test_what_goes_elsewhere_and_why(tmp_path: Path) -> None:
    before = IN + filter_("grep", "Exclude log health") + file("a") + file("b")
    after = IN + filter_("grep", "Exclude log (health|ready)") + file("a") + file("c")
    found = of(tmp_path, before, after)
    assert found.rows == (
        Row(
            "input tcp.0  tag app",
            (
                Step("~", "file /a", "when log !~ health", "when log !~ (health|ready)"),
                Step("-", "file /b", "when log !~ health"),
                Step("~", "dropped by a filter", "when log =~ health", "when log =~ (health|ready)"),
                Step("+", "file /c", "", "when log !~ (health|ready)"),
            ),
        ),
    )
    assert found.parts == (
        Part("~", "filter", "grep.0", (("-", "Exclude log health"), ("+", "Exclude log (health|ready)"))),
        Part("~", "output", "file.1", (("-", "Path /b"), ("+", "Path /c"))),
    )


def test_an_output_that_is_put_first_moves_nothing(tmp_path: Path) -> None:
    found = of(tmp_path, IN + file("a"), IN + output("null", match="x") + file("a"))
    assert found.rows == ()
    assert found.parts == (Part("+", "output", "null.0", (("+", "Name null"), ("+", "Match x"))),)


def test_an_input_that_is_new(tmp_path: Path) -> None:
    found = of(tmp_path, IN + file("a"), IN + "[INPUT]\n    Name udp\n    Tag u\n" + file("a"))
    assert found.rows == (Row("input udp.0  tag u", (Step("+", "file /a", "", "always"),)),)


def test_what_is_not_shown_counts_all_the_same(tmp_path: Path) -> None:
    rule = "Regex log " + "a" * 300
    found = of(tmp_path, IN + filter_("grep", rule) + file("a"), IN + filter_("grep", rule + "b") + file("a"))
    assert [part.sign for part in found.parts] == ["~"]


def test_no_secret_is_told(tmp_path: Path) -> None:
    http = output("http", "Host logs.example.com", "HTTP_User me", "HTTP_Passwd {}")
    found = of(tmp_path, IN + http.format("hunter2"), IN + http.format("hunter3"))
    assert "hunter" not in repr(found)
    (part,) = found.parts
    assert part.lines == (("-", "HTTP_Passwd ***"), ("+", "HTTP_Passwd *** (another value)"))
