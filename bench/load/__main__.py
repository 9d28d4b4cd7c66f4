"""make bench-load: what is lost, doubled and used at the rates that AWS publishes, and under faults."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.__main__ import version
from bench.load.measure import Load, Result, measure
from bench.router import BenchError

BEGIN, END = "<!-- written by `make bench-load` -->", "<!-- end -->"
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-load.md"
MB = 1000
"""Lines of 1 KB in a second that make 1 MB/s, as AWS counts."""
PUBLISHED = {
    "kinesis_firehose": (20, 25, 30),
    "kinesis_streams": (20, 25, 30),
    "s3": (20, 25, 30),
    "cloudwatch_logs": (1, 2, 3),
}
FAULTS: Sequence[tuple[str, str, dict[str, float]]] = (
    ("kinesis_firehose", "a tenth of the records fails in 20% of the batches", {"partial": 0.2}),
    ("kinesis_firehose", "10% of the requests are throttled", {"throttled": 0.1}),
    ("kinesis_firehose", "both", {"partial": 0.2, "throttled": 0.1}),
    ("cloudwatch_logs", "10% of the requests are answered 500", {"failed": 0.1}),
)
FAULTY_RATE = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="of sending, for each run; AWS takes 600")
    parser.add_argument("--peer", type=Path, help="a fluent-bit program, to be run on the same work")
    parser.add_argument("--only", default="", help="runs of this output, or faults")
    parser.add_argument("--mem-buf-limit", default="100M", help="of our input; the peer's has none, for it drops lines")
    parser.add_argument("--page", type=Path, default=None, help=f"write the tables there, such as {PAGE.name}")
    args = parser.parse_args()
    ours = [str(Path(sys.executable).parent / "pyrolens"), "run"]
    routers = {"pyrolens": ours} | ({"fluent-bit": [str(args.peer)]} if args.peer else {})
    loads = [
        Load(output, rate * MB, args.seconds)
        for output, rates in PUBLISHED.items()
        for rate in rates
        if args.only in output
    ]
    loads += [
        Load(output, FAULTY_RATE * MB, args.seconds, faults)
        for output, _, faults in FAULTS
        if args.only in (output, "faults", "")
    ]
    results = []
    try:
        for load in loads:
            for name, command in routers.items():
                results.append(measure(name, command, load, args.mem_buf_limit if name == "pyrolens" else ""))
                print(told(results[-1]), flush=True)
    except BenchError as failure:
        print(f"bench failed: {failure}", file=sys.stderr)
        return 1
    if args.page:
        head = (
            f"{args.seconds:g} s of sending for each run; {os.cpu_count()} cores, {platform.machine()}, "
            f"{platform.system()}, Python {platform.python_version()}. "
            + "; ".join(version(command) for command in routers.values())
            + ". CPU until they listened: "
            + " and ".join(f"{max(r.start_s for r in results if r.router == n):.2f} s" for n in routers)
            + ", not part of the figures."
        )
        write(args.page, "\n\n".join([head, *tables(results, list(routers))]))
    return 0 if all(r.lost == r.doubled == 0 for r in results if r.router == "pyrolens") else 1


def told(result: Result) -> str:
    faults = f" {json.dumps(result.faults)}" if result.faults else ""
    return (
        f"{result.router:11}{result.output:17}{result.rate / MB:3.0f} MB/s{faults}: sent {result.sent:,} in "
        f"{result.seconds:.1f} s, lost {result.lost:,}, doubled {result.doubled:,}, {result.cpu_us:.1f} us and "
        f"{result.cpu_percent:.0f}% of a core, peak {result.peak_mib:.0f} MiB, {result.answers}"
    )


def share(count: int, sent: int) -> str:
    """As AWS writes it."""
    return "✅" if not count else f"{count / sent:.0%} ({count})"


def tables(results: Iterable[Result], routers: list[str]) -> Iterable[str]:
    results = list(results)
    for rates in sorted(set(PUBLISHED.values()), reverse=True):
        wanted = [output for output, of in PUBLISHED.items() if of == rates]
        found = {(r.output, r.router, r.rate // MB): r for r in results if not r.faults and r.output in wanted}
        if not found:
            continue
        rows = [
            "| plugin | router | metric | " + " | ".join(f"{rate} MB/s" for rate in rates) + " |",
            "|---|---|---|" + "---|" * len(rates),
        ]
        for output in wanted:
            for router in routers:
                each = [found[output, router, rate] for rate in rates if (output, router, rate) in found]
                if not each:
                    continue
                metrics = {
                    "loss": [share(r.lost, r.sent) for r in each],
                    "dup": [share(r.doubled, r.sent) for r in each],
                    "CPU us a line": [f"{r.cpu_us:.1f}" for r in each],
                    "CPU % of a core": [f"{r.cpu_percent:.0f}" for r in each],
                    "peak MiB": [f"{r.peak_mib:.0f}" for r in each],
                    "s of sending": [f"{r.seconds:.1f}" for r in each],
                }
                rows += [f"| {output} | {router} | {what} | {' | '.join(cells)} |" for what, cells in metrics.items()]
        yield "\n".join(rows)
    rows = ["| plugin | fault, at 10 MB/s | router | sent | lost | doubled | s of sending | CPU us a line | peak MiB |"]
    rows.append("|---" * 9 + "|")
    for output, about, faults in FAULTS:
        rows += [
            f"| {output} | {about} | {r.router} | {r.sent:,} | {r.lost:,} | {r.doubled:,} | {r.seconds:.1f} | "
            f"{r.cpu_us:.1f} | {r.peak_mib:.0f} |"
            for r in results
            if r.output == output and r.faults == faults
        ]
    if len(rows) > 2:
        yield "\n".join(rows)


def write(page: Path, text: str) -> None:
    """Between the marks of the page."""
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
