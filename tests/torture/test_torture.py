"""A short torture. `make torture` takes longer, and all kinds of it."""

import asyncio
from pathlib import Path

import pytest

from tests.torture.run import SCENARIOS, Torture

SECONDS = 2.0
"""Of each, before nothing goes wrong any more."""


@pytest.mark.parametrize("name", ["both", "reload", "synced"])
def test_the_books_balance(name: str, tmp_path: Path) -> None:
    books = asyncio.run(Torture(tmp_path, SCENARIOS[name], seed=1).run(SECONDS))
    print(f"\n{name}: {books}")
    assert books.balance, f"{name}: {books}, lost {books.lost}, twice {books.unexplained[:20]}"
    assert books.taken > 100
