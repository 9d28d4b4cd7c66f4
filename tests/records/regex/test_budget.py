"""Patterns that can take very long are stopped, and only they."""

from collections.abc import Iterator
from time import perf_counter, thread_time

import pytest

from pyrolens.records.regex import compile_pattern, length_at_start
from pyrolens.records.regex.budget import STORE, WATCH, take_overruns

PATTERN = r"^(\w+\s?)+$"
HOSTILE = "a" * 40 + "!"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    WATCH.left = STORE
    take_overruns()
    yield
    WATCH.left = STORE
    take_overruns()


def test_a_text_that_takes_too_long_counts_as_not_matching() -> None:
    pattern = compile_pattern(PATTERN)
    assert [pattern.test(HOSTILE), pattern.find(HOSTILE), pattern.named(HOSTILE)] == [False, None, None]
    assert take_overruns() == {PATTERN: 3}
    assert take_overruns() == {}
    assert WATCH.left < 0.8


def test_the_others_of_its_batch_are_matched() -> None:
    values = ["two words", HOSTILE, None, "no!", HOSTILE, "three more words", 7, *["x"] * 100]
    assert compile_pattern(PATTERN).which(values) == [0, 5, *range(7, 107)]
    assert take_overruns() == {PATTERN: 2}


def test_a_batch_of_them_takes_a_second_and_a_little_for_each() -> None:
    started = perf_counter()
    assert compile_pattern(PATTERN).which([HOSTILE] * 100 + ["fine"]) == [100]
    assert take_overruns() == {PATTERN: 100}
    assert perf_counter() - started < 10  # without the budget: years


def test_what_is_over_budget_is_refilled_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("pyrolens.records.regex.budget.perf_counter", lambda: now)
    WATCH.left, WATCH.filled = 0.0, now
    now += 2
    WATCH.refill()
    assert WATCH.left == 0.5
    now += 60
    WATCH.refill()
    assert WATCH.left == STORE


def test_quick_texts_cost_nothing_of_it() -> None:
    pattern = compile_pattern(PATTERN)
    assert [pattern.test("some words"), pattern.test("no!")] == [True, False]
    assert pattern.which(["some words"] * 50 + ["no!"]) == list(range(50))
    assert WATCH.left > 0.9
    assert take_overruns() == {}


def test_a_tag_is_bounded_too() -> None:
    length = length_at_start(PATTERN)
    assert [length("a b"), length(HOSTILE)] == [3, -1]
    assert take_overruns() == {PATTERN: 1}


def test_short_texts_of_a_quick_pattern_are_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = compile_pattern(QUICK)
    assert pattern.danger is None
    several = "two\nlines, träge"
    assert [pattern.find(several) is None, pattern.test(several)] == [False, True]  # what they need is made now
    monkeypatch.setattr("pyrolens.records.regex.budget.WATCH", None)
    for text in ("one two", "o" * 1023, "o" * 500 + " " + "t" * 500, "eins zwei, träge", "one two\nthree"):
        assert pattern.test(text) is (" " in text)
        assert (pattern.find(text) is not None) is (" " in text)


QUICK = "^(?<a>[^ ]*) (?<b>.*)$"
SQUARED = {
    "every place": ("a[^b]*b", "a" * 100_000),
    "every line": (r"^(?<a>[^ ]*) (?<b>\d+)$", "x\n" * 50_000),
    "two loops": (r"^.*x.*y$", "x" * 100_000),
    "a look ahead": (r"(?=a*b)c", "a" * 100_000),
    "any case": ("(?i)k[^ß]*ß", "k" * 100_000),
    "our own matcher": (r"a\K[^b]*b", "a" * 20_000),
}


@pytest.mark.parametrize(("pattern", "text"), SQUARED.values(), ids=SQUARED)
def test_no_pattern_stalls_at_a_long_text(pattern: str, text: str) -> None:
    compiled = compile_pattern(pattern)
    assert compiled.danger is None, "only long texts of these are watched"
    started = thread_time()
    assert compiled.find(text) is None
    assert compiled.test(text) is False
    assert compiled.which([text, "none", *["few"] * 10]) == []
    assert thread_time() - started < 10  # without the watch: minutes, or hours where the text is a little longer
    assert take_overruns()[pattern] >= 1


def test_long_texts_are_matched_as_short_ones() -> None:
    pattern = compile_pattern(QUICK)
    line = "k" * 5000 + " value"
    assert pattern.named(line) == {"a": "k" * 5000, "b": "value"}
    assert pattern.named("none\n" * 1000 + line) == {"a": "none\n" * 1000 + "k" * 5000, "b": "value"}
    assert [pattern.test(line), pattern.test("x" * 5000)] == [True, False]
    assert pattern.which([line, "x" * 5000, None, *["a b"] * 10]) == [0, *range(3, 13)]
    assert take_overruns() == {}


def test_short_texts_of_loops_behind_one_another_are_not_watched() -> None:
    pattern = compile_pattern("x.*y.*z")
    assert pattern.danger is not None
    assert pattern.find("x y z") == ("x y z",)
    assert pattern.find("xy" * 20_000) is None
    assert take_overruns() == {"x.*y.*z": 1}


def test_our_own_matcher_is_stopped_as_well() -> None:
    pattern = compile_pattern(r"(\w+\s?)+\K$")
    assert pattern.find(HOSTILE) is None
    assert take_overruns() == {r"(\w+\s?)+\K$": 1}


def test_what_is_made_at_the_first_text_is_not_on_its_account() -> None:
    def first(text: str) -> str:
        def make() -> str:
            until = perf_counter() + 0.3
            while perf_counter() < until:
                pass
            return text

        return WATCH.excuse(make)

    assert WATCH.run(first, "made", 0.05, 0.05) == "made"
    assert WATCH.left == STORE
    assert not compile_pattern(PATTERN).test(HOSTILE)
    assert take_overruns() == {PATTERN: 1}
