"""Which files a config reads, and from where.

Source: Fluent Bit 5.1.1, src/config_format/flb_cf_fluentbit.c and flb_cf_yaml.c.
"""

import glob
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MOST_FILES = 1000
ELSEWHERE = re.compile(r"s3://|ssm:|env:|https?://|arn:[^:\s]+:(?:s3|ssm):")
"""How the address of a config begins that is no file of this machine."""


FLUENTD = re.compile(r"[ \t]*(?:<\s*/?[a-zA-Z_]|(?P<else>@?include[ \t]|#|\r?$))")


class UnreadableError(Exception):
    """A file that the config names cannot be read. `hint`: a way out, or ""."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def is_elsewhere(path: str) -> bool:
    """Whether it is an address (s3://bucket/key, ssm:/name, env:NAME, https://…, an ARN) and not a path."""
    return ELSEWHERE.match(path) is not None


def shown(path: str) -> str:
    """An address as it may be shown: what follows a ? or # and what stands before an @ may be a secret."""
    if not path.startswith(("https://", "http://")):
        return path
    return re.sub(r"(?<=://)[^/@]*@", "", path.partition("#")[0].partition("?")[0])


def is_yaml(path: str) -> bool:
    """What a name says of the language."""
    return shown(path).lower().endswith((".yaml", ".yml"))


def looks_classic(text: str) -> bool:
    """Whether the first line that says anything begins a section or a command, as no YAML config does."""
    return next((line[0] in "[@" for line in text.split("\n") if line.strip() and line[0] != "#"), False)


def looks_like_fluentd(text: str) -> bool:
    """Whether a text is in Fluentd's language, and not in Fluent Bit's: what counts is its first line that is not
    empty, no comment, and includes nothing. No config of Fluent Bit's has one that begins with `<`."""
    for line in text.split("\n"):
        found = FLUENTD.match(line)
        if found is None:
            return False
        if found["else"] is None:
            return True
    return False


def speaks_yaml(path: str, text: str) -> bool:
    """Whether a text is in YAML: by its name, or by what it says where an address has a name without an ending."""
    if is_yaml(path):
        return True
    if not is_elsewhere(path) or "." in shown(path).rpartition("/")[2]:
        return False
    return bool(text.strip()) and not looks_classic(text) and not looks_like_fluentd(text)


def nobody(path: str) -> str:
    raise UnreadableError(f"{shown(path)} is no file")


@dataclass(slots=True)
class Files:
    """The files of one config. A file counts as the same under any name and is read once only."""

    folder: str
    """Of the main file."""
    seen: set[object] = field(default_factory=set)
    names: list[str] = field(default_factory=list)
    includes: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    """By file and line: what Fluentd's @include there has put in."""
    elsewhere: Callable[[str], str] = nobody
    """Gives the text at an address that is no path. Raises: UnreadableError."""

    def read(self, path: str, by_name: bool = False, again: bool = False) -> str:
        """Its text; bytes that are not UTF-8 are surrogates. A folder is read as an empty file, as Fluent Bit does.
        `by_name`: under another name it may be read again, as in YAML. `again`: it may be read any number of times.

        Raises: UnreadableError."""
        if max(len(self.seen), len(self.names)) >= MOST_FILES:
            raise UnreadableError(f"more than {MOST_FILES} files are included")
        if is_elsewhere(path):
            return self._elsewhere(path)
        try:
            status = os.stat(path)
            mark: object = path if by_name else (status.st_dev, status.st_ino)
            if mark in self.seen and not again:
                hint = "include a file once; a file that includes itself never ends"
                raise UnreadableError(f"{path} is read twice", hint)
            self.seen.add(mark)
            self.names.append(path)
            if os.path.isdir(path):
                return ""
            with open(path, "rb") as file:
                return file.read().decode("utf-8", "surrogateescape")
        except (OSError, ValueError) as why:
            reason = why.strerror if isinstance(why, OSError) else "no file can have this name"
            raise UnreadableError(f"{path} cannot be read: {reason}") from None

    def _elsewhere(self, path: str) -> str:
        if path in self.seen:
            raise UnreadableError(f"{shown(path)} is read twice", "include it once")
        self.seen.add(path)
        text = self.elsewhere(path)
        self.names.append(shown(path))
        return text

    def find(self, path: str) -> str:
        """Where a relative path leads: the working folder first, then the folder of the main file."""
        if os.path.isabs(path) or is_elsewhere(path) or exists(path) or not self.folder:
            return path
        return os.path.join(self.folder, path)

    def matching(self, pattern: str, in_folder: bool = True) -> Iterator[str]:
        """The files of a pattern with a star, sorted; relative ones count from the folder of the main file only."""
        if in_folder and not os.path.isabs(pattern):
            pattern = os.path.join(glob.escape(self.folder), pattern)
        return iter(sorted(glob.glob(pattern)))


def exists(path: str) -> bool:
    try:
        return os.path.exists(path)
    except ValueError:
        return False
