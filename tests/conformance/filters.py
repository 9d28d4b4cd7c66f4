"""Cases of filters, parsers, accessors, Match and whole pipelines (cases/filters).

A case: `config`, the sections under test; `parsers`, a parsers file; `files` and `env`; `input`, or `batches` sent
`gap` seconds apart; `pack: forward` for neighbours of one tag in one message; `settle`, seconds of quiet that end it;
`ignore`, keys whose values are random. `expected`: tag, time and record in order of arrival; or `expected_error`: it
refuses to start. `loops`, `expected_exit`, `clock`: see Verdict.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.conformance.starter import Process, Starter
from tests.conformance.verdict import Verdict
from tests.conformance.wire import LATE, START, Collector, Got, Json, connect, pack, shown, typed

Case = dict[str, Json]
Seen = dict[str, Any]
ENVIRON = dict(os.environ)
"""Taken once: pytest changes it in another thread while cases run."""


async def run(router: Starter, case: Case) -> Verdict:
    return judge(case, await observe(router, case))


async def observe(router: Starter, case: Case) -> Seen:
    """What the router did: {"refused", "log"} or {"records", "ended", "log"}."""
    got: Got = []
    server = await asyncio.get_running_loop().create_server(lambda: Collector(got), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in case.get("files", {}).items():
            (folder / file).write_text(text)
        (folder / "router.conf").write_text(_config(case, folder, port))
        log = folder / "router.log"
        with log.open("wb") as out:
            process = await router.start(
                ["-c", f"{folder}/router.conf"], out=out.fileno(), err=out.fileno(), cwd=folder, env=_environ(case)
            )
        try:
            listens = await _listens(process, folder / "in.sock", "expected_error" in case)
            seen: Seen = {"refused": not listens}
            if listens and "expected_error" not in case:
                await _exchange(case, folder / "in.sock", got)
                seen |= {"records": got, "ended": process.returncode}
            return seen | {"log": log.read_text(errors="replace")[-1500:]}
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            server.close()


def _config(case: Case, folder: Path, port: int) -> str:
    text: str = "[SERVICE]\n    Flush 0.2\n    Grace 1\n    Log_Level info\n"
    if case.get("parsers"):
        (folder / "parsers.conf").write_text(case["parsers"])
        text += f"    Parsers_File {folder}/parsers.conf\n"
    text += f"[INPUT]\n    Name forward\n    unix_path {folder}/in.sock\n"
    text += case["config"].rstrip()
    return text + f"\n[OUTPUT]\n    Name forward\n    Match *\n    Host 127.0.0.1\n    Port {port}\n"


def _environ(case: Case) -> dict[str, str]:
    return {**ENVIRON, **case.get("env", {})}


async def _listens(process: Process, socket: Path, may_refuse: bool) -> bool:
    until = time.monotonic() + START
    while time.monotonic() < until and not socket.exists() and process.returncode is None:
        await asyncio.sleep(0.05)
    try:
        # A router that refuses may have opened its socket before it came to the error.
        await asyncio.wait_for(process.wait(), START if may_refuse else 0.15)
    except TimeoutError:
        pass
    return process.returncode is None and socket.exists()


async def _exchange(case: Case, socket: Path, got: Got) -> None:
    """Send the events and wait until no more come out."""
    try:
        writer = await connect(socket)
        for events in case.get("batches") or [case["input"]]:
            writer.write(pack(events, together=case.get("pack") == "forward"))
            await writer.drain()
            await asyncio.sleep(case.get("gap", 0))
    except ConnectionError:
        return  # it closed the connection or ended: the verdict says so
    want, quiet = len(case["expected"]), case.get("settle", 0.7)
    began = since = time.monotonic()
    last = -1
    while time.monotonic() - began < 2 * LATE:
        await asyncio.sleep(0.1)
        now = time.monotonic()
        if len(got) != last:
            last, since = len(got), now
        if now - since >= quiet and (len(got) >= want or now - began > LATE):
            break
        if want == 0 and now - began > max(2.5, quiet):
            break
    writer.close()


def judge(case: Case, seen: Seen) -> Verdict:
    """Tag by tag the same records with the same types and times in the same order. The order of keys only shows."""
    if "expected_error" in case:
        if seen["refused"]:
            return Verdict("pass")
        return Verdict("fail", "started, but Fluent Bit refuses: " + "; ".join(case["expected_error"]))
    if seen["refused"]:
        return Verdict("fail", "did not start: " + seen["log"])
    if seen["ended"] is not None and "expected_exit" not in case:
        return Verdict("fail", f"ended with {seen['ended']}: " + seen["log"])
    if "loops" in case or "expected_exit" in case:
        alive = seen["ended"] is None
        return Verdict("apart", "alive") if alive else Verdict("fail", f"ended with {seen['ended']}: " + seen["log"])
    if "clock" in case and not time.strftime("%Y-%m-%d").startswith(str(case["clock"])):
        return Verdict("apart", "another day's")
    ignored = set(case.get("ignore", []))
    want, got = case["expected"], seen["records"]
    if _by_tag(want, ignored) == _by_tag(got, ignored):
        same_order = [list(event["record"]) for event in want] == [list(event["record"]) for event in got]
        return Verdict("pass", "" if same_order else "key order differs")
    return Verdict("fail", f"expected {shown(want)}\n     got {shown(got)}\n     {seen['log'][-500:]}")


def _by_tag(records: Got, ignored: set[str]) -> dict[str, list[tuple[int, Json]]]:
    out: dict[str, list[tuple[int, Json]]] = {}
    for event in records:
        record = {key: "*" if key in ignored else value for key, value in event["record"].items()}
        out.setdefault(event["tag"], []).append((event["time_ns"], typed(record)))
    return out
