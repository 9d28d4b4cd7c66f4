"""es and opensearch, to an OpenSearch: each test sends to both from one router, each to indexes of its own."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import Router, until
from tests.servers.delivering import Delivered, cutting, deliver, output, send
from tests.servers.opensearch import OpenSearch
from tests.servers.programs import running

NAMES = ("es", "opensearch")
N = 20
ALL = list(range(N))
Meanwhile = Callable[[Router], Awaitable[None]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearch]:
    server = OpenSearch(tmp_path_factory.mktemp("opensearch"))
    with running(server.program, server.ready):
        yield server


@pytest.fixture
def index(request: pytest.FixtureRequest) -> str:
    """A name that no other test has. The indexes of a test are this, a -, and the output's name."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name.removeprefix("test_").lower()).strip("-")


def both(server: OpenSearch, lines: str) -> str:
    """Sections of both outputs. {name} stands for the output's in their lines."""
    place = f"Host 127.0.0.1\nPort {server.port}\nSuppress_Type_Name On\n"
    return "".join(output(name, name, place + lines.replace("{name}", name), "a") for name in NAMES)


def numbered(count: int = N, first: int = 0) -> list[dict[str, Any]]:
    return [{"n": n, "log": f"line {n} é"} for n in range(first, first + count)]


def sent(
    folder: Path, outputs: str, records: list[dict[str, Any]] | None = None, meanwhile: Meanwhile | None = None
) -> Delivered:
    return asyncio.run(deliver(folder, outputs, {"a": numbered() if records is None else records}, meanwhile))


def numbers(server: OpenSearch, index: str) -> list[int]:
    return sorted(hit["_source"]["n"] for hit in server.documents(index))


def dead_letters(folder: Path, name: str) -> list[tuple[dict[str, Any], str]]:
    """Each record and its reason."""
    lines = [json.loads(line) for line in (folder / "dead" / f"{name}.jsonl").read_text().splitlines()]
    return [(line["record"], line["reason"]) for line in lines]


@pytest.mark.parametrize("lines", ["", "Compress gzip\nTime_Key_Nanos On\nInclude_Tag_Key On\n"])
def test_documents_are_as_the_records(server: OpenSearch, index: str, tmp_path: Path, lines: str) -> None:
    ran = sent(tmp_path, both(server, f"Index {index}-{{name}}\n{lines}"))
    more = {"flb-key": "a"} if lines else {}
    end = ".000000000Z" if lines else ".000Z"
    for name in NAMES:
        assert ran.counted(name) == (N, 0)
        found = {hit["_source"]["n"]: hit["_source"] for hit in server.documents(f"{index}-{name}")}
        assert found == {
            r["n"]: {"@timestamp": f"2026-05-28T20:26:{40 + r['n']}{end}", **more, **r} for r in numbered()
        }


def test_a_server_without_types_gets_none(server: OpenSearch, index: str, tmp_path: Path) -> None:
    """Fluent Bit's default, which servers of today refuse."""
    outputs = both(server, f"Index {index}-{{name}}\n").replace("Suppress_Type_Name On", "Suppress_Type_Name Off")
    ran = sent(tmp_path, outputs)
    for name in NAMES:
        assert (ran.counted(name), ran.outputs[name]["retries"]) == ((N, 0), 0)
        assert numbers(server, f"{index}-{name}") == ALL
    assert ran.log.count("the server refuses types") == len(NAMES)


def test_an_index_for_each_day(server: OpenSearch, index: str, tmp_path: Path) -> None:
    lines = f"Logstash_Format On\nLogstash_Prefix {index}-{{name}}\nLogstash_DateFormat %Y.%m.%d.%M\n"
    sent(tmp_path, both(server, lines), numbered(30))
    for name in NAMES:
        found = {hit["_source"]["n"]: hit["_index"] for hit in server.documents(f"{index}-{name}-*")}
        assert found == {n: f"{index}-{name}-2026.05.28.{26 if n < 20 else 27}" for n in range(30)}


def test_an_index_from_the_record(server: OpenSearch, index: str, tmp_path: Path) -> None:
    records = [{"n": n, "app": {"name": f"{index}-{n % 3}"}} for n in ALL]
    place = f"Host 127.0.0.1\nPort {server.port}\nSuppress_Type_Name On\n"
    sent(tmp_path, output("opensearch", "a", f"{place}Index $app['name']\n"), records)
    found = {hit["_source"]["n"]: hit["_index"] for hit in server.documents(f"{index}-*")}
    assert found == {n: f"{index}-{n % 3}" for n in ALL}


def test_what_is_sent_again_is_there_once(server: OpenSearch, index: str, tmp_path: Path) -> None:
    """The server takes the records, and the connection breaks before it says so."""

    async def main() -> Delivered:
        async with cutting(server.port) as one, cutting(server.port) as other:
            outputs = ""
            for name, cutter in zip(NAMES, (one, other), strict=True):
                place = f"Host 127.0.0.1\nPort {cutter.port}\nSuppress_Type_Name On\n"
                outputs += output(name, name, f"{place}Index {index}-{name}\nGenerate_ID On\n", "a")
            ran = await deliver(tmp_path, outputs, {"a": numbered()})
            assert (one.cut, other.cut) == (1, 1)
            return ran

    ran = asyncio.run(main())
    for name in NAMES:
        assert (ran.counted(name), ran.outputs[name]["retries"]) == ((N, 0), 1)
        assert numbers(server, f"{index}-{name}") == ALL


def test_the_id_of_a_document(server: OpenSearch, index: str, tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [{"n": 0, "key": {"id": "first"}}, {"n": 1, "key": {"id": 7}}, {"n": 2}]
    ran = sent(tmp_path, both(server, f"Index {index}-{{name}}\nId_Key $key['id']\n"), records)
    for name in NAMES:
        assert ran.counted(name) == (3, 0)
        found = {hit["_source"]["n"]: hit["_id"] for hit in server.documents(f"{index}-{name}")}
        assert (found[0], found[1]) == ("first", "7")
        assert found[2] not in ("first", "7")


@pytest.mark.parametrize(
    ("operation", "kept"),
    [
        ("create", {"there": {"old": 1}, "new": {"n": 1}}),
        ("index", {"there": {"n": 0}, "new": {"n": 1}}),
        ("update", {"there": {"old": 1, "n": 0}}),
        ("upsert", {"there": {"old": 1, "n": 0}, "new": {"n": 1}}),
    ],
)
def test_what_is_done_with_documents(
    server: OpenSearch, index: str, tmp_path: Path, operation: str, kept: dict[str, Any]
) -> None:
    for name in NAMES:
        server.ask("PUT", f"/{index}-{name}/_doc/there", {"old": 1})
    records = [{"n": 0, "id": "there"}, {"n": 1, "id": "new"}]
    lines = f"Index {index}-{{name}}\nId_Key id\nWrite_Operation {operation}\ndead_letter {tmp_path}/dead\n"
    ran = sent(tmp_path, both(server, lines), records)
    for name in NAMES:
        found = {hit["_id"]: hit["_source"] for hit in server.documents(f"{index}-{name}")}
        for document in found.values():
            document.pop("@timestamp", None)
            document.pop("id", None)
        assert found == kept
        if operation != "update":
            assert ran.counted(name) == (2, 0)
            continue
        assert ran.counted(name) == (1, 1)
        [(record, reason)] = dead_letters(tmp_path, name)
        assert record == records[1]
        assert reason.startswith("404 document_missing_exception")


def test_what_does_not_fit_the_mapping(server: OpenSearch, index: str, tmp_path: Path) -> None:
    """Only those records are refused, and each is kept with what the server said about it."""
    for name in NAMES:
        server.ask("PUT", f"/{index}-{name}", {"mappings": {"properties": {"n": {"type": "integer"}}}})
    records = [{"n": n if n % 4 else f"no number {n}"} for n in ALL]
    ran = sent(tmp_path, both(server, f"Index {index}-{{name}}\ndead_letter {tmp_path}/dead\n"), records)
    for name in NAMES:
        assert ran.counted(name) == (15, 5)
        assert numbers(server, f"{index}-{name}") == [n for n in ALL if n % 4]
        dead = dead_letters(tmp_path, name)
        assert [record for record, _ in dead] == [record for n, record in enumerate(records) if n % 4 == 0]
        for record, reason in dead:
            assert reason.startswith("400 mapper_parsing_exception: failed to parse field [n] of type [integer]")
            assert f'For input string: "{record["n"]}"' in reason
    assert ran.log.count("[error]") == len(NAMES)


def test_while_the_server_has_no_room_records_wait(server: OpenSearch, index: str, tmp_path: Path) -> None:
    breaker = "network.breaker.inflight_requests.limit"
    assert server.ask("PUT", "/_cluster/settings", {"transient": {breaker: "4kb"}})[0] == 200

    async def until_refused(router: Router) -> None:
        await until(lambda: all(f":{name}] retry" in router.said() for name in NAMES), "the server has refused")
        server.ask("PUT", "/_cluster/settings", {"transient": {breaker: None}})

    records = [{"n": n, "log": "x" * 1000} for n in ALL]
    outputs = both(server, f"Index {index}-{{name}}\nRetry_Limit no_limits\n")
    ran = sent(tmp_path, outputs, records, until_refused)
    assert "HTTP 429" in ran.log
    assert "circuit_breaking_exception" in ran.log
    for name in NAMES:
        assert ran.counted(name) == (N, 0)
        assert numbers(server, f"{index}-{name}") == ALL


def test_an_index_that_is_blocked_for_a_while(server: OpenSearch, index: str, tmp_path: Path) -> None:
    for name in NAMES:
        server.ask("PUT", f"/{index}-{name}", {"settings": {"index.blocks.write": True}})

    async def until_refused(router: Router) -> None:
        await until(lambda: router.said().count("cluster_block_exception") >= 2, "the server has refused")
        for name in NAMES:
            server.ask("PUT", f"/{index}-{name}/_settings", {"index.blocks.write": False})

    ran = sent(tmp_path, both(server, f"Index {index}-{{name}}\nRetry_Limit no_limits\n"), None, until_refused)
    for name in NAMES:
        assert ran.counted(name) == (N, 0)
        assert numbers(server, f"{index}-{name}") == ALL


def test_a_pipeline_that_is_not_there(server: OpenSearch, index: str, tmp_path: Path) -> None:
    ran = sent(tmp_path, both(server, f"Index {index}-{{name}}\nPipeline none\n"))
    assert [ran.counted(name) for name in NAMES] == [(0, N), (0, N)]
    assert ran.log.count("400 illegal_argument_exception: pipeline with id [none] does not exist") == len(NAMES)


def test_a_server_that_dies_loses_and_doubles_nothing(server: OpenSearch, index: str, tmp_path: Path) -> None:
    """It is killed while records come, and started again on its data."""
    rounds = 10

    async def kill(router: Router) -> None:
        for turn in range(1, rounds):
            await send(tmp_path / "in.sock", "a", numbered(N, turn * N))
            if turn == 5:
                server.program.kill()
            await asyncio.sleep(0.1)
        server.program.start(server.ready)

    outputs = both(server, f"Index {index}-{{name}}\nGenerate_ID On\nRetry_Limit no_limits\n")
    ran = sent(tmp_path, outputs, None, kill)
    for name in NAMES:
        assert ran.counted(name) == (rounds * N, 0)
        assert ran.outputs[name]["retries"] >= 1
        assert numbers(server, f"{index}-{name}") == list(range(rounds * N))
