import asyncio
from pathlib import Path

import pytest

from pyrolens.config import load
from pyrolens.local.trace import Arrival, Fate, Trace

CONFIG = """
[INPUT]
    Name forward
    unix_path {folder}/s

[FILTER]
    Name    grep
    Alias   no_health_checks
    Match   app
    Exclude log health

[FILTER]
    Name  rewrite_tag
    Match app
    Rule  $log ERROR error.$source false

[FILTER]
    Name       record_modifier
    Match      error.*
    Remove_key source

[OUTPUT]
    Name  stdout
    Alias errors
    Match error.*

[OUTPUT]
    Name  null
    Alias all
    Match *r*

[OUTPUT]
    Name  null
    Alias rest
    Match app
"""


@pytest.mark.parametrize(
    ("log", "fate"),
    [
        ("GET /", Fate([Arrival("rest", "app", {"log": "GET /", "source": "stdout"})])),
        ("GET /health", Fate([], ["no_health_checks"])),
        (
            "ERROR in app",
            Fate(
                [
                    Arrival("errors", "error.stdout", {"log": "ERROR in app"}),
                    Arrival("all", "error.stdout", {"log": "ERROR in app"}),
                ]
            ),
        ),
    ],
)
def test_a_line_is_followed_to_its_outputs(log: str, fate: Fate, tmp_path: Path) -> None:
    async def follow() -> Fate:
        trace = Trace(load(str(config)))
        found = trace.follow("app", 1, {"log": log, "source": "stdout"})
        assert await trace.finish(within=1)
        assert trace.late == Fate()
        return found

    config = tmp_path / "x.conf"
    config.write_text(CONFIG.format(folder=tmp_path))
    assert asyncio.run(follow()) == fate
    assert not (tmp_path / "s").exists()


def test_stream_tasks(tmp_path: Path) -> None:
    """One that counts over several lines is not followed."""
    task = "[STREAM_PROCESSOR]\n    Name {}\n    Exec CREATE STREAM {} AS SELECT {} FROM TAG:'app';\n"
    config = tmp_path / "x.conf"
    config.write_text(
        CONFIG.format(folder=tmp_path).replace("Match *r*", "Match *")
        + task.format("a", "copy", "log")
        + task.format("b", "lines", "COUNT(*)")
    )

    async def follow() -> tuple[set[str], Fate]:
        trace = Trace(load(str(config)))
        return trace.apart, trace.follow("app", 1, {"log": "x", "n": 1})

    assert asyncio.run(follow()) == (
        {"stream_task:b"},
        Fate(
            [
                Arrival("all", "app", {"log": "x", "n": 1}),
                Arrival("rest", "app", {"log": "x", "n": 1}),
                Arrival("all", "copy", {"log": "x"}),
            ]
        ),
    )


def test_a_tag_that_no_output_wants(tmp_path: Path) -> None:
    async def follow() -> Fate:
        return Trace(load(str(config))).follow("other", 1, {"log": "x"})

    config = tmp_path / "x.conf"
    config.write_text(CONFIG.format(folder=tmp_path).replace("Match *r*", "Match x"))
    assert asyncio.run(follow()) == Fate(unrouted=1)
