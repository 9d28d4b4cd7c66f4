"""Cases of the configuration language: classic, YAML, variables, includes, values, the command line (cases/config).

A case: `files`, of which `main` is the config; `argv`, `cwd`, `env`, `stdin`; `input` (`batch`: neighbours of one tag
in one message); `wait`, seconds of quiet that end it; tokens @SOCK@ @PORT@ @PORT2@ @DIR@. Results: `refused`, or
`expected` (`time_any`, `any_order`), `files_exist` of `check_files`, `http` of `http_get`. `core`: the cases that
nearly every user meets. `quirk`: Fluent Bit's way looks like a defect.
"""

import asyncio
import json
import os
import re
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.conformance.starter import Process, Starter
from tests.conformance.verdict import Verdict
from tests.conformance.wire import LATE, START, Collector, Got, Json, connect, pack, shown, typed
from tests.ports import free_port

Case = dict[str, Json]
Seen = dict[str, Any]


async def run(router: Starter, case: Case) -> Verdict:
    return judge(case, await observe(router, case))


async def observe(router: Starter, case: Case) -> Seen:
    got: Got = []
    server = await asyncio.get_running_loop().create_server(lambda: Collector(got), "127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top, "case")
        tokens = {
            "@SOCK@": f"{folder}/in.sock",
            "@PORT2@": str(free_port()),
            "@PORT@": str(server.sockets[0].getsockname()[1]),
            "@DIR@": str(folder),
        }
        try:
            return await _observe(router, case, folder, tokens, got)
        finally:
            server.close()


async def _observe(router: Starter, case: Case, folder: Path, tokens: dict[str, str], got: Got) -> Seen:
    def fill(text: str) -> str:
        for token, value in tokens.items():
            text = text.replace(token, value)
        return text

    folder.mkdir()
    for name, text in case.get("files", {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fill(text).encode("utf-8", "surrogateescape"))
    cwd = folder / case.get("cwd", ".")
    cwd.mkdir(parents=True, exist_ok=True)
    argv = ["-c", f"{folder}/{case['main']}"] if case.get("main") else []
    argv += [fill(word) for word in case.get("argv", [])]
    errors = folder.parent / "errors"
    with errors.open("wb") as err, open(os.devnull, "wb") as out:
        process = await router.start(
            argv,
            out=out.fileno(),
            err=err.fileno(),
            cwd=cwd,
            env={"PATH": os.environ["PATH"], **{key: fill(value) for key, value in case.get("env", {}).items()}},
            stdin="stdin" in case,
        )
    seen: Seen = {}
    try:
        if process.stdin:
            process.stdin.write(fill(case["stdin"]).encode())
            process.stdin.close()
        await _exchange(case, process, folder / "in.sock", got)
        seen["ended"] = process.returncode
        seen["http"] = [await _http_status(int(tokens["@PORT2@"]), path) for path in case.get("http_get", [])]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    records = json.loads(json.dumps(got).replace(json.dumps(str(folder))[1:-1], "DIR"))
    if case.get("time_any"):
        for record in records:
            del record["time_ns"]
    records.sort(key=_in_any_order if case.get("any_order") else _by_tag)
    seen["records"] = records
    seen["files"] = {name: (folder / name).exists() for name in case.get("check_files", [])}
    seen["errors"] = errors.read_text(errors="replace").replace(str(folder), "DIR")[-1500:]
    return seen


def _by_tag(event: dict[str, Json]) -> tuple[str, ...]:
    return (str(event["tag"]),)


def _in_any_order(event: dict[str, Json]) -> tuple[str, ...]:
    return (str(event["tag"]), json.dumps(event, sort_keys=True))


async def _exchange(case: Case, process: Process, socket: Path, got: Got) -> None:
    """Send the events, if there are any, and wait until no more come out."""
    writer = None
    if case.get("input"):
        until = time.monotonic() + START
        while process.returncode is None and not socket.exists() and time.monotonic() < until:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        if process.returncode is None and socket.exists():
            try:
                writer = await connect(socket)
                writer.write(pack(case["input"], together=bool(case.get("batch"))))
                await writer.drain()
            except ConnectionError:
                pass  # it ended: the verdict says so
    want, quiet = len(case.get("expected", [])), max(0.6, case.get("wait", 0))
    began = since = time.monotonic()
    last = len(got)
    while process.returncode is None and time.monotonic() - began < 2 * LATE:
        await asyncio.sleep(0.1)
        now = time.monotonic()
        if len(got) != last:
            last, since = len(got), now
        enough = len(got) >= want > 0
        # one that refuses ends by itself, however busy the machine is
        least = quiet if enough else LATE if want or case.get("refused") else 3.0
        if now - since >= quiet and now - began >= least:
            break
    if writer:
        writer.close()


async def _http_status(port: int, path: str) -> dict[str, Json]:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return {"path": path, "error": "refused"}
    writer.write(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
    try:
        answer = await asyncio.wait_for(reader.read(65536), START)
    except TimeoutError:
        answer = b""
    writer.close()
    found = re.match(rb"HTTP/1\.[01] (\d+)", answer)
    return {"path": path, "status": int(found[1]) if found else None}


def judge(case: Case, seen: Seen) -> Verdict:
    """Starts where Fluent Bit starts and refuses where it refuses; the same records, files and HTTP statuses."""
    refused = seen["ended"] not in (None, 0)
    if case.get("refused"):
        if refused:
            return Verdict("pass")
        return Verdict("fail", "started, but Fluent Bit refuses: " + "; ".join(case.get("start_errors", [])))
    if refused:
        return Verdict("fail", f"ended with {seen['ended']}, but Fluent Bit starts: " + seen["errors"])
    want = case.get("expected", [])
    if typed(want) != typed(seen["records"]):
        return Verdict(
            "fail", f"expected {shown(want)}\n     got {shown(seen['records'])}\n     {seen['errors'][-500:]}"
        )
    if case.get("files_exist", {}) != seen["files"]:
        return Verdict("fail", f"files: expected {case['files_exist']}, got {seen['files']}")
    if "http" in case and case["http"] != seen["http"]:
        return Verdict("fail", f"http: expected {case['http']}, got {seen['http']}")
    return Verdict("pass")
