"""What Fluentd 1.19.3 does with a config, recorded from it: NAME.conf behind a source, the events of NAME.in one after
the other, and what it printed in NAME.out, where NOW is the time of the run. TZ is UTC, and APP is `from env`."""

import asyncio
import json
import re
import time
from pathlib import Path

import pytest

from pyrolens.config import load
from pyrolens.delivery.receipt import Receipt
from pyrolens.service.router import Router

FOLDER = Path(__file__).parent / "golden"
SAME_DAY = 86400


async def printed(path: Path, events: list[tuple[str, float, dict[str, object]]]) -> None:
    router = Router(load(str(path), environ={"APP": "from env"}))
    await router.start()
    for tag, seconds, record in events:
        ns = int(seconds) * 10**9 + round(seconds % 1 * 10**9)
        given = json.dumps(record)
        router.pipeline.feed(tag, [(ns, record)], Receipt(1, lambda receipt: None))
        assert json.dumps(record) == given, "a record was edited"
    await router.stop()


def without_now(line: str) -> str:
    """With NOW in place of the time of this run."""
    found = re.match(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d{9} \+0000", line)
    if found is None:
        return line
    then = time.mktime(time.strptime(found[1], "%Y-%m-%d %H:%M:%S"))
    return f"NOW{line[found.end() :]}" if abs(time.time() - then) < SAME_DAY else line


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.conf")))
def test_as_fluentd(name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    events = [json.loads(line) for line in (FOLDER / f"{name}.in").read_text().splitlines()]
    asyncio.run(printed(FOLDER / f"{name}.conf", events))
    lines = [without_now(line) for line in capfd.readouterr().out.splitlines()]
    assert sorted(lines) == sorted((FOLDER / f"{name}.out").read_text().splitlines())
