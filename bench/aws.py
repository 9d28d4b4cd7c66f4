"""The AWS outputs: lines of 1 KB at 20 MB/s, over TLS, to the strict servers of bench.load."""

from bench.load.__main__ import MB
from bench.load.measure import Load
from bench.load.measure import measure as run
from bench.router import BenchError
from bench.run import Result

NAME = "aws"
OUTPUTS = ("kinesis_firehose", "kinesis_streams", "cloudwatch_logs", "s3")
RATE = 20
"""MB/s."""
OWN_LIMIT = "100M"
"""Mem_Buf_Limit of our input; the other router has none, for over it that one drops lines."""


def measure(name: str, command: list[str], output: str, seconds: float) -> Result:
    """CPU is that from when the router listens to its end. Raises: BenchError, when a line is lost or doubled."""
    found = run(name, command, Load(output, RATE * MB, seconds), OWN_LIMIT if name == "pyrolens" else "")
    if found.lost or found.doubled:
        raise BenchError(f"{name} to {output}: {found.lost} of {found.sent} lines lost, {found.doubled} doubled")
    return Result(
        name,
        NAME,
        output,
        found.sent,
        found.sent,
        found.cpu_us,
        0.0,
        found.rss_mib,
        found.peak_mib,
        found.sent / found.seconds,
    )
