import pytest

from pyrolens.records.regex import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("(?:ab?c)*+", "a", ("",)),
        ("(?:a++c++)*+", "ab", ("",)),
        ("(?:b*?b{2})*+", "b1aB", ("",)),
        ("((x)|y|z)*+", "xyz", ("xyz", "z", "x")),
        ("(?!b)?+", "bb1b", ("",)),
        ("(a|(?!b))?+", "bbccc", ("", None)),
        ("[ab]{2}(?!a)?+", "acb\ncaba", ("ab",)),
        ("[^,]*+,", "a,b", ("a,",)),
        ("a*+a", "aaa", None),
    ],
)
def test_possessive_loops_are_right_on_every_python(
    pattern: str, text: str, found: tuple[str | None, ...] | None
) -> None:
    """The loops of Python's `re` over more than one character are not, before 3.11.5."""
    assert compile_pattern(pattern).find(text) == found
