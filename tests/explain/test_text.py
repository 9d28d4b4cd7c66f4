import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.explain.manner import cut
from pyrolens.explain.text import between, line, printable, shortened, show, value_text


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("one", "two", ("one", "two")),
        ("x" * 60 + "A" + "y" * 60, "x" * 60 + "B" + "y" * 60, ("…xxxxxAyyyyy…", "…xxxxxByyyyy…")),
        ("A" + "y" * 60, "B" + "y" * 60, ("Ayyyyy…", "Byyyyy…")),
        ("x" * 60, "x" * 60 + "!", ("…xxxxx", "…xxxxx!")),
        ("x" * 60 + "!", "x" * 60, ("…xxxxx!", "…xxxxx")),
        ("x" * 60, "y" * 60, ("xxxxxxxxxxxx…", "yyyyyyyyyyyy…")),
    ],
)
def test_long_values_are_shown_around_what_is_different(
    before: str, after: str, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyrolens.explain.text.AROUND", 5)
    assert between(before, after, 12) == expected


@given(st.text(max_size=40), st.text(max_size=40), st.integers(10, 30))
def test_two_texts_that_are_different_are_shown_so(before: str, after: str, longest: int) -> None:
    old, new = between(before, after, longest)
    assert max(len(old), len(new)) <= longest + 2


@given(st.text())
def test_nothing_that_is_printed_steers_a_terminal(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert all(c.isprintable() for c in shown)


@given(st.text(max_size=300), st.integers(5, 60))
def test_text_is_cut_and_none_is_lost(text: str, room: int) -> None:
    parts = list(cut(text, room))
    assert "".join(parts) == text
    assert all(len(part) <= room for part in parts)


@pytest.mark.parametrize(
    ("value", "text"),
    [("é\n", '"é\\n"'), (b"\xff", '"�"'), ({"a": [1, None]}, '{"a":[1,null]}'), (1.5, "1.5"), (True, "true")],
)
def test_values_are_json(value: object, text: str) -> None:
    assert value_text(value) == text


def test_shortened() -> None:
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "abcde…"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_need_an_extra_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    show([line(("text", "bold red"))])
    assert terminal.getvalue() == "text\n"


def test_who_wants_no_colour_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    show([line(("text", "bold red"))])
    assert terminal.getvalue() == "text\n"


def test_plain_without_a_terminal_and_in_colour_in_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = [line(("secret", "bold red"), " and\x1b[2J", ("  ", "dim"))]
    show(page, lambda text: text.replace("secret", "***"))
    assert capsys.readouterr().out == "*** and�[2J\n"

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    show(page, lambda text: text.replace("secret", "***"))
    assert "\x1b[1;31m***\x1b[0m and�[2J" in terminal.getvalue()
    assert "secret" not in terminal.getvalue()
