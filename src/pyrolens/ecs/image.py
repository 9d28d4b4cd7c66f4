"""The config as the router's image holds it, made to be read on this machine.

A config names files of its image: those that it includes, and those with parsers, stream tasks and scripts. Each such
file is looked for here, and where a path leads elsewhere, a copy of the config with that path in it is read instead.
"""

import glob
import os
import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pyrolens.ecs.image_files import copies, find
from pyrolens.ecs.private import write_private
from pyrolens.problems import Place

NAMES = re.compile(
    r"^(?P<before>\s*(?:@include|(?P<alone>parsers_file|streams_file|script))\s+)(?P<path>\S.*?)(?P<after>\s*)$",
    re.IGNORECASE,
)
"""`alone`: a file that names no others."""
MAIN = "/fluent-bit/etc"
"""Folder of the main file in the image: where relative paths count from."""
PARSERS = re.compile(r"/fluent-bit/(?:parsers|etc)/parsers[\w-]*\.conf")
"""Files of parsers that the images of AWS and of Fluent Bit hold. The parsers are always there by name here."""
FILES = Path(__file__).with_name("image_root")
"""What the image of Pyrolens holds besides the program, from its root on."""


class Image:
    """`folder`: of the task definition. `given`: local files by path in the image. `into`: where copies are made, a
    folder that is there. `say`: told of each path that leads elsewhere, for people."""

    def __init__(self, folder: Path, given: Mapping[str, str], into: Path, say: Callable[[str], None]) -> None:
        self.folder, self._given, self.into, self._say = folder.absolute(), given, into, say
        self._made: dict[Path, Path] = {}
        """By local file: what is read instead."""
        self._also: dict[Path, Path] = {}
        """By further copies: the local file."""
        self.paths: dict[str, str] = {}
        """By local file: its path in the image."""
        self.mounts: dict[str, Path] = {}
        """Local file by its path in the image, of those that are looked for here."""

    def local(self, path: str, place: Place | None = None, config: bool = True) -> Path:
        """What to read for a file of the image. `config`: it may name further files.

        Raises: ConfigError when it is not known."""
        found, shown = self._find(path, place)
        if path != str(found):
            self._say(f"{path} is {shown}")
        self.paths[str(found)] = path
        return self.read_instead(found) if config else found

    def original(self, text: str) -> str:
        """The text, where it names a copy, with the name of what it was made from."""
        for copy, source in [*self._also.items(), *((copy, source) for source, copy in self._made.items())]:
            text = text.replace(str(copy), str(source))
        return text

    def _find(self, path: str, place: Place | None) -> tuple[Path, str]:
        """The local file, and what to call it."""
        if not path.startswith("/"):
            beside = self.folder / path
            path = posixpath.join(MAIN, path)
            if beside.is_file():
                self.mounts[path] = beside
                return beside, os.path.relpath(beside)
        if path not in self._given and not copies(path, self.folder):
            if os.path.isfile(path):
                self.mounts[path] = Path(path)
                return Path(path), path
            if (text := shipped(path)) is not None:
                made = self.into / f"image{path.replace('/', '-')}"
                write_private(made, text)
                return made, "a file of our own" if text else "not needed: its parsers are always there"
        found = self.mounts[path] = find(path, self.folder, self._given, place)
        return found, os.path.relpath(found)

    def read_instead(self, file: Path) -> Path:
        """The file, or a copy in which the paths are those of this machine. Raises: ConfigError."""
        if file in self._made:
            return self._made[file]
        lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True)
        # before its lines are looked at: a file that includes itself must end here
        copy = self._made[file] = self.into / f"{len(self._made)}-{file.name}"
        new = [self._line(line, Place(str(file), number)) for number, line in enumerate(lines, 1)]
        if new == lines:
            self._made[file] = file
        else:
            write_private(copy, "".join(new))
        return self._made[file]

    def _pattern(self, pattern: str) -> str:
        """What takes the same files where the config is read, since a copy of it is elsewhere."""
        files = sorted(glob.glob(os.path.join(glob.escape(str(self.folder)), pattern)))
        if not files:
            return pattern
        # a folder for them, with their order in their names
        into = self.into / f"{len(self._made)}-files"
        into.mkdir(0o700)
        for number, name in enumerate(map(Path, files)):
            if name.is_file():
                copy = into / f"{number:04}-{name.name}"
                copy.symlink_to(self.read_instead(name))
                self._also[copy] = name
        return str(into / "*")

    def _line(self, line: str, place: Place) -> str:
        found = NAMES.match(line)
        # a variable is the config's own business
        if not found or "$" in found["path"]:
            return line
        if "*" in found["path"]:
            return line if found["alone"] else f"{found['before']}{self._pattern(found['path'])}{found['after']}"
        local = str(self.local(found["path"], place, config=not found["alone"]))
        return line if local == found["path"] else f"{found['before']}{local}{found['after']}"


def shipped(path: str) -> str | None:
    """What is there in the image, as far as it means something here; None: nothing is known of this path."""
    if PARSERS.fullmatch(path):
        return ""
    file = Path(os.path.normpath(FILES / path.lstrip("/")))
    return file.read_text(encoding="utf-8") if file.is_relative_to(FILES) and file.is_file() else None
