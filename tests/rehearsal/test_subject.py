import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from pyrolens.ecs.forms import Asked
from pyrolens.problems import ConfigError, Place
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.rehearsal.subject import open_subject

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*/task-definition.json"))
COLOR = ROOT / "examples" / "color-app"
CONFIG = "[INPUT]\n    Name dummy\n    Tag ${APP}.x\n[OUTPUT]\n    Name null\n    Match *\n"


def task(folder: Path, **changes: Any) -> str:
    """A task definition with a secret, in a file."""
    router = {
        "name": "router",
        "image": "pyrolens",
        "firelensConfiguration": {"type": "fluentbit"},
        "secrets": [{"name": "API_KEY", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/key"}],
        "environment": [{"name": "HOST", "value": "logs.example"}],
    }
    options = {"Name": "http", "Host": "${HOST}", "Header": "X-Key ${API_KEY}"}
    app = {"name": "app", "image": "app", "logConfiguration": {"logDriver": "awsfirelens", "options": options}}
    quiet = {"name": "quiet", "image": "quiet"}
    definition = {"family": "shop", "containerDefinitions": [router, app, quiet], **changes}
    path = folder / "task.json"
    path.write_text(json.dumps(definition, indent=1))
    return str(path)


def test_a_config_with_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "router.conf"
    path.write_text(CONFIG)
    monkeypatch.setenv("APP", "of-this-process")
    with open_subject(str(path), environ={"APP": "web"}) as subject:
        assert [i.tag for i in subject.config.inputs] == ["web.x"]
        assert (subject.task, subject.containers, subject.sources) == (None, (), (str(path),))
        with pytest.raises(LookupError, match="is no task definition"):
            subject.tag_of("app")
    with open_subject(str(path)) as subject:
        assert [i.tag for i in subject.config.inputs] == [".x"]
        assert [p.code for p in subject.warnings] == ["variable-unset"]


def test_a_config_with_files_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("[OUTPUT]\n    Name null\n    Match *\n    Alias second\n")
    path = tmp_path / "router.conf"
    path.write_text(CONFIG + "@INCLUDE more.conf\n")
    with open_subject(str(path)) as subject:
        assert subject.sources == (str(tmp_path / "more.conf"), str(path))
        place = subject.place(subject.config.outputs[1].place)
        assert place is not None
        assert os.path.samefile(place.file, tmp_path / "more.conf")


def test_other_languages(tmp_path: Path) -> None:
    yaml = tmp_path / "router.yaml"
    yaml.write_text("pipeline: {inputs: [{name: dummy}], outputs: [{name: 'null', match: '*'}]}\n")
    fluentd = tmp_path / "fluent.conf"
    fluentd.write_text("<source>\n  @type sample\n  tag t\n</source>\n<match **>\n  @type null\n</match>\n")
    for path in (yaml, fluentd):
        with open_subject(str(path)) as subject:
            assert [o.plugin.name for o in subject.config.outputs] == ["null"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(CONFIG))
    with open_subject("-", environ={"APP": "a"}) as subject:
        assert [i.tag for i in subject.config.inputs] == ["a.x"]
    monkeypatch.setattr(sys, "stdin", io.StringIO(Path(task(tmp_path)).read_text()))
    with open_subject("-") as subject:
        assert subject.containers == ("app",)
        assert subject.sources == ()


def test_a_task_definition(tmp_path: Path) -> None:
    path = task(tmp_path)
    with open_subject(path, task={"id": "abc"}) as subject:
        assert subject.containers == ("app",)
        assert subject.tag_of("app") == "app-firelens-abc"
        assert subject.environ["API_KEY"] == "value-of-API_KEY"
        assert subject.environ["PYROLENS_JOIN_PARTIAL_MESSAGES"] == "on"
        (output,) = [o for o in subject.config.outputs if o.plugin.name == "http"]
        assert output.plugin.host == "logs.example"  # type: ignore[attr-defined]
        place = subject.place(output.place)
        assert place is not None
        assert place.file == path
        assert '"Name": "http"' in Path(path).read_text().splitlines()[place.line - 1]
        for name, why in (
            ("quiet", "does not log through the router"),
            ("ap", "router log: app; did you mean 'app'"),
        ):
            with pytest.raises(LookupError, match=why):
                subject.tag_of(name)
    with open_subject(path, environ={"API_KEY": "sesame-open", "HOST": "other"}) as subject:
        assert subject.environ["API_KEY"] == "sesame-open"
        (output,) = [o for o in subject.config.outputs if o.plugin.name == "http"]
        assert output.plugin.host == "other"  # type: ignore[attr-defined]


def test_what_was_made_is_there_until_it_is_closed() -> None:
    subject = open_subject(str(COLOR / "task-definition.json"))
    assert subject.folder is not None
    folder = Path(subject.folder.name)
    assert subject.sources == (str(COLOR / "extra.conf"), str(COLOR / "task-definition.json"))
    with subject, Rehearsal(subject.config, environ=subject.environ):
        assert folder.is_dir()
    assert not folder.exists()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_example_can_be_rehearsed(example: Path) -> None:
    with open_subject(str(example)) as subject, Rehearsal(subject.config, environ=subject.environ) as r:
        for container in subject.containers:
            journey = r.feed(subject.tag_of(container), [(1, {"log": "GET / HTTP/1.1"})])
            assert journey.arrivals or journey.dropped
            assert all(unrouted.intended for unrouted in journey.unrouted)
            assert journey.held == ()


def test_what_a_start_would_refuse(tmp_path: Path) -> None:
    path = tmp_path / "router.conf"
    path.write_text("[INPUT]\n    Name dumy\n[OUTPUT]\n    Name null\n    Match *\n    Nonsense 1\n")
    with pytest.raises(ConfigError) as caught:
        open_subject(str(path))
    found = [(os.path.basename(p.place.file), p.place.line) for p in caught.value.problems if p.place]
    assert found == [("router.conf", 2), ("router.conf", 6)]
    with pytest.raises(ConfigError, match="cannot read"):
        open_subject(str(tmp_path / "nowhere.conf"))
    with pytest.raises(ConfigError, match="there is no router to rehearse"):
        open_subject(task(tmp_path, containerDefinitions=[{"name": "app", "image": "app"}]))


def test_which_task_definition_of_a_file(tmp_path: Path) -> None:
    template = {
        "Parameters": {"Cluster": {"Type": "String"}},
        "Resources": {
            name: {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {"Family": name, "ContainerDefinitions": [
                    {"Name": "router", "Image": "x", "FirelensConfiguration": {"Type": "fluentbit"}},
                    {"Name": name, "Image": "x", "LogConfiguration": {
                        "LogDriver": "awsfirelens", "Options": {"Name": "null"}}},
                ]},
            }
            for name in ("one", "two")
        },
    }  # fmt: skip
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template))
    with open_subject(str(path), asked=Asked("two")) as subject:
        assert subject.containers == ("two",)
        assert subject.place(Place(str(path), 1)) == Place(str(path), 1)
