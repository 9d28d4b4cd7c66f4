"""What the matrix says of a config must be what the pipeline does with each record."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyrolens.config import load
from pyrolens.explain.conditions import Condition
from pyrolens.explain.matrix import Matrix, matrix
from pyrolens.explain.matrix_text import matrix_lines
from pyrolens.explain.text import plain
from pyrolens.records.accessor import accessor
from pyrolens.records.regex import compile_pattern
from pyrolens.rehearsal.journey import Journey
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.rehearsal.subject import Subject

MATCHES = st.sampled_from(["*", "in", "in*", "x", "x*", "y", "*.1", "x.*", "n*"])
PATTERNS = st.sampled_from(["1", "2", "^1", "[12]", "^$", "."])
FIELDS = st.sampled_from(["a", "b"])
TAGS = st.sampled_from(["x", "y", "x.$a", "$TAG.1", "$b", "x.y", "in"])


def section(kind: str, *lines: str) -> str:
    return "\n".join([f"[{kind}]", *(f"    {line}" for line in lines)]) + "\n"


GREP = st.builds(
    lambda match, rules, op: section("FILTER", "Name grep", f"Match {match}", *rules, *op),
    MATCHES,
    st.lists(
        st.builds(lambda k, f, p: f"{k} {f} {p}", st.sampled_from(["Regex", "Exclude"]), FIELDS, PATTERNS), max_size=3
    ),
    st.just([]),
) | st.builds(
    lambda match, kind, rules, op: section(
        "FILTER", "Name grep", f"Match {match}", f"Logical_Op {op}", *(f"{kind} {rule}" for rule in rules)
    ),
    MATCHES,
    st.sampled_from(["Regex", "Exclude"]),
    st.lists(st.builds(lambda f, p: f"{f} {p}", FIELDS, PATTERNS), min_size=1, max_size=2),
    st.sampled_from(["AND", "OR"]),
)
REWRITE = st.builds(
    lambda match, rules: section("FILTER", "Name rewrite_tag", f"Match {match}", *rules),
    MATCHES,
    st.lists(
        st.builds(
            lambda f, p, tag, keep: f"Rule ${f} {p} {tag} {keep}",
            FIELDS,
            PATTERNS,
            TAGS,
            st.sampled_from(["true", "false"]),
        ),
        min_size=1,
        max_size=2,
    ),
)
FILTERS = st.lists(GREP | REWRITE, max_size=4)
EDITS = st.sampled_from(
    [
        section("FILTER", "Name record_modifier", "Match *", "Record a 1"),
        section("FILTER", "Name record_modifier", "Match x*", "Remove_key b"),
        section("FILTER", "Name modify", "Match *", "Copy a b"),
    ]
)
OUTPUTS = st.lists(
    st.builds(lambda match: section("OUTPUT", "Name null", f"Match {match}"), MATCHES), min_size=2, max_size=3
)
RECORDS = st.dictionaries(FIELDS, st.sampled_from(["1", "2", "12", "", "z"]), max_size=2)
INPUT = section("INPUT", "Name dummy", "Tag in")

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(FILTERS, OUTPUTS, st.lists(RECORDS, min_size=1, max_size=4))
def test_a_record_goes_the_ways_whose_conditions_it_meets(
    filters: list[str], outputs: list[str], records: list[Any]
) -> None:
    subject = subject_of(INPUT + "".join(filters + outputs))
    found = matrix(subject)
    for record, journey in journeys(subject, records):
        told = {
            (end.how, end.who)
            for way in found.ways
            for end in way.ends
            if all(holds(condition, record) for condition in end.flow.conditions)
        }
        happened = ends(journey)
        of_tags = any(c.test.left == "tag" for way in found.ways for end in way.ends for c in end.flow.conditions)
        if of_tags or any(way.doubts for way in found.ways):
            # tags made of fields, or more ways than can be told apart: what may be is told, not what is
            assert happened <= told
        else:
            assert happened == told


@QUICK
@given(st.lists(GREP | REWRITE | EDITS, max_size=5), OUTPUTS, st.lists(RECORDS, min_size=1, max_size=4))
def test_nothing_happens_that_was_not_told(filters: list[str], outputs: list[str], records: list[Any]) -> None:
    subject = subject_of(INPUT + "".join(filters + outputs))
    found = matrix(subject)
    told = {(way.how, way.who) for way in found.ways}
    always = {(way.how, way.who) for way in found.ways if way.certainty == "always"}
    for _, journey in journeys(subject, records):
        happened = ends(journey)
        assert always <= happened <= told


def subject_of(text: str) -> Subject:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.conf")
        path.write_text(text)
        return Here(str(path), load(str(path)))


class Here(Subject):
    """A config whose places nobody asks for."""

    def place(self, place: Any) -> Any:
        return place


def journeys(subject: Subject, records: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Journey]]:
    with Rehearsal(subject.config) as rehearsal:
        for record in records:
            yield record, rehearsal.feed("in", [(1, record)])


def ends(journey: Journey) -> set[tuple[str, str]]:
    out = {("output", arrival.output) for arrival in journey.arrivals}
    out |= {("dropped", drop.by) for drop in journey.dropped}
    return out | {("apart" if lost.intended else "nowhere", "") for lost in journey.unrouted}


def holds(condition: Condition, record: dict[str, Any]) -> bool:
    """Of a record that no filter edits. What is asked about tags is taken to hold."""
    test = condition.test
    if test.left == "tag":
        return True
    if test.operator == "=~":
        return fits(test.left, test.right, record) is condition.holds
    parts, every = (test.right.split(" and "), all) if " and " in test.right else (test.right.split(" or "), any)
    each = [part.split(" =~ ") for part in parts]
    return every(fits(field, pattern, record) for field, pattern in each) is condition.holds


def fits(field: str, pattern: str, record: dict[str, Any]) -> bool:
    return bool(compile_pattern(pattern).which([accessor(field if field.startswith("$") else f"${field}")(record)]))


def test_the_conditions_of_these_tests_are_evaluated(tmp_path: Path) -> None:
    text = section("FILTER", "Name grep", "Match *", "Logical_Op AND", "Regex a 1", "Regex b 2")
    found: Matrix = matrix(subject_of(INPUT + text + section("OUTPUT", "Name null", "Match *")))
    dropped = next(way for way in found.ways if way.how == "dropped")
    (condition,) = dropped.ends[0].flow.conditions
    assert str(condition) == "not (a =~ 1 and b =~ 2)"
    assert holds(condition, {"a": "1"})
    assert not holds(condition, {"a": "1", "b": "2"})


def test_a_stream_has_fields_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "streams.conf").write_text(
        "[STREAM_TASK]\n    Name s\n    Exec CREATE STREAM s WITH (tag='s') AS SELECT b AS a FROM TAG:'in';\n"
    )
    filters = section("FILTER", "Name grep", "Match *", "Regex a 1")
    outputs = section("OUTPUT", "Name null", "Match s") * 2
    path = tmp_path / "a.conf"
    path.write_text(section("SERVICE", "Streams_File streams.conf") + INPUT + filters + outputs)
    subject = Here(str(path), load(str(path)))
    found = matrix(subject)
    told = {(way.how, way.who): [[str(c) for c in each] for each in way.when] for way in found.ways}
    # `a` is another field behind the stream task: that it is asked for twice is no contradiction, and no repetition
    assert told["dropped", "grep.0"] == [["a !~ 1"], ["a !~ 1"]]
    assert told["output", "null.0"] == [["a =~ 1", "a =~ 1"]]
    shown = [plain(line).split("  grep")[0].strip() for line in matrix_lines(found, 110)]
    assert {"when a !~ 1", "or when a !~ 1 (by then)", "and a =~ 1 (by then)"} <= set(shown)
    for _, journey in journeys(subject, [{"a": "1", "b": "2"}, {"a": "1", "b": "1"}, {"a": "2"}]):
        assert ends(journey) <= set(told)


def test_of_too_many_ways_nothing_is_said_for_sure() -> None:
    rules = [[f"Rule $f{f} v{r} t{f}.{r} {'true' if r % 2 else 'false'}" for r in range(8)] for f in range(5)]
    filters = "".join(section("FILTER", "Name rewrite_tag", "Match *", *each) for each in rules)
    outputs = "".join(section("OUTPUT", "Name null", f"Match {match}") for match in ("t*", "in"))
    found = matrix(subject_of(INPUT + filters + outputs))
    assert {way.certainty for way in found.ways} == {"maybe"}
    assert {(way.how, way.who) for way in found.ways} == {
        ("output", "null.0"),
        ("output", "null.1"),
        ("nowhere", ""),
        *(("dropped", f"rewrite_tag.{n}") for n in range(5)),
    }
    assert found.lost == []
