"""What the documents show must be true: the examples are run, and the generated pages are those of the code."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from docs import build, transcripts

ROOT = Path(__file__).parents[1]
PYROLENS = Path(sys.executable).parent / "pyrolens"
PAGES = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md") for path in ROOT.glob(pattern) if path.is_file()
)
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """The file that the first line names (`# parsers.conf`), or one made up."""
        named = re.match(r"(?:#|--) ([\w.-]+\.(?:conf|ya?ml|py|lua))\n", self.text)
        suffix = {"ini": "conf", "apache": "conf", "yaml": "yaml", "json": "json", "python": "py", "lua": "lua"}[
            self.language
        ]
        return named[1] if named else f"line-{self.line}.{suffix}"

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text()
        for found in FENCE.finditer(text):
            if found[2] in ("ini", "apache", "yaml", "json", "python", "lua"):
                body = re.sub(f"^{found[1]}", "", found[3], flags=re.MULTILINE)
                yield Block(page, text.count("\n", 0, found.start()) + 1, found[2], body)


BLOCKS = list(blocks())


def variables(page: Path) -> dict[str, str]:
    """Those that the page uses, as the containers on it have them, else x."""
    text = "".join(block.text for block in BLOCKS if block.page == page)
    used = dict.fromkeys(re.findall(r"(?:\$\{|ENV\[')(\w+)(?:\}|'\])", text), "x")
    return used | dict(re.findall(r'"name": "(\w+)", "value": "([^"]*)"', text))


@pytest.mark.parametrize("block", BLOCKS, ids=map(str, BLOCKS))
def test_an_example_is_accepted(block: Block, tmp_path: Path) -> None:
    (tmp_path / "parsers.conf").touch()
    for other in BLOCKS:
        if other.page == block.page:
            # those of the router's image; the parsers of AWS's are there without its file
            text = re.sub(r"((?:Parsers|Streams)_File +)/(?:\S*/)?", r"\1", other.text)
            (tmp_path / other.name).write_text(text)
    if block.name.startswith("streams") or block.language in ("python", "lua"):
        return  # it is checked with the config that names it
    if block.language == "json":
        part = block.text.startswith('"')  # of an object
        if "containerDefinitions" not in json.loads(f"{{{block.text}}}" if part else block.text):
            return  # it is JSON, and that is all it says it is
        command = ["render", block.name]
    elif block.language == "yaml" and "containerDefinitions" in block.text:
        has_router = "firelensConfiguration" in block.text
        command = ["render" if has_router else "inject", block.name]
        command += [] if has_router else ["--image", "x", "--log", "Name=null"]
    elif block.name.endswith(".pyrolens.yaml"):
        command = ["test", block.name]
    else:
        option = "-R" if block.name.startswith("parsers") else "-c"
        command = ["run", "--dry-run", option, block.name]
    environment = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "PATH": ""}
    environment |= variables(block.page)
    ran = subprocess.run(
        [str(PYROLENS), *command], check=False, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (ran.returncode, "warning" in ran.stderr.lower()) == (0, False), ran.stdout + ran.stderr


class Session(NamedTuple):
    """What a command prints, errors first."""

    page: Path
    line: int
    command: list[str]
    printed: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def sessions() -> Iterator[Session]:
    for page in PAGES:
        text = page.read_text()
        for found in FENCE.finditer(text):
            if found[2] == "console":
                first, _, printed = found[3].partition("\n")
                command = shlex.split(first.removeprefix("$ pyrolens"))
                yield Session(page, text.count("\n", 0, found.start()) + 1, command, printed)


SESSIONS = list(sessions())


@pytest.mark.parametrize("session", SESSIONS, ids=map(str, SESSIONS))
def test_a_command_prints_what_is_shown(session: Session, tmp_path: Path) -> None:
    for block in BLOCKS:
        if block.page == session.page:
            (tmp_path / block.name).write_text(block.text)
    ran = subprocess.run(
        [str(PYROLENS), *session.command], check=False, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr + ran.stdout) == (0, session.printed)


def test_there_are_examples() -> None:
    assert {block.language for block in BLOCKS} >= {"ini", "json"}
    assert len(BLOCKS) >= 9


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    targets = re.findall(r"\]\(([^)#\s]+)", text)
    broken = [to for to in targets if "://" not in to and not (page.parent / to).exists()]
    assert broken == []


def test_generated_pages_are_those_of_the_code() -> None:
    """`make docs` writes them."""
    pages = build.pages()
    on_disk = {*(ROOT / "docs/plugins").glob("**/*.md"), *(ROOT / "docs").glob("graph-*.svg")} | {
        ROOT / "docs" / name
        for name in ("compatibility.md", "benchmarks.md", "fluentd-reference.md", "check-rules.md", "test-format.md")
    }
    on_disk |= {ROOT / "docs" / name for name in ("benchmarks.svg", "growth.svg")}
    assert {path.relative_to(ROOT) for path in on_disk} == {path.relative_to(ROOT) for path in pages}
    stale = [str(path.relative_to(ROOT)) for path, text in pages.items() if path.read_text() != text]
    assert stale == []


TRANSCRIPTS = [(page, command, shown) for page in PAGES for command, shown in transcripts.commands(page.read_text())]


@pytest.mark.parametrize(
    ("page", "command", "shown"), TRANSCRIPTS, ids=[f"{page.name}: {command}" for page, command, _ in TRANSCRIPTS]
)
def test_a_transcript_is_what_the_command_prints(page: Path, command: str, shown: str) -> None:
    """`make docs` writes them."""
    assert shown == transcripts.shown(command)
