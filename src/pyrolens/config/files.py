"""Files that a config names: parsers and plugins.

Source: Fluent Bit 5.1.1, src/flb_parser.c and src/flb_plugin.c.
"""

import os
from collections.abc import Callable

from pyrolens.config.registry import Registry
from pyrolens.language.document import Document
from pyrolens.language.includes import is_elsewhere
from pyrolens.problems import ConfigError, Place, Problems

Read = Callable[[str, Problems], Document]


def found(path: str, folder: str) -> str | None:
    """Where the file is: as named from the working folder, else from the folder of the main file. None: nowhere."""
    if is_elsewhere(path):
        return path
    try:
        if os.path.exists(path):
            return path
        beside = os.path.join(folder, path)
        if is_elsewhere(folder) and not os.path.isabs(path):
            return beside
        return beside if folder and not os.path.isabs(path) and os.path.exists(beside) else None
    except ValueError:
        return None


def load_parsers(path: str, place: Place, folder: str, registry: Registry, read: Read) -> None:
    """Register what a Parsers_File defines. Its other sections mean nothing."""
    problems = registry.problems
    where = found(path, folder)
    if where is None:
        problems.error("no-parsers-file", f"no such file: {path}", place, f"relative to {folder}" if folder else "")
        return
    mine = Problems()
    try:
        document = read(where, mine)
    except ConfigError as error:
        for problem in error.problems:
            problems.add(problem)
        return
    parsers_of(document, registry)
    # what the other sections would warn about is of no interest
    for problem in mine:
        if problem.code != "unknown-section":
            problems.add(problem)


def parsers_of(document: Document, registry: Registry, in_main_file: bool = False) -> None:
    for section in document.sections:
        if section.kind not in ("parser", "multiline_parser"):
            continue
        in_classic = in_main_file and section.place.file not in document.yaml
        if in_classic and section.name.lower() in ("parser", "multiline_parser"):
            message = f"[{section.name}] does not belong into the main file"
            hint = "move it into a file that Parsers_File in [SERVICE] names"
            registry.problems.error("parser-in-main-file", message, section.place, hint)
        elif section.kind == "parser":
            registry.add_parser(section)
        else:
            registry.add_multiline_parser(section)


def load_plugins_file(path: str, place: Place, folder: str, problems: Problems, read: Read) -> None:
    """Plugins in shared libraries: they cannot be loaded, but what they are named for may be built in."""
    where = found(path, folder)
    if where is None:
        problems.error("no-plugins-file", f"no such file: {path}", place)
        return
    try:
        document = read(where, Problems())
    except ConfigError as error:
        for problem in error.problems:
            problems.add(problem)
        return
    for section in document.of("plugins"):
        for entry in section.all("path"):
            check_library(str(entry.value), entry.value_place, problems)


OF_AWS = ("cloudwatch.so", "firehose.so", "kinesis.so")
"""Libraries of the image aws-for-fluent-bit, whose plugins are built in here."""


def check_library(path: str, place: Place | None, problems: Problems) -> None:
    """A shared library with a plugin for Fluent Bit: not loaded, which is a warning; no library at all: an error.
    Those of AWS's images need not be there, for their plugins are: so commands that were written for them hold."""
    if os.path.basename(path) in OF_AWS and not os.path.exists(path):
        return
    try:
        with open(path, "rb") as file:
            is_library = file.read(4) in (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
    except (OSError, ValueError) as why:
        reason = why.strerror if isinstance(why, OSError) else "no file can have this name"
        problems.error("no-library", f"{path} cannot be read: {reason}", place)
        return
    if is_library:
        message = f"{path} is not loaded: plugins for Fluent Bit do not run here"
        problems.warning("library", message, place, "a plugin that is built in under its name is used instead")
    else:
        problems.error("no-library", f"{path} is no shared library", place)
