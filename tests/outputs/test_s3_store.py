import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrolens.net.body import known_sha256, sha256
from pyrolens.outputs import _s3_store
from pyrolens.outputs._s3_store import QUARANTINE, Folder, Store, Stored, StoreInUseError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


def opened(path: Path, output: str = "s3.0") -> tuple[Store, list[Stored]]:
    store = Store(path, output)
    return store, store.open()[0]


def files(path: Path) -> list[str]:
    return sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())


def written(path: Path, *pieces: bytes, output: str = "s3.0") -> Stored:
    """A file that an ended run left."""
    store, _ = opened(path, output)
    file = store.create("web", 7)
    for piece in pieces:
        file.append(piece, piece.count(b"\n"))
    store.close()
    Folder.known.clear()
    return file


def test_a_file_comes_back_as_it_was(folder: Path) -> None:
    file = written(folder, b"one\n", b"two\nthree\n")
    file.name("the/key")
    store, (again,) = opened(folder)
    assert (again.tag, again.first, again.created, again.size, again.records, again.key, again.old) == (
        "web", 7, file.created, 14, 3, "the/key", True
    )  # fmt: skip
    assert (again.repair(), again.data(), store.used) == (0, b"one\ntwo\nthree\n", 14)
    again.remove()
    store.close()
    assert files(folder) == []


def test_what_is_uploaded_as_it_is_is_hashed_as_it_comes(folder: Path) -> None:
    store, _ = opened(folder)
    file = store.create("web", 7, hashed=True)
    file.append(b"one\n", 1)
    file.append(b"two\n", 1)
    assert known_sha256(file.body()) == hashlib.sha256(b"one\ntwo\n").hexdigest()
    store.close()
    Folder.known.clear()
    _, (again,) = opened(folder)
    assert known_sha256(again.body()) is None
    assert sha256(again.body()) == hashlib.sha256(b"one\ntwo\n").hexdigest()


@pytest.mark.parametrize("lost", range(1, 70))
def test_what_a_crash_left_of_an_append_does_not_count(folder: Path, lost: int) -> None:
    """The journal ends at any byte of the line of the second append."""
    file = written(folder, b"one\n", b"two\n")
    journal = file.journal.path
    head, first, second = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(head + first + second[: max(len(second) - lost, 0)])
    store, (again,) = opened(folder)
    assert again.data() == b"one\n"
    again.name("k")  # behind the last whole line
    assert [list(json.loads(line)) for line in journal.read_bytes().splitlines()][1:] == [
        ["end", "sum", "records"], ["key"]
    ]  # fmt: skip
    store.close()
    Folder.known.clear()


@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=5), data=st.data())
def test_what_the_machine_lost_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], data: st.DataObject
) -> None:
    """Without store_dir_sync the journal may be ahead of the data."""
    folder = tmp_path_factory.mktemp("store")
    file = written(folder, *pieces)
    whole = b"".join(pieces)
    at = data.draw(st.integers(0, len(whole) - 1))
    file.path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    store, (again,) = opened(folder)
    lost = again.repair()
    kept = [b"".join(pieces[:n]) for n in range(len(pieces) + 1)]
    good = next(k for k, longer in pairwise(kept) if len(longer) > at)
    assert (again.data(), lost) == (good, len(whole) - len(good))
    store.close()
    Folder.known.clear()


def test_a_write_that_fails_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = opened(folder)
    file = store.create("web", 7)
    file.append(b"one\n", 1)
    before = file.journal.path.read_bytes()
    write = os.pwrite

    def full(descriptor: int, data: bytes, at: int) -> int:
        write(descriptor, data[:2], at)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        file.append(b"two\n", 1)
    monkeypatch.undo()
    assert (file.path.read_bytes(), file.journal.path.read_bytes(), file.size) == (b"one\n", before, 4)
    file.append(b"three\n", 1)
    assert file.data() == b"one\nthree\n"
    store.close()


def test_a_part_that_arrived_is_not_sent_again(folder: Path) -> None:
    """The end came after S3 had the part, and before its file was removed."""
    store, _ = opened(folder)
    part, rest = store.create("web", 7), store.create("web", 8)
    part.append(b"part\n", 1)
    rest.append(b"rest\n", 1)
    upload = store.begin(part, "k", "id/1")
    upload.add("etag", 5, part.path)
    store.close()
    Folder.known.clear()
    store = Store(folder, "s3.0")
    (again,), (found,) = store.open()
    assert again.data() == b"rest\n"
    assert (found.key, found.id, found.tag, found.etags, found.size) == ("k", "id/1", "web", ["etag"], 5)
    store.close()


def test_files_belong_to_the_output_that_made_them_as_long_as_there_is_one(folder: Path) -> None:
    written(folder, b"a\n", output="s3.0")
    written(folder, b"b\n", output="s3.1")
    written(folder, b"c\n", output="gone")
    one, two = Store(folder, "s3.0"), Store(folder, "s3.1")
    assert [f.data() for f in one.open()[0]] == [b"a\n", b"c\n"]
    for file in list(one.path.glob("*.journal")):
        if b'"gone"' in file.read_bytes():
            file.unlink()
    assert [f.data() for f in two.open()[0]] == [b"b\n"]
    one.close()
    two.close()


def test_two_processes_do_not_share_a_store(folder: Path) -> None:
    folder.mkdir()
    code = (
        "import sys; from pathlib import Path; from pyrolens.outputs._s3_store import Store; "
        "Store(Path(sys.argv[1]), 'x').open(); print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdin=-1, stdout=-1, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"
    with pytest.raises(StoreInUseError, match="in use by another process"):
        Store(folder, "s3.0").open()
    other.communicate()
    store, _ = opened(folder)
    store.close()


def test_the_index_goes_on_after_a_restart(folder: Path) -> None:
    store, _ = opened(folder)
    assert [store.index(), store.index()] == [0, 1]
    store.close()
    Folder.known.clear()
    store, _ = opened(folder)
    assert store.index() == 2
    store.close()


@pytest.mark.parametrize(("limit", "kept"), [(0, 2), (10, 2), (6, 1), (1, 0)])
def test_quarantine(folder: Path, limit: int, kept: int) -> None:
    store, _ = opened(folder)
    for text in (b"one\n", b"two\n"):
        file = store.create("web", 7)
        file.append(text, 1)
        store.used += 4
        store.quarantine(file, limit)
    assert files(folder) == [f"{QUARANTINE}/{p.name}" for p in sorted((folder / QUARANTINE).iterdir())]
    assert len(files(folder)) == kept
    assert store.used == 0
    store.close()
    Folder.known.clear()
    assert opened(folder)[1] == []


def test_large_files_are_mapped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_s3_store, "IN_MEMORY", 3)
    store, _ = opened(folder)
    file = store.create("web", 7)
    file.append(b"one\ntwo\n", 2)
    assert isinstance(file.data(), memoryview)
    assert bytes(file.data()) == b"one\ntwo\n"
    file.flush()
    file.remove()
    file.flush()
    store.close()
