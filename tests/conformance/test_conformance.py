"""What Fluent Bit 5.1.1 did, recorded from the program; our router must do the same, seen from outside.

A case that is listed in known_differences.toml must differ: once it passes, it has to leave the list.
"""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.cases import Found, all_cases, differences, known_differences
from tests.conformance.pool import Pool

CASES = list(all_cases())
KNOWN = known_differences()


@pytest.mark.parametrize("found", CASES, ids=[f"{found.kind}-{found.file}-{found.id}" for found in CASES])
def test_case(found: Found, pool: Pool, record_property: Callable[[str, object], None]) -> None:
    verdict = pool.verdict(found)
    known = KNOWN.get(found.id)
    word = "known" if verdict.word == "fail" and known else verdict.word
    record_property("conformance", (f"{found.kind}/{found.file}", word, verdict.why[:40]))
    if word == "fail":
        pytest.fail(f"{found.case.get('about', '')}\n{verdict.why}", pytrace=False)
    if known and word == "known":
        pytest.xfail(known)
    if known:
        pytest.fail("passes: take it out of known_differences.toml", pytrace=False)


def test_each_known_difference_is_a_case() -> None:
    assert set(KNOWN) - {found.id for found in CASES} == set()


@pytest.mark.parametrize("test", sorted({difference.test for difference in differences()}))
def test_each_known_difference_has_its_test(test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((Path(__file__).parents[1] / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_ids_are_unique() -> None:
    assert len({found.id for found in CASES}) == len(CASES)
