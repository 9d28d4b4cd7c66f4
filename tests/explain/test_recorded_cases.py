"""Of the pipelines that were recorded from Fluent Bit: what is told of them is what happens in them, and all of it can
be shown."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pyrolens.explain.as_json import AsJson
from pyrolens.explain.items import Items
from pyrolens.explain.journey_text import trip_lines
from pyrolens.explain.manner import Manner
from pyrolens.explain.matrix import input_tags, matrix
from pyrolens.explain.matrix_text import matrix_lines
from pyrolens.explain.summary import Summary
from pyrolens.explain.text import plain
from pyrolens.explain.trips import Said, travel
from pyrolens.explain.ways import Ways
from pyrolens.problems import ConfigError
from pyrolens.rehearsal.lines import Fed
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.rehearsal.subject import Subject, open_subject
from pyrolens.tools.explain import masked
from tests.explain.configs import ROOT
from tests.explain.test_real_configs import ends

CASES = ROOT / "tests/conformance/cases"
FILTERS = [
    CASES / "filters" / f"{name}.json"
    for name in ("accessor", "expect", "grep", "match", "modify", "multiline", "nest", "parser", "pipeline",
                 "record_modifier", "rewrite_tag", "throttle")
]  # fmt: skip
WHOLE = [CASES / "config" / f"{name}.json" for name in ("match", "streams", "yaml_processors", "yaml_routes")]
RECORDS: list[dict[str, Any]] = [
    {"log": "hello"},
    {"level": "error", "status": 500, "n": 5},
    {"level": "info", "status": "200", "k": "v", "a": 1},
    {},
]
FLUENTD = sorted((ROOT / "tests/config/fluentd/golden").glob("*.conf"))
EACH = 4
"""One case of so many: they say what filters do, and here it is about ways."""
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "src/pyrolens/explain/schema.json").read_text()))


@pytest.mark.parametrize("file", FILTERS, ids=lambda file: file.stem)
def test_recorded_filters(file: Path, tmp_path: Path) -> None:
    followed = 0
    for case in json.loads(file.read_text())[::EACH]:
        if case.get("expected_error"):
            continue
        try:
            subject = open_subject(str(written(case, tmp_path)), environ=case.get("env", {}))
        except ConfigError:
            continue  # without Lua, or a known difference
        with subject:
            followed += follow(subject, case, thoroughly=not followed)
    assert followed


@pytest.mark.parametrize("file", WHOLE, ids=lambda file: file.stem)
def test_recorded_configs(file: Path, tmp_path: Path) -> None:
    followed = 0
    for number, case in enumerate(json.loads(file.read_text())[:: EACH // 2]):
        folder = tmp_path / str(number)
        folder.mkdir()
        tokens = {"@SOCK@": f"{folder}/in.sock", "@PORT@": "5170", "@PORT2@": "5171", "@DIR@": str(folder)}
        for name, text in case.get("files", {}).items():
            for token, value in tokens.items():
                text = text.replace(token, value)
            (folder / name).write_text(text)
        if "main" not in case:
            continue
        try:
            subject = open_subject(str(folder / case["main"]), environ=case.get("env", {}))
            rehearsal = Rehearsal(subject.config)
        except ConfigError:
            continue  # it is about what is refused
        records = [r for each in case.get("input", []) if isinstance(r := each.get("record"), dict)]
        with subject, rehearsal:
            for built in subject.config.inputs:
                tags = input_tags(built)
                told = {(end.how, end.who) for end in Ways(subject.config).of(built, tags)}
                for record in [*records, *RECORDS]:
                    happened = ends(rehearsal.feed(tags.replace("*", "x"), [(10**18, record)], built.label))
                    assert happened <= told, (case["id"], built.label, record, happened - told)
                    followed += 1
    assert followed


@pytest.mark.parametrize("file", FLUENTD, ids=lambda file: file.stem)
def test_recorded_flows_of_fluentd(file: Path) -> None:
    lines = [json.loads(line) for line in file.with_suffix(".in").read_text().splitlines()]
    with open_subject(str(file)) as subject, Rehearsal(subject.config) as rehearsal:
        for tag, _, record in lines[::EACH]:
            told = {(end.how, end.who) for end in Ways(subject.config).of(None, tag)}
            assert ends(rehearsal.feed(tag, [(10**18, record)])) <= told, (tag, record)


def written(case: dict[str, Any], folder: Path) -> Path:
    for name, text in case.get("files", {}).items():
        (folder / name).write_text(text)
    text = "[SERVICE]\n    Flush 1\n"
    if case.get("parsers"):
        (folder / "parsers.conf").write_text(case["parsers"])
        text += "    Parsers_File parsers.conf\n"
    text += f"[INPUT]\n    Name forward\n{case['config'].rstrip()}\n"
    for match in ("*", "app.web", "t.*", "other"):
        text += f"[OUTPUT]\n    Name stdout\n    Match {match}\n"
    path = folder / "router.conf"
    path.write_text(text)
    return path


def follow(subject: Subject, case: dict[str, Any], thoroughly: bool) -> int:
    """How many records there were. `thoroughly`: with the form of what is told to programs, which takes its time."""
    inputs = [event for batch in case.get("batches", [case.get("input", [])]) for event in batch if "record" in event]
    said = [Said("a line", "", [Fed(e["tag"], ((time_of(e), e["record"]),), None)]) for e in inputs]
    told = {
        tag: {(end.how, end.who) for end in Ways(subject.config).of(None, tag)} for tag in {e["tag"] for e in inputs}
    }
    any_tag = set().union(*told.values()) if told else set()
    with Rehearsal(subject.config) as rehearsal:
        items, summary = Items(rehearsal), Summary()
        manner = Manner(subject, items, str, 110)
        trips = list(travel(rehearsal, said))
        for trip in trips:
            summary.add(trip)
            happened = ends(trip.journey)
            # what a filter with memory lets go may have come under another tag
            assert happened <= any_tag, (case["id"], happened - any_tag)
            assert [plain(line) for line in trip_lines(trip, manner)]
        told_json = masked(AsJson(subject, items).journeys(summary, trips), str)
        if thoroughly:
            SCHEMA.validate(told_json)
    found = matrix(subject)
    assert [plain(line) for line in matrix_lines(found, 110)]
    if thoroughly:
        SCHEMA.validate(AsJson(subject).matrix(found))
    return len(trips)


def time_of(event: dict[str, Any]) -> int:
    time = event.get("time", 1)
    return round(time * 10**9) if isinstance(time, int | float) else 10**9
