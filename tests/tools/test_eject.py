"""What is ejected runs alone, and is the same pipeline."""

import json
import os
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from pyrolens.config import Config, load
from pyrolens.problems import Place
from pyrolens.tools import eject, render
from tests.remote.aws import embedded, put_object

EXTRA = """
[SERVICE]
    Flush        1
    Parsers_File /own/parsers.conf
    Streams_File /streams.conf
@INCLUDE /more.conf
[FILTER]
    Name     parser
    Match    app-*
    Key_Name log
    Parser   own
"""
MORE = "@SET level=ERROR\n[FILTER]\n    Name    grep\n    Match   *\n    Regex   log ${level}\n"
PARSERS = "[PARSER]\n    Name own\n    Format json\n[MULTILINE_PARSER]\n    Name ml\n    Type regex\n"
PARSERS += '    Flush_Timeout 1000\n    Rule "start_state" "/^a/" "cont"\n    Rule "cont" "/^ /" "cont"\n'
STREAMS = "[STREAM_TASK]\n    Name t\n    Exec CREATE STREAM s WITH (tag='made') AS SELECT * FROM TAG:'app-*';\n"
INIT = "[PARSER]\n    Name init\n    Format logfmt\n[OUTPUT]\n    Name null\n    Match made\n"
YAML = "pipeline:\n  outputs:\n    - name: stdout\n      match: '*'\n"


def task(folder: Path, **router: Any) -> Path:
    log = {"logDriver": "awsfirelens", "options": {"Name": "http", "Host": "h", "include-pattern": "a.b"}}
    secret = {"secretOptions": [{"name": "http_passwd", "valueFrom": "/pw"}]}
    options = {"config-file-type": "file", "config-file-value": "/extra.conf"}
    containers = [
        {"name": "app", "logConfiguration": {**log, **secret}},
        {"name": "router", "firelensConfiguration": {"type": "fluentbit", "options": options}, **router},
    ]
    file = folder / "task.json"
    file.write_text(json.dumps({"family": "web", "networkMode": "awsvpc", "containerDefinitions": containers}))
    for name, text in (("extra", EXTRA), ("more", MORE), ("parsers", PARSERS), ("streams", STREAMS)):
        (folder / f"{name}.conf").write_text(text)
    return file


def plain(value: Any) -> Any:
    """A declaration without its places."""
    if isinstance(value, Place):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def pipeline(config: Config) -> Any:
    """Everything that decides what becomes of a record."""
    return plain(
        (
            [(b.label, b.plugin, b.tag) for b in config.inputs],
            [(b.label, b.plugin) for b in config.filters],
            [(b.label, b.plugin) for b in config.outputs],
            config.parsers,
            sorted(config.multiline_parsers),
            [(t.name, t.tag) for t in config.streams],
            config.service.flush,
        )
    )


def test_it_is_the_same_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = task(tmp_path)
    out = tmp_path / "alone" / "all.yaml"
    out.parent.mkdir()
    assert eject.main([str(file), "-o", str(out)]) == 0, capsys.readouterr().err
    assert list(out.parent.iterdir()) == [out]
    # the files as they are, with the paths of this machine in them
    capsys.readouterr()
    assert render.main([str(file), "--json"]) == 0
    for name in ("extra", "more", "streams", "parsers"):
        one = tmp_path / f"{name}.conf"
        one.write_text(_here(one.read_text(), tmp_path))
    main = tmp_path / "fluent-bit.conf"
    main.write_text(_here(json.loads(capsys.readouterr().out)["config"], tmp_path))
    environ = {"http_passwd_0": "secret"}
    wanted = pipeline(load(str(main), environ=environ))
    out_alone = load(str(out), environ=environ)
    assert pipeline(out_alone) == wanted
    assert len(wanted[1]) == 4
    assert [t for t, _ in wanted[5]] == ["t"]


def _here(text: str, folder: Path) -> str:
    for path in ("/own/parsers.conf", "/extra.conf", "/more.conf", "/streams.conf"):
        text = text.replace(f" {path}", f" {folder / os.path.basename(path)}")
    return text


def test_it_runs_alone(tmp_path: Path) -> None:
    file = task(tmp_path)
    made = tmp_path / "alone.yaml"
    assert eject.main([str(file), "-o", str(made), "--to", "yaml"]) == 0
    for name in ("extra", "more", "streams", "parsers"):
        (tmp_path / f"{name}.conf").unlink()
    ran = subprocess.run(
        [sys.executable, "-m", "pyrolens", "run", "--dry-run", "-c", str(made)],
        check=False, capture_output=True, text=True, env={**os.environ, "http_passwd_0": "x"},
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "the config is good\n")


def test_files_of_an_init_process_are_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"aws_fluent_bit_init_s3_2": "arn:aws:s3:::conf/x.yaml", "aws_fluent_bit_init_file_1": "/init.conf"}
    file = task(tmp_path, environment=[{"name": n, "value": v} for n, v in variables.items()])
    (tmp_path / "init.conf").write_text(INIT)
    out = tmp_path / "all.yaml"
    with embedded() as aws:
        for name, value in aws.environment.items():
            monkeypatch.setenv(name, value)
        put_object(aws, "conf", "x.yaml", YAML)
        assert eject.main([str(file), "-o", str(out)]) == 0
    config = load(str(out), environ={"http_passwd_0": "x"})
    assert [b.label for b in config.outputs] == ["null.0", "http.0", "null.1", "stdout.0"]
    assert {"own", "init"} <= set(config.parsers)
    # a local file in its place
    (tmp_path / "mine.yaml").write_text(YAML)
    arn = "arn:aws:s3:::conf/x.yaml"
    assert eject.main([str(file), "-o", str(tmp_path / "2.yaml"), "--file", f"{arn}={tmp_path}/mine.yaml"]) == 0
    assert (tmp_path / "2.yaml").read_text() == out.read_text()


def test_what_an_init_process_misses_is_told_at_its_variable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = task(tmp_path, environment=[{"name": "aws_fluent_bit_init_file_1", "value": "/no/such.conf"}])
    text = file.read_text()
    assert eject.main([str(file), "-o", str(tmp_path / "all.yaml")]) == 1
    column = text.index('"aws_fluent_bit_init_file_1"') + 1
    told = f"{file}:1:{column}: error[init]: aws_fluent_bit_init_file_1: /no/such.conf is in the router's image"
    assert told in capsys.readouterr().err


def test_secrets_stay_variables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert eject.main([str(task(tmp_path))]) == 0
    assert "${http_passwd_0}" in capsys.readouterr().out


def test_the_metadata_may_be_variables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert eject.main([str(task(tmp_path)), "--variables"]) == 0
    out = capsys.readouterr().out
    assert "ecs_task_arn ${ECS_TASK_ARN}" in out
    assert "arn:aws:ecs" not in out


def test_without_parsers_it_is_in_the_classic_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = task(tmp_path)
    (tmp_path / "extra.conf").write_text("[SERVICE]\n    Flush 3\n")
    assert eject.main([str(file)]) == 0
    out = capsys.readouterr().out
    assert "[SERVICE]\n    Flush 3\n" in out
    assert "@INCLUDE" not in out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("extra.conf", None), "--file /extra.conf="),
        (("more.conf", None), "/more.conf"),
        (("more.conf", "[FILTER\n"), "more.conf:1:1: error"),
        (("parsers.conf", None), "parsers.conf"),
    ],
)
def test_what_is_missing_or_wrong_is_told_at_its_place(
    change: tuple[str, str | None], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = task(tmp_path)
    name, text = change
    (tmp_path / name).unlink() if text is None else (tmp_path / name).write_text(text)
    assert eject.main([str(file)]) == 1
    out, err = capsys.readouterr()
    assert (out, told in err) == ("", True), err


def fluentd_task(folder: Path) -> Path:
    options = {"config-file-type": "file", "config-file-value": "/extra.conf"}
    log = {"logDriver": "awsfirelens", "options": {"@type": "stdout", "include-pattern": "a"}}
    containers = [
        {"name": "app", "logConfiguration": log},
        {"name": "router", "firelensConfiguration": {"type": "fluentd", "options": options}},
    ]
    file = folder / "task.json"
    file.write_text(json.dumps({"family": "web", "networkMode": "awsvpc", "containerDefinitions": containers}))
    more = f"{folder}/more-*.conf"
    extra = (
        f"<filter app-**>\n  @include {more}\n</filter>\n# @include nothing\n<match audit.**>\n  @type null\n</match>\n"
    )
    (folder / "extra.conf").write_text(extra)
    (folder / "more-1.conf").write_text("@type grep\n")
    (folder / "more-2.conf").write_text("<exclude>\n  key log\n  pattern /#{ENV['WORD']}/\n</exclude>")
    return file


def test_a_router_of_type_fluentd_keeps_its_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = fluentd_task(tmp_path)
    out = tmp_path / "alone" / "all.conf"
    out.parent.mkdir()
    assert eject.main([str(file), "-o", str(out)]) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert render.main([str(file), "--json"]) == 0
    main = tmp_path / "fluent.conf"
    main.write_text(_here(json.loads(capsys.readouterr().out)["config"], tmp_path))
    environ = {"WORD": "noise"}
    wanted = load(str(main), environ=environ)
    for each in ("extra.conf", "more-1.conf", "more-2.conf"):
        (tmp_path / each).unlink()
    text = out.read_text()
    assert pipeline(load(str(out), environ=environ)) == pipeline(wanted)
    assert "#{ENV['WORD']}" in text
    assert "noise" not in text
    assert [f.name for f in wanted.filters] != []


@pytest.mark.parametrize("option", [["--to", "yaml"], ["--variables"]])
def test_options_that_a_router_of_type_fluentd_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    assert eject.main([str(fluentd_task(tmp_path)), *option]) == 1
    assert "leave out --to and --variables" in capsys.readouterr().err
