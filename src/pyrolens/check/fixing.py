"""check --fix: findings that are mended in the files where they stand."""

import difflib
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pyrolens.check.catalogue import RULES
from pyrolens.check.edits import Edit, Source, edited
from pyrolens.check.reading import Checked, PlaceOf
from pyrolens.problems import Problem


class Found(NamedTuple):
    """A finding, and what it was found in."""

    problem: Problem
    checked: Checked
    place: PlaceOf


def changes(found: Iterable[Found]) -> dict[str, tuple[str, str, int]]:
    """Of each file that can be mended: its text, the new one, and how many findings that mends."""
    texts, edits = _edits(found)
    made = {file: (texts[file], *edited(texts[file], each)) for file, each in edits.items()}
    return {file: change for file, change in made.items() if change[0] != change[1]}


def mendable(found: Iterable[Found]) -> int:
    """How many of them could be mended."""
    return sum(map(len, _edits(found)[1].values()))


def _edits(found: Iterable[Found]) -> tuple[dict[str, str], dict[str, list[Edit]]]:
    """The texts of files, and what mends them."""
    edits: dict[str, list[Edit]] = {}
    texts: dict[str, str] = {}
    for each in found:
        file = each.problem.place.file if each.problem.place else ""
        rule = RULES.get(each.problem.code)
        if rule is None or rule.mend is None or not os.path.isfile(file):
            continue
        if file not in texts:
            texts[file] = read(file)
        edit = rule.mend(each.problem, Source(texts[file], each.checked.context, each.place))
        if edit:
            edits.setdefault(file, []).append(edit)
    return texts, edits


def read(file: str) -> str:
    """Byte for byte: what is no UTF-8 stays as it is."""
    with open(file, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return stream.read()


def write(file: str, text: str) -> None:
    with open(file, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        stream.write(text)


def diff(file: str, old: str, new: str) -> Iterator[str]:
    before, after = (text.splitlines(keepends=True) for text in (old, new))
    for line in difflib.unified_diff(before, after, f"a/{file}", f"b/{file}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
