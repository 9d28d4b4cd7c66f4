"""What each line of Fluent Bit has, against the lists that Fluent Bit 5.1.1 prints of itself."""

import tomllib
from pathlib import Path

import pytest

from pyrolens.check.versions import IN_GO, Line, first_line, line_of, lines, table
from pyrolens.cli import main

LISTS = Path(__file__).parents[1] / "fluent_bit_options"
NOT_IN_TABLES = {"active", "telemetry"}
"""Options that the core reads elsewhere."""


@pytest.mark.parametrize("kind", ["input", "filter", "output"])
def test_the_newest_line_is_what_fluent_bit_says_of_itself(kind: str) -> None:
    newest = Line("5.1")
    told = tomllib.loads((LISTS / f"{kind}s.toml").read_text())
    missing = [
        (plugin, option)
        for plugin, each in told.items()
        if plugin not in IN_GO
        for option in each["options"]
        if not newest.takes(kind, plugin, option.lower())
        and not newest.takes(kind, plugin, option.lower() + "x")  # it names a prefix
        and not newest.takes(kind, "core", option.lower())
        and option not in NOT_IN_TABLES
    ]
    assert missing == []
    here = {plugin for plugin in table()[kind] if newest.has(kind, plugin)}
    assert set(told) - IN_GO - here == set()


def test_the_newest_service_is_what_fluent_bit_reads() -> None:
    told = set(tomllib.loads((LISTS / "service.toml").read_text())["service"]["options"]) - NOT_IN_TABLES
    assert {option for option in told if not Line("5.1").takes("section", "service", option)} == set()


@pytest.mark.parametrize(
    ("kind", "plugin", "option", "first"),
    [
        ("output", "cloudwatch_logs", "log_group_name", "1.9"),
        ("output", "cloudwatch_logs", "log_group_class", "3.0"),
        ("output", "s3", "profile", "2.1"),
        ("output", "opensearch", "aws_service_name", "1.9"),  # in AWS's image
        ("output", "kafka", "rdkafka.anything", "1.9"),
        ("input", "core", "threaded", "2.0"),
        ("section", "yaml", "processors", "2.1"),
        ("section", "yaml", "parsers", "3.2"),
        ("output", "sns", "", ""),
    ],
)
def test_what_came_when(kind: str, plugin: str, option: str, first: str) -> None:
    assert first_line(kind, plugin, option) == first


def test_what_is_gone_is_not_there() -> None:
    assert Line("1.9").takes("output", "opentelemetry", "uri")
    assert not Line("5.1").takes("output", "opentelemetry", "uri")


def test_a_great_version_is_its_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    named = {"1.9": "1.9", "2": "2.2", "3": "3.2", "4": "4.2", "5": "5.1", "3.1": "3.1", "6": None}
    assert {name: line_of(name) for name in named} == named
    assert lines()[0] == "1.9"
    assert main(["check", "--target", "0.9", "."]) == 2
    assert "--target is '0.9': expected one of 1, 2, 3, 4, 5, 1.9" in capsys.readouterr().err


def test_what_pyrolens_alone_has_is_told_and_what_is_misspelt_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(tmp_path, "a.conf").write_text(
        "[SERVICE]\n    memory_limit 1G\n    Flsh 1\n[INPUT]\n    Name dummy\n    Tag app\n"
        "[OUTPUT]\n    Name stdout\n    Match *\n    dead_letter /x\n[OUTPUT]\n    Name sns\n    Match *\n"
        "[FILTER]\n    Name grep\n    Match *\n    Regx log x\n"
    )
    main(["check", "--target", "5", str(tmp_path / "a.conf")])
    told = [line.partition("[")[2] for line in capsys.readouterr().out.splitlines() if "[FB" in line]
    assert told == [
        "FB403]: Fluent Bit 5.1 has no memory_limit in [SERVICE]: Pyrolens alone has it",
        "FB402]: Fluent Bit 5.1 has no dead_letter for output stdout: Pyrolens alone has it",
        "FB401]: Fluent Bit 5.1 has no output sns: Pyrolens alone has it",
    ]
