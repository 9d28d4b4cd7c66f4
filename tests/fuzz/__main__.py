"""python -m tests.fuzz [--seconds 60] [TARGET]…: each target for a bounded time, by atheris, where there is one.

What fails is put into the corpus as crash-…, and stays there for `make test` once it is mended.
"""

import argparse
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def one(name: str, seconds: int, folder: str) -> None:
    """Never returns."""
    import atheris

    with atheris.instrument_imports(include=["pyrolens"], enable_loader_override=False):
        targets = importlib.import_module("tests.fuzz.targets")
    kept = CORPUS / name
    kept.mkdir(exist_ok=True)
    limits = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048", "-verbosity=0"]
    atheris.Setup(
        [sys.argv[0], *limits, f"-artifact_prefix={kept}/", "-print_final_stats=1", folder, str(kept)],
        targets.TARGETS[name],
    )
    atheris.Fuzz()


def main() -> int:
    read = argparse.ArgumentParser(prog="python -m tests.fuzz")
    read.add_argument("--seconds", type=int, default=60)
    read.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    read.add_argument("--folder", default="", help="keep what the fuzzer finds new there")
    read.add_argument("targets", nargs="*")
    args = read.parse_args()
    try:
        importlib.import_module("atheris")
    except ImportError as why:
        print(f"fuzz: skipped, atheris is not here ({why}); its wheels are for Linux and some versions of Python")
        return 0
    if args.one:
        one(args.targets[0], args.seconds, args.folder)
    from tests.fuzz.targets import TARGETS

    failed = []
    for name in args.targets or TARGETS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(args.folder or scratch) / name
            folder.mkdir(parents=True, exist_ok=True)
            print(f"fuzz: {name}, {args.seconds} s", flush=True)
            words = ["--one", "--seconds", str(args.seconds), "--folder", str(folder), name]
            done = subprocess.run([sys.executable, "-m", "tests.fuzz", *words], check=False)
            if done.returncode:
                failed.append(name)
    print(f"fuzz: {len(failed)} of {len(args.targets or TARGETS)} failed {' '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
