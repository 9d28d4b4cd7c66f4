"""The account at the end: of every line, where it should be, where it is, and what took it out on purpose."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyrolens.local.places import Destination
from pyrolens.local.trace import Arrival, Fate
from pyrolens.options import value_of
from pyrolens.records.event import Record

RESHAPING = ("log_key", "data_keys", "time_key", "replace_dots", "log_format", "compression", "format")
"""Options that make something else of a record than its JSON; then only the numbers are compared."""

SOCKET = "forward.0"
"""The input that the log drivers write to: the first of the config that the agent generates."""


@dataclass(frozen=True, slots=True)
class Row:
    """One destination."""

    title: str
    expected: int
    arrived: int
    size: int
    """Bytes that arrived."""
    sample: bytes
    read_back: bool
    """Else the numbers are the router's own."""


@dataclass(slots=True)
class Account:
    lines: int
    """Lines that the containers printed, a long one counted once per part."""
    rows: list[Row] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    """By filter."""
    wrong: list[str] = field(default_factory=list)
    """What does not add up, for people. Empty: every line is accounted for."""
    others: dict[str, int] = field(default_factory=dict)
    """Records by input, of the inputs that take in something else than what containers print, such as files; and by
    stream task, of those that count. Which way each of these goes is not known here; so of what they mix with, the
    router's own counts are what is expected."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What the log drivers had to do with the lines."""

    lines: int
    refused: int
    """Found the driver's buffer full."""
    unsent: int
    """Still waited when the driver had to stop."""
    by_docker: bool = False
    """Some of the drivers are those of a Docker engine."""


def settle(
    sent: Sent,
    fates: Sequence[Fate],
    late: Fate,
    arrived: Sequence[tuple[Destination, list[bytes]]],
    books: Mapping[str, Any] | None,
    apart: Collection[str] = (),
) -> Account:
    """`arrived`: what was read back of each destination. `books`: the router's own, or None if it left none. `apart`:
    labels of what makes records of its own that were not followed."""
    account = Account(sent.lines)
    wrong = account.wrong
    if sent.refused:
        wrong.append(f"{sent.refused} lines found the log driver's buffer full (log-driver-buffer-limit)")
    if sent.unsent:
        wrong.append(f"{sent.unsent} lines did not reach the router before the end")
    unrouted = sum(fate.unrouted for fate in [*fates, late])
    if unrouted:
        wrong.append(f"{unrouted} lines came through the filters and matched no output")
    account.dropped = dict(Counter(label for fate in [*fates, late] for label in fate.dropped_by))
    account.others = {
        name: entry["records"]
        for name, entry in (books or {}).get("inputs", {}).items()
        if name != SOCKET and entry["records"]
    }
    account.others |= {
        label: entry["emitted"]
        for label, entry in (books or {}).get("filters", {}).items()
        if label in apart and entry["emitted"]
    }
    arrivals = [a for fate in [*fates, late] for a in fate.arrivals]
    for destination, records in arrived:
        wanted = [a for a in arrivals if a.output in destination.labels]
        least, delivered = len(wanted), _delivered(destination, books)
        expected = max(least, delivered[0]) if account.others else least
        if destination.readable:
            sample = records[len(records) // 2] if records else b""
            row = Row(destination.title, expected, len(records), sum(map(len, records)), sample, True)
            wrong += _differences(destination, wanted, records, expected)
        else:
            row = Row(destination.title, expected, *delivered, b"", False)
            if row.arrived != expected:
                wrong.append(f"{row.title}: {expected} records expected, the router delivered {row.arrived}")
        account.rows.append(row)
    account.wrong += _against_books(account, sent, books)
    return account


def _delivered(destination: Destination, books: Mapping[str, Any] | None) -> tuple[int, int]:
    """Records and bytes, as the router has counted them."""
    entries = [(books or {}).get("outputs", {}).get(label, {}) for label in destination.labels]
    records, size = (sum(e.get(key, 0) for e in entries) for key in ("records", "bytes"))
    return records, size


def _against_books(account: Account, sent: Sent, books: Mapping[str, Any] | None) -> Iterable[str]:
    """Where the router's own numbers say something else."""
    if books is None:
        yield "the router left no books: it did not end as it should"
        return
    received = books["inputs"].get(SOCKET, {}).get("records", 0)
    reached = sent.lines - sent.refused - sent.unsent
    if received < reached:
        yield f"{reached} lines were sent to the router, and it read {received}"
        if sent.by_docker:
            yield (
                "Docker's log driver throws away what still waits when a container ends, as on ECS; with --no-async, "
                "as with the agent's ECS_ENABLE_FIRELENS_ASYNC=false, it does not"
            )
    for label, entry in books["filters"].items():
        meant = account.dropped.get(label, 0)
        if entry["dropped"] < meant or (entry["dropped"] > meant and not account.others):
            yield f"filter {label} dropped {entry['dropped']} records, where the config means {meant}"
        if entry["failed"]:
            yield f"filter {label} failed at {entry['failed']} records, which went on unchanged"
    for label, entry in books["outputs"].items():
        if entry["dropped_records"]:
            yield f"output {label} gave up {entry['dropped_records']} records"


def _differences(
    destination: Destination, wanted: Sequence[Arrival], records: Sequence[bytes], number: int
) -> Iterable[str]:
    if number != len(records):
        difference = len(records) - number
        what = f"{-difference} missing" if difference < 0 else f"{difference} too many"
        yield f"{destination.title}: {number} records expected, {len(records)} are there, {what}"
        return
    reshaped = any(value_of(o.plugin, name) for o in destination.outputs for name in RESHAPING)
    if reshaped or not all(_is_text(a.record) for a in wanted):
        return
    expected, found = Counter(_canonical(a.record) for a in wanted), Counter(map(_canonical_bytes, records))
    for text in expected - found:
        yield f"{destination.title}: this record is not there: {text}"
        return


def _canonical(record: Any) -> str:
    return json.dumps(record, sort_keys=True, ensure_ascii=False, default=str)


def _canonical_bytes(data: bytes) -> str:
    try:
        return _canonical(json.loads(data))
    except ValueError:
        return data.decode("utf-8", "replace")


def _is_text(record: Record) -> bool:
    """Every text in it is UTF-8. What becomes of other bytes is up to the output."""
    try:
        _canonical(record).encode()
    except UnicodeEncodeError:
        return False
    return True
