"""What is said of rewrite_tag in circles, against what the pipeline does."""

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.check.catalogue import RULES, findings
from pyrolens.check.reading import Reader
from tests.pipeline.test_pipeline import Bench, rewrite

TAGS = st.sampled_from(["a", "b", "c", "ab", "ba"])
FILTERS = st.lists(st.tuples(st.sampled_from(["a", "b", "c", "a*", "*b", "*"]), TAGS), max_size=4)


@settings(max_examples=150, deadline=None)
@given(TAGS, FILTERS)
def test_a_circle_is_told_exactly_where_the_pipeline_meets_one(first: str, filters: list[tuple[str, str]]) -> None:
    bench = Bench()
    for match, tag in filters:
        bench.filter(match, rewrite(bench, lambda r: True, lambda old, tag=tag: tag))  # type: ignore[misc]
    bench.output("all", "*")
    bench.feed(first, {"log": "x"})
    config = f"[INPUT]\n    Name dummy\n    Tag {first}\n"
    for match, tag in filters:
        config += f"[FILTER]\n    Name rewrite_tag\n    Match {match}\n    Rule $log . {tag} false\n"
    assert told(config + "[OUTPUT]\n    Name stdout\n    Match *\n") == (bench.pipeline.loops > 0), config


def told(config: str) -> bool:
    reader = Reader()
    return any(p.code == "CF117" for p in findings(reader.file("-", config, "config"), reader))


def rules(*given: tuple[str, str]) -> str:
    numbers = count()
    config = "[INPUT]\n    Name dummy\n    Tag app\n"
    for match, rule in given:
        config += f"[FILTER]\n    Name rewrite_tag\n    Alias {next(numbers)}\n    Match {match}\n    Rule {rule}\n"
    return config + "[OUTPUT]\n    Name stdout\n    Match *\n"


def test_rules_that_no_record_fits_both_make_no_circle() -> None:
    both = ("*", "$level ^error$ errors.$TAG false"), ("*", "$level ^info$ info.$TAG false")
    assert not told(rules(*both))
    assert told(rules(both[0], ("*", "$level ^e info.$TAG false")))
    assert told(rules(both[0], ("*", "$kind ^info$ info.$TAG false")))


def test_a_filter_does_not_see_what_it_has_just_made() -> None:
    assert not told(rules(("*", "$level . errors.$TAG false")))


def test_there_is_a_rule_for_it() -> None:
    assert RULES["CF117"].severity == "error"
