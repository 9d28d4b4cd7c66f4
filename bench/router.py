"""A router as a process of its own, and what it has used so far."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import msgspec

TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The run says nothing: the router did not start, ended, or lost or doubled events."""


@dataclass(frozen=True)
class Usage:
    """Of the whole process, all threads: seconds of CPU, and resident memory in bytes: now, and at its largest."""

    cpu: float
    resident: int
    peak: int


class Router:
    def __init__(self, command: list[str], config: Path, log: Path, env: dict[str, str] | None = None) -> None:
        self.socket = config.parent / "in.sock"
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, "-c", str(config)], stdout=out, stderr=out, cwd=config.parent, env=env
            )

    def wait_until_listening(self, seconds: float = 20) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise BenchError(f"the router ended with {self.process.returncode}:\n{self.tail()}")
            with socket.socket(socket.AF_UNIX) as probe:
                if self.socket.exists() and probe.connect_ex(str(self.socket)) == 0:
                    return
            time.sleep(0.002)
        raise BenchError(f"the router does not listen:\n{self.tail()}")

    def usage(self) -> Usage:
        """So far. Where there is no /proc, CPU is only known at the end (0 here)."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return Usage(0.0, 0, 0)
        fields = dict(line.split(":", 1) for line in status.splitlines())
        resident, peak = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
        return Usage((int(stat[11]) + int(stat[12])) / TICKS, resident, peak)

    def delivered(self, api: int) -> int:
        """Records that the outputs have taken, by the router's own count."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{api}/api/v1/metrics", timeout=5) as answer:
                outputs = msgspec.json.decode(answer.read())["output"]
        except OSError:
            return 0
        return sum(output["proc_records"] for output in outputs.values())

    def stop(self) -> Usage:
        """SIGTERM, wait for the end, and what it used from its first instruction to its last. What was resident before
        the signal counts."""
        before = self.usage()
        self.process.send_signal(signal.SIGTERM)
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            raise BenchError(f"the router ended with {self.process.returncode} on SIGTERM:\n{self.tail()}")
        # ru_maxrss counts what the parent had before exec, so it is only the second choice.
        return Usage(used.ru_utime + used.ru_stime, before.resident, before.peak or used.ru_maxrss)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]
