"""What two configs do differently, by kind of the difference."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.diff.compare import Options
from pyrolens.diff.sample import Whence
from tests.diff import compared, file, filter_, output, told

LINES = "GET / 200\nGET /health 200\nERROR boom\nGET /b 200\n"
GREP = filter_("grep", "Exclude log health")
REWRITE = filter_("rewrite_tag", "Rule $log ^ERROR errors false", match="app")
A = file("a")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (A, A, []),
        (A, GREP + A, ["1 dropped: file /a → nowhere: dropped by grep.0 (line 2)"]),
        (GREP + A, A, ["1 kept: nowhere → file /a; before: dropped by grep.0 (line 2)"]),
        (A, file("b"), ["4 moved: file /a → file /b (line 1)"]),
        (A, A + file("b"), ["4 also: also to file /b (line 1)"]),
        (A + file("b"), A, ["4 no longer: no longer to file /b (line 1)"]),
        (A, A + A, ["4 doubled: file /a: once → twice (line 1)"]),
        (A, file("a", "errors"), ["4 dropped: file /a → nowhere: no output takes app (line 1)"]),
        (GREP + file("a", "x"), file("a", "x"), ["1 lost: nowhere: dropped by grep.0 → no output takes app (line 2)"]),
        (A, REWRITE + A, ["1 tag: tag at file /a: app → errors (line 3)"]),
        (A, REWRITE + file("a", "app") + file("e", "errors"), ["1 moved: file /a → file /e (line 3)"]),
        (
            A,
            filter_("record_modifier", "Record team shop") + A,
            ["4 content: content at file /a: team (line 1)"],
        ),
        (A, file("a", "*", "Format plain"), ["4 sent: what is sent to file /a (line 1)"]),
        (A, file("a", "*", "Retry_Limit 5"), []),
    ],
)
def test_each_kind(tmp_path: Path, before: str, after: str, expected: list[str]) -> None:
    found = compared(tmp_path, before, after, LINES)
    assert told(found) == expected
    assert found.lines == 4
    assert found.changed == sum(group.count for group in found.groups.values())


def test_a_place_is_known_by_where_it_is(tmp_path: Path) -> None:
    """And not by its plugin's name or number: `cloudwatch` is another plugin for the same service."""

    def logs(name: str, region: str) -> str:
        return output(name, f"region {region}", "log_group_name /ecs/app", "log_stream_prefix a-")

    same = compared(tmp_path, logs("cloudwatch_logs", "us-east-1"), logs("cloudwatch", "us-east-1"), LINES)
    assert told(same) == []
    other = compared(tmp_path, logs("cloudwatch_logs", "us-east-1"), logs("cloudwatch_logs", "eu-west-1"), LINES)
    place = "cloudwatch_logs (log group /ecs/app, stream a-TAG, region {})"
    assert told(other) == [f"4 moved: {place.format('us-east-1')} → {place.format('eu-west-1')} (line 1)"]


def test_what_is_joined_is_told_at_its_first_line(tmp_path: Path) -> None:
    trace = 'Exception in thread "main" java.lang.RuntimeException: x\n    at a.b.C.d(E.java:1)\nplain\n'
    join = filter_("multiline", "multiline.parser java", "multiline.key_content log")
    found = compared(tmp_path, A, join + A, trace)
    assert told(found) == [
        "1 dropped: file /a → nowhere: joined with another line, or left out by the input (line 2)",
        "1 content: content at file /a: log (line 1)",
    ]


def test_fields_and_times_that_are_not_to_count(tmp_path: Path) -> None:
    parse = filter_("modify", "Add a 1", "Add b 1")
    every = compared(tmp_path, A, parse + A, "x\n")
    assert told(every) == ["1 content: content at file /a: a, b (line 1)"]
    assert told(compared(tmp_path, A, parse + A, "x\n", options=Options(ignore=("a",)))) == [
        "1 content: content at file /a: b (line 1)"
    ]
    assert told(compared(tmp_path, A, parse + A, "x\n", options=Options(ignore=("a", "b")))) == []
    (tmp_path / "later.lua").write_text("function f(tag, ts, r) return 1, ts + 60, r end\n")
    later = filter_("lua", f"script {tmp_path}/later.lua", "call f")
    assert [g.found.kind for g in compared(tmp_path, A, later + A, "x\ny\n").sorted()] == ["time"]
    assert told(compared(tmp_path, A, later + A, "x\ny\n", options=Options(ignore_time=True))) == []


def test_records_keep_their_tags_and_times(tmp_path: Path) -> None:
    sample = (
        '{"point": "input:forward.0", "tag": "app", "time": "2026-01-31T12:00:00.5Z", "record": {"log": "a"}}\n'
        '{"point": "input:forward.0", "tag": "web", "time": "2026-01-31T12:00:00.5Z", "record": {"log": "b"}}\n'
    )
    found = compared(tmp_path, A, file("a", "app"), sample, Whence())
    assert told(found) == ["1 dropped: file /a → nowhere: no output takes web (line 2)"]


def test_records_of_tap_meet_no_processors_again(tmp_path: Path) -> None:
    """They were recorded behind them; but they meet the routes of their input."""
    config = """\
pipeline:
  inputs:
    - name: forward
      alias: apps
      processors:
        logs: [{name: content_modifier, action: upsert, key: n, value: VALUE}]
      routes:
        logs:
          - {name: all, condition: {default: true}, to: {outputs: [OUT]}}
    - {name: dummy, tag: none}
  outputs:
    - {name: file, alias: one, path: /one}
    - {name: file, alias: two, path: /two}
"""
    before, after = (
        config.replace("VALUE", "1").replace("OUT", "one"),
        config.replace("VALUE", "2").replace("OUT", "two"),
    )
    tapped = '{"point": "input:apps", "tag": "web", "time": "2026-01-31T12:00:00Z", "record": {"log": "a", "n": 1}}\n'
    found = compared(tmp_path, before, after, tapped, Whence(), suffix=".yaml")
    assert told(found) == ["1 moved: file /one → file /two (line 1)"]
    same = compared(tmp_path, before, after.replace("[two]", "[one]"), tapped, Whence(), suffix=".yaml")
    assert told(same) == []
    plain = '{"tag": "web", "record": {"log": "a"}}\n'
    found = compared(tmp_path, before, after.replace("[two]", "[one]"), plain, Whence(), suffix=".yaml")
    assert told(found) == [], "no input has its tag"


FILTERS = st.lists(
    st.sampled_from(
        [
            GREP,
            REWRITE,
            filter_("grep", "Regex log GET", match="a*"),
            filter_("rewrite_tag", "Rule $log (GET|x) $1.$TAG true", match="app"),
            filter_("modify", "Add k v", match="GET.*"),
        ]
    ),
    max_size=3,
).map("".join)
OUTPUTS = st.lists(
    st.sampled_from([A, file("b", "app"), file("e", "errors"), file("a", "GET.*")]), min_size=1, max_size=3
).map("".join)
MIRROR = {"dropped": "kept", "kept": "dropped", "also": "no longer", "no longer": "also"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILTERS, OUTPUTS, FILTERS, OUTPUTS)
def test_a_config_is_as_itself_and_differences_are_the_same_from_both_sides(
    tmp_path: Path, some: str, outs: str, others: str, theirs: str
) -> None:
    one, other = some + outs, others + theirs
    assert told(compared(tmp_path, one, one, LINES)) == []
    there = compared(tmp_path, one, other, LINES).sorted()
    back = compared(tmp_path, other, one, LINES).sorted()
    forth = sorted((MIRROR.get(g.found.kind, g.found.kind), g.count, g.first.number) for g in there)
    assert forth == sorted((g.found.kind, g.count, g.first.number) for g in back)
