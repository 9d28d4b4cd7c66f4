"""The process, or the machine, ends at each single write and sync: what was appended and is not settled comes again."""

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.store.disk import Disk
from pyrolens.store.log import At, Log
from pyrolens.store.segment import JOURNAL, SEGMENT


class CrashError(BaseException):
    """The end: nobody handles it."""


class Ending(Disk):
    """Ends at a given call. `part`: of what is being written then, how much is there."""

    def __init__(self, at: int, part: float = 0.0) -> None:
        self.left, self.part = at, part
        self.safe: dict[str, int] = {}
        """Bytes of each file that outlast the machine."""

    def _count(self) -> bool:
        self.left -= 1
        return self.left < 0

    def create(self, path: Path) -> int:
        if self._count():
            raise CrashError
        return super().create(path)

    def extend(self, path: Path) -> int:
        if self._count():
            raise CrashError
        return super().extend(path)

    def append(self, fd: int, parts: list[bytes]) -> None:
        if self._count():
            data = b"".join(parts)
            os.write(fd, data[: int(len(data) * self.part)])
            raise CrashError
        super().append(fd, parts)

    def sync(self, fd: int) -> None:
        if self._count():
            raise CrashError
        super().sync(fd)
        self.safe[os.readlink(f"/proc/self/fd/{fd}")] = os.fstat(fd).st_size

    def sync_folder(self, path: Path) -> None:
        if self._count():
            raise CrashError
        super().sync_folder(path)


def complain(what: str, why: OSError) -> None:
    raise AssertionError(f"{what}: {why}")


class Story:
    """What happens to a log, and what it has promised so far."""

    def __init__(self, folder: Path, disk: Disk, *, sync: bool) -> None:
        self.log = Log(folder, complain, disk, most=300, sync=sync)
        self.kept: dict[int, At] = {}
        """Appended, and with `sync` also committed; not settled."""
        self.begun: set[int] = set()
        """Perhaps there."""
        self.sync = sync

    def tell(self, seed: int) -> None:
        chance, number = random.Random(seed), 0
        while number < 14:
            new = {}
            for _ in range(chance.randrange(1, 4)):
                self.begun.add(number)
                new[number] = self.log.append(1, 1, b"%d " % number + b"x" * chance.randrange(120))
                number += 1
            if self.sync:
                self.log.commit()
            self.kept |= new
            for each in chance.sample(sorted(self.kept), chance.randrange(len(self.kept) + 1) // 2):
                at = self.kept.pop(each)  # whether that is noted is of no promise
                self.log.settle(at)
        self.log.close()


def found_in(folder: Path) -> Iterator[int]:
    log = Log(folder, complain)
    log.open()
    while frame := log.next():
        yield int(frame.body.split(b" ")[0])
    assert log.unread == log.unread_bytes == 0


@pytest.mark.parametrize("sync", [False, True])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.99, 1.0])
def test_the_process_ends_at_any_call(tmp_path: Path, sync: bool, part: float) -> None:
    for at in range(1000):
        folder = tmp_path / str(at)
        story = Story(folder, Ending(at, part), sync=sync)
        try:
            story.tell(seed=at)
        except CrashError:
            pass
        else:
            break
        found = list(found_in(folder))
        assert found == sorted(set(found)), f"call {at}: in order, and none twice"
        assert set(story.kept) <= set(found) <= story.begun, f"call {at}"
    assert at > 15, "there were many calls"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no way to know the file")
@pytest.mark.parametrize("rest", ["nothing", "some", "zeros"])
def test_the_machine_ends_at_any_call(tmp_path: Path, rest: str) -> None:
    """What was not synced is gone, or a part of it is, or there are zeros in its place."""
    for at in range(1000):
        folder, disk = tmp_path / str(at), Ending(at)
        story = Story(folder, disk, sync=True)
        try:
            story.tell(seed=at)
        except CrashError:
            pass
        else:
            break
        chance = random.Random(at)
        for path in [*folder.glob("*")]:
            size, safe = path.stat().st_size, disk.safe.get(str(path), 0)
            if path.suffix == SEGMENT or rest != "zeros":
                os.truncate(path, safe + (0 if rest == "nothing" else chance.randrange(size - safe + 1)))
            if rest == "zeros":
                os.truncate(path, size)
        found = list(found_in(folder))
        assert set(story.kept) <= set(found) <= story.begun, f"call {at}"
    assert at > 15


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(max_size=60), min_size=1, max_size=8),
    st.sampled_from([SEGMENT, JOURNAL]),
    st.sampled_from(["flip", "cut", "drop", "insert", "zero"]),
    st.floats(0, 1, exclude_max=True),
    st.binary(min_size=1, max_size=50),
)
def test_damage_anywhere_costs_what_is_damaged(
    bodies: list[bytes], suffix: str, how: str, where: float, other: bytes
) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "inputs" / "a"
        log = Log(folder, complain)
        places = [log.append(1, 1, b"%d " % n + body) for n, body in enumerate(bodies)]
        ends, at = [], 0
        for body in bodies:
            at += 32 + len(b"0 ") + len(body)
            ends.append(at)
        for place in places[::2]:
            log.settle(place)
        log.write_journals()
        paths = list(folder.glob(f"*{suffix}"))
        if not paths:  # all of it has settled
            return
        data = paths[0].read_bytes()
        start = int(where * len(data))
        end = min(start + len(other), len(data))
        new = {
            "flip": bytes(b ^ 0x5A for b in data[start:end]), "cut": b"", "drop": b"", "insert": other,
            "zero": bytes(end - start),
        }[how]  # fmt: skip
        behind = {"cut": b"", "insert": data[start:]}.get(how, data[end:])
        paths[0].write_bytes(data[:start] + new + behind)
        again = Log(folder, complain, aside=Path(root) / "damaged")
        again.open()
        found = []
        while frame := again.next():
            found.append(frame)
        numbers = [int(frame.body.split(b" ")[0]) for frame in found]
        for number, frame in zip(numbers, found, strict=True):
            assert frame.body == b"%d " % number + bodies[number], "nothing that was never there"
        unsettled = set(range(len(bodies))) - set(range(0, len(bodies), 2))
        if suffix == SEGMENT:
            whole = {n for n in unsettled if ends[n] <= start}
            if how in ("flip", "zero"):
                whole |= {n for n in unsettled if ends[n] - 34 - len(bodies[n]) >= end}
            assert whole <= set(numbers) <= unsettled
        else:
            assert unsettled <= set(numbers), "of a journal at worst nothing is believed"
        for frame in found:
            again.settle(frame.at)
        again.close()
        assert not list(folder.glob("*")) or not folder.exists()
