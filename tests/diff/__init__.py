"""Two configs and a sample, as texts."""

from contextlib import ExitStack
from pathlib import Path

from pyrolens.diff.compare import Comparison, Options
from pyrolens.diff.report import what
from pyrolens.diff.run import run
from pyrolens.diff.sample import Whence, read_samples
from pyrolens.rehearsal.subject import open_subject

APP, PLAIN = Whence(tag="app"), Options()
INPUT = "[INPUT]\n    Name forward\n"


def filter_(name: str, *lines: str, match: str = "*") -> str:
    return f"[FILTER]\n    Name {name}\n    Match {match}\n" + "".join(f"    {line}\n" for line in lines)


def output(name: str, *lines: str, match: str = "*") -> str:
    return f"[OUTPUT]\n    Name {name}\n    Match {match}\n" + "".join(f"    {line}\n" for line in lines)


def file(folder: str, match: str = "*", *lines: str) -> str:
    return output("file", f"Path /{folder}", *lines, match=match)


def compared(
    folder: Path,
    before: str,
    after: str,
    sample: str,
    whence: Whence = APP,
    options: Options = PLAIN,
    suffix: str = ".conf",
) -> Comparison:
    for name, text in (("before", before), ("after", after)):
        (folder / f"{name}{suffix}").write_text(INPUT + text if suffix == ".conf" else text)
    (folder / "sample").write_text(sample)
    with ExitStack() as opened:
        subjects = [opened.enter_context(open_subject(str(folder / f"{n}{suffix}"))) for n in ("before", "after")]
        return run(subjects[0], subjects[1], read_samples([str(folder / "sample")], whence), options)


def told(comparison: Comparison) -> list[str]:
    """`2 dropped file /a → nowhere: dropped by grep.0 (line 1)`"""
    return [f"{g.count} {g.found.kind}: {what(g.found)} (line {g.first.number})" for g in comparison.sorted()]
