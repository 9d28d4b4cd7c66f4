"""python -m tests.torture [--seconds 120] [--seed N] [kill spool …]: each scenario for its part of the time."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.torture.run import SCENARIOS, Torture, can_mount


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[[], *SCENARIOS], help=" ".join(SCENARIOS))
    parser.add_argument("--seconds", type=float, default=120.0, help="for all of them together")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    names = asked.scenarios or [name for name, each in SCENARIOS.items() if can_mount() or not each.small_disk]
    print(f"seed {asked.seed}, {asked.seconds / len(names):.0f} s for each of {' '.join(names)}")
    failed = []
    for name in names:
        folder = Path(tempfile.mkdtemp(prefix=f"torture-{name}-"))
        books = asyncio.run(Torture(folder, SCENARIOS[name], asked.seed).run(asked.seconds / len(names)))
        print(f"{'ok    ' if books.balance else 'FAILED'} {name}: {books}", flush=True)
        if books.balance:
            shutil.rmtree(folder)
        else:
            failed.append(name)
            print(f"    its logs: {folder}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
