"""What filters print, kept from the standard output."""

import ctypes
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[str], None]
STDOUT = 1
"""The file descriptor."""


@contextmanager
def of_python(tell: Tell) -> Iterator[None]:
    """`tell`: gets each line that is printed meanwhile, at the end."""
    stdout, printed = sys.stdout, io.BytesIO()
    sys.stdout = io.TextIOWrapper(printed, "utf-8", "surrogateescape", write_through=True)
    try:
        yield
    finally:
        text = printed.getvalue()
        sys.stdout = stdout
        lines(text, tell)


@contextmanager
def of_all(tell: Tell) -> Iterator[None]:
    """The same, also of what is not Python, such as Lua."""
    with of_python(tell), tempfile.TemporaryFile() as file:
        flush()
        stdout = os.dup(STDOUT)
        os.dup2(file.fileno(), STDOUT)
        try:
            yield
        finally:
            flush()
            os.dup2(stdout, STDOUT)
            os.close(stdout)
            file.seek(0)
            lines(file.read(), tell)


def flush() -> None:
    """What C keeps of what was printed."""
    ctypes.CDLL(None).fflush(None)


def lines(text: bytes, tell: Tell) -> None:
    for line in text.decode("utf-8", "surrogateescape").splitlines():
        tell(line)
