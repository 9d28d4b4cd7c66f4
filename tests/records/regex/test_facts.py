import pytest
from hypothesis import given, settings

from pyrolens.records.regex import PatternError, compile_pattern
from pyrolens.records.regex.budget import STORE, WATCH, take_overruns
from pyrolens.records.regex.facts import ALWAYS, All, Any, Begins, Formula, Has, Not, Occurs, formula
from pyrolens.records.regex.syntax import parse
from tests.records.regex.patterns import PATTERNS, TEXTS


@settings(max_examples=400, deadline=None)
@given(PATTERNS, TEXTS)
def test_the_short_way_gives_the_same_answer(text: str, subjects: list[str]) -> None:
    try:
        pattern = compile_pattern(text)
    except PatternError:
        return
    WATCH.left = STORE
    take_overruns()
    expected = [n for n, subject in enumerate(subjects) if pattern.find(subject) is not None]
    tested = [n for n, subject in enumerate(subjects) if pattern.test(subject)]
    which = pattern.which(list(subjects))
    plain = [subject for subject in subjects if subject.isascii() and "\n" not in subject]
    expected_plain = [n for n, subject in enumerate(plain) if pattern.find(subject) is not None]
    which_plain = pattern.which(list(plain))
    if not take_overruns():
        assert (tested, which, which_plain) == (expected, expected, expected_plain)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ERROR", Has("ERROR")),
        (".*ERROR.*", Has("ERROR")),
        ("(ERROR|FATAL)", Any((Has("ERROR"), Has("FATAL")))),
        ("[Ee]rror", Any((Has("Error"), Has("error")))),
        ("(?i)Error", Has("error", True)),
        (r"^(?=.*ELB-HealthChecker\/2\.0).*$", Has("ELB-HealthChecker/2.0")),
        ("^(?=.*a)(?=.*b)", All((Has("a"), Has("b")))),
        ("^(?!.*(probe|health)).*$", Not(Any((Has("probe"), Has("health"))))),
        ("^stdout$", Begins(("stdout",), True)),
        ("^(info|warn)$", Begins(("info", "warn"), True)),
        ("^GET ", Begins(("GET ",))),
        (".*", ALWAYS),
        ("foo+", Has("foo")),
    ],
)
def test_what_is_asked_of_a_line(text: str, expected: Formula) -> None:
    assert formula(parse(text).node, line=True) == expected


def test_a_pattern_begins_with_a_literal_where_it_can() -> None:
    found = formula(parse(r"\s4\d{2}\s").node, line=False)
    assert isinstance(found, Occurs)
    assert compile_pattern(r"\s4\d{2}\s").test("x 404 ")
    assert not compile_pattern(r"\s4\d{2}\s").test("x404 ")


def test_backreferences_are_left_alone() -> None:
    node = parse(r"(a+)\1$").node
    assert formula(node, line=True) == Occurs(node)
