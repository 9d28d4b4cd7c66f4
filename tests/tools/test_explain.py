import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pyrolens.tools import explain

ROOT = Path(__file__).parents[2]
COLOR = "examples/color-app/task-definition.json"
HEALTH = "GET /health ELB-HealthChecker/2.0"
ERROR = "GET /x HTTP/1.1 404 100 curl"
CONFIG = """\
[INPUT]
    Name dummy
    Tag app.web
[FILTER]
    Name record_modifier
    Match app.*
    Record team shop
[OUTPUT]
    Name http
    Match app.*
    Host logs.example.com
    Header Authorization Bearer hunter2hunter2
"""


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "110")


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads((ROOT / "src/pyrolens/explain/schema.json").read_text())


def run(capsys: pytest.CaptureFixture[str], *argv: str, status: int = 0) -> str:
    assert explain.main(argv) == status
    return capsys.readouterr().out


def run_json(capsys: pytest.CaptureFixture[str], schema: Any, *argv: str, status: int = 0) -> Any:
    told = json.loads(run(capsys, *argv, "--json", status=status))
    jsonschema.validate(told, schema)
    return told


def config(folder: Path, text: str = CONFIG) -> str:
    path = folder / "router.conf"
    path.write_text(text)
    return str(path)


# -- where lines come from ----------------------------------------------------------------------------------------


def test_the_only_container_needs_no_name(capsys: pytest.CaptureFixture[str], schema: Any) -> None:
    (record,) = run_json(capsys, schema, COLOR, ERROR)["records"]
    assert record["source"] == "container color"
    assert [(a["output"], a["record"]["log"]) for a in record["arrivals"]] == [
        ("cloudwatch_logs.0", ERROR),
        ("kinesis_firehose.0", ERROR),
    ]


def test_of_several_containers_one_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main(["examples/shop-search/task-definition.json", "hello"]) == 2
    assert "say --container web or --container worker or --tag TAG" in capsys.readouterr().err


def test_a_container_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main([COLOR, "--container", "colour", "hello"]) == 2
    assert "colour" in capsys.readouterr().err


def test_records_of_a_tag(tmp_path: Path, capsys: pytest.CaptureFixture[str], schema: Any) -> None:
    path = config(tmp_path)
    told = run_json(capsys, schema, path, "--tag", "app.api", '{"level": "info"}', "plain")
    assert [r["arrivals"][0]["record"] for r in told["records"]] == [
        {"level": "info", "team": "shop"},
        {"log": "plain", "team": "shop"},
    ]


def test_stderr_of_a_container(capsys: pytest.CaptureFixture[str], schema: Any) -> None:
    (record,) = run_json(capsys, schema, COLOR, "--stderr", ERROR)["records"]
    assert record["source"] == "container color stderr"
    assert record["legs"][0]["events"][0]["record"]["source"] == "stderr"


def test_a_long_line_comes_in_pieces(capsys: pytest.CaptureFixture[str], schema: Any) -> None:
    line = "x" * 40_000
    apart = run(capsys, COLOR, line, "--env", "PYROLENS_JOIN_PARTIAL_MESSAGES=off")
    assert "in 3 pieces, for Docker cuts lines at 16 KiB; PYROLENS_JOIN_PARTIAL_MESSAGES=on lets the router" in apart
    # as in our image
    out = run(capsys, COLOR, line)
    assert "in 3 pieces, for Docker cuts lines at 16 KiB\n" in out
    assert "± forward.0" in out
    (record,) = run_json(capsys, schema, COLOR, line)["records"]
    assert [len(a["record"]["log"]) for a in record["arrivals"]] == [40_000]


def test_lines_of_another_input_and_of_a_log_file(capsys: pytest.CaptureFixture[str], schema: Any) -> None:
    audit = "examples/shop-audit/task-definition.json"
    line = '{"timestamp":"2026-05-01T12:00:00.5+0200","record":"{\\"user\\":\\"anna\\"}"}'
    told = run_json(capsys, schema, audit, "--path", "/var/log/audit/1.log", line)
    (event,) = told["records"][0]["legs"][0]["events"]
    assert event["time"] == "2026-05-01T10:00:00.500Z"
    assert event["record"]["record"] == {"user": "anna"}
    assert "      at 2026-05-01T10:00:00.500Z\n" in run(capsys, audit, "--path", "/var/log/audit/1.log", line)
    assert explain.main([audit, "--path", "/var/log/other.log", line]) == 2
    assert "/var/log/audit/*.log" in capsys.readouterr().err


def test_lines_of_a_file_and_of_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], schema: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lines").write_text("one\ntwo\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"three\n")))
    told = run_json(capsys, schema, COLOR, "zero", "--lines", str(tmp_path / "lines"), "--lines", "-", "--all")
    assert [r["line"] for r in told["records"]] == ["zero", "one", "two", "three"]


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main([COLOR, "--lines", "/nowhere/at/all"]) == 2
    assert "cannot read /nowhere/at/all" in capsys.readouterr().err


def test_a_container_without_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main([COLOR, "--container", "color"]) == 2
    assert "which records?" in capsys.readouterr().err


def test_the_time_may_be_said(capsys: pytest.CaptureFixture[str], schema: Any) -> None:
    told = run_json(capsys, schema, COLOR, "hello", "--at", "2026-05-01T12:00:00.250Z")
    assert told["records"][0]["legs"][0]["events"][0]["time"] == "2026-05-01T12:00:00.250Z"


# -- the exit status ----------------------------------------------------------------------------------------------


def test_what_a_filter_drops_is_fine(capsys: pytest.CaptureFixture[str], schema: Any) -> None:
    (record,) = run_json(capsys, schema, COLOR, HEALTH)["records"]
    assert record["fate"] == "dropped"
    (drop,) = record["dropped"]
    assert (drop["by"], drop["place"]["file"]) == ("grep.0", "examples/color-app/extra.conf")


def test_a_record_that_no_output_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, CONFIG.replace("Match app.*\n    Host", "Match ap.*\n    Host"))
    out = run(capsys, path, "--tag", "app.web", "hello", status=1)
    assert "· http.0  Match ap.* does not take the tag app.web  did you mean 'app.*'?" in out
    assert "⇒ reaches no output\n      needed: an output with Match app.web\n" in out


def test_a_tag_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, config(tmp_path), "--tag", "ap.web", "hello", status=1)
    assert "needed: an output with Match ap.web; or did you mean the tag app.web?\n" in out


def test_nothing_is_proposed_for_a_match_that_takes_other_tags(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "examples/shop-search/task-definition.json", "--container", "worker", "hello")
    assert "· grep.0  Match web-firelens* does not take the tag worker-firelens-01234567…\n" in out


def test_an_input_whose_records_no_output_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], schema: Any
) -> None:
    path = config(tmp_path, CONFIG.replace("Tag app.web", "Tag web") + "[OUTPUT]\n    Name null\n    Match x\n")
    told = run_json(capsys, schema, path, status=1)
    assert [(w["end"], w["when"]) for w in told["ways"]] == [("nowhere", [])]


def test_a_config_that_does_not_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, CONFIG.replace("Name http", "Name htttp"))
    assert explain.main([path]) == 2
    told = capsys.readouterr().err
    assert "router.conf:9:10: error[unknown-plugin]" in told
    assert "did you mean 'http'?" in told


def test_what_does_not_compile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = "[FILTER]\n    Name parser\n    Match *\n    Key_Name log\n    Parser ghost\n"
    for argv in ([], ["--tag", "app.web", "hello"]):
        assert explain.main([config(tmp_path, CONFIG + parser), *argv]) == 2
        assert "router.conf:17:12: error[bad-value]: filter parser: parser: there is no parser 'ghost'" in (
            capsys.readouterr().err
        )


def test_a_variable_that_is_not_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, CONFIG.replace("Host logs.example.com", "Host logs.example.com\n    Port ${LOGS_PORT}"))
    assert explain.main([path]) == 0
    told = capsys.readouterr()
    assert "logs.example.com:80\n" in told.out
    assert "hint: say its value: --env LOGS_PORT=VALUE" in told.err
    assert "logs.example.com:8080" in run(capsys, path, "--env", "LOGS_PORT=8080")


def test_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        explain.main([])
    assert ended.value.code == 2
    assert "a config or a task definition is needed" in capsys.readouterr().err


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str], schema: Any) -> None:
    assert json.loads(run(capsys, "--schema")) == schema
    jsonschema.Draft202012Validator.check_schema(schema)


# -- what must not be seen ----------------------------------------------------------------------------------------


def test_no_secret_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str], schema: Any) -> None:
    text = CONFIG.replace("Record team shop", "Record team ${API_TOKEN}").replace("hunter2hunter2", "${API_TOKEN}")
    path = config(tmp_path, text)
    env = ["--env", "API_TOKEN=swordfish-12345"]
    for argv in ([], ["--tag", "app.web", "hello"], ["--tag", "app.web", "my swordfish-12345"], ["--all"]):
        assert "swordfish" not in run(capsys, path, *env, *argv)
        assert "swordfish" not in json.dumps(run_json(capsys, schema, path, *env, *argv))
    assert '+ team  "***"' in run(capsys, path, *env, "--tag", "app.web", "hello")


def test_nothing_steers_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, CONFIG.replace("Tag app.web", 'Tag app.web\n    Dummy {"a":1}'))
    evil = "\x1b[2J\x9b31m\x07\u202egnp.exe\r\x00"
    record = json.dumps({evil: evil, "b": {"c": evil}})
    for out in (
        run(capsys, path, "--tag", f"app.{evil}", record, evil),
        run(capsys, path, "--tag", f"web.{evil}", record, status=1),
        run(capsys, path, "--tag", "app.x", *[evil] * 9),
        run(capsys, path, "--tag", "app.x", record, "--json"),
    ):
        assert [c for c in out if not c.isprintable() and c != "\n"] == []


# -- many lines ---------------------------------------------------------------------------------------------------


def test_many_lines_are_counted_by_their_ways(capsys: pytest.CaptureFixture[str], schema: Any) -> None:
    lines = ["one", HEALTH, "two", ERROR, "three", HEALTH]
    assert run(capsys, COLOR, *lines) == (
        """\
6 lines go 3 ways

  3  → kinesis_firehose.0
     line 1: one

  2  ✗ dropped by grep.0
     line 2: GET /health ELB-HealthChecker/2.0

  1  → cloudwatch_logs.0  → kinesis_firehose.0
     line 4: GET /x HTTP/1.1 404 100 curl

--all tells the way of each line
"""
    )
    told = run_json(capsys, schema, COLOR, *lines)
    assert [(w["records"], w["fate"], w["sample"]) for w in told["ways"]] == [
        (3, "sent", 1),
        (2, "dropped", 2),
        (1, "sent", 4),
    ]
    assert [r["number"] for r in told["records"]] == [1, 2, 4]
    assert [r["number"] for r in run_json(capsys, schema, COLOR, *lines, "--all")["records"]] == [1, 2, 3, 4, 5, 6]
    assert len(re.findall("⇒", run(capsys, COLOR, *lines, "--all"))) == 6


STDIN = "[INPUT]\n    Name stdin\n[OUTPUT]\n    Name stdout\n    Match *\n"


def test_lines_of_which_the_input_makes_no_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main([config(tmp_path, STDIN), "no json", '{"a":1}']) == 2
    told = capsys.readouterr()
    assert "⇒ arrives at stdout.0" in told.out
    assert told.err.startswith('error[unread-line]: stdin.0: refused what came in reason="not JSON"')
    assert explain.main([config(tmp_path, STDIN), "no json", "--json"]) == 2
    told = capsys.readouterr()
    assert json.loads(told.out)["lines"] == 0
    assert "unread-line" in told.err


def test_standard_input_is_one_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main(["-", "--lines", "-"]) == 2
    assert capsys.readouterr().err == "error[bad-option]: standard input cannot be more than one file\n"


def test_a_file_of_json_is_no_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "task.json").touch()
    assert explain.main([str(tmp_path / "task.json")]) == 2
    assert "is no JSON" in capsys.readouterr().err


def test_no_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").touch()
    assert explain.main([config(tmp_path, STDIN), "--lines", str(tmp_path / "empty")]) == 2
    assert capsys.readouterr().err.startswith("error[no-records]: no record comes of these lines")


@pytest.mark.parametrize(("time", "wrong"), [("now", "expected a time"), ("2026-01-31T12:00:00", "has no time zone")])
def test_a_time_that_is_none(time: str, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        explain.main([COLOR, "x", "--at", time])
    told = capsys.readouterr().err
    assert f"argument --at: '{time}'" in told
    assert wrong in told


def test_a_misspelt_match_is_told_however_many_others_do_not_see_the_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "examples" / "color-app", tmp_path, dirs_exist_ok=True)
    extra = tmp_path / "extra.conf"
    extra.write_text(extra.read_text().replace("*-firelens-*", "*-firelense-*"))
    said = run(capsys, str(tmp_path / "task-definition.json"), "GET / 500")
    assert said.count("Match *-firelense-* does not take the tag") == 2
    assert said.count("did you mean '*-firelens-*'?") == 2
