"""Where the files of a router's image are on this machine."""

import posixpath
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from pyrolens.problems import ConfigError, Place, Problem


def find(path: str, folder: Path, given: Mapping[str, str], place: Place | None = None) -> Path:
    """The local file of `path` in the router's container: as given by the user; else as a Dockerfile in the folder of
    the task definition, or right below it, copies it into the image; else the only file of that name there.

    Raises: ConfigError."""
    if path in given:
        local = Path(given[path])
        if not local.is_file():
            raise ConfigError([Problem("no-file", f"{local}, given for {path}, is no file", place)])
        return local.absolute()
    folder = folder.absolute()
    copied = copies(path, folder)
    name = posixpath.basename(path)
    candidates = copied or [f for f in [folder / name, *sorted(folder.glob(f"*/{name}"))] if f.is_file()]
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        message = f"{path} is in the router's image, and no local file is known for it"
    else:
        listed = ", ".join(str(f.relative_to(folder)) for f in candidates)
        message = f"{path} is in the router's image, and may be any of these local files: {listed}"
    raise ConfigError([Problem("no-file", message, place, f"say which: --file {path}=./{name}")])


def copies(path: str, folder: Path) -> list[Path]:
    """The local files that Dockerfiles in the folder, or right below it, copy to that path."""
    return list(dict.fromkeys(source for file in _dockerfiles(folder) for source in _copied(file, path)))


def _dockerfiles(folder: Path) -> Iterator[Path]:
    for pattern in ("Dockerfile", "*.Dockerfile", "Dockerfile.*"):
        for file in sorted([*folder.glob(pattern), *folder.glob(f"*/{pattern}")]):
            if file.is_file():
                yield file


def _copied(dockerfile: Path, path: str) -> Iterator[Path]:
    """The local files that the Dockerfile copies to that path. Its context is taken to be its own folder."""
    for line in dockerfile.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ").splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction.upper() not in ("COPY", "ADD"):
            continue
        try:
            words = [w for w in shlex.split(rest) if not w.startswith("--")]
        except ValueError:
            continue
        if "--from=" in rest or len(words) < 2:
            continue
        *sources, target = words
        for source in sources:
            base = dockerfile.parent / source
            if path == target and base.is_file():
                yield base
            elif base.is_dir() and path.startswith(inside := target.rstrip("/") + "/"):
                if (below := base / path.removeprefix(inside)).is_file():
                    yield below
            elif base.is_file() and path == posixpath.join(target, posixpath.basename(source)):
                yield base
