"""Which file a record goes to: fixed, named by its tag, or made from its fields and its time.

Source: Fluent Bit 5.1.1 plugins/out_file/file.c."""

import os
import re
import time
from functools import lru_cache

from pyrolens.records.event import SECOND, Record
from pyrolens.records.template import Render, Template

UNSAFE_FILE = re.compile(r"[/\\:*?\"<>|\x00-\x1f\x7f]")
UNSAFE_PATH = re.compile(r"[\x00-\x1f\x7f]")


class UnusableError(Exception):
    """A field is missing, or what would become of the name is not safe."""


class Places:
    """`path` and `file` as configured. Raises: ValueError("expected ...") when one of them is no template."""

    def __init__(self, path: str | None, file: str | None, *, strftime: bool) -> None:
        self.path, self.file = path, file
        self.time_path = strftime and path is not None and "%" in path
        self.time_file = strftime and file is not None and "%" in file
        self.path_fields = Template(path) if path is not None and "$" in path else None
        self.file_fields = Template(file) if file is not None and "$" in file else None
        self.dynamic = bool(self.time_path or self.time_file or self.path_fields or self.file_fields)

    def fixed(self, tag: str) -> str:
        return joined(self.path, self.file if self.file is not None else name_of_tag(tag))

    def of(self, tag: str, ns: int, record: Record) -> str:
        """Raises: UnusableError."""
        path = self._filled(self.path, self.path_fields, self.time_path, tag, ns, record, "path")
        file = self._filled(self.file, self.file_fields, self.time_file, tag, ns, record, "file")
        if path is not None and (self.path_fields or self.time_path):
            words = re.split(r"[/\\]+", path)
            if not path or UNSAFE_PATH.search(path) or "." in words or ".." in words:
                raise UnusableError(f"'{path}' is not safe as a path")
        made = self.file_fields or self.time_file
        if made and (not file or file in (".", "..") or UNSAFE_FILE.search(file)):
            raise UnusableError(f"'{file}' is not safe as the name of a file")
        return joined(path, file if file is not None else name_of_tag(tag))

    @staticmethod
    def _filled(
        text: str | None, fields: Template | None, timed: bool, tag: str, ns: int, record: Record, what: str
    ) -> str | None:
        if text is None:
            return None
        if timed:
            text = time.strftime(text, time.gmtime(ns // SECOND))
        if fields is None:
            return text
        try:
            found = _render(text, tag)(record, ())
        except ValueError as why:  # what strftime made of it is no template
            raise UnusableError(f"'{text}': {why}") from None
        if found is None:
            raise UnusableError(f"a field of {what} is missing in the record")
        return found


@lru_cache(maxsize=256)
def _render(text: str, tag: str) -> Render:
    return Template(text).render(tag, strict=True)


def joined(path: str | None, file: str) -> str:
    return file if path is None else f"{path}{os.sep}{file}"


def name_of_tag(tag: str) -> str:
    """The tag as the name of a file that cannot leave its folder."""
    words = ["_" if w in (".", "..") else re.sub(r"[^A-Za-z0-9._-]", "_", w) for w in re.split(r"[/\\]+", tag) if w]
    return os.sep.join(words) or "_"
