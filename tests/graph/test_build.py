"""What a graph says, on examples, and against the running pipeline."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.config import build, read_text
from pyrolens.graph.model import Graph
from pyrolens.problems import Problems
from pyrolens.rehearsal.journey import Journey
from pyrolens.rehearsal.rehearsal import START, Rehearsal
from tests.graph import ROOT, edges, of_file, of_text

TASK = "examples/color-app/task-definition.json"


def test_a_task() -> None:
    graph = of_file(ROOT / TASK)
    assert edges(graph) == [
        "color → record_modifier.0 flow color-firelens-*",
        "record_modifier.0 → grep.0 flow color-firelens-*",
        "record_modifier.0 → record_modifier.1 flow error.*",
        "grep.0 → rewrite_tag.0 flow color-firelens-*",
        r"rewrite_tag.0 → record_modifier.0 emit error.*: $log ~ (ERROR|\s[45]\d\d\s\d+\s)",
        "rewrite_tag.0 → kinesis_firehose.0 flow color-firelens-*: no rule fits",
        "record_modifier.1 → cloudwatch_logs.0 flow error.*",
        "record_modifier.1 → kinesis_firehose.0 flow error.*",
    ]
    assert graph.summary == "The way of log records: 1 container, 4 filters, 2 outputs."
    (cloudwatch, firehose) = [n for n in graph.nodes if n.kind == "output"]
    assert cloudwatch.lines == (
        "Match error.*",
        "log group /ecs/color-app/errors",
        "stream router-TAG",
        "region us-east-1",
    )
    assert firehose.lines[1:] == ("delivery stream color-app-logs", "region us-east-1")
    assert graph.notes == (
        "forward.1 (loggers in the application, any tag) is not shown",
        "tcp.0 (health checks by TCP) is not shown",
    )


def test_all_of_a_task() -> None:
    graph = of_file(ROOT / TASK, everything=True)
    assert {n.label for n in graph.nodes if n.kind in ("container", "input")} == {"color", "forward.1", "tcp.0"}
    assert "record_modifier.0 → null.0 flow firelens-healthcheck" in edges(graph)
    assert graph.notes == ()


def test_the_socket_of_a_task() -> None:
    """Where rates are known of the input only."""
    graph = of_file(ROOT / "examples/shop-search/task-definition.json", sockets=True)
    assert edges(graph)[:4] == [
        "web → forward.0 flow web-firelens-*",
        "worker → forward.0 flow worker-firelens-*",
        "forward.0 → grep.0 flow web-firelens-*",
        "forward.0 → record_modifier.0 flow worker-firelens-*",
    ]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*/task-definition.json")), ids=lambda p: p.parent.name
)
def test_each_example_is_whole(path: Path) -> None:
    graph = of_file(path)
    assert all(n.reached for n in graph.nodes)
    sources = {e.source for e in graph.edges}
    assert all(n.id in sources for n in graph.nodes if n.kind != "output"), "records end at outputs only"


def test_loggers_in_the_application_are_shown_where_they_matter(tmp_path: Path) -> None:
    task = json.loads((ROOT / TASK).read_text())
    router = task["containerDefinitions"][1]
    router["firelensConfiguration"]["options"]["config-file-value"] = "/extra.conf"
    (tmp_path / "extra.conf").write_text("[OUTPUT]\n    Name stdout\n    Match audit.*\n")
    file = tmp_path / "task.json"
    file.write_text(json.dumps(task))
    graph = of_file(file)
    assert "record_modifier.0 → stdout.0 flow audit.*" in edges(graph)
    assert graph.notes == ("tcp.0 (health checks by TCP) is not shown",)
    assert "record_modifier.0 → nowhere flow color-firelens-*" in edges(graph)


CLASSIC = """\
[INPUT]
    Name dummy
    Tag app.web
[INPUT]
    Name dummy
    Tag other
[FILTER]
    Name grep
    Match app.*
    Exclude log health
[FILTER]
    Name grep
    Match ap.*
    Exclude log health
[OUTPUT]
    Name http
    Match app.*
    Host logs.example.com
    URI /in/secrettoken
    HTTP_User me
    HTTP_Passwd hunter2
[OUTPUT]
    Name stdout
    Match web
[OUTPUT]
    Name stdout
"""


def test_what_nothing_reaches_says_why_and_what_reaches_nothing_too() -> None:
    graph = of_text(CLASSIC)
    assert {n.label: n.why for n in graph.nodes if not n.reached} == {
        "grep.1": "no tag fits ap.*",
        "stdout.0": "no tag fits web; did you mean 'app.web'?",
        "stdout.1": "it has no Match",
        "nowhere": "no output takes these records: they are dropped",
    }
    assert edges(graph) == [
        "dummy.0 → grep.0 flow app.web",
        "dummy.1 → nowhere flow other",
        "grep.0 → http.0 flow app.web",
    ]
    assert graph.summary.endswith("Nothing reaches grep.1, stdout.0, stdout.1.")


def test_no_secret_is_in_it() -> None:
    text = CLASSIC + "[OUTPUT]\n    Name slack\n    Match *\n    webhook https://hooks.slack.com/services/hunter2\n"
    text += "[FILTER]\n    Name record_modifier\n    Match *\n    Record api_token hunter2\n    Record a https://u:hunter2@h/\n"
    text += "[INPUT]\n    Name tcp\n    Tag hidden\n    tls.key_passwd hunter2\n"
    graph = of_text(text)
    assert len([n for n in graph.nodes if n.label in ("slack.0", "http.0", "record_modifier.0", "tcp.0")]) == 4
    assert "hunter2" not in repr(graph)
    assert "secrettoken" not in repr(graph)


def test_one_input_and_one_output_need_no_match() -> None:
    graph = of_text("[INPUT]\n    Name dummy\n    Tag a\n[OUTPUT]\n    Name stdout\n")
    assert edges(graph) == ["dummy.0 → stdout.0 flow a"]


def test_tags_that_grow_in_a_circle() -> None:
    rewrite = "[FILTER]\n    Name rewrite_tag\n    Match {}*\n    Rule $log . {}.$TAG false\n"
    text = "[INPUT]\n    Name dummy\n    Tag a\n" + rewrite.format("a", "b") + rewrite.format("b", "a")
    assert edges(of_text(text + "[OUTPUT]\n    Name stdout\n    Match *\n")) == [
        "dummy.0 → rewrite_tag.0 flow a",
        "rewrite_tag.0 → rewrite_tag.1 emit b.*: $log ~ .",
        "rewrite_tag.0 → stdout.0 flow a.*: no rule fits, a: no rule fits",
        "rewrite_tag.1 → rewrite_tag.0 emit a.*: $log ~ .",
        "rewrite_tag.1 → stdout.0 flow b.*: no rule fits",
    ]


def test_a_part_of_a_config() -> None:
    graph = of_file(ROOT / "examples/color-app/extra.conf", "config")
    assert edges(graph)[:3] == [
        "any → grep.0 flow *-firelens-*",
        "any → record_modifier.0 flow error.* except *-firelens-*",
        r"any → kinesis_firehose.0 flow /(error\.|[^.]+-firelens-).*/ except *-firelens-*, error.*",
    ]
    assert all(n.reached for n in graph.nodes if n.kind != "nowhere")
    assert graph.notes == ("there is no input: this is taken for a part of a config that has them elsewhere",)


YAML = """\
pipeline:
  inputs:
    - name: forward
      alias: apps
      processors:
        logs:
          - name: content_modifier
            action: insert
            key: a
            value: b
            condition: {op: or, rules: [{field: $level, op: eq, value: debug}, {field: $n, op: gt, value: 5}]}
      routes:
        logs:
          - name: errors
            condition: {rules: [{field: $level, op: eq, value: error}]}
            to: {outputs: [mistakes]}
          - name: rest
            condition: {default: true}
            to: {outputs: [everything]}
    - {name: fluentbit_metrics, tag: internal.metrics}
    - {name: dummy, tag: traces}
  filters:
    - {name: grep, match: 'e*', exclude: log health}
    - {name: multiline, match: traces, multiline.parser: java}
    - {name: log_to_metrics, match: traces, tag: m, metric_name: n, metric_description: d, metric_mode: counter}
  outputs:
    - {name: loki, alias: mistakes, host: a.example.com}
    - name: http
      alias: everything
      host: b.example.com
      processors:
        logs: [{name: content_modifier, action: delete, key: a}]
    - {name: prometheus_exporter, match: 'internal.*'}
    - {name: stdout, match: 'm'}
    - {name: stdout, match: 'trac*'}
"""


def test_routes_processors_metrics_and_what_filters_emit() -> None:
    graph = of_text(YAML, ".yaml")
    assert edges(graph) == [
        "apps → content_modifier.0 flow ",
        "content_modifier.0 → grep.0 flow errors: $level eq error",
        "content_modifier.0 → content_modifier.1 flow rest: no other route",
        "fluentbit_metrics.0 → prometheus_exporter.0 metrics internal.metrics",
        "dummy.0 → multiline.0 flow traces",
        "grep.0 → mistakes flow errors",
        "multiline.0 → log_to_metrics.0 emit traces: its lines are joined",
        "log_to_metrics.0 → stdout.0 metrics m",
        "log_to_metrics.0 → stdout.1 flow traces",
        "content_modifier.1 → everything flow ",
    ]
    assert graph.nodes[1].lines[0] == "if $level eq debug or $n gt 5"
    assert all(n.reached for n in graph.nodes)


def test_stream_tasks(tmp_path: Path) -> None:
    (tmp_path / "streams.conf").write_text(
        "[STREAM_TASK]\n    Name bad\n"
        "    Exec CREATE STREAM bad WITH (tag='bad') AS SELECT * FROM TAG:'a.*' WHERE n > 5;\n"
        "[STREAM_TASK]\n    Name worse\n    Exec CREATE STREAM worse WITH (tag='worse') AS SELECT * FROM STREAM:bad;\n"
    )
    main = tmp_path / "router.conf"
    main.write_text(
        "[SERVICE]\n    Streams_File streams.conf\n[INPUT]\n    Name dummy\n    Tag a.b\n"
        "[FILTER]\n    Name grep\n    Match *\n    Exclude log x\n"
        "[OUTPUT]\n    Name null\n    Match worse\n[OUTPUT]\n    Name stdout\n    Match a.*\n"
    )
    graph = of_file(main, "config")
    assert edges(graph) == [
        "dummy.0 → grep.0 flow a.b",
        "grep.0 → bad copy a.b",
        "grep.0 → worse copy bad",
        "grep.0 → null.0 flow worse",
        "grep.0 → stdout.0 flow a.b",
        "bad → grep.0 emit bad",
        "worse → grep.0 emit worse",
    ]
    assert [n.lines[1] for n in graph.nodes if n.label == "bad"] == ["WHERE n > 5"]


FLUENTD = """\
<source>
  @type forward
  @label @APP
</source>
<label @APP>
  <filter app.**>
    @type grep
    <exclude>
      key log
      pattern /health/
    </exclude>
  </filter>
  <match app.**>
    @type rewrite_tag_filter
    <rule>
      key level
      pattern /^error$/
      tag errors.${tag}
      label @OUT
    </rule>
  </match>
  <match late.**>
    @type stdout
  </match>
  <match app.**>
    @type stdout
  </match>
</label>
<label @OUT>
  <match errors.**>
    @type copy
    <store>
      @type stdout
    </store>
    <store>
      @type s3
      s3_bucket my-logs
      s3_region eu-west-1
    </store>
  </match>
</label>
"""


def test_a_config_of_fluentds() -> None:
    graph = of_text(FLUENTD)
    assert edges(graph) == [
        "forward.0 → grep.0 flow app.**",
        "forward.0 → stdout.0 flow late.** except app.**",
        "grep.0 → rewrite_tag_filter.0 flow app.**",
        "rewrite_tag_filter.0 → stdout.2 emit errors.*: level ~ /^error$/",
        "rewrite_tag_filter.0 → s3.0 emit errors.*: level ~ /^error$/",
    ]
    assert [n.label for n in graph.nodes if not n.reached] == ["stdout.1"], "a match before it takes all"
    assert "bucket my-logs" in graph.nodes[-1].lines


# -- against the pipeline --------------------------------------------------------------------------------------------

WORDS = ("a", "b", "a.b", "b.a", "a.b.c")
MATCHES = st.sampled_from(["*", "a*", "b*", "a.*", "*.b", "a", "b", "x.*", "*.c", "x.a", "y*"])
NEW = st.sampled_from(["x.$TAG", "y", "a.b", "$log", "x.$log.$1", "b.$TAG[0]"])
RULES = st.tuples(st.sampled_from(["(.)", "^q", "a"]), NEW, st.sampled_from(["true", "false"]))
FILTERS = st.lists(st.tuples(MATCHES, st.lists(RULES, max_size=2)), max_size=4)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True),
    FILTERS,
    st.lists(MATCHES, min_size=1, max_size=3),
)
def test_records_go_where_the_graph_has_an_edge(tags: list[str], filters: list[tuple[str, list[tuple[str, str, str]]]], outputs: list[str]) -> None:  # fmt: skip  # noqa: E501
    text = "".join(f"[INPUT]\n    Name dummy\n    Tag {tag}\n" for tag in tags)
    for match, rules in filters:
        if rules:
            text += f"[FILTER]\n    Name rewrite_tag\n    Match {match}\n"
            text += "".join(f"    Rule $log {pattern} {new} {keep}\n" for pattern, new, keep in rules)
        else:
            text += f"[FILTER]\n    Name grep\n    Match {match}\n    Exclude log zzz\n"
    text += "".join(f"[OUTPUT]\n    Name null\n    Match {match}\n" for match in [*outputs, "nothing.at.all"])
    graph = of_text(text)
    problems = Problems()
    config = build(read_text(text, "router.conf", problems), problems, {})
    for tag, line in ((tag, line) for tag in tags for line in ("a", "q", "qa", "b", "x.y")):
        with Rehearsal(config, environ={}) as rehearsal:
            journey = rehearsal.feed(tag, [(START, {"log": line})])
        if not any("loop" in note.text for note in journey.notes):
            assert steps(journey, tag, tags) <= drawn(graph), text


def drawn(graph: Graph) -> set[tuple[str, str]]:
    return {(graph.ids[e.source].label, graph.ids[e.target].label) for e in graph.edges}


def steps(journey: Journey, tag: str, tags: list[str]) -> set[tuple[str, str]]:
    """(from, to) of each step of the records."""
    first = f"dummy.{tags.index(tag)}"
    out = set()
    for leg in journey.legs:
        way = [s.label for s in leg.stations if s.result != "skipped" and s.kind == "filter"]
        ends = [s.label for s in leg.stations if s.result == "sent"]
        begin = leg.origin or first
        out |= set(pairwise([begin, *way]))
        out |= {([begin, *way][-1], end) for end in ends}
    return out


def test_the_pipeline_is_really_asked() -> None:
    text = "[INPUT]\n    Name dummy\n    Tag a\n[FILTER]\n    Name rewrite_tag\n    Match a\n    Rule $log . b false\n"
    text += "[OUTPUT]\n    Name null\n    Match *\n"
    problems = Problems()
    with Rehearsal(build(read_text(text, "router.conf", problems), problems, {}), environ={}) as rehearsal:
        found = steps(rehearsal.feed("a", [(START, {"log": "x"})]), "a", ["a"])
    assert found == {("dummy.0", "rewrite_tag.0"), ("rewrite_tag.0", "null.0")}
    assert found <= drawn(of_text(text))
    assert re.search("b: ", " ".join(edges(of_text(text))))
