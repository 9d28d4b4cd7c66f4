"""Configs for rehearsals in tests."""

from pathlib import Path

from pyrolens.config import Config, load
from pyrolens.rehearsal.rehearsal import Rehearsal

FORWARD = "[INPUT]\n    Name forward\n    Unix_Path /tmp/nobody.sock\n"
NULL = "[OUTPUT]\n    Name null\n    Match *\n"


def config(folder: Path, text: str, name: str = "router.conf", **environ: str) -> Config:
    """The text may name {dir}, the folder of the test."""
    path = folder / name
    path.write_text(text.replace("{dir}", str(folder)))
    return load(str(path), environ=environ)


def rehearsal(folder: Path, text: str, name: str = "router.conf", now_ns: int = 1_000_000_000_000) -> Rehearsal:
    return Rehearsal(config(folder, text, name), now_ns=now_ns)
