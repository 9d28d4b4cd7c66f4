"""The recorded cases of filters, parsers, accessors and whole pipelines, in a rehearsal: the same records come out,
with the same tags and times, without a process, a socket and a wait."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyrolens.config import load
from pyrolens.inputs._forward_protocol import Protocol
from pyrolens.problems import ConfigError
from pyrolens.records.frames import Frames
from pyrolens.rehearsal.journey import Journey
from pyrolens.rehearsal.rehearsal import Rehearsal
from tests.conformance.cases import Found, all_cases, known_differences
from tests.conformance.filters import Seen, judge
from tests.conformance.wire import LATE, Collector, Got, pack

CASES = [found for found in all_cases() if found.kind == "filters"]
KNOWN = known_differences()
STEP = 0.1
"""Seconds between two looks whether all is there."""


@pytest.mark.parametrize("found", CASES, ids=[f"{found.file}-{found.id}" for found in CASES])
def test_case(found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    verdict = judge(found.case, rehearsed(found.case, tmp_path))
    if found.id in KNOWN:
        assert verdict.word == "fail"
    else:
        assert verdict.word != "fail", verdict.why


def rehearsed(case: dict[str, Any], folder: Path) -> Seen:
    for file, text in case.get("files", {}).items():
        (folder / file).write_text(text)
    (folder / "router.conf").write_text(config(case, folder))
    environ = {**os.environ, **case.get("env", {})}
    try:
        loaded = load(str(folder / "router.conf"), environ=environ)
        with Rehearsal(loaded, now_ns=time.time_ns(), environ=environ) as r:
            return {"refused": False, "records": records(case, r), "ended": None, "log": ""}
    except ConfigError as error:
        return {"refused": True, "log": str(error)}


def config(case: dict[str, Any], folder: Path) -> str:
    text = "[SERVICE]\n    Flush 0.2\n"
    if case.get("parsers"):
        (folder / "parsers.conf").write_text(case["parsers"])
        text += f"    Parsers_File {folder}/parsers.conf\n"
    text += f"[INPUT]\n    Name forward\n    unix_path {folder}/in.sock\n{case['config'].rstrip()}\n"
    return f"{text}[OUTPUT]\n    Name forward\n    Match *\n    Host 127.0.0.1\n    Port 9\n"


def records(case: dict[str, Any], r: Rehearsal) -> Got:
    """What the output sends, as whoever reads it sees it."""
    got: Got = []
    collector = Collector(got)
    if "expected" not in case:
        return got
    for journey in journeys(case, r):
        for output, tag, event in journey.arrivals:
            for item in r.sent(output, tag, [event]).items:
                assert isinstance(item, bytes)
                collector.data_received(b"\x92" + packed(tag) + b"\xc6" + len(item).to_bytes(4, "big") + item)
    return got


def packed(tag: str) -> bytes:
    data = tag.encode("utf-8", "surrogateescape")
    return b"\xdb" + len(data).to_bytes(4, "big") + data


def journeys(case: dict[str, Any], r: Rehearsal) -> Iterator[Journey]:
    protocol = Protocol(lambda tag: tag, 1 << 20, lambda *_: None)
    for events in case.get("batches") or [case["input"]]:
        whole = Frames(1 << 20).take(pack(events, together=case.get("pack") == "forward"))
        for batch in protocol.batches(whole):
            yield r.feed(batch.tag, batch.events)
        yield r.advance(case.get("gap", 0))
    for _ in range(int(LATE / STEP)):
        yield r.advance(STEP)
