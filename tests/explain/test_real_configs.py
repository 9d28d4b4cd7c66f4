"""Of every config that the examples and the guides show: what is told of it is what happens to each line."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pyrolens.explain.matrix import Source, matrix
from pyrolens.explain.said import Wanted, said_of
from pyrolens.explain.trips import travel
from pyrolens.problems import ConfigError
from pyrolens.rehearsal.journey import Journey
from pyrolens.rehearsal.rehearsal import START, Rehearsal
from pyrolens.rehearsal.subject import Subject, open_subject
from tests.explain.configs import EXAMPLES
from tests.test_docs import BLOCKS, Block, variables

LINES = [
    "hello",
    "",
    '10.0.3.90 - - "GET /old HTTP/1.1" 404 153 "-" "curl/8.5.0"',
    '10.0.0.4 - - "GET /health HTTP/1.1" 200 2 "-" "ELB-HealthChecker/2.0"',
    "GET /health 200",
    "ERROR it broke",
    "2026-01-31 12:00:00 ERROR it broke",
    '{"level":"error","status":500,"logClass":"EVENT_LOG","message":"no"}',
    '{"level":"info","status":200,"message":"yes","service":"web"}',
    '{"level":"debug","status":"503"}',
    'Exception in thread "main" java.lang.RuntimeException: oh',
    "    at com.example.A.main(A.java:5)",
    "x" * 20_000,
]


def is_whole(block: Block) -> bool:
    """A config, or a task definition with a router; no file of parsers, no part of one."""
    if block.language == "json":
        return "containerDefinitions" in block.text and "firelensConfiguration" in block.text
    apart = block.name.startswith(("parsers", "streams")) or block.name.endswith(".pyrolens.yaml")
    return block.language in ("ini", "yaml") and not apart


GUIDES = sorted({b.page for b in BLOCKS if b.page.parent.name == "guides" and is_whole(b)})
ALTERNATIVES = [("shop-levels", {"/extra.conf": "rewrite.conf"})]


@pytest.mark.parametrize("folder", sorted(p.parent.name for p in EXAMPLES.glob("*/task-definition.json")))
def test_an_example(folder: str) -> None:
    with open_subject(str(EXAMPLES / folder / "task-definition.json")) as subject:
        assert agrees(subject) >= len(LINES)


@pytest.mark.parametrize(("folder", "files"), ALTERNATIVES)
def test_another_config_of_an_example(folder: str, files: dict[str, str]) -> None:
    given = {path: str(EXAMPLES / folder / name) for path, name in files.items()}
    with open_subject(str(EXAMPLES / folder / "task-definition.json"), files=given) as subject:
        assert agrees(subject) >= len(LINES)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parsers.conf").touch()
    for block in BLOCKS:
        if block.page == page:
            (tmp_path / block.name).write_text(block.text)
    followed = 0
    for subject in subjects(page, tmp_path):
        followed += agrees(subject)
    assert followed >= len(LINES)


def subjects(page: Path, folder: Path) -> Iterator[Subject]:
    with ExitStack() as stack:
        for block in BLOCKS:
            if block.page != page or not is_whole(block):
                continue
            try:
                yield stack.enter_context(open_subject(str(folder / block.name), environ=variables(page)))
            except ConfigError as error:
                # its files are elsewhere
                if any(p.code != "no-file" for p in error.problems):
                    raise


def agrees(subject: Subject) -> int:
    """How many lines were followed."""
    found, lines = matrix(subject), 0
    assert found.sources
    for source in found.sources:
        wanted = wanted_of(subject, source)
        always = {(w.how, w.who) for w in found.of(source) if w.certainty == "always" and w.how == "output"}
        told = {(w.how, w.who) for w in found.of(source)}
        with Rehearsal(subject.config) as rehearsal:
            for trip in travel(rehearsal, said_of(subject, wanted, START)[0]):
                happened = ends(trip.journey)
                assert happened <= told, (source, trip.said[:80], happened - told)
                if not trip.journey.held and trip.number and happened:
                    assert always <= happened
                lines += bool(trip.number)
    return lines


def wanted_of(subject: Subject, source: Source) -> Wanted:
    if source.name in subject.containers:
        return Wanted(LINES, container=source.name)
    return Wanted(LINES, tag=source.tag.replace("*", "web", 1).replace("*", "1"))


def ends(journey: Journey) -> set[tuple[str, str]]:
    out = {("output", arrival.output) for arrival in journey.arrivals}
    out |= {("dropped", drop.by) for drop in journey.dropped}
    return out | {("apart" if lost.intended else "nowhere", "") for lost in journey.unrouted}


def test_the_pages_are_there() -> None:
    assert len(GUIDES) >= 9
