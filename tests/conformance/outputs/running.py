"""Run one case of an output and judge it."""

import asyncio
import json
import os
import re
import socket
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.conformance.outputs.captured import Canonical, Captured, Mark
from tests.conformance.outputs.certificates import authority
from tests.conformance.outputs.compare import difference, masked, without_ignored_headers
from tests.conformance.outputs.servers import Forward, Http
from tests.conformance.outputs.values import (
    Json,
    decompressed,
    pack_events,
    short,
    short_bytes,
    unpack_all,
)
from tests.conformance.outputs.wires import Tcp, Udp
from tests.conformance.starter import Process, Starter
from tests.conformance.verdict import Verdict
from tests.conformance.wire import LATE, START, connect

Case = dict[str, Json]
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "TZ": "UTC",
    "LC_ALL": "C",
    "HOME": "@DIR@",
    "HOSTNAME": "testhost",
}
SERVICE = {"Flush": "0.5", "Grace": "2", "Log_Level": "info", "scheduler.base": "1", "scheduler.cap": "2"}


async def run(router: Starter, case: Case) -> Verdict:
    if any(spec.get("sts") or spec.get("addr") for spec in case.get("servers", [])):
        return Verdict("apart", "needs addresses of its own")
    async with AsyncExitStack() as stack:
        return await Run(router, case, stack).verdict()


async def killed(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


class Run:
    def __init__(self, router: Starter, case: Case, stack: AsyncExitStack) -> None:
        self.router, self.case, self.stack = router, case, stack
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.got: list[Captured] = []
        self.last = 0.0
        self.tokens: dict[str, str] = {}

    def record(self, captured: Captured) -> None:
        self.touch()
        self.got.append(captured)

    def touch(self) -> None:
        """Something came."""
        self.last = time.monotonic()

    def fill(self, text: str) -> str:
        for token, value in self.tokens.items():
            text = text.replace(token, value)
        return text

    async def verdict(self) -> Verdict:
        case, folder = self.case, self.folder
        await self.start_servers()
        for name, text in case.get("files", {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.fill(text))
        service = {**SERVICE, **case.get("service", {})}
        config = "[SERVICE]\n" + "".join(f"    {key} {value}\n" for key, value in service.items())
        config += f"[INPUT]\n    Name forward\n    unix_path {folder}/in.sock\n"
        config += "    buffer_chunk_size 1M\n    buffer_max_size 64M\n" + self.fill(case["config"]).rstrip() + "\n"
        (folder / "router.conf").write_text(config)
        process = await self.started()
        try:
            refused = await self.exchange(process)
        finally:
            await killed(process)
        if "again" in case:
            await self.again()
        text = (folder / "log").read_text(errors="replace")[-700:]
        if "expected_error" in case:
            return Verdict("pass") if refused else Verdict("fail", f"started, but Fluent Bit refuses\n{text}")
        if refused:
            return Verdict("fail", f"ended with {process.returncode}: {text}")
        told = self.difference()
        return Verdict("fail", f"{told}\n{text}") if told else Verdict("pass")

    async def started(self) -> Process:
        folder = self.folder
        with (folder / "log").open("ab") as log, (folder / "stdout").open("ab") as out:
            return await self.router.start(
                ["-c", f"{folder}/router.conf"], out=out.fileno(), err=log.fileno(), cwd=folder, env=self.environ()
            )

    async def again(self) -> None:
        """It was killed, and starts again in the same folder."""
        self.record(Mark("restarted"))
        (self.folder / "in.sock").unlink(missing_ok=True)
        process = await self.started()
        try:
            least = self.case.get("again_least", 1.6)
            await self.until_quiet(process, time.monotonic(), least)
        finally:
            await killed(process)

    async def start_servers(self) -> None:
        certificate, tls = authority()
        (self.folder / "ca.crt").write_bytes(certificate)
        common = json.loads(json.dumps(self.case.get("answers", {})))
        for number, spec in enumerate(self.case.get("servers", [])):
            handler: Any
            if spec["kind"] == "udp":
                self.tokens[f"@PORT{number + 1 if number else ''}@"] = await self.start_udp(number, spec)
                continue
            if spec["kind"] == "tcp":
                handler = Tcp(number, spec, self.record, self.touch)
            elif spec["kind"] == "http":
                own = json.loads(json.dumps(spec["answers"])) if "answers" in spec else common
                handler = Http(number, spec, own, self.record)
            else:
                handler = Forward(number, spec, self.record)
            if spec.get("unix"):
                server = await asyncio.start_unix_server(handler, f"{self.folder}/s.sock", limit=1 << 26)
                port = 0
            else:
                context = tls if spec.get("tls") else None
                server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context, limit=1 << 26)
                port = server.sockets[0].getsockname()[1]
            if spec.get("down"):
                server.close()
            self.stack.callback(server.close)
            self.tokens[f"@PORT{number + 1 if number else ''}@"] = str(port)
        self.tokens |= {
            "@DIR@": str(self.folder),
            "@SOCK@": f"{self.folder}/s.sock",
            "@CA@": f"{self.folder}/ca.crt",
        }

    async def start_udp(self, number: int, spec: Json) -> str:
        """Its port."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Udp(number, spec, self.record), local_addr=("127.0.0.1", 0)
        )
        self.stack.callback(transport.close)
        if spec.get("down"):
            transport.close()
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        return str(transport.get_extra_info("sockname")[1])

    def environ(self) -> dict[str, str]:
        out = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if key in os.environ}
        for key, value in {**ENVIRON, **self.case.get("env", {})}.items():
            if value is not None:
                out[key] = self.fill(value)
            else:
                out.pop(key, None)
        return out

    async def exchange(self, process: Process) -> bool:
        """Send, wait, stop; whether it refused to start."""
        case, entry = self.case, self.folder / "in.sock"
        until = time.monotonic() + START
        while not entry.exists() and process.returncode is None and time.monotonic() < until:
            await asyncio.sleep(0.05)
        try:
            # A router that refuses may have opened its socket before it came to the error.
            await asyncio.wait_for(process.wait(), 3 if "expected_error" in case else 0.25)
        except TimeoutError:
            pass
        if process.returncode is not None or not entry.exists():
            return True
        if "expected_error" in case:
            return False
        try:
            writer = await connect(entry)
            for i, batch in enumerate(case.get("batches") or [case.get("input", [])]):
                await asyncio.sleep(case.get("gap", 1) if i else 0)
                writer.write(pack_events(batch, bool(case.get("split"))))
                await writer.drain()
        except ConnectionError:
            return False  # the difference will show it
        await self.until_quiet(process, time.monotonic(), case.get("least", 1.6))
        writer.close()
        if case.get("stop") == "term" and process.returncode is None:
            self.record(Mark("SIGTERM"))
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), case.get("stop_most", 12))
            except TimeoutError:
                pass
        return process.returncode not in (None, 0) and not self.got

    async def until_quiet(self, process: Process, sent: float, least: float) -> None:
        case = self.case
        self.last = sent
        settle, most = case.get("settle", 1.4), case.get("most", 60)
        restarts = "again" in case and not any(isinstance(one, Mark) for one in self.got)
        want = 0 if "stop" in case or restarts else len(case.get("expected", []))
        while process.returncode is None and (now := time.monotonic()) - sent < most:
            await asyncio.sleep(0.1)
            late = len(self.got) < want and now - sent < least + LATE  # on a busy machine
            if now - sent >= least and now - self.last >= settle and not late:
                break

    def difference(self) -> str | None:
        case = self.case
        have: dict[str, Json] = {}
        canonical = Canonical("compression snappy" in case["config"])
        requests = [canonical.of(captured) for captured in self.got]
        if len(case.get("servers", [])) > 1:
            requests = [
                request if isinstance(captured, Mark) else {"server": captured.server, **request}
                for captured, request in zip(self.got, requests, strict=True)
            ]
        if case.get("unordered"):
            requests.sort(key=lambda request: json.dumps(request, sort_keys=True))
        have["expected"] = without_ignored_headers(requests)
        out = (self.folder / "stdout").read_bytes()
        packed = case.get("stdout_msgpack")
        have["expected_stdout"] = {"msgpack": short(unpack_all(out))} if packed else short_bytes(out)
        have["expected_files"] = self.files()
        for pattern in case.get("mask", []):
            have = masked(have, re.compile(pattern))
        for key in have.keys() & case.keys():
            want = without_ignored_headers(case[key]) if key == "expected" else case[key]
            if told := difference(want, have[key], f".{key}"):
                return told
        return None

    def files(self) -> list[Json]:
        out: list[Json] = []
        for pattern in self.case.get("capture_files", []):
            for path in sorted(self.folder.glob(pattern)):
                if not path.is_file():
                    continue
                name, data = str(path.relative_to(self.folder)), path.read_bytes()
                inner = decompressed(data) if name.endswith(".gz") else None
                out.append(name if self.case.get("names_only") else [name, short_bytes(inner[1] if inner else data)])
        return out
