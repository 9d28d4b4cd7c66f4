import io

import pytest
from rich.console import Console

from pyrolens.ecs.copier import Message
from pyrolens.local.account import Account, Row
from pyrolens.local.story import Story, readable, way
from pyrolens.local.trace import Arrival, Fate


def told(width: int = 140) -> tuple[Story, io.StringIO]:
    out = io.StringIO()
    return Story(Console(file=out, width=width), ["color", "log_router"]), out


def test_a_line_shows_its_container_and_its_way() -> None:
    story, out = told()
    fate = Fate([Arrival("logs.0", "t", {}), Arrival("s3.0", "t", {}), Arrival("s3.0", "u", {})])
    story.line("color", Message(1_700_000_000_042_000_000, "stderr", b"ERROR [bold]x"), fate)
    shown = out.getvalue()
    assert shown.startswith("     color │ ")
    assert shown.endswith(".042 ERROR [bold]x  → logs.0, s3.0\n")


@pytest.mark.parametrize(
    ("fate", "shown"),
    [
        (Fate([Arrival("s3.0", "t", {})], ["grep.0"]), "→ s3.0"),
        (Fate([], ["grep.0"]), "✗ dropped by grep.0"),
        (Fate([], [], True), "✗ no output matches"),
        (Fate(), "… held until more of it comes"),
    ],
)
def test_the_ways_of_a_line(fate: Fate, shown: str) -> None:
    assert way(fate).plain == shown


def test_a_line_cannot_steer_the_terminal() -> None:
    assert readable(b"a\x1b[2Jb\tc\r\xff") == "a\ufffd[2Jb c\ufffd\ufffd"
    assert readable(b"x" * 500) == "x" * 400 + "…"


def test_the_account_when_all_is_well() -> None:
    story, out = told()
    story.account(
        Account(3, [Row("S3", 2, 2, 33, b'{"log":"a"}', True), Row("x (http)", 1, 1, 5, b"", False)], {"grep.0": 1})
    )
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert "S3 2 2 33 read back" in lines
    assert "x (http) 1 1 5 the router's count" in lines
    assert lines[lines.index("One record of S3:") + 1] == '{"log":"a"}'
    assert "One record of x (http):" not in lines
    assert "grep.0 1" in lines
    assert lines[-1] == "Every one of 3 lines is accounted for."


def test_the_account_says_what_is_wrong() -> None:
    story, out = told()
    story.account(Account(3, [], {}, ["S3: 2 records expected, 1 are there, 1 missing"]))
    assert out.getvalue().splitlines()[-2:] == [
        "Not every one of 3 lines is accounted for:",
        "  - S3: 2 records expected, 1 are there, 1 missing",
    ]
