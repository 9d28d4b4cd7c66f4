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
    config = tmp_path / "x.conf"
    config.write_text(CONFIG.format(folder=tmp_path))
    trace = Trace(load(str(config)))
    assert trace.follow("app", 1, {"log": log, "source": "stdout"}) == fate
    assert trace.finish(within=1)
    assert trace.late == Fate()
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

    trace = Trace(load(str(config)))
    assert trace.apart == {"stream_task:b"}
    assert trace.follow("app", 1, {"log": "x", "n": 1}) == Fate(
        [
            Arrival("all", "app", {"log": "x", "n": 1}),
            Arrival("rest", "app", {"log": "x", "n": 1}),
            Arrival("all", "copy", {"log": "x"}),
        ]
    )


def test_a_tag_that_no_output_wants(tmp_path: Path) -> None:
    config = tmp_path / "x.conf"
    config.write_text(CONFIG.format(folder=tmp_path).replace("Match *r*", "Match x"))
    assert Trace(load(str(config))).follow("other", 1, {"log": "x"}) == Fate(unrouted=1)


MULTILINE = """
[FILTER]
    Name                  multiline
    Match                 app
    multiline.parser      java
    multiline.key_content log
    flush_ms              2000
"""


def test_what_a_filter_lets_go_by_itself_comes_late(tmp_path: Path) -> None:
    """Its timer is up when so much time has passed as it does for the router."""
    config = tmp_path / "x.conf"
    config.write_text(CONFIG.format(folder=tmp_path) + MULTILINE)
    now = [10**18]
    trace = Trace(load(str(config)), lambda: now[0])
    exception = {"log": "java.lang.RuntimeException: x"}
    assert trace.follow("app", 1, exception) == Fate()
    now[0] += 1_900_000_000
    assert trace.follow("x", 1, {"log": "x"}).unrouted == 1
    assert trace.late == Fate()
    now[0] += 200_000_000
    trace.follow("x", 1, {"log": "x"})
    assert trace.late == Fate([Arrival("rest", "app", exception)])
    trace.follow("app", 1, exception)
    assert trace.finish(within=1)
    assert len(trace.late.arrivals) == 2
