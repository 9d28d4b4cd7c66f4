"""The journal of systemd: what becomes of its entries, and how far it was read."""

import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pyrolens.api import ConfigError
from pyrolens.inputs._journal import is_here, library, machine_id
from pyrolens.inputs.systemd import Systemd, SystemdSource
from tests.inputs.journals import BOOT, entry, needs_journal, rotate, write
from tests.inputs.lent import Lent, run

SECOND = 10**9


def read(
    folder: Path, number: int, between: Callable[[Lent], Awaitable[None]] | None = None, tag: str = "t", **options: Any
) -> Lent:
    """What is handed over until there are so many entries. `between`: what else happens, before the stop."""
    env = Lent("systemd.0", tag)

    async def check() -> None:
        source = Systemd(path=str(folder), **options).open(env)
        await source.start()
        await env.until_events(number)
        if between:
            await between(env)
        await source.stop()

    run(check())
    return env


def numbers(env: Lent) -> list[int]:
    return [int(record["MESSAGE"].split()[1]) for record in env.records]


@needs_journal
def test_entries_as_fluent_bit_reads_them(tmp_path: Path) -> None:
    """Times, names and the list of a field that is there several times, as recorded from it."""
    folder = tmp_path / "j"
    write(folder, entry(1), entry(2, 1700000010.000001, "MESSAGE=second", "TAGS=a", "TAGS=b", "TAGS=c", unit=None))
    env = read(folder, 2)
    first = {"_BOOT_ID": BOOT, "MESSAGE": "line 1", "_SYSTEMD_UNIT": "web.service", "_PID": "101"}
    second = {"_BOOT_ID": BOOT, "MESSAGE": ["line 2", "second"], "TAGS": ["a", "b", "c"], "_PID": "102"}
    assert env.events == [("t", 1700000001 * SECOND, first), ("t", 1700000010000001000, second)]
    assert sum(size for _, _, size in env.batches) > 100


@needs_journal
def test_text_of_many_lines_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    value = b"one\ntwo\x00\xff" + b"x" * 100_000
    binary = b"BLOB\n" + len(value).to_bytes(8, "little") + value + b"\n\n"
    write(tmp_path / "j", entry(1)[:-1] + binary)
    assert read(tmp_path / "j", 1).records[0]["BLOB"] == value.decode("utf-8", "surrogateescape")


@needs_journal
@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"strip_underscores": True}, {"BOOT_ID", "MESSAGE", "SYSTEMD_UNIT", "PID"}),
        ({"lowercase": True}, {"_boot_id", "message", "_systemd_unit", "_pid"}),
        ({"lowercase": True, "strip_underscores": True}, {"boot_id", "message", "systemd_unit", "pid"}),
    ],
)
def test_names_of_fields(tmp_path: Path, options: dict[str, Any], names: set[str]) -> None:
    write(tmp_path / "j", entry(1))
    assert set(read(tmp_path / "j", 1, **options).records[0]) == names


@needs_journal
def test_no_more_fields_than_wanted(tmp_path: Path) -> None:
    write(tmp_path / "j", entry(1))
    assert [len(record) for record in read(tmp_path / "j", 1, max_fields=2).records] == [2]


@needs_journal
@pytest.mark.parametrize(
    ("filters", "kind", "found"),
    [
        (["_SYSTEMD_UNIT=web.service"], "or", [0, 2, 4]),
        (["_SYSTEMD_UNIT=web.service", "_PID=101"], "or", [0, 1, 2, 4]),
        (["_SYSTEMD_UNIT=web.service", "_PID=102"], "and", [2]),
    ],
)
def test_filters(tmp_path: Path, filters: list[str], kind: str, found: list[int]) -> None:
    write(tmp_path / "j", *[entry(n, unit=("web.service", "db.service")[n % 2]) for n in range(5)])
    env = read(tmp_path / "j", len(found), systemd_filter=filters, systemd_filter_type=kind)
    assert numbers(env) == found


@needs_journal
def test_a_star_in_the_tag_is_the_unit(tmp_path: Path) -> None:
    units = ["web.service", None, "db.service", "web.service"]
    write(tmp_path / "j", *[entry(n, unit=unit) for n, unit in enumerate(units)])
    env = read(tmp_path / "j", 4, tag="host.*.x", max_fields=1)
    assert [tag for tag, _, _ in env.events] == [
        "host.web.service.x", "host.web.service.x", "host.unknown.x", "host.db.service.x",
    ]  # fmt: skip


@needs_journal
def test_what_is_written_later_and_through_a_rotation(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    write(folder, *[entry(n) for n in range(3)])

    async def more(env: Lent) -> None:
        write(folder, *[entry(n) for n in range(3, 6)])
        await env.until_events(6)
        rotate(folder, "remote-old.journal")
        write(folder, *[entry(n) for n in range(6, 9)])
        await env.until_events(9)
        (folder / "remote-old.journal").unlink()
        write(folder, *[entry(n) for n in range(9, 12)])
        await env.until_events(12)
        write(folder, entry(12))

    env = read(folder, 3, more, max_entries=2)
    assert numbers(env) == list(range(13)), "the last one was there before the stop"


@needs_journal
def test_many_entries(tmp_path: Path) -> None:
    write(tmp_path / "j", *[entry(n) for n in range(3000)])
    env = read(tmp_path / "j", 3000)
    assert numbers(env) == list(range(3000))
    assert max(len(events) for _, events, _ in env.batches) <= 200


@needs_journal
def test_only_what_is_new(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    write(folder, *[entry(n) for n in range(3)])

    async def more(env: Lent) -> None:
        for n in range(3, 6):
            write(folder, entry(n, time.time()))
        await env.until_events(3)

    assert numbers(read(folder, 0, more, read_from_tail=True)) == [3, 4, 5]


@needs_journal
def test_a_pause(tmp_path: Path) -> None:
    folder = tmp_path / "j"
    write(folder, *[entry(n) for n in range(500)])

    async def check() -> None:
        env = Lent()
        source = Systemd(path=str(folder), max_entries=10).open(env)
        env.on_ingest = lambda: source.pause() if len(env.batches) == 3 else None
        await source.start()
        await env.until_events(30)
        assert len(env.events) == 30
        source.resume()
        await env.until_events(500)
        await source.stop()
        assert numbers(env) == list(range(500))

    run(check())


# -- how far it was read --------------------------------------------------------------------------------------------


def cursor(db: Path) -> str:
    (found,) = sqlite3.connect(db).execute("SELECT cursor FROM in_systemd_cursor").fetchone() or ("",)
    return str(found)


@needs_journal
def test_the_place_is_saved_when_all_before_it_is_delivered(tmp_path: Path) -> None:
    folder, db = tmp_path / "j", tmp_path / "s.db"
    write(folder, *[entry(n, unit=("web", "db")[n % 2]) for n in range(4)])

    async def check() -> None:
        env = Lent(tag="*")
        source = Systemd(path=str(folder), db=str(db), max_entries=2).open(env)
        await source.start()
        await env.until_events(4)
        assert len(env.settle) == 4, "two of each turn, one for each unit"
        env.settle[2]()
        env.settle[3]()
        await source.stop()
        assert cursor(db) == "", "the first ones are still under way"
        env.settle[0]()
        assert cursor(db) == ""
        env.settle[1]()
        assert cursor(db) != ""

    run(check())
    write(folder, entry(4))
    assert numbers(read(folder, 1, db=str(db))) == [4]


@needs_journal
def test_what_was_not_delivered_is_read_again(tmp_path: Path) -> None:
    folder, db = tmp_path / "j", tmp_path / "s.db"
    write(folder, *[entry(n) for n in range(4)])

    async def settle_two(env: Lent) -> None:
        env.settle[0]()

    assert numbers(read(folder, 4, settle_two, db=str(db), max_entries=2)) == [0, 1, 2, 3]
    assert numbers(read(folder, 2, db=str(db))) == [2, 3]


@needs_journal
def test_the_entry_that_was_saved_is_gone(tmp_path: Path) -> None:
    """Rotated away while the router did not run. Fluent Bit takes the next one for it, and leaves that out."""
    folder, db = tmp_path / "j", tmp_path / "s.db"
    write(folder, *[entry(n) for n in range(3)])

    async def settle(env: Lent) -> None:
        for settled in env.settle:
            settled()

    read(folder, 3, settle, db=str(db))
    (folder / "remote-test.journal").unlink()
    write(folder, *[entry(n) for n in range(3, 6)])
    assert numbers(read(folder, 3, db=str(db))) == [3, 4, 5]


@needs_journal
def test_the_database_of_fluent_bit(tmp_path: Path) -> None:
    """As it is before the first entry was read, and with a place that is none."""
    folder, db = tmp_path / "j", tmp_path / "s.db"
    write(folder, entry(0))
    for text, said in (("(null)", 0), ("nonsense", 1)):
        with sqlite3.connect(db) as base:
            base.execute("DROP TABLE IF EXISTS in_systemd_cursor")
            base.execute("CREATE TABLE in_systemd_cursor (  cursor  TEXT NOT NULL,  updated INTEGER)")
            base.execute("INSERT INTO in_systemd_cursor (cursor, updated) VALUES (?, 1)", (text,))
        env = read(folder, 1, db=str(db))
        assert numbers(env) == [0]
        assert len([level for level, _, _ in env.said.lines if level == "warning"]) == said


@needs_journal
def test_a_database_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "j").mkdir()

    async def check() -> None:
        with pytest.raises(ConfigError, match="cannot use the database"):
            await Systemd(path=str(tmp_path / "j"), db=str(tmp_path / "no" / "s.db")).open(Lent()).start()

    run(check())


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("match", ["web", "=x", "__CURSOR=x", "message=x", ""])
def test_filters_that_are_none(match: str) -> None:
    """As sd_journal_add_match refuses them."""
    assert [option for option, _ in Systemd(systemd_filter=[match]).check()] == ["systemd_filter"]


@pytest.mark.parametrize("match", ["_SYSTEMD_UNIT=web.service", "MESSAGE=", "A_1=b=c"])
def test_filters_that_are_some(match: str) -> None:
    assert list(Systemd(systemd_filter=[match]).check()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert [option for option, _ in Systemd(path=str(tmp_path / "no")).check()] == ["path"]


def test_without_the_library_it_says_what_to_install() -> None:
    with pytest.raises(ValueError, match=r"libnosuch\.so\.0 is not there: install the package libsystemd0 of Debian"):
        library("libnosuch.so.0")


@pytest.mark.parametrize(
    ("text", "found"), [(None, ""), ("", ""), ("uninitialized\n", ""), ("a" * 32 + "\n", "a" * 32)]
)
def test_the_id_of_the_machine(tmp_path: Path, text: str | None, found: str) -> None:
    if text is not None:
        (tmp_path / "machine-id").write_text(text)
    assert machine_id(str(tmp_path / "machine-id")) == found


def test_the_journal_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / ("b" * 32)).mkdir()
    assert not is_here("a" * 32, [str(tmp_path), str(tmp_path / "no")])
    assert is_here("b" * 32, [str(tmp_path / "no"), str(tmp_path)])


# -- a config that is loaded again ------------------------------------------------------------------------------------


@needs_journal
@pytest.mark.parametrize("same_db", [True, False])
def test_another_one_goes_on_where_it_stands(tmp_path: Path, same_db: bool) -> None:
    folder, db = tmp_path / "j", tmp_path / "s.db"
    other = db if same_db else tmp_path / "other.db"
    write(folder, *[entry(n) for n in range(4)])

    async def check() -> None:
        old_env, env = Lent(), Lent()
        old = Systemd(path=str(folder), db=str(db)).open(old_env)
        await old.start()
        await old_env.until_events(4)
        new = Systemd(path=str(folder), db=str(other), lowercase=True).open(env)
        assert isinstance(new, SystemdSource)
        assert new.inherit(old)
        assert not new.inherit(old), "only one can be followed"
        write(folder, entry(4))
        await new.start()
        await old.stop()
        await env.until_events(1)
        assert [record["message"] for record in env.records] == ["line 4"]
        assert len(old_env.records) == 4, "the old one does not read it, too"
        env.settle[0]()
        assert cursor(db) == "", "what the old one handed over is still under way"
        old_env.settle[0]()
        await new.stop()

    run(check())
    write(folder, entry(5))
    assert numbers(read(folder, 1, db=str(other))) == [5]


@needs_journal
def test_another_journal_is_not_followed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, entry(0))
    old, new = (Systemd(path=str(tmp_path / name)).open(Lent()) for name in ("a", "b"))
    assert isinstance(new, SystemdSource)
    assert not new.inherit(old)
