"""What the fuzzer has found, and seeds for it: none of it may raise, or take long."""

import time
from pathlib import Path

import pytest

from tests.fuzz.targets import SECONDS, TARGETS

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_replay(name: str) -> None:
    files = sorted((CORPUS / name).iterdir())
    assert files
    for file in files:
        begun = time.process_time()
        try:
            TARGETS[name](file.read_bytes())
        except Exception as error:
            raise AssertionError(f"{name}/{file.name}: {file.read_bytes()[:200]!r}") from error
        assert time.process_time() - begun < SECONDS, file.name


def test_every_folder_has_its_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
