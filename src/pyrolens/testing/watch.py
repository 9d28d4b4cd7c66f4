"""Runs what depends on a file when that file changes. It looks at times and sizes, which works everywhere."""

import os
import time
from collections.abc import Callable, Iterable, Mapping

EVERY = 0.3
"""Seconds."""
COARSE = 20_000_000
"""ns that the times of files may be behind."""
State = tuple[int, int] | None
Depends = Mapping[str, Iterable[str]]
"""Of each test file the files that it depends on, itself, too."""


def state(path: str) -> State:
    """Of a file; None: it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def watch(
    depends: Callable[[], Depends],
    run: Callable[[list[str]], None],
    pause: Callable[[float], None] | None = None,
) -> None:
    """Run each test file that there is, and again whenever a file changes that it depends on. `pause` ends it by
    raising."""
    seen: dict[str, State] = {}
    known: set[str] = set()
    while True:
        now = depends()
        # looked at before the run, so that what changes meanwhile is seen
        fresh = {path: state(path) for path in {*seen, *(path for paths in now.values() for path in paths)}}
        changed = {path for path in seen if seen[path] != fresh[path]}
        seen = fresh
        begun = time.time_ns() - COARSE
        if files := [file for file, paths in now.items() if file not in known or changed.intersection(paths)]:
            run(files)
        known = set(now)
        # what the run has found out to depend on; what was written meanwhile counts as changed
        found = {path: state(path) for paths in depends().values() for path in paths if path not in seen}
        seen |= {path: None if there and there[0] >= begun else there for path, there in found.items()}
        (pause or time.sleep)(EVERY)
