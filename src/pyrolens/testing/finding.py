"""Test files below folders, and the config that a test file is about."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pyrolens.check.kinds import kind_of
from pyrolens.problems import ConfigError, Place, Problem, nearest
from pyrolens.testing.format import SUFFIXES
from pyrolens.testing.suite import Suite

SKIPPED = {"node_modules", "__pycache__", "venv"}
"""Folders, besides those whose names begin with a dot."""
CONFIGS = (".conf", ".yaml", ".yml")
FORMS = (".json", ".tf", ".yaml", ".yml")
"""Of task definitions."""


def find_tests(paths: Sequence[str]) -> list[str]:
    """Each once. Raises: ConfigError when a path is not there, or there is none at all."""
    found: dict[str, None] = {}
    for path in paths:
        if os.path.isdir(path):
            found |= dict.fromkeys(_below(path))
        elif os.path.exists(path):
            found[path] = None
        else:
            raise ConfigError([Problem("no-file", f"{path} is not there")])
    if not found:
        told = f"there is no test file in {', '.join(paths)}"
        raise ConfigError([Problem("no-file", told, hint=f"their names end with {SUFFIXES[0]}")])
    return list(found)


def _below(folder: str) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in SKIPPED)
        for name in sorted(names):
            if name.endswith(SUFFIXES):
                yield os.path.normpath(os.path.join(here, name))


def subject_of(suite: Suite) -> str:
    """The path of its config or task definition. Raises: ConfigError."""
    folder = Path(suite.file).parent
    if suite.subject is not None:
        path = folder / suite.subject
        if path.is_file():
            return str(path)
        beside = os.listdir(path.parent) if path.parent.is_dir() else []
        hint = nearest(path.name, beside)
        raise ConfigError([Problem("no-file", f"subject: {path} is not there", suite.subject_place, hint)])
    stem = next(os.path.basename(suite.file).removesuffix(s) for s in (*SUFFIXES, "") if suite.file.endswith(s))
    same = [path for end in dict.fromkeys((*FORMS, *CONFIGS)) if (path := folder / f"{stem}{end}").is_file()]
    tasks = list(_of_kind(folder, FORMS, "task"))
    configs = list(_of_kind(folder, CONFIGS, "config"))
    for candidates in (same, tasks, configs):
        if len(candidates) == 1:
            return str(candidates[0])
        if candidates:
            told = f"it may be about any of {', '.join(path.name for path in candidates)}"
            hint = f"say which: `subject: {candidates[0].name}`"
            raise ConfigError([Problem("no-subject", told, Place(suite.file, 1), hint)])
    told = "there is no task definition and no config beside it"
    raise ConfigError([Problem("no-subject", told, Place(suite.file, 1), "name one: `subject: PATH`")])


def _of_kind(folder: Path, suffixes: Sequence[str], kind: str) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.endswith(tuple(suffixes)) and not path.name.endswith(SUFFIXES) and path.is_file():
            text = path.read_text(encoding="utf-8-sig", errors="replace")
            if kind_of(str(path), text) == kind:
                yield path
