"""pyrolens test: runs the tests that stand beside a config."""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pyrolens.problems import ConfigError
from pyrolens.testing import report
from pyrolens.testing.coverage import Coverage, united
from pyrolens.testing.finding import find_tests
from pyrolens.testing.format import schema
from pyrolens.testing.result import SuiteResult
from pyrolens.testing.run import run_file
from pyrolens.testing.update import update
from pyrolens.testing.watch import watch
from pyrolens.tools.run import tell


def main(argv: Sequence[str]) -> int:
    """0: all passed; 1: some failed, or too little is covered; 2: some could not be run."""
    args = arguments().parse_args(argv)
    if args.schema:
        print(schema(), end="")
        return 0
    try:
        files = find_tests(args.paths)
    except ConfigError as error:
        tell(error.problems)
        return 2
    if not args.watch:
        return run(files, args)
    depends: dict[str, tuple[str, ...]] = {}

    def known() -> Mapping[str, tuple[str, ...]]:
        try:
            return {file: depends.get(file, (file,)) for file in find_tests(args.paths)}
        except ConfigError:  # they are gone for now
            return {}

    def again(some: list[str]) -> None:
        run(some, args, depends)
        print(f"\nwatching {len(known())} test files and what they depend on; Ctrl-C ends it", flush=True)

    with suppress(KeyboardInterrupt):
        watch(known, again)
    return 0


def run(files: Sequence[str], args: argparse.Namespace, depends: dict[str, tuple[str, ...]] | None = None) -> int:
    """`depends`: gets the files that each depends on."""
    cover = args.coverage or args.fail_under is not None
    with silent():
        results = [one(file, args, cover) for file in files]
    if depends is not None:
        depends.update((result.file, result.sources) for result in results)
    if args.k and not any(result.outcomes or result.problems for result in results):
        print(f"no test's name has '{args.k}' in it", file=sys.stderr)
        return 2
    coverage = united((result.subject, result.covered) for result in results if result.subject) if cover else None
    status = max(show(results, coverage, args), *(result.status for result in results))
    if coverage is not None and args.fail_under is not None and coverage.percent < args.fail_under:
        print(f"{coverage.percent:.0f} % is exercised, and {args.fail_under:g} % is asked for", file=sys.stderr)
        status = max(status, 1)
    return status


@contextmanager
def silent() -> Iterator[None]:
    """What scripts print meanwhile, past Python's own standard output, is not part of the report."""
    sys.stdout.flush()
    own, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(own, 1)
        os.close(own)


def one(file: str, args: argparse.Namespace, cover: bool) -> SuiteResult:
    def wanted(name: str) -> bool:
        return not args.k or args.k.lower() in name.lower()

    result = run_file(file, wanted, cover=cover)
    if not args.update or result.suite is None or not any(o.status == "failed" for o in result.outcomes):
        return result
    text, problems = update(result)
    if text != result.suite.text:
        Path(file).write_bytes(text.encode())
        print(f"{file} is rewritten", file=sys.stderr)
    again = run_file(file, wanted, cover=cover)
    again.problems += problems
    return again


def show(results: Sequence[SuiteResult], coverage: Coverage | None, args: argparse.Namespace) -> int:
    """Gives the exit status that this alone asks for."""
    status = 0
    if args.junit:
        try:
            Path(args.junit).write_text(report.junit(results), encoding="utf-8")
        except OSError as why:
            print(f"{args.junit} cannot be written: {why.strerror}", file=sys.stderr)
            status = 2
    if args.format == "json":
        print(report.as_json(results, coverage))
        return status
    paint = report.painted if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else report.plain
    width = shutil.get_terminal_size((report.Style().width, 0)).columns
    print(report.text(results, report.Style(paint, width, args.quiet)))
    if coverage is not None:
        print(f"\n{coverage.as_text()}")
    return status


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrolens test",
        description="Run the tests of configs and task definitions: files *.pyrolens.yaml beside them.",
    )
    parser.add_argument("paths", nargs="*", default=["."], help="test files, and folders of them (default: .)")
    parser.add_argument("-k", metavar="TEXT", default="", help="only tests that have this in their name")
    parser.add_argument("-q", "--quiet", action="store_true", help="of tests that pass, show only the number")
    parser.add_argument("--format", choices=["text", "json"], default="text", help="of what is printed (default: text)")
    parser.add_argument("--junit", metavar="FILE", help="write the results there, too, as CI systems read them")
    parser.add_argument("--coverage", action="store_true", help="show what of the configs no test exercises")
    parser.add_argument(
        "--fail-under", type=float, metavar="PERCENT", help="--coverage, and less than this is the exit status 1"
    )
    parser.add_argument("--update", action="store_true", help="write what was observed into the files of failing tests")
    parser.add_argument("--watch", action="store_true", help="run again what a changed file concerns, until Ctrl-C")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of test files, for editors")
    return parser
