"""Logs of frames: whatever happens to the process or to the disk, what was appended and has not settled comes again,
and what has settled does not."""

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pyrolens.store.disk import Disk
from pyrolens.store.folder import Folder, InUseError, file_name, name_of
from pyrolens.store.log import At, Log
from pyrolens.store.segment import HEAD, JOURNAL, SEGMENT
from tests.store.broken import Broken


def bodies(log: Log) -> list[bytes]:
    out = []
    while frame := log.next():
        out.append(frame.body)
    return out


def complain(what: str, why: OSError) -> None:
    raise AssertionError(f"{what}: {why}")


def opened(folder: Path, **options: Any) -> Log:
    log = Log(folder, complain, aside=folder.parent / "damaged", **options)
    log.open()
    return log


class Model(RuleBasedStateMachine):
    """A log against a dict of what is in it. Each body holds its own number."""

    reads_own = False

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="log-"))
        self.folder = self.root / "inputs" / "x"
        self.count = 0
        self.kept: dict[int, At | None] = {}
        """By number: appended and not settled. None: it is on the disk, and was not read in this run."""
        self.maybe: set[int] = set()
        """It has settled, but the note of it may be lost."""
        self.damaged = 0
        """Frames that are counted until they are read."""
        self.open()

    def open(self) -> None:
        self.log = opened(self.folder, reads_own=self.reads_own, most=400)

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @rule(size=st.integers(0, 300), records=st.integers(0, 5))
    def append(self, size: int, records: int) -> None:
        body = b"%d " % self.count + b"x" * size
        at = self.log.append(1, records, body)
        self.kept[self.count] = None if self.reads_own else at
        self.count += 1

    @precondition(lambda self: any(self.kept.values()))
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from([n for n, at in self.kept.items() if at]))
        at = self.kept.pop(number)
        assert at
        self.log.settle(at)

    @rule()
    def read(self) -> None:
        unread = sorted(n for n, at in self.kept.items() if not at)
        frame = self.log.next()
        while frame is not None and int(frame.body.split(b" ")[0]) in self.maybe:
            self.maybe.discard(int(frame.body.split(b" ")[0]))
            self.log.settle(frame.at)
            frame = self.log.next()
        if frame is None:
            assert unread == []
        else:
            number = int(frame.body.split(b" ")[0])
            assert number == unread[0], "oldest first"
            self.kept[number] = frame.at

    @rule()
    def end(self) -> None:
        self.log.close()
        self.again()

    @rule(torn=st.binary(max_size=40), journal=st.integers(0, 20))
    def crash(self, torn: bytes, journal: int) -> None:
        """The process ends somewhere in a write; the machine loses the end of a journal."""
        segments = sorted(self.folder.glob(f"*{SEGMENT}"))
        journals = sorted(self.folder.glob(f"*{JOURNAL}"))
        if segments:
            whole = segments[-1].read_bytes()
            # as much of another frame as there was time for
            begun = whole[:HEAD] if len(torn) % 2 else torn[:HEAD].replace(b"\xf5", b"")
            with segments[-1].open("ab") as file:
                file.write(b"\0" * len(torn) if len(torn) % 3 else begun[: HEAD - 1])
        if journals and journal:
            size = journals[-1].stat().st_size
            os.truncate(journals[-1], max(size - journal, 0))
            self.maybe = set(range(self.count)) - set(self.kept)
        self.again()

    @precondition(lambda self: any(self.kept.values()))
    @rule(data=st.data(), by=st.integers(1, 255))
    def damage(self, data: st.DataObject, by: int) -> None:
        """A byte of a frame changes while the router does not run: that frame alone is lost, and said."""
        number = data.draw(st.sampled_from([n for n, at in self.kept.items() if at]))
        at = self.kept.pop(number)
        assert at
        self.damaged += 1
        self.log.close()
        path = at.segment.path
        content = bytearray(path.read_bytes())
        start = re.search(rb"\xf5Ly\x01.{28}%d " % number, content, re.DOTALL)
        assert start
        content[start.start() + data.draw(st.integers(0, HEAD))] ^= by
        path.write_bytes(content)
        self.again()
        found = self.read_all()
        assert number not in found
        assert set(found) - self.maybe == set(self.kept)
        for each, where in found.items():
            if each in self.kept:
                self.kept[each] = where
            else:
                self.maybe.discard(each)
                self.log.settle(where)

    def read_all(self) -> dict[int, At]:
        found: dict[int, At] = {}
        while frame := self.log.next():
            found[int(frame.body.split(b" ")[0])] = frame.at
        return found

    def again(self) -> None:
        self.kept = dict.fromkeys(sorted(self.kept))
        self.open()

    @invariant()
    def counts_are_right(self) -> None:
        unread = [n for n, at in self.kept.items() if not at]
        assert len(unread) <= self.log.unread <= len(unread) + len(self.maybe) + self.damaged
        assert (self.log.unread_bytes == 0) == (self.log.unread == 0)

    @invariant()
    def a_segment_without_frames_goes(self) -> None:
        if not self.kept and not self.maybe and not self.damaged:
            assert len(list(self.folder.glob(f"*{SEGMENT}"))) <= 1


class Own(Model):
    """Of a queue: what this run appended is read, too."""

    reads_own = True


TestInputs = Model.TestCase
TestQueue = Own.TestCase
for case in (TestInputs, TestQueue):
    case.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_segment_is_removed_once_all_of_it_has_settled(tmp_path: Path) -> None:
    log = opened(tmp_path / "a", most=100)
    places = [log.append(1, 1, b"x" * 60) for _ in range(4)]
    assert len(list((tmp_path / "a").iterdir())) == 2
    for at in (places[0], places[2]):
        log.settle(at)
    assert len(list((tmp_path / "a").glob("*.seg"))) == 2
    log.settle(places[1])
    assert len(list((tmp_path / "a").glob("*.seg"))) == 1
    log.settle(places[3])
    log.close()
    assert not (tmp_path / "a").exists()


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "store")
    assert folder.open()
    log = opened(folder.of("inputs", "x"))
    log.settle(log.append(1, 1, b"x"))
    log.append(1, 1, b"y")
    log.close()
    modes = {path: path.stat().st_mode & 0o777 for path in [folder.path, *folder.path.rglob("*")]}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items())
    folder.close()


def test_a_damaged_segment_is_put_aside_once_its_good_part_has_settled(tmp_path: Path) -> None:
    log = opened(tmp_path / "inputs" / "a")
    for body in (b"one", b"two", b"three"):
        log.append(1, 1, body)
    log.close()
    (path,) = (tmp_path / "inputs" / "a").glob("*.seg")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"two", b"tvo"))
    log = Log(tmp_path / "inputs" / "a", complain, aside=tmp_path / "damaged")
    log.open()
    frames = [log.next(), log.next()]
    assert [f.body for f in frames if f] == [b"one", b"three"]
    assert log.next() is None
    assert path.exists()
    for frame in frames:
        assert frame
        log.settle(frame.at)
    assert not path.exists()
    assert log.damaged == [(path, HEAD + 3)]
    assert [p.name for p in (tmp_path / "damaged").iterdir()] == [f"inputs-a-{path.name}"]


@pytest.mark.parametrize("content", [b"", b"\0" * 500, b"\xf5Ly\x01", b"rubbish" * 50])
def test_what_was_never_whole_is_no_frame(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "inputs" / "a"
    folder.mkdir(parents=True)
    (folder / f"{1:020d}.seg").write_bytes(content)
    log = opened(folder)
    assert bodies(log) == []
    log.close()
    assert not folder.exists()
    kept = [p.read_bytes() for p in folder.parent.glob("damaged/*")]
    assert kept == ([content] if content.startswith(b"rubbish") else [])


def test_a_full_disk_takes_nothing_and_leaves_nothing_half(tmp_path: Path) -> None:
    disk = Broken()
    log = opened(tmp_path / "a", disk=disk)
    log.append(1, 1, b"first")
    disk.room = 50
    with pytest.raises(OSError, match="No space left"):
        log.append(1, 1, b"x" * 100)
    disk.room = None
    log.append(1, 1, b"second")
    log.close()
    assert bodies(opened(tmp_path / "a")) == [b"first", b"second"]


def test_a_segment_that_cannot_be_repaired_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Broken()
    log = opened(tmp_path / "a", disk=disk)
    log.append(1, 1, b"first")

    def fails(*args: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    disk.room = 40
    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", fails)
        with pytest.raises(OSError, match="No space left"):
            log.append(1, 1, b"x" * 100)
    disk.room = None
    log.append(1, 1, b"second")
    log.close()
    assert bodies(opened(tmp_path / "a")) == [b"first", b"second"]


def test_a_commit_that_fails_leaves_its_segments_alone(tmp_path: Path) -> None:
    disk = Broken()
    log = opened(tmp_path / "a", disk=disk, sync=True)
    log.append(1, 1, b"first")
    log.commit()
    assert disk.synced == 1
    log.commit()
    assert disk.synced == 1, "there was nothing new"
    log.append(1, 1, b"second")
    disk.failing = True
    with pytest.raises(OSError, match="Input/output"):
        log.commit()
    disk.failing = False
    log.append(1, 1, b"third")
    log.commit()
    assert len(list((tmp_path / "a").glob("*.seg"))) == 2


def test_what_cannot_be_read_is_left_for_another_run(tmp_path: Path) -> None:
    log = opened(tmp_path / "a", most=10)
    for body in (b"first", b"second"):
        log.append(1, 1, body)
    log.close()
    disk = Broken()
    log = opened(tmp_path / "a", disk=disk)
    disk.failing = True
    with pytest.raises(OSError, match="Input/output"):
        log.next()
    disk.failing = False
    assert bodies(log) == [b"second"]
    log.close()
    assert bodies(opened(tmp_path / "a")) == [b"first", b"second"]


def test_a_note_that_cannot_be_written_is_written_later(tmp_path: Path) -> None:
    disk, said = Broken(), []
    log = Log(tmp_path / "a", lambda what, why: said.append(what), disk)
    first, second, _ = [log.append(1, 1, body) for body in (b"first", b"second", b"third")]
    disk.room = 0
    log.settle(first)
    assert len(said) == 1
    log.tend()
    assert len(said) == 2
    disk.room = None
    log.tend()
    assert bodies(opened(tmp_path / "a")) == [b"second", b"third"]
    log.settle(second)
    assert bodies(opened(tmp_path / "a")) == [b"third"]


def test_one_process_has_the_folder(tmp_path: Path) -> None:
    first, second = Folder(tmp_path / "store"), Folder(tmp_path / "store")
    first.open()
    with pytest.raises(InUseError, match=f"another router has it .process {os.getpid()}"):
        second.open()
    first.close()
    assert second.open()
    second.close()


@pytest.mark.parametrize("name", ["forward.0", "a/b", "..", ".", "ü %2F", "a b:c"])
def test_any_name_has_a_file_of_its_own(tmp_path: Path, name: str) -> None:
    path = Folder(tmp_path).of("inputs", name)
    path.mkdir(parents=True)
    assert path.parent == tmp_path / "inputs"
    assert Folder(tmp_path).names("inputs") == [name]
    assert name_of(file_name(name)) == name


def test_the_disk_writes_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fd = Disk().create(tmp_path / "f")
    monkeypatch.setattr(os, "writev", lambda fd, parts: os.write(fd, parts[0][:3]))
    Disk().append(fd, [b"abcdef", b"ghi"])
    os.close(fd)
    assert (tmp_path / "f").read_bytes() == b"abcdefghi"
