"""The store of an input: what is said to be stored is, also when the disk fails, confirms nothing, or comes back."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pyrolens.delivery.receipt import Receipt
from pyrolens.service import intake
from pyrolens.service.intake import InputStore
from pyrolens.store.codec import unpack_batch
from pyrolens.store.log import Log
from tests.said import Said
from tests.store.broken import Broken


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "RETRY", 0.001)


class Run:
    def __init__(self, folder: Path, *, sync: bool) -> None:
        self.folder, self.disk = folder, Broken()
        self.log = Log(folder, lambda what, why: None, self.disk, sync=sync)
        self.troubles: list[bool] = []
        self.store = InputStore(self.log, Said(), lambda why: self.troubles.append(why is not None))
        self.stored: list[int] = []
        self.receipts: dict[int, Receipt] = {}

    def keep(self, number: int) -> None:
        receipt = self.receipts[number] = Receipt(1, lambda _: None)
        self.store.keep("t", [(number, {"n": number})], receipt, lambda: self.stored.append(number))

    async def until_well(self) -> None:
        async with asyncio.timeout(20):
            while not self.troubles or self.troubles[-1]:
                await asyncio.sleep(0.001)

    def on_disk(self) -> list[int]:
        """What a crash now would bring again."""
        log, found = Log(self.folder, lambda what, why: None), []
        log.open()
        while frame := log.next():
            _, events = unpack_batch(frame.kind, frame.body)
            found += [record["n"] for _, record in events]
        return found


def test_without_sync_it_is_stored_at_once(tmp_path: Path) -> None:
    run = Run(tmp_path / "a", sync=False)
    run.keep(1)
    assert (run.stored, run.on_disk()) == ([1], [1])
    run.receipts[1].release()
    assert run.on_disk() == []


def test_what_comes_together_is_confirmed_together(tmp_path: Path) -> None:
    async def main() -> None:
        run = Run(tmp_path / "a", sync=True)
        for n in range(5):
            run.keep(n)
        assert run.stored == []
        await asyncio.sleep(0)
        assert run.stored == list(range(5))
        assert run.disk.synced == 1

    asyncio.run(main())


def test_what_the_disk_did_not_confirm_is_written_again_and_told_once(tmp_path: Path) -> None:
    async def main() -> None:
        run = Run(tmp_path / "a", sync=True)
        fails = [True, True, True]
        real = run.disk.sync

        def sync(fd: int) -> None:
            if fails and fails.pop():
                raise OSError(5, "Input/output error")
            real(fd)

        run.disk.sync = sync  # type: ignore[method-assign]
        run.keep(1)
        run.keep(2)
        await asyncio.sleep(0)
        assert run.stored == []
        run.keep(3)
        assert run.stored == [], "it waits behind the others"
        run.receipts[2].release()
        await run.until_well()
        assert fails == []
        assert run.troubles == [True, True, True, False], "inputs do not read on before the disk confirms something"
        assert sorted(run.stored) == [1, 2, 3]
        assert run.on_disk() == [1, 3], "none twice, and not what has settled"
        assert len(list((tmp_path / "a").glob("*.seg"))) <= 2, "what failed is not in the way"

    asyncio.run(main())


@pytest.mark.parametrize("sync", [False, True])
def test_while_the_disk_is_full_batches_wait_in_their_order(tmp_path: Path, sync: bool) -> None:
    async def main() -> None:
        run = Run(tmp_path / "a", sync=sync)
        run.keep(0)
        await asyncio.sleep(0)
        run.disk.room = 10
        for n in range(1, 5):
            run.keep(n)
        await asyncio.sleep(0.01)
        assert (run.stored, run.on_disk()) == ([0], [0])
        run.receipts[2].release()  # it was delivered meanwhile
        run.disk.room = None
        await run.until_well()
        assert sorted(run.stored) == list(range(5)), "what needs not be stored any more is answered, too"
        assert run.on_disk() == [0, 1, 3, 4]
        for n in (0, 1, 3, 4):
            run.receipts[n].release()
        run.store.close()
        assert not (tmp_path / "a").exists()

    asyncio.run(main())


def test_a_close_confirms_what_it_can(tmp_path: Path) -> None:
    async def main() -> None:
        run = Run(tmp_path / "a", sync=True)
        run.keep(1)
        run.store.close()
        assert (run.stored, run.on_disk()) == ([1], [1])

        other: Any = Run(tmp_path / "b", sync=True)
        other.disk.room = 0
        other.keep(1)
        other.store.close()
        assert other.stored == []
        await asyncio.sleep(0.01)
        assert other.on_disk() == []

    asyncio.run(main())


def test_a_folder_that_cannot_be_synced_leaves_no_empty_segments(tmp_path: Path) -> None:
    async def main() -> None:
        run = Run(tmp_path / "a", sync=True)
        fails = True

        def sync_folder(path: Path) -> None:
            if fails:
                raise OSError(5, "Input/output error")

        run.disk.sync_folder = sync_folder  # type: ignore[method-assign]
        run.keep(1)
        await asyncio.sleep(0.02)
        assert run.stored == []
        assert list((tmp_path / "a").iterdir()) == []
        fails = False
        await run.until_well()
        assert (run.stored, run.on_disk()) == ([1], [1])

    asyncio.run(main())
