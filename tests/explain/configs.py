"""Configs of tests as subjects of a rehearsal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyrolens.rehearsal.subject import Subject, open_subject

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@contextmanager
def subject_of(folder: Path, text: str, name: str = "router.conf") -> Iterator[Subject]:
    path = folder / name
    path.write_text(text)
    with open_subject(str(path)) as subject:
        yield subject
