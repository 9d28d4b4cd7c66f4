import unicodedata

import pytest

from pyrolens.records.regex import sets


def test_far_stretches_are_of_one_category() -> None:
    for low, high in sets.FAR:
        assert len({unicodedata.category(chr(code)) for code in range(low, high + 1)}) == 1


def test_set_operations() -> None:
    a, b = ((1, 5), (10, 20)), ((4, 12),)
    assert sets.union((a, b)) == ((1, 20),)
    assert sets.intersection(a, b) == ((4, 5), (10, 12))
    assert sets.inverse(a, 25) == ((0, 0), (6, 9), (21, 25))
    assert sets.inverse(sets.inverse(a)) == a


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("alpha", "aéßЖ決ⓐⅧ", "1_ -٣"),
        ("alnum", "a1é٣", "_½"),
        ("word", "a_1é٣\u0301‿", " -½"),
        ("digit", "0٣", "a½"),
        ("space", " \t\n\x85\xa0\u2003\u2028", "a\u200b"),
        ("blank", " \t\u3000", "\n\u2028"),
        ("cntrl", "\x00\x1f\x7f\x80", " \u200b"),
        ("graph", "aé\u200b", " \n\u3000"),
        ("print", "a é\u3000", "\t\u2028"),
        ("xpunct", "!$+«", "a€"),
        ("upper", "AÉЖ", "aé1"),
        ("lower", "aéª", "AÉ1"),
        ("han", "決", "あa"),
        ("hiragana", "あ", "ア決"),
        ("category Lu", "AÉ", "aé"),
        ("category P", "!-«", "$+"),
    ],
)
def test_named_sets(name: str, inside: str, outside: str) -> None:
    ranges = sets.wide(name)
    assert [c for c in inside if not sets.has(ranges, ord(c))] == []
    assert [c for c in outside if sets.has(ranges, ord(c))] == []


@pytest.mark.parametrize("name", sorted(sets.ASCII_KINDS))
def test_the_ascii_part_is_what_the_whole_has_of_ascii(name: str) -> None:
    assert sets.below(sets.wide(name), 127) == sets.ascii_part(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Alpha", "alpha"),
        ("XPosixPunct", "xpunct"),
        ("White_Space", "space"),
        ("Lu", "category Lu"),
        ("Uppercase-Letter", "category Lu"),
        ("L", "category L"),
        ("Greek", "greek"),
        ("Nope", None),
    ],
)
def test_names_of_properties(name: str, expected: str | None) -> None:
    assert sets.known_property(name) == expected
