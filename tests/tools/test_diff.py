"""pyrolens diff: two configs in, differences out."""

import io
import json
from pathlib import Path

import pytest

from pyrolens.cli import main

ROOT = Path(__file__).parents[2]
BEFORE, AFTER = "examples/color-app/task-definition.json", "examples/color-app/next/task-definition.json"
SAMPLE = "examples/color-app/access.log"
IN = "[INPUT]\n    Name tcp\n    Tag app\n"
OUT = (
    "[OUTPUT]\n    Name http\n    Match *\n    Host logs.example.com\n    HTTP_User me\n    HTTP_Passwd hunter2-long\n"
)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "110")


def test_an_example(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["diff", BEFORE, AFTER, "--sample", SAMPLE]) == 1
    out = capsys.readouterr().out
    assert out.startswith(
        "4 of 7 lines differ\n\n"
        "  3  also to cloudwatch_logs /ecs/color-app/errors\n"
        '     line 1: 10.0.1.17 - - [21/Nov/2026:10:15:01 +0000] "GET / HTTP/1.1" 200 512 "-" "Mozilla/5.0"\n\n'
        "  1  no longer to cloudwatch_logs /ecs/color-app/errors\n"
        '     line 4: 10.0.3.90 - - [21/Nov/2026:10:15:03 +0000] "GET /old HTTP/1.1" 404 153 "-" "curl/8.5.0"\n\n'
        "  3  tag at kinesis_firehose color-app-logs: color-firelens-* → error.*\n"
    )
    assert '       - source "stdout"\n' in out
    assert main(["diff", BEFORE, BEFORE, "--sample", SAMPLE]) == 0
    assert capsys.readouterr().out == "7 lines, no difference\n"


def test_without_a_sample(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["diff", BEFORE, AFTER]) == 1
    assert capsys.readouterr().out == (
        "container color  tag color-firelens-<task id>\n"
        "  ~ cloudwatch_logs /ecs/color-app/errors\n"
        r"      before: when log !~ ELB-HealthChecker/2\.0 and $log =~ (ERROR|\s[45]\d\d\s\d+\s), as error.*" + "\n"
        r"      now:    when log !~ ELB-HealthChecker/2\.0 and $log =~ (ERROR|\s5\d\d\s), as error.*" + "\n"
        "\n"
        "~ filter rewrite_tag.0\n"
        r"    - Rule $log (ERROR|\s[45]\d\d\s\d+\s) error.$container_id false" + "\n"
        r"    + Rule $log (ERROR|\s5\d\d\s) error.$container_id false" + "\n"
    )
    assert main(["diff", BEFORE, BEFORE]) == 0
    assert capsys.readouterr().out == "no difference\n"


def test_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.conf").write_text(IN + OUT)
    Path("b.conf").write_text(IN + "[FILTER]\n    Name modify\n    Match *\n    Add k hunter2-long\n" + OUT)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x\ny\n")))
    assert main(["diff", "a.conf", "b.conf", "--sample", "-", "--tag", "app", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "lines": 2,
        "changed": 2,
        "groups": [
            {
                "kind": "content",
                "lines": 2,
                "before": [],
                "after": [],
                "at": "http logs.example.com:80",
                "first": {
                    "file": "standard input",
                    "line": 1,
                    "text": "x",
                    "fields": [{"how": "added", "field": "k", "after": "***"}],
                },
            }
        ],
    }
    assert main(["diff", "a.conf", "b.conf", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ways"] == []
    assert found["sections"] == [
        {"sign": "+", "kind": "filter", "label": "modify.0", "lines": ["+ Name modify", "+ Match *", "+ Add k ***"]}
    ]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["a.conf", "bad.conf"], "there is no output 'stdot'"),
        (["a.conf", "none.conf"], "cannot read none.conf: No such file or directory"),
        (["a.conf", "a.conf", "--sample", "log"], "no input makes a record of these lines"),
        (["a.conf", "a.conf", "--sample", "none"], "cannot read none: No such file or directory"),
        (["a.conf", "a.conf", "--tag", "x"], "which lines? Give a file of them with --sample"),
        (["a.conf", "a.conf", "--sample", "log", "--container", "web"], "is no task definition"),
        (["a.conf", "a.conf", "--sample", "log", "--input", "udp"], "udp"),
    ],
)
def test_what_cannot_be_compared(
    args: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.conf").write_text(IN + OUT)
    Path("bad.conf").write_text(IN + OUT.replace("http", "stdot"))
    Path("log").write_text("x\n")
    assert main(["diff", *args]) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""
