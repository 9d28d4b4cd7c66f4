"""What is said of files that were copied to be read."""

from pathlib import Path

import pytest

from pyrolens.tools import check


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(capsys: pytest.CaptureFixture[str], **files: str) -> list[str]:
    for name, text in files.items():
        Path(name).write_text(text)
    check.main(["main.conf"] if "main.conf" in files else ["main.yaml"])
    return capsys.readouterr().out.splitlines()


def test_the_line_that_people_wrote_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    here = Path.cwd()
    assert told(capsys, **{"main.conf": "@INCLUDE main.conf\n"}) == [
        f"main.conf:1:1: error[CF108]: {here}/main.conf is read twice",
        "    @INCLUDE main.conf",
        "    ^^^^^^^^^^^^^^^^^^",
        "  hint: include a file once; a file that includes itself never ends",
        "1 error, 0 warnings",
    ]


def test_a_pattern_that_takes_its_own_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, **{"main.conf": "@INCLUDE *.conf\n"})[:3] == [
        f"main.conf:1:1: error[CF108]: {Path.cwd()}/main.conf is read twice",
        "    @INCLUDE *.conf",
        "    ^^^^^^^^^^^^^^^",
    ]


def test_where_a_pattern_counts_from(capsys: pytest.CaptureFixture[str]) -> None:
    files = {"main.conf": "@INCLUDE no/*.conf\n[SERVICE]\n    Parsers_File p.conf\n", "p.conf": ""}
    assert told(capsys, **files)[:4] == [
        "main.conf:1:10: error[CF108]: no file matches no/*.conf",
        "    @INCLUDE no/*.conf",
        "             ^^^^^^^^^",
        f"  hint: relative to {Path.cwd()}",
    ]


ROUTES = """\
pipeline:
  inputs:
    - name: tcp
      tag: app.web
      routes:
        logs:
          - name: errors
            condition: {op: and, rules: [{field: "$level", op: eq, value: error}]}
            to: {outputs: [errors]}
          - name: rest
            condition: {default: true}
            to: {outputs: [rest]}
  filters:
    - {name: stdout, match: rest}
  outputs:
    - {name: stdout, alias: errors, match: never}
    - {name: stdout, alias: rest}
    - {name: "null", alias: nobody, match: app.*}
"""


def test_routes_lead_to_outputs_whatever_these_match_and_make_tags(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, **{"main.yaml": ROUTES}) == [
        "main.yaml:18:44: error[CF112]: output null sees nothing: no record has a tag like 'app.*'",
        '        - {name: "null", alias: nobody, match: app.*}',
        "                                               ^^^^^",
        "  hint: there are errors, rest",
        "1 error, 0 warnings",
    ]
