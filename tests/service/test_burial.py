"""Dead letters from outside: in a folder, in another output, and the configs that cannot be."""

import asyncio
import json
from pathlib import Path

import pytest

from pyrolens.config import load
from pyrolens.problems import ConfigError
from pyrolens.service.router import Router
from tests.running import HttpSink, message, running, until

HTTP = """
[SERVICE]
    Flush 0.2
    Grace 5
    {service}
[INPUT]
    Name forward
    unix_path {{dir}}/in.sock
[OUTPUT]
    Name http
    Match *
    Host 127.0.0.1
    Port {port}
    Format json_lines
    {option}
[OUTPUT]
    Name file
    Alias kept
    Match nothing
    Path {{dir}}
    File kept.txt
    Format plain
    mkdir on
"""


async def refused(folder: Path, service: str = "", option: str = "", status: int = 400) -> None:
    """A router whose destination answers so gets two records, and is stopped."""
    sink = HttpSink()
    await sink.open()
    sink.status = status
    async with running(folder, HTTP.format(port=sink.port, service=service, option=option)) as router:
        _, writer = await asyncio.open_unix_connection(str(folder / "in.sock"))
        writer.write(message("app", {"n": 1}) + message("app", {"n": 2}))
        await until(lambda: sink.requests > 0, "the call")
        assert await router.stop() == 0
    await sink.close()


def test_in_a_folder(tmp_path: Path) -> None:
    asyncio.run(refused(tmp_path, option=f"dead_letter {tmp_path}/dead"))
    lines = [json.loads(line) for line in (tmp_path / "dead" / "http.0.jsonl").read_text().splitlines()]
    assert [(line["tag"], line["record"]) for line in lines] == [("app", {"n": 1}), ("app", {"n": 2})]
    assert all("400" in line["reason"] for line in lines)


def test_in_another_output_also_what_grace_does_not_suffice_for(tmp_path: Path) -> None:
    asyncio.run(refused(tmp_path, option="dead_letter kept\n    Retry_Limit no_limits", status=503, service="Grace 1"))
    lines = [json.loads(line) for line in (tmp_path / "kept.txt").read_text().splitlines()]
    assert [(line["n"], line["dead_letter_output"]) for line in lines] == [(1, "http.0"), (2, "http.0")]


def test_for_all_outputs_by_the_service(tmp_path: Path) -> None:
    service = f"storage.path {tmp_path}/store\n    storage.keep.rejected on\n    storage.rejected.path no"
    asyncio.run(refused(tmp_path, service=service))
    assert len((tmp_path / "store" / "no" / "http.0.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("one", "two", "told"),
    [
        ("dead_letter kepd", "", "did you mean 'kept'?"),
        ("dead_letter http.0", "", "come back"),
        ("dead_letter kept", "dead_letter http.0", "come back"),
    ],
)
def test_what_cannot_be(tmp_path: Path, one: str, two: str, told: str) -> None:
    config = tmp_path / "router.conf"
    text = HTTP.format(port=1, service="", option=one).replace("{dir}", str(tmp_path)) + f"    {two}\n"
    config.write_text(text)
    loaded = load(str(config))
    with pytest.raises(ConfigError) as error:
        Router(loaded)
    assert told in str(error.value)
