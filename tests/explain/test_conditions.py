import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrolens.explain.conditions import Asked, Condition, Question, simplest, without_implied


def asked(text: str) -> Asked:
    """`a !b`: a holds and b does not."""
    return frozenset((Question(word.lstrip("!"), "=~", "x"), not word.startswith("!")) for word in text.split())


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        (["a", "!a"], [""]),
        (["a b", "a !b"], ["a"]),
        (["a", "a b"], ["a"]),
        # where one goes by a, the other need not say that a fails
        (["a", "!a b"], ["a", "b"]),
        (["a b", "!a c"], ["a b", "!a c"]),
        (["a b", "!a b", "!b"], [""]),
        (["", "a"], [""]),
        ([], []),
    ],
)
def test_the_simplest_way_to_say_it(ways: list[str], expected: list[str]) -> None:
    assert set(simplest(map(asked, ways))) == set(map(asked, expected))


WAYS = st.lists(st.dictionaries(st.sampled_from("abc"), st.booleans(), max_size=3), max_size=5)


@given(WAYS)
def test_it_says_the_same(ways: list[dict[str, bool]]) -> None:
    before = [frozenset((Question(name, "=~", "x"), holds) for name, holds in way.items()) for way in ways]
    after = simplest(before)
    for n in range(8):
        values = {name: bool(n >> bit & 1) for bit, name in enumerate("abc")}
        assert any_holds(before, values) == any_holds(after, values)
    assert len(after) <= len(set(before))


def any_holds(ways: list[Asked], values: dict[str, bool]) -> bool:
    return any(all(values[test.left] is holds for test, holds in way) for way in ways)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        # a tag that fits the second does not fit the first
        (["!app.*", "web.*"], ["web.*"]),
        (["!app.*", "a*"], ["!app.*", "a*"]),
        # one that fits the second fits the first
        (["a*", "app.*"], ["app.*"]),
        (["*x", "a*"], ["*x", "a*"]),
        (["!a*", "!b*"], ["!a*", "!b*"]),
    ],
)
def test_what_follows_from_another_match_is_not_said(conditions: list[str], expected: list[str]) -> None:
    made = [Condition(Question("tag", "like", c.lstrip("!")), not c.startswith("!"), "null.0") for c in conditions]
    told = [("" if c.holds else "!") + c.test.right for c in without_implied(made)]
    assert told == expected


def test_matches_of_two_tags_say_nothing_of_each_other() -> None:
    before, after = Question("tag", "like", "a*", 0), Question("tag", "like", "app", 1)
    made = [Condition(before, True, "x"), Condition(after, True, "x")]
    assert without_implied(made) == made


@pytest.mark.parametrize(
    ("test", "holds", "text"),
    [
        (Question("log", "=~", "^a"), True, "log =~ ^a"),
        (Question("$log", "=~", "^a"), False, "$log !~ ^a"),
        (Question("log", "=~", "a "), True, "log =~ 'a '"),
        (Question("tag", "like", "a*"), False, "tag not like a*"),
        (Question("", "where", "a = 1"), True, "a = 1"),
        (Question("", "where", "a = 1"), False, "not (a = 1)"),
    ],
)
def test_as_text(test: Question, holds: bool, text: str) -> None:
    assert str(Condition(test, holds, "x")) == text
