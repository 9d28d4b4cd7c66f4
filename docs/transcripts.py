"""What commands print, in the pages that show it. In a page stands

    <!-- run: pyrolens graph examples/color-app/task-definition.json --format text -->
    <!-- end -->

and the build writes the command and what it prints between the two lines. It runs in the project's root, as in a
terminal of 110 columns without colours, with nothing of the environment of whoever builds."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARKED = re.compile(r"^<!-- run: (?P<command>.+?) -->\n(?P<shown>.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)
SECONDS = 60


def commands(page: str) -> list[tuple[str, str]]:
    """(command, what the page shows of it)."""
    return [(found["command"], found["shown"]) for found in MARKED.finditer(page)]


def renewed(page: str) -> str:
    return MARKED.sub(lambda found: f"<!-- run: {found['command']} -->\n{shown(found['command'])}<!-- end -->", page)


def shown(command: str) -> str:
    """The command and what it prints, as a block of Markdown."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
    environment = {"PATH": path, "COLUMNS": "110", "NO_COLOR": "1", "TERM": "dumb", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    environment |= {name: os.environ[name] for name in ("HOME", "PYTHONPATH", "TMPDIR") if name in os.environ}
    ran = subprocess.run(
        ["sh", "-c", command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
        text=True,
    )
    # what follows a status would be the traceback of a defect, and that is not to be shown as if it was meant
    if "Traceback (most recent call last)" in ran.stdout:
        raise RuntimeError(f"{command}\n{ran.stdout}")
    lines = [line.rstrip() for line in ran.stdout.strip("\n").splitlines()]
    status = [f"[exit status {ran.returncode}]"] if ran.returncode else []
    fence = "````" if any("```" in line for line in lines) else "```"
    return "\n".join([f"{fence}text", f"$ {command}", *lines, *status, fence]) + "\n"
