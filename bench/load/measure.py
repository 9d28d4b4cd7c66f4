"""One run: a router, an output, a rate, faults; what was lost and doubled, and what it cost."""

import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.net.certificates import make

from bench.router import BenchError, Router
from bench.run import wait

HERE = Path(__file__).parent
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
    "AWS_EC2_METADATA_DISABLED": "true",
}
OF_ITSELF = {"InternalFailure", "ResourceNotFoundException", "ResourceAlreadyExistsException"}
"""Refusals that are no mistake of the router: faults, and log groups that are not there yet."""
CONFIG = """\
[SERVICE]
    Flush         1
    Grace         {grace}
    Log_Level     warn
    scheduler.base 1
    scheduler.cap  5

[INPUT]
    Name          forward
    unix_path     {folder}/in.sock
{limit}
[OUTPUT]
    Name          {output}
    Match         *
    region        us-east-1
    tls.ca_file   {folder}/ca.pem
    Retry_Limit   {retries}
{lines}"""
AWS = """\
    endpoint      127.0.0.1
    port          {port}
"""
GROUP = """\
    log_group_name g
    log_stream_name s
    auto_create_group On
"""


@dataclass(frozen=True)
class Output:
    name: str
    service: str
    lines: str
    workers: int
    """As in AWS's own load tests."""

    def section(self, port: int, folder: Path) -> str:
        return self.lines.format(port=port, folder=folder) + f"    workers       {self.workers}\n"


OUTPUTS = {
    output.name: output
    for output in (
        Output(
            "cloudwatch_logs",
            "logs",
            AWS + "    log_group_name g\n    log_stream_name s\n    auto_create_group On\n",
            1,
        ),
        Output("kinesis_firehose", "firehose", AWS + "    delivery_stream s\n", 5),
        Output("kinesis_streams", "kinesis", AWS + "    stream        s\n", 5),
        Output(
            "s3",
            "s3",
            "    endpoint      https://127.0.0.1:{port}\n    bucket        b\n    store_dir     {folder}/s3\n"
            "    total_file_size 20M\n    upload_timeout 5s\n    use_put_object On\n"
            "    s3_key_format /logs/%Y/%m/%d/%H-%M-%S-$UUID\n",
            1,
        ),
    )
}


@dataclass(frozen=True)
class Load:
    output: str
    rate: int
    """Lines of 1 KB in a second."""
    seconds: float
    faults: Mapping[str, float] = field(default_factory=dict)
    """See service.py."""

    @property
    def lines(self) -> int:
        return int(self.rate * self.seconds)


@dataclass(frozen=True)
class Result:
    router: str
    output: str
    rate: int
    faults: dict[str, float]
    sent: int
    lost: int
    doubled: int
    seconds: float
    """Until all lines were sent."""
    start_s: float
    """Seconds of CPU until it listened."""
    cpu_us: float
    """Microseconds a line: the whole process from then to its end."""
    cpu_percent: float
    """Of a core, over the time of sending."""
    peak_mib: float
    answers: dict[str, int]
    """What the service counted besides: calls, throttled, failed_records …"""
    rss_mib: float = 0.0
    """Resident once all had arrived."""


def measure(name: str, command: list[str], load: Load, limit: str = "", idle: float = 30) -> Result:
    """`limit`: Mem_Buf_Limit of the input. `idle`: seconds without a new record after which the rest counts as lost.

    Raises: BenchError where the run says nothing: the router ended, or the service refused what it sent."""
    output = OUTPUTS[load.output]
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        make(folder, ["127.0.0.1", "localhost"])
        with running_service(output.service, folder, load) as service:
            config = folder / "router.conf"
            config.write_text(
                CONFIG.format(
                    folder=folder,
                    grace=60,
                    output=output.name,
                    limit=f"    Mem_Buf_Limit {limit}\n" if limit else "",
                    retries="no_limits",
                    lines=output.section(service.port, folder),
                )
            )
            router = Router(command, config, folder / "router.log", {**os.environ, **KEYS, "HOME": folder_name})
            try:
                return _run(name, router, service, load, idle)
            finally:
                router.kill()


def _run(name: str, router: Router, service: "Running", load: Load, idle: float) -> Result:
    router.wait_until_listening()
    start = router.usage().cpu
    sender = subprocess.Popen(
        [sys.executable, str(HERE / "sender.py"), str(router.socket), str(load.rate), str(load.lines)],
        stdout=subprocess.PIPE,
    )
    try:
        arrived = wait(router, lambda: service.report()["arrived"], load.lines, idle)
        if arrived < load.lines:
            sender.kill()
        assert sender.stdout
        took = float(sender.stdout.read() or load.seconds)
    finally:
        sender.kill()
        sender.wait()
    used = router.stop()
    report = service.report()
    wrong = [what for what in report if what.startswith("refused ") and what.removeprefix("refused ") not in OF_ITSELF]
    if wrong:
        raise BenchError(f"{name} to {load.output}: {', '.join(wrong)}\n{router.tail()}")
    arrived, doubled = report.pop("arrived"), report.pop("doubled")
    return Result(
        name,
        load.output,
        load.rate,
        dict(load.faults),
        load.lines,
        load.lines - arrived,
        doubled,
        took,
        start,
        (used.cpu - start) / load.lines * 1e6,
        (used.cpu - start) / took * 100,
        used.peak / 2**20,
        report,
        used.resident / 2**20,
    )


@dataclass
class Running:
    port: int
    context: ssl.SSLContext

    def report(self) -> dict[str, int]:
        url = f"https://127.0.0.1:{self.port}/"
        with urllib.request.urlopen(url, timeout=30, context=self.context) as answer:
            counted: dict[str, int] = json.loads(answer.read())
            return counted


@contextmanager
def running_service(kind: str, folder: Path, load: Load) -> Iterator[Running]:
    command = [
        sys.executable,
        str(HERE / "service.py"),
        kind,
        str(folder),
        str(load.lines),
        json.dumps(dict(load.faults)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        yield Running(int(process.stdout.readline()), ssl.create_default_context(cafile=str(folder / "ca.pem")))
    finally:
        process.kill()
        process.wait()
