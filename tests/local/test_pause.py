"""The program that holds a network. That it runs is tested where there is an engine."""

import io
import platform
import struct
import tarfile

import pytest

from pyrolens.local import pause


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 62), ("amd64", 62), ("aarch64", 183), ("arm64", 183)])
def test_it_is_a_program_of_the_machine(machine: str, number: int) -> None:
    data = pause.program(machine)
    assert data[:4] == b"\x7fELF"
    kind, for_machine, _, entry = struct.unpack_from("<HHIQ", data, 16)
    assert (kind, for_machine) == (2, number)
    _, flags, offset, address, _, in_file, in_memory, _ = struct.unpack_from("<IIQQQQQQ", data, 64)
    assert (flags, offset, in_file, in_memory) == (5, 0, len(data), len(data))
    assert data[entry - address :] == pause.MACHINES[pause.ALIASES.get(machine, machine)][1]


def test_an_unknown_machine() -> None:
    with pytest.raises(KeyError):
        pause.program("pdp11")


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="made for two machines")
def test_its_image_holds_nothing_else() -> None:
    with tarfile.open(fileobj=io.BytesIO(pause.archive())) as tar:
        (member,) = tar.getmembers()
        assert (member.name, member.mode) == (pause.PATH, 0o755)
