"""pyrolens test: the tests that stand beside a config are run, and what is told of them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pyrolens.cli import main
from pyrolens.records.recorded import recorded_line
from pyrolens.testing import stage
from pyrolens.testing.run import run_file

ROOT = Path(__file__).parents[2]
CONFIG = """\
[INPUT]
    Name  dummy
    Tag   app.web
[FILTER]
    Name    grep
    Match   app.*
    Exclude log health
[FILTER]
    Name  rewrite_tag
    Match app.*
    Rule  $log ERROR error.$TAG false
[FILTER]
    Name   modify
    Match  error.*
    Add    team shop
    Remove id
[OUTPUT]
    Name  stdout
    Match app.*
[OUTPUT]
    Name            kinesis_firehose
    Alias           errors
    Match           error.*
    region          eu-west-1
    delivery_stream ${STREAM}
"""
GOOD = """\
env: {STREAM: shop-errors}
tests:
  - name: health checks are dropped
    given: {tag: app.web, lines: GET /health}
    expect: {dropped: by grep}
  - name: errors move
    given: {tag: app.web, records: [{log: ERROR 1, id: 7}, {log: fine}]}
    expect:
      to:
        shop-errors: [{exact: {log: ERROR 1, team: shop}, tag: error.app.web}]
        stdout: [fine]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("router.conf").write_text(CONFIG)


def run(capsys: pytest.CaptureFixture[str], *args: str, tests: str | None = None) -> tuple[int, str, str]:
    if tests is not None:
        Path("router.pyrolens.yaml").write_text(tests)
    status = main(["test", *args])
    told = capsys.readouterr()
    return status, told.out, told.err


def one(given: str, expect: str) -> str:
    return f"env: {{STREAM: shop-errors}}\ntests:\n  - name: it\n    given: {given}\n    expect: {expect}\n"


def test_tests_that_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, tests=GOOD) == (
        0,
        "router.pyrolens.yaml  (router.conf)\n  ok    health checks are dropped\n  ok    errors move\n\n2 passed\n",
        "",
    )


def test_a_difference_is_shown_field_by_field_with_the_way_of_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = GOOD.replace("{log: ERROR 1, team: shop}", "{log: ERROR 2, id: 7}").replace("[fine]", "0")
    status, out, _ = run(capsys, "-k", "errors", tests=wrong)
    assert status == 1
    assert out == (
        "router.pyrolens.yaml  (router.conf)\n"
        "  FAIL  errors move\n"
        "        router.pyrolens.yaml:10: shop-errors: record 1 is not as expected\n"
        '          log   expected  "ERROR 2"\n'
        '                observed  "ERROR 1"\n'
        "          id    expected  7\n"
        "                observed  no such field\n"
        "          team  expected  no such field\n"
        '                observed  "shop"\n'
        "          the way of record 1 of tag app.web:\n"
        "            app.web        rewrite_tag.0 moved it on\n"
        "            error.app.web  modify.0 changed it · → errors\n"
        "        router.pyrolens.yaml:11: stdout: 1 record arrived, 0 expected\n"
        '          record 1  {"log": "fine"}\n'
        "          the way of record 2 of tag app.web:\n"
        "            app.web  → stdout.0\n"
        "\n"
        "0 passed, 1 failed\n"
    )


@pytest.mark.parametrize(
    ("given", "expect", "told"),
    [
        ("{tag: app.web, lines: x}", "{}", ["stdout.0: 1 record arrived, none expected\n", 'record 1  {"log": "x"}']),
        ("{tag: app.web, lines: x}", "{to: {stdout: 2}}", ["stdout: 1 record arrived, 2 expected"]),
        ("{tag: app.web, lines: x}", "{to: {stdout: [x, y]}}", ["stdout: record 2 did not arrive"]),
        ("{tag: app.web, lines: [x, y]}", "{to: {stdout: [x]}}",
         ["stdout: a record too many\n", 'record 2  {"log": "y"}']),
        ("{tag: app.web, lines: x}", "{to: {errors: [x]}, nothing_else: false}",
         ["errors: record 1 did not arrive", "errors: Match error.* does not"]),
        ("{tag: app.web, lines: x}", "{to: {stdout: {count: 1, tag: web.*}}}", ["(tag)  expected  web.*"]),
        ("{tag: app.web, lines: x}", "{to: {stdout: 1}, dropped: by grep.0}", ["grep.0 dropped 0 records, at least"]),
        ("{tag: app.web, lines: health}", "{to: {}}", ["grep.0 dropped 1 record, none expected"]),
        ("{tag: app.web, lines: health}", "{dropped: 2}", ["filters dropped 1 record, 2 expected"]),
        ("{tag: app.web, lines: health}", "{dropped: {grep: 1, modify: 1}}", ["modify.0 dropped 0 records, 1 expec"]),
        ("{tag: other, lines: x}", "{to: {}}", ["no output takes 1 record, none expected"]),
        ("{tag: app.web, lines: x}", "{to: {stdout: 1}, unrouted: 1}", ["no output takes 0 records, 1 expected"]),
    ],
)  # fmt: skip
def test_what_is_not_as_expected(given: str, expect: str, told: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, tests=one(given, expect))
    assert status == 1
    assert [part for part in told if part not in out] == []


@pytest.mark.parametrize(
    ("given", "expect"),
    [
        ("{tag: app.web, lines: [x, health, y]}", "{to: {stdout: [y]}, nothing_else: false}"),
        ("{tag: app.web, lines: [x, health]}", "{to: {stdout.0: {count: 1}}, dropped: 1}"),
        ("{tag: app.web, lines: [x, health]}", "{to: {stdout: 1}, dropped: {grep: 1}}"),
        ("{tag: app.web, lines: [x, y]}", "{to: {stdout: {records: [y, x], order: any}}}"),
        ("{tag: app.web, lines: [x, y, z]}", "{to: {stdout: {records: [y], count: 3}}}"),
        ("{tag: other, lines: x}", "{unrouted: 1}"),
        ('{tag: app.web, lines: \'{"log": "ERROR", "id": 1}\'}', "{to: {errors: [{absent: id}]}}"),
        ("{input: dummy, records: [{log: x}]}", "{to: {stdout: [{tag: app.web}]}}"),
    ],
)
def test_what_is_as_expected(given: str, expect: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, tests=one(given, expect))
    assert (status, out.splitlines()[-1]) == (0, "1 passed")


def test_names_that_stand_for_nothing_are_told_together(capsys: pytest.CaptureFixture[str]) -> None:
    tests = one("[{container: web, lines: x}, {input: tcp, lines: x}]", "{to: {eror: 1}, dropped: by grap}")
    status, out, _ = run(capsys, tests=tests)
    assert status == 2
    assert out == (
        "router.pyrolens.yaml  (router.conf)\n"
        "  router.pyrolens.yaml:4:14: error[unknown-name]: there is no container that logs through the router named "
        "'web'\n"
        "          given: [{container: web, lines: x}, {input: tcp, lines: x}]\n"
        "                   ^^^^^^^^^\n"
        "    hint: there is none\n"
        "  router.pyrolens.yaml:4:42: error[unknown-name]: there is no input 'tcp'\n"
        "          given: [{container: web, lines: x}, {input: tcp, lines: x}]\n"
        "                                               ^^^^^\n"
        "    hint: there are dummy.0, dummy\n"
        "  router.pyrolens.yaml:5:19: error[unknown-name]: there is no output or place 'eror'\n"
        "          expect: {to: {eror: 1}, dropped: by grap}\n"
        "                        ^^^^\n"
        "    hint: did you mean 'errors'?\n"
        "  router.pyrolens.yaml:5:29: error[unknown-name]: there is no filter 'grap'\n"
        "          expect: {to: {eror: 1}, dropped: by grap}\n"
        "                                  ^^^^^^^\n"
        "    hint: did you mean 'grep'?\n"
        "\n"
        "0 passed, 1 file with errors\n"
    )


def test_a_variable_that_no_test_sets_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("router.conf").write_text(CONFIG.replace("log health", "log health${MORE}"))
    status, out, _ = run(capsys, "-k", "health", tests=GOOD)
    assert status == 0
    assert out.startswith(
        "router.pyrolens.yaml  (router.conf)\n"
        "  router.conf:7:13: warning[variable-unset]: variable ${MORE} is not set, so nothing is put in\n"
        "          Exclude log health${MORE}\n"
        "                  ^^^^^^^^^^^^^^^^^\n"
        "    hint: set it in `env` of the test file\n"
        "  ok    health"
    )


def test_an_output_that_is_named_twice(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, tests=one("{tag: x, lines: x}", "{to: {errors: 0, shop-errors: 0}}"))
    assert status == 2
    assert "shop-errors is the output that errors stands for, too" in out
    status, out, _ = run(capsys, tests=one("{tag: x, lines: x}", "{dropped: {grep: 0, grep.0: 0}}"))
    assert status == 2
    assert "grep.0 is the filter that grep stands for, too" in out


def test_a_subject_that_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    Path("router.conf").write_text(CONFIG.replace("Exclude", "Exlude"))
    status, out, _ = run(capsys, tests=GOOD)
    assert status == 2
    assert "router.conf:7:5: error[unknown-option]: filter grep has no option 'Exlude'" in out


def test_a_thousand_tests_build_their_config_once_for_each_environment() -> None:
    """Time is counted in builds and in compiled pipelines, of which each takes longer than some tests."""
    body = GOOD.partition("tests:\n")[2]
    many = "".join(re.sub("name: (.*)", rf"name: {n} \1", body) for n in range(500))
    other = "  - {name: other, env: {STREAM: other}, given: {tag: app.web, lines: ERROR}, expect: {to: {other: 1}}}\n"
    Path("router.pyrolens.yaml").write_text(f"env: {{STREAM: shop-errors}}\ntests:\n{many}{other}")
    result = run_file("router.pyrolens.yaml")
    assert (result.compiled, result.pipelines, len(result.outcomes), result.status) == (2, 2, 1001, 0)


@pytest.mark.parametrize(
    ("more", "pipelines"),
    [
        ("", 1),
        ("[FILTER]\n    Name  nest\n    Match x\n    Operation nest\n    Wildcard *\n    Nest_under x\n", 1),
        ("[FILTER]\n    Name  throttle\n    Match x\n    Rate 1\n", 2),
        ("[FILTER]\n    Name  lua\n    Match x\n    call f\n    code function f() return 0 end\n", 2),
    ],
)
def test_a_pipeline_that_remembers_something_is_for_one_test(more: str, pipelines: int) -> None:
    Path("router.conf").write_text(CONFIG + more)
    Path("router.pyrolens.yaml").write_text(GOOD)
    result = run_file("router.pyrolens.yaml")
    assert (result.pipelines, result.status) == (pipelines, 0)


def test_time_begins_anew_in_each_test() -> None:
    step = "{tag: app.web, lines: x}"
    case = "  - {name: %s, given: [%s, {wait: 5s}, %s], expect: {to: {stdout: [{time: %s}, {time: %s}]}}}\n"
    times = ("2026-01-31T12:00:00Z", "2026-01-31T12:00:05Z")
    tests = "".join(case % (name, step, step, *times) for name in "abc")
    text = f"env: {{STREAM: shop-errors}}\ntime: {times[0]}\ntests:\n{tests}"
    Path("router.pyrolens.yaml").write_text(text)
    assert run_file("router.pyrolens.yaml").status == 0


def test_tests_share_a_pipeline_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone or together, the same comes of them."""
    Path("router.pyrolens.yaml").write_text(
        GOOD.replace("dropped: by grep", "dropped: 0") + GOOD.partition("tests:\n")[2].replace("name: ", "name: again ")
    )
    together = run_file("router.pyrolens.yaml", cover=True)
    monkeypatch.setattr(stage, "MEMORYLESS", set())
    alone = run_file("router.pyrolens.yaml", cover=True)
    assert (together.pipelines, alone.pipelines) == (1, 4)
    assert [(o.status, o.differences and o.differences[0].message) for o in together.outcomes] == [
        (o.status, o.differences and o.differences[0].message) for o in alone.outcomes
    ]
    assert together.covered == alone.covered


def test_each_test_begins_anew(capsys: pytest.CaptureFixture[str]) -> None:
    """What a filter remembers of one test is not there in the next."""
    Path("router.conf").write_text(
        "[MULTILINE_PARSER]\n    Name m\n    Type regex\n    Flush_Timeout 1000\n"
        '    Rule "start_state" "/^[A-Z]/" "more"\n    Rule "more" "/^ /" "more"\n'
    )
    Path("router.yaml").write_text(
        "parsers: []\n"
        "multiline_parsers:\n  - name: m\n    type: regex\n    flush_timeout: 1000\n    rules:\n"
        "      - {state: start_state, regex: '/^[A-Z]/', next_state: more}\n"
        "      - {state: more, regex: '/^ /', next_state: more}\n"
        "pipeline:\n  inputs: [{name: dummy, tag: app}]\n"
        "  filters: [{name: multiline, match: app, multiline.parser: m, multiline.key_content: log}]\n"
        "  outputs: [{name: stdout, match: app}]\n"
    )
    tests = """\
subject: router.yaml
tests:
  - name: one
    given: {tag: app, lines: [A, " b"]}
    expect: {to: {stdout: ["A\\n b"]}}
  - name: two
    given: {tag: app, lines: [" c"]}
    expect: {to: {stdout: [" c"]}}
  - name: time passes
    given:
      - {tag: app, lines: [A]}
      - {wait: 3s}
      - {tag: app, lines: [" b"]}
    expect: {to: {stdout: [A, " b"]}}
"""
    begun = time.monotonic()
    status, out, _ = run(capsys, tests=tests)
    assert status == 0, out
    assert time.monotonic() - begun < 3, "it has waited"


def test_nothing_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys)[0] == 2
    status, _, err = run(capsys, "-k", "none", tests=GOOD)
    assert (status, err) == (2, "no test's name has 'none' in it\n")


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--format", "json", tests=GOOD.replace("team: shop", "team: shops"))
    assert status == 1
    (file,) = json.loads(out)["files"]
    assert (file["file"], file["subject"], file["problems"]) == ("router.pyrolens.yaml", "router.conf", [])
    passed, failed = file["tests"]
    assert (passed["status"], passed["differences"]) == ("passed", [])
    assert failed["differences"] == [
        {
            "message": "shop-errors: record 1 is not as expected",
            "line": 10,
            "column": 23,
            "fields": [{"field": "team", "expected": '"shops"', "observed": '"shop"'}],
            "ways": [
                {
                    "of": "record 1 of tag app.web",
                    "legs": [
                        "app.web        rewrite_tag.0 moved it on",
                        "error.app.web  modify.0 changed it · → errors",
                    ],
                }
            ],
        }
    ]


def test_junit(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.pyrolens.yaml").write_text("tests: <\n")
    tests = GOOD.replace("team: shop}", "team: 'a & <b> \u0085'}")
    assert run(capsys, "--junit", "out.xml", tests=tests)[0] == 2
    root = ElementTree.parse("out.xml").getroot()
    assert root.attrib == {"tests": "3", "failures": "1", "errors": "1"}
    bad, good = root
    assert (bad.get("name"), bad.get("errors")) == ("bad.pyrolens.yaml", "1")
    assert "expected a list" in (bad[0][0].text or "")
    assert [(c.get("name"), c.get("line"), [e.tag for e in c]) for c in good] == [
        ("health checks are dropped", "3", []),
        ("errors move", "6", ["failure"]),
    ]
    failure = good[1][0]
    assert failure.get("message") == "shop-errors: record 1 is not as expected"
    assert 'expected  "a & <b>' in (failure.text or "")


def test_junit_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "--junit", "none/out.xml", tests=GOOD)
    assert (status, err) == (2, "none/out.xml cannot be written: No such file or directory\n")


def test_coverage_names_what_no_test_exercises(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--coverage", tests=GOOD)
    assert status == 0
    assert "no test exercises" not in out
    status, out, err = run(capsys, "--fail-under", "90", "-k", "health")
    assert status == 1
    assert out.endswith(
        "coverage of filters, rules and outputs\n"
        "  router.conf: 2 of 9\n"
        "    no test exercises filter rewrite_tag.0 and its rule  router.conf:8\n"
        "    no test exercises filter modify.0 and its 2 rules  router.conf:12\n"
        "    no test exercises output stdout.0  router.conf:17\n"
        "    no test exercises output errors  router.conf:20\n"
        "  22 %\n"
    )
    tests = one("{tag: app.web, records: [{log: ERROR}]}", "{to: {errors: 1}}")
    assert (
        "    no test exercises rule Remove id of modify.0  router.conf:16\n"
        in run(capsys, "--coverage", tests=tests)[1]
    )
    Path("router.conf").write_text(CONFIG.replace("Remove id", "Set    token ${TOKEN}"))
    tests = tests.replace("env: {", "env: {TOKEN: hunter22, ")
    shown = run(capsys, "--coverage", "--format", "json", tests=tests)[1]
    assert "Set token ${TOKEN}" in shown
    assert "hunter22" not in shown
    assert err.endswith("% is exercised, and 90 % is asked for\n")


def test_watch_runs_again_what_a_change_concerns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("other.pyrolens.yaml").write_text(one("{tag: app.web, lines: x}", "{to: {stdout: 1}}"))
    Path("other.conf").write_text(CONFIG)
    Path("router.pyrolens.yaml").write_text(GOOD)
    for file in Path().iterdir():
        os.utime(file, (1, 1))  # long before
    outs: list[str] = []

    def pause(seconds: float) -> None:
        outs.append(capsys.readouterr().out)
        if len(outs) == 2:
            raise KeyboardInterrupt
        Path("router.conf").write_text(CONFIG.replace("ERROR", "EROR"))

    monkeypatch.setattr(time, "sleep", pause)
    assert main(["test", "--watch"]) == 0
    assert "3 passed" in outs[0]
    assert "FAIL  errors move" in outs[1]
    assert "other.pyrolens.yaml" not in outs[1]


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "definitions" in json.loads(run(capsys, "--schema")[1])


def test_the_tests_of_the_project_itself_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    status, out, _ = run(capsys, ".")
    assert status == 0, out


def test_what_an_output_sends(capsys: pytest.CaptureFixture[str]) -> None:
    given = "{tag: app.web, records: [{log: ERROR 1, id: 7}]}"
    expect = """{to: {errors: [{sent: '{"log":"ERROR 1","team":"shop"}'}]}}"""
    status, out, _ = run(capsys, tests=one(given, expect))
    assert status == 0, out
    status, out, _ = run(capsys, tests=one(given, expect.replace("shop", "shops")))
    assert status == 1
    assert """(sent)  expected  "{\\"log\\":\\"ERROR 1\\",\\"team\\":\\"shops\\"}"\n""" in out
    fields = expect.replace("""'{"log":"ERROR 1","team":"shop"}'""", "{log: x, team: shop}")
    assert """(sent) log  expected  "x"\n""" in run(capsys, tests=one(given, fields))[1]
    assert run(capsys, "--update")[0] == 0
    assert "sent:\n              log: ERROR 1\n" in Path("router.pyrolens.yaml").read_text()
    Path("router.pyrolens.yaml").write_text(one(given, expect.replace("shop", "shops")))
    assert run(capsys, "--update")[0] == 0
    assert """sent: "{\\"log\\":\\"ERROR 1\\",\\"team\\":\\"shop\\"}"\n""" in Path("router.pyrolens.yaml").read_text()


INPUTS = """\
[SERVICE]
    Parsers_File parsers.conf
[INPUT]
    Name   tcp
    Tag    tcp
    Format json
[INPUT]
    Name   tail
    Tag    logs.*
    Path   /var/log/shop/*.log
    Parser access
[OUTPUT]
    Name  stdout
    Match *
"""


def test_inputs_make_records_of_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Path("router.conf").write_text(INPUTS)
    Path("parsers.conf").write_text(
        "[PARSER]\n    Name access\n    Format regex\n    Regex ^(?<who>\\S+) (?<what>.*)$\n"
    )
    Path("lines.log").write_text("ann in\nbob out\n")
    tests = """\
subject: router.conf
tests:
  - name: tcp
    given: {input: tcp, lines: '{"a": 1}'}
    expect: {to: {stdout: [{exact: {a: 1}, tag: tcp}]}}
  - name: tail
    given: {file: /var/log/shop/web.log, recorded: lines.log}
    expect:
      to:
        stdout:
          - {exact: {who: ann, what: in}, tag: logs.var.log.shop.web.log}
          - {exact: {who: bob, what: out}}
"""
    status, out, _ = run(capsys, tests=tests)
    assert status == 0, out
    refused = """tests: [{name: it, given: {input: tcp, lines: '{"a": nothing'}, expect: {to: {}}}]\n"""
    status, out, _ = run(capsys, tests=refused)
    assert (status, "router.pyrolens.yaml:1: tcp.0: " in out) == (1, True)
    unread = "tests: [{name: it, given: {file: /tmp/x.log, lines: x}, expect: {to: {}}}]\n"
    status, out, _ = run(capsys, tests=unread)
    assert status == 2
    assert "router.pyrolens.yaml:1:28: error" in out
    assert "no tail input reads /tmp/x.log" in out


def test_what_filters_print_does_not_get_into_the_report(capfd: pytest.CaptureFixture[str]) -> None:
    script = "function f(tag, ts, r) print('printed') return 0 end"
    lua = f"[FILTER]\n    Name  lua\n    Match *\n    call f\n    code {script}\n"
    Path("router.conf").write_text(f"{CONFIG}[FILTER]\n    Name  stdout\n    Match *\n{lua}")
    status, out, _ = run(capfd, "--format", "json", tests=GOOD)
    assert (status, len(json.loads(out)["files"])) == (0, 1)


def test_what_tap_has_recorded_keeps_its_tags_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [recorded_line("input:dummy.0", tag, (1_769_860_800_000_000_000 + n, {"log": "x"})) for n, tag in
             enumerate(["app.web", "app.job"])]  # fmt: skip
    Path("tapped.jsonl").write_bytes(b"".join(lines))
    tests = one(
        "{recorded: tapped.jsonl}", "{to: {stdout: [{tag: app.web, time: 2026-01-31T12:00:00Z}, {tag: app.job}]}}"
    )
    assert run(capsys, tests=tests)[:2] == (0, "router.pyrolens.yaml  (router.conf)\n  ok    it\n\n1 passed\n")
    assert "the way of record 2 of what was recorded" in run(capsys, tests=tests.replace("app.job", "x"))[1]


def test_watch_in_a_process_of_its_own() -> None:
    Path("router.pyrolens.yaml").write_text(GOOD)
    command = [sys.executable, "-m", "pyrolens", "test", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        try:
            assert "2 passed\n" in iter(watching.stdout.readline, "watching 1 test files and what they depend on\n")
            for line in watching.stdout:
                if line.startswith("watching"):
                    break
            Path("router.conf").write_text(CONFIG.replace("ERROR", "EROR"))
            assert any("1 passed, 1 failed" in line for line in watching.stdout)
            for line in watching.stdout:
                if line.startswith("watching"):
                    break
            watching.send_signal(signal.SIGINT)
            assert watching.wait(30) == 0
        finally:
            watching.kill()
