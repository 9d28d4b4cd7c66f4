"""The journal of systemd, through its own library.

Source: sd-journal(3) and the pages it names.
"""

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

LIBRARY = "libsystemd.so.0"
LOCAL_ONLY = 1
LONGEST = 1024 * 1024
"""Bytes of a field. What is longer may be cut."""
MACHINE_ID = "/etc/machine-id"
FOLDERS = ("/var/log/journal", "/run/log/journal")

POINTER, TEXT, SIZE = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
CALLS: dict[str, list[Any]] = {
    "sd_journal_open": [POINTER, ctypes.c_int],
    "sd_journal_open_directory": [POINTER, TEXT, ctypes.c_int],
    "sd_journal_close": [POINTER],
    "sd_journal_get_fd": [POINTER],
    "sd_journal_process": [POINTER],
    "sd_journal_add_match": [POINTER, TEXT, SIZE],
    "sd_journal_add_conjunction": [POINTER],
    "sd_journal_add_disjunction": [POINTER],
    "sd_journal_set_data_threshold": [POINTER, SIZE],
    "sd_journal_seek_head": [POINTER],
    "sd_journal_seek_realtime_usec": [POINTER, ctypes.c_uint64],
    "sd_journal_seek_cursor": [POINTER, TEXT],
    "sd_journal_test_cursor": [POINTER, TEXT],
    "sd_journal_next": [POINTER],
    "sd_journal_get_realtime_usec": [POINTER, POINTER],
    "sd_journal_get_cursor": [POINTER, POINTER],
    "sd_journal_get_data": [POINTER, TEXT, POINTER, POINTER],
    "sd_journal_restart_data": [POINTER],
    "sd_journal_enumerate_data": [POINTER, POINTER, POINTER],
}


class JournalError(Exception):
    """What the library says that is wrong."""


@cache
def library(name: str = LIBRARY) -> Any:
    """Raises: ValueError where it is not installed."""
    try:
        lib: Any = ctypes.CDLL(name)
    except OSError:
        packages = "the package libsystemd0 of Debian and Ubuntu, systemd-libs of Amazon Linux and Fedora"
        raise ValueError(f"{name} is not there: install {packages}; systems without systemd have no journal") from None
    for call, arguments in CALLS.items():
        getattr(lib, call).argtypes = arguments
        getattr(lib, call).restype = ctypes.c_int
    # the newer one leaves out fields that this library cannot read
    lib.enumerate = getattr(lib, "sd_journal_enumerate_available_data", lib.sd_journal_enumerate_data)
    lib.enumerate.argtypes = CALLS["sd_journal_enumerate_data"]
    lib.sd_journal_close.restype = None
    lib.sd_journal_restart_data.restype = None
    return lib


def machine_id(path: str = MACHINE_ID) -> str:
    """ "": there is none, and then the library takes no journal for that of this machine."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            found = file.read().strip()
    except OSError:
        return ""
    return found if len(found) == 32 else ""


def is_here(machine: str, folders: Sequence[str] = FOLDERS) -> bool:
    """Whether there is a journal of that machine."""
    return any(os.path.isdir(os.path.join(folder, machine)) for folder in folders)


class Journal:
    """The journals of a folder, or without a path those of the machine.

    `matches`: FIELD=VALUE, which all have to fit, or any of them. Raises: JournalError."""

    def __init__(self, path: str | None, matches: Sequence[str] = (), every: bool = False) -> None:
        self._lib = lib = library()
        self._journal = ctypes.c_void_p()
        opened = ctypes.byref(self._journal)
        if path is not None:
            self._check(lib.sd_journal_open_directory(opened, os.fsencode(path), 0), f"cannot open {path}")
        else:
            flags = LOCAL_ONLY if machine_id() else 0
            self._check(lib.sd_journal_open(opened, flags), "cannot open the journal")
        lib.sd_journal_set_data_threshold(self._journal, LONGEST)
        self.fd: int = lib.sd_journal_get_fd(self._journal)
        """Readable when something has changed, and below 0 where that cannot be told."""
        self._data = ctypes.c_void_p()
        self._size = ctypes.c_size_t()
        self._where = (ctypes.byref(self._data), ctypes.byref(self._size))
        self._enumerate: Callable[..., int] = lib.enumerate
        for match in matches:
            self._check(lib.sd_journal_add_match(self._journal, os.fsencode(match), 0), f"not to be matched: {match}")
            also = lib.sd_journal_add_conjunction if every else lib.sd_journal_add_disjunction
            self._check(also(self._journal), f"not to be matched: {match}")

    def close(self) -> None:
        if self._journal:
            self._lib.sd_journal_close(self._journal)
            self._journal = ctypes.c_void_p()

    def process(self) -> None:
        """Take note of what has changed in the folder."""
        self._check(self._lib.sd_journal_process(self._journal), "cannot look for changes")

    # -- where it is ----------------------------------------------------------------------------------------------

    def seek_head(self) -> None:
        self._check(self._lib.sd_journal_seek_head(self._journal), "cannot go to the beginning")

    def seek_time(self, us: int) -> None:
        self._check(self._lib.sd_journal_seek_realtime_usec(self._journal, us), "cannot go to a time")

    def seek(self, cursor: str) -> bool:
        """To an entry, or the one that comes after where it was. False: that is no cursor."""
        result: int = self._lib.sd_journal_seek_cursor(self._journal, os.fsencode(cursor))
        return result >= 0

    def next(self) -> bool:
        """Go to the next entry. False: there is none yet."""
        return self._check(self._lib.sd_journal_next(self._journal), "cannot go on") > 0

    def is_at(self, cursor: str) -> bool:
        return self._check(self._lib.sd_journal_test_cursor(self._journal, os.fsencode(cursor)), "lost") > 0

    # -- the entry where it is ------------------------------------------------------------------------------------

    def time(self) -> int:
        """ns since the epoch."""
        us = ctypes.c_uint64()
        self._check(self._lib.sd_journal_get_realtime_usec(self._journal, ctypes.byref(us)), "an entry has no time")
        return us.value * 1000

    def cursor(self) -> str:
        """By which the entry is found again."""
        text = ctypes.c_void_p()
        self._check(self._lib.sd_journal_get_cursor(self._journal, ctypes.byref(text)), "an entry has no cursor")
        try:
            return os.fsdecode(ctypes.string_at(text.value or 0))
        finally:
            _free(text)

    def field(self, name: str) -> bytes | None:
        if self._lib.sd_journal_get_data(self._journal, os.fsencode(name), *self._where) < 0:
            return None
        return self._found().partition(b"=")[2]

    def fields(self) -> Iterator[bytes]:
        """NAME=VALUE of each."""
        self._lib.sd_journal_restart_data(self._journal)
        while self._check(self._enumerate(self._journal, *self._where), "cannot read a field") > 0:
            yield self._found()

    def _found(self) -> bytes:
        return ctypes.string_at(self._data.value or 0, self._size.value) if self._size.value else b""

    def _check(self, result: int, what: str) -> int:
        if result < 0:
            raise JournalError(f"{what}: {os.strerror(-result)}")
        return result


def _free(pointer: ctypes.c_void_p) -> None:
    libc = ctypes.CDLL(None)
    libc.free.argtypes = [ctypes.c_void_p]
    libc.free(pointer)
