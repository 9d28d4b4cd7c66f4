import json
from pathlib import Path
from typing import Any

import pytest

from pyrolens.records.regex import PatternError, compile_pattern

GOLDEN: dict[str, Any] = json.loads(Path(__file__).with_name("golden.json").read_text())


def test_there_are_enough() -> None:
    assert len(GOLDEN["cases"]) > 600
    assert len(GOLDEN["refused"]) > 90


@pytest.mark.parametrize("part", range(8))
def test_matches_and_groups_are_those_of_onigmo(part: int) -> None:
    for text, names, rows in GOLDEN["cases"][part::8]:
        pattern = compile_pattern(text)
        assert (text, pattern.names) == (text, {name: tuple(numbers) for name, numbers in names.items()})
        for subject, expected in rows:
            found = pattern.find(subject)
            assert (text, subject, found and list(found)) == (text, subject, expected)
            assert (text, subject, pattern.test(subject)) == (text, subject, expected is not None)


@pytest.mark.parametrize("part", range(4))
def test_which_of_many(part: int) -> None:
    for text, _, rows in GOLDEN["cases"][part::4]:
        subjects = [subject for subject, _ in rows]
        expected = [n for n, (_, found) in enumerate(rows) if found is not None]
        many = subjects * 5
        wanted = [n + len(subjects) * turn for turn in range(5) for n in expected]
        assert (text, compile_pattern(text).which(many)) == (text, wanted)


def test_what_onigmo_refuses() -> None:
    for text in GOLDEN["refused"]:
        with pytest.raises(PatternError):
            compile_pattern(text)
