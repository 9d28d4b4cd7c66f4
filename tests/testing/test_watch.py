"""Files that change, and what is run again for them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pyrolens.testing.watch import watch


class Over(Exception):  # noqa: N818
    pass


def follow(depends: dict[str, list[str]], steps: list[Callable[[], object]]) -> list[list[str]]:
    """What is run at first, and after each of the steps, which happen while the watch pauses."""
    ran: list[list[str]] = []
    left = list(steps)

    def pause(seconds: float) -> None:
        if not left:
            raise Over
        left.pop(0)()

    with pytest.raises(Over):
        watch(lambda: depends, lambda files: ran.append(sorted(files)), pause)
    return ran


def test_what_depends_on_a_changed_file_runs_again(tmp_path: Path) -> None:
    one, two, config, mine = (str(tmp_path / name) for name in ("one", "two", "config", "mine"))
    for path in (one, two, config, mine):
        Path(path).write_text("1")
    depends = {one: [one, config, mine], two: [two, config]}
    ran = follow(
        depends,
        [
            lambda: None,
            lambda: Path(config).write_text("12"),
            lambda: Path(mine).write_text("12"),
            lambda: os.utime(two, ns=(1, 1)),
            lambda: Path(mine).unlink(),
            lambda: Path(mine).write_text("1"),
        ],
    )
    assert ran == [[one, two], [one, two], [one], [two], [one], [one]]


def test_a_new_test_file_is_run_and_one_that_is_gone_is_not(tmp_path: Path) -> None:
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    Path(one).write_text("1")
    depends = {one: [one]}

    def appear() -> None:
        Path(two).write_text("1")
        depends[two] = [two]

    def vanish() -> None:
        Path(one).unlink()
        del depends[one]

    assert follow(depends, [appear, vanish, lambda: None]) == [[one], [two]]


@pytest.mark.parametrize("at_once", [False, True], ids=["later", "meanwhile"])
def test_what_a_run_itself_adds_is_watched(at_once: bool, tmp_path: Path) -> None:
    """Which files a test depends on is known once it has run."""
    one, config = str(tmp_path / "one"), str(tmp_path / "config")
    for path in (one, config):
        Path(path).write_text("1")
        os.utime(path, ns=(1, 1))
    depends, ran = {one: [one]}, []

    def run(files: list[str]) -> None:
        ran.append(files)
        depends[one] = [one, config]
        if len(ran) == 1 and at_once:
            Path(config).write_text("12")

    changes: list[Callable[[], object]] = [lambda: at_once or Path(config).write_text("12"), dict]

    def pause(seconds: float) -> None:
        if not changes:
            raise Over
        changes.pop(0)()

    with pytest.raises(Over):
        watch(lambda: depends, run, pause)
    assert ran == [[one], [one]]
