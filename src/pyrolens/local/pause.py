"""A program that does nothing, for the container that holds a task's network: ECS has one of these, too.

It is made here, machine code and all, since an image for it could only come from a registry. Its few instructions ask
the kernel to sleep, again and again; process 1 of a container ignores what it does not handle, and is killed.
"""

import io
import platform
import struct
import tarfile

IMAGE = "pyrolens-pause"
PATH = "pause"
BASE = 0x400000
"""Where the program is in memory."""
HEADERS = 64 + 56
"""Bytes of the ELF header and of one program header."""
MACHINES = {
    # mov eax, 34 (pause); syscall; jmp to the start
    "x86_64": (62, bytes.fromhex("b8220000000f05ebf7")),
    # x8 = 73 (ppoll), x0…x4 = 0: no descriptors, no time; svc 0; b to the start
    "aarch64": (
        183,
        bytes.fromhex("280980d2000080d2010080d2020080d2030080d2040080d2010000d4f9ffff17"),
    ),
}  # fmt: skip
"""Number of the machine in ELF, and the instructions."""
ALIASES = {"amd64": "x86_64", "arm64": "aarch64"}


def program(machine: str = "") -> bytes:
    """The file. Raises: KeyError for a machine that is not known."""
    name = machine or platform.machine()
    number, code = MACHINES[ALIASES.get(name, name)]
    size = HEADERS + len(code)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    elf = ident + struct.pack("<HHIQQQIHHHHHH", 2, number, 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x1000)
    return elf + load + code


def archive(machine: str = "") -> bytes:
    """The file system of the image, as tar. Raises: KeyError."""
    data = program(machine)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(PATH)
        info.size, info.mode = len(data), 0o755
        tar.addfile(info, io.BytesIO(data))
    return out.getvalue()
