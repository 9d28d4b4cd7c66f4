"""make bench: what the router costs per event, beside a Fluent Bit if one is given."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bench import aws, floor, start, tail
from bench.pipelines import PIPELINES
from bench.router import BenchError
from bench.run import Result, measure, name_of, verify
from bench.start import Start

VARIANTS = (("null", "memory"), ("http", "memory"), ("http", "filesystem"))
"""(output, storage.type of the input) of each pipeline."""
STARTS = 5
"""Starts of each router; the one with the least CPU counts."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="events per run")
    parser.add_argument("--peer", type=Path, help="a fluent-bit program, to be run on the same work")
    parser.add_argument("--router", help="the program to measure, as a command line; else pyrolens run")
    parser.add_argument(
        "--only",
        help="runs whose name contains this text: access-null, json-http-filesystem, tail, aws, aws-s3, start …",
    )
    parser.add_argument("--storage", choices=["memory", "filesystem"], help="only runs with this storage of the input")
    parser.add_argument("--tail-mib", type=int, default=1024, help="size of the file that is read by tail")
    parser.add_argument("--aws-seconds", type=float, default=10, help="of sending to each AWS output, at 20 MB/s")
    parser.add_argument("--runs", type=int, default=1, help="runs of each; the one with the least CPU counts")
    parser.add_argument(
        "--mem-buf-limit",
        default="",
        help="of the input, for every router (Fluent Bit closes connections over it)",
    )
    parser.add_argument("--no-verify", action="store_true", help="do not compare the records that arrive beforehand")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    ours = args.router.split() if args.router else [str(Path(sys.executable).parent / "pyrolens"), "run"]
    routers = {"pyrolens": ours} | ({"fluent-bit": [str(args.peer)]} if args.peer else {})
    try:
        only, checks = args.only or "", not args.no_verify
        variants = [v for v in VARIANTS if args.storage in (None, v[1])]
        floors, results = run(routers, variants, args.events, only, args.runs, args.mem_buf_limit, checks)
        if only in f"{tail.NAME}-null" and args.storage != "filesystem":
            results += run_tail(routers, args.tail_mib, args.runs, checks)
        if args.storage != "filesystem":
            outputs = [output for output in aws.OUTPUTS if only in name_of(aws.NAME, output, "memory")]
            results += run_aws(routers, outputs, args.aws_seconds, args.runs)
        starts = run_starts(routers) if only in start.NAME and args.storage != "filesystem" else []
    except BenchError as failure:
        print(f"bench failed: {failure}", file=sys.stderr)
        return 1
    if args.json:
        figures = {
            "machine": platform.machine(),
            "system": platform.system(),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "runs": args.runs,
            "versions": {name: version(command) for name, command in routers.items()},
            "floor_us": floors,
            "results": [asdict(result) for result in results],
            "starts": [asdict(one) for one in starts],
        }
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def version(command: list[str]) -> str:
    """The first line that the router says of its version."""
    said = subprocess.run([*command, "--version"], check=True, capture_output=True, text=True).stdout
    return said.split("\n", 1)[0]


def run(
    routers: dict[str, list[str]],
    variants: list[tuple[str, str]],
    events: int,
    only: str,
    runs: int,
    limit: str,
    checks: bool,
) -> tuple[dict[str, float], list[Result]]:
    """Everything asked for, printed as it comes. Raises: BenchError."""
    floors: dict[str, float] = {}
    results: list[Result] = []
    for pipeline in PIPELINES:
        wanted = [(output, storage) for output, storage in variants if only in name_of(pipeline.name, output, storage)]
        if not wanted:
            continue
        corpus = pipeline.corpus()
        floors[pipeline.name] = floor.microseconds(corpus)
        print(
            f"\n{pipeline.name}: {events:,} events of {corpus.size:.0f} bytes; "
            f"bare decode and encode here: {floors[pipeline.name]:.2f} us an event"
        )
        print(HEADING)
        if checks:
            for name, command in routers.items():
                verify(name, command, pipeline, corpus)
        for output, storage in wanted:
            once = partial(
                measure, pipeline=pipeline, corpus=corpus, output=output, events=events, limit=limit, storage=storage
            )
            results += best_of(runs, routers, once)
    return floors, results


HEADING = f"  {'':36}{'CPU us/event':>13}{'of it start':>13}{'RSS MiB':>9}{'peak':>7}{'events/s':>11}"


def best_of(runs: int, routers: dict[str, list[str]], once: Callable[[str, list[str]], Result]) -> Iterable[Result]:
    """The run of each router with the least CPU, printed."""
    best: dict[str, Result] = {}
    # Routers take turns, so that a machine that slows down or speeds up does so for all of them.
    for _ in range(runs):
        for name, command in routers.items():
            result = once(name, command)
            best[name] = min(best.get(name, result), result, key=lambda r: r.cpu_us)
    for result in best.values():
        print(
            f"  {f'{result.what}, {result.router}':36}{result.cpu_us:13.2f}{result.start_s / result.events * 1e6:13.2f}"
            f"{result.rss_mib:9.1f}{result.peak_mib:7.1f}{result.events_per_s:11,.0f}",
            flush=True,
        )
    if len(best) == 2:
        own, peer = best.values()
        print(f"  {'':36}{peer.cpu_us / own.cpu_us:12.1f}x{'':13}{'':9}{peer.peak_mib / own.peak_mib:6.1f}x")
    return best.values()


def run_tail(routers: dict[str, list[str]], mib: int, runs: int, checks: bool) -> Iterable[Result]:
    """The third benchmark. Raises: BenchError."""
    if checks:
        for name, command in routers.items():
            tail.verify(name, command)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "access.log")
        events = tail.write(file, mib << 20)
        os.sync()
        print(f"\n{tail.NAME}: a file of {mib:,} MiB, {events:,} lines of {file.stat().st_size / events:.0f} bytes")
        print(HEADING)
        return best_of(runs, routers, partial(tail.measure, file=file, events=events))


def run_aws(routers: dict[str, list[str]], outputs: list[str], seconds: float, runs: int) -> list[Result]:
    """Raises: BenchError."""
    if not outputs:
        return []
    print(f"\n{aws.NAME}: lines of 1 KB at {aws.RATE} MB/s for {seconds:g} s, over TLS")
    print(HEADING)
    return [
        found
        for output in outputs
        for found in best_of(runs, routers, partial(aws.measure, output=output, seconds=seconds))
    ]


def run_starts(routers: dict[str, list[str]]) -> list[Start]:
    """Printed. Nothing where there is no /proc. Raises: BenchError."""
    if not Path("/proc/self/stat").exists():
        return []
    print(f"\n{start.NAME}: until it listens, with the config of {PIPELINES[0].name}-http")
    print(f"  {'':36}{'CPU ms':>13}{'ready ms':>13}{'RSS MiB':>9}")
    found = []
    for name, command in routers.items():
        each = [start.measure(name, command, PIPELINES[0]) for _ in range(STARTS)]
        best = min(each, key=lambda one: one.cpu_s)
        found.append(best)
        print(f"  {name:36}{best.cpu_s * 1000:13.0f}{best.ready_s * 1000:13.0f}{best.rss_mib:9.1f}")
    return found


if __name__ == "__main__":
    sys.exit(main())
