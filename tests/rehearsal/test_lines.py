import asyncio
from pathlib import Path
from typing import Any

import pytest

from pyrolens.ecs.copier import MOST
from pyrolens.inputs.tcp import Tcp
from pyrolens.problems import ConfigError
from pyrolens.rehearsal.journey import Note
from pyrolens.rehearsal.lines import Fed, line_events
from pyrolens.rehearsal.rehearsal import Rehearsal
from pyrolens.rehearsal.subject import Subject, open_subject
from tests.inputs.lent import Lent
from tests.rehearsal.configs import NULL

NOW = 1_718_000_000_000_000_000
ROOT = Path(__file__).parents[2]
COLOR = str(ROOT / "examples" / "color-app" / "task-definition.json")


def subject(folder: Path, text: str) -> Subject:
    path = folder / "router.conf"
    path.write_text(text + NULL)
    return open_subject(str(path))


def fed(folder: Path, text: str, *lines: str | bytes, **where: Any) -> list[Fed]:
    with subject(folder, text) as opened:
        return line_events(opened, lines, now_ns=NOW, **where)


# -- containers and tags ----------------------------------------------------------------------------------------------


def test_a_container_prints_through_dockers_log_driver() -> None:
    with open_subject(COLOR) as task:
        (one,) = line_events(task, ["GET / 200"], container="color", source="stderr", now_ns=NOW)
        assert (one.tag, one.input) == ("color-firelens-0123456789abcdef0123456789abcdef", "forward.0")
        ((ns, record),) = one.events
        assert ns == NOW
        assert {**record, "container_id": len(record["container_id"])} == {
            "container_id": 64,
            "container_name": f"/ecs-color-app-1-color-{record['container_id'][:20]}",
            "source": "stderr",
            "log": "GET / 200",
        }


def test_a_long_line_comes_in_pieces_and_the_input_joins_them() -> None:
    line = "x" * (2 * MOST + 5)
    with open_subject(COLOR) as task:
        (one,) = line_events(task, [line], container="color", now_ns=NOW)
        assert [len(record["log"]) for _, record in one.events] == [MOST, MOST, 5]
        with Rehearsal(task.config, environ=task.environ) as r:
            journey = r.feed(one.tag, one.events, one.input)
        assert [a.event[1]["log"] for a in journey.arrivals] == [line]
        with Rehearsal(task.config, environ={}) as r:
            journey = r.feed(one.tag, one.events, one.input)
        assert [len(a.event[1]["log"]) for a in journey.arrivals] == [MOST, MOST, 5]


def test_two_long_lines_have_two_ids() -> None:
    with open_subject(COLOR) as task:
        two = line_events(task, ["x" * MOST + "1", "x" * MOST + "2"], container="color", now_ns=NOW)
        ids = [{record["partial_id"] for _, record in one.events} for one in two]
        assert [len(each) for each in ids] == [1, 1]
        assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ({"container": "colour"}, "the task has no container 'colour'; .* did you mean 'color'"),
        ({"container": "log_router"}, "'log_router' does not log through the router"),
        ({"container": "color", "source": "both"}, "expected stdout or stderr"),
        ({"container": "color", "file": "/x"}, "expected one of container, file, input or tag"),
        ({}, "expected one of"),
        ({"file": "/var/log/x"}, "no tail input reads /var/log/x"),
        ({"input": "udp"}, r"there is no one input udp; inputs are forward\.0"),
    ],
)
def test_what_is_not_there(where: dict[str, Any], why: str) -> None:
    with open_subject(COLOR) as task, pytest.raises(ConfigError, match=why):
        line_events(task, ["x"], now_ns=NOW, **where)


def test_records_as_they_are(tmp_path: Path) -> None:
    text = "[INPUT]\n    Name dummy\n"
    assert fed(tmp_path, text, '{"a": 1}', "[1]", b"\xff", tag="t") == [
        Fed("t", ((NOW, {"a": 1}),), None),
        Fed("t", ((NOW, {"log": "[1]"}),), None),
        Fed("t", ((NOW, {"log": "\udcff"}),), None),
    ]
    with pytest.raises(ConfigError, match="input dummy cannot be told lines"):
        fed(tmp_path, text, "x", input="dummy")


# -- files ------------------------------------------------------------------------------------------------------------

TAIL = "[INPUT]\n    Name tail\n    Path /var/log/*.log,/srv/app.txt\n    Tag file.*\n    Exclude_Path *secret*\n"


def test_a_file_that_is_not_there_is_read(tmp_path: Path) -> None:
    text = TAIL + "    Path_Key path\n    Offset_Key at\n"
    assert fed(tmp_path, text, "one", "two\r", file="/var/log/a.log") == [
        Fed("file.var.log.a.log", ((NOW, {"path": "/var/log/a.log", "at": 0, "log": "one"}),), "tail.0"),
        Fed("file.var.log.a.log", ((NOW, {"path": "/var/log/a.log", "at": 4, "log": "two"}),), "tail.0"),
    ]
    assert not Path("/var/log/a.log").exists()
    for path in ("/var/log/b.txt", "/var/log/x/a.log", "/var/log/secret.log"):
        with pytest.raises(ConfigError, match=r"no tail input reads .*\n.*those that are read: /var/log/\*\.log, /srv"):
            fed(tmp_path, text, "x", file=path)


def test_lines_of_a_file_are_parsed_and_joined(tmp_path: Path) -> None:
    parsed = fed(tmp_path, TAIL + "    Parser json\n", '{"a": 1}', "no", file="/srv/app.txt")
    assert [one.events[0][1] for one in parsed] == [{"a": 1}, {"log": "no"}]
    joined = fed(
        tmp_path, TAIL + "    multiline.parser python\n",
        "Traceback (most recent call last):", '  File "x", line 1', "    x", "E: no", "next", file="/srv/app.txt",
    )  # fmt: skip
    assert [[record["log"].count("\n") for _, record in one.events] for one in joined] == [[4], [1]]


def test_empty_and_long_lines_of_a_file(tmp_path: Path) -> None:
    text = (
        TAIL + "    Skip_Empty_Lines on\n    Skip_Long_Lines on\n    Buffer_Max_Size 1024\n    Buffer_Chunk_Size 1024\n"
    )
    assert [one.events[0][1]["log"] for one in fed(tmp_path, text, "", "x" * 2000, "y", file="/srv/app.txt")] == ["y"]
    text = text.replace("Skip_Long_Lines on", "Skip_Long_Lines off")
    with subject(tmp_path, text) as opened:
        notes: list[Note] = []
        made = line_events(opened, ["x" * 2000, "y"], file="/srv/app.txt", now_ns=NOW, notes=notes)
    assert [one.events[0][1]["log"] for one in made] == ["y"]
    assert [note.text for note in notes] == ["a line does not fit into buffer_max_size buffer_max_size=1024"]


OTLP = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}'

# -- the network, and other programs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines", "where", "made"),
    [
        ("Name tcp\n    Tag t", ['{"a": 1}', "no", "[2]"], {}, [("t", {"a": 1}), ("t", {"msg": [2]})]),
        ("Name tcp\n    Format none\n    Separator |\n    Tag t", ["a"], {}, [("t", {"log": "a"})]),
        ("Name udp\n    Tag t", ['{"a": 1}'], {}, [("t", {"a": 1})]),
        ("Name stdin\n    Tag t", ['{"a":', "1}"], {}, [("t", {"a": 1})]),
        ("Name stdin\n    Tag t\n    Parser json", ['{"a": 1}', "no"], {}, [("t", {"a": 1})]),
        ("Name exec\n    Command x\n    Tag t", ["a"], {}, [("t", {"exec": "a"})]),
        ("Name http", ['{"a": 1}'], {"tag": "app.x"}, [("app.x", {"a": 1})]),
        ("Name http", ['[{"a": 1}, {"a": 2}]'], {"tag": "/x/y"}, [("x_y", {"a": 1}), ("x_y", {"a": 2})]),
        ("Name http\n    Tag t", ["a=1&b=2"], {}, [("t", {"a": "1", "b": "2"})]),
        ("Name forward", ['{"a": 1}'], {"tag": "x"}, [("x", {"a": 1})]),
        ("Name forward\n    Tag_Prefix p.", ['{"a": 1}'], {"tag": "x"}, [("p.x", {"a": 1})]),
        ("Name splunk\n    Tag t\n    Splunk_Token ab", ['{"event": "x"}'], {}, [("t", {"event": "x"})]),
        ("Name elasticsearch\n    Tag t", ['{"create":{"_index":"i"}}\n{"a": 1}'], {}, [("t", {"a": 1})]),
        ("Name opentelemetry\n    Tag t", [OTLP], {}, [("t", {"log": "x"})]),
        ("Name syslog\n    Mode tcp\n    Tag t", ["<34>1 2026-01-02T03:04:05Z h su - ID47 - hi", "no"], {}, None),
    ],
)  # fmt: skip
def test_what_an_input_makes_of_what_it_is_told(
    text: str, lines: list[str], where: dict[str, str], made: list[tuple[str, dict[str, Any]]] | None, tmp_path: Path
) -> None:
    name = text.split()[1]
    config = f"[INPUT]\n    {text}\n"
    found = fed(tmp_path, config, *lines, input=name, **where)
    flat = [(one.tag, record) for one in found for _, record in one.events]
    if made is None:
        ((_, record),) = flat
        assert record["message"] == "hi"
    else:
        shown = [(tag, {k: v for k, v in record.items() if k in made[0][1] or k == "msg"}) for tag, record in flat]
        assert shown == made
    assert {one.input for one in found} == {f"{name}.0"}


def test_certificates_of_the_routers_image_need_not_be_here(tmp_path: Path) -> None:
    text = (
        "[INPUT]\n    Name tcp\n    Tag t\n    tls on\n    tls.crt_file /nowhere/crt\n    tls.key_file /nowhere/key\n"
    )
    assert fed(tmp_path, text, '{"a": 1}', input="tcp") == [Fed("t", ((NOW, {"a": 1}),), "tcp.0")]


def test_why_a_line_is_refused(tmp_path: Path) -> None:
    with subject(tmp_path, "[INPUT]\n    Name http\n    Tag t\n") as opened:
        notes: list[Note] = []
        assert line_events(opened, ["{", '{"a": 1}'], input="http.0", now_ns=NOW, notes=notes)[0].events[0][1] == {
            "a": 1
        }
    assert [(note.level, note.who) for note in notes] == [("warn", "http.0")]
    assert "unable to process records" in notes[0].text


def test_what_tcp_hears_is_what_tcp_reads(tmp_path: Path) -> None:
    """The same lines by a socket."""
    lines = ['{"a": 1}', "nonsense", '{"b": {"c": [1, 2]}}', "[3]"]
    heard = fed(tmp_path, "[INPUT]\n    Name tcp\n    Tag t\n", *lines, input="tcp")
    env = Lent("tcp.0", "t")

    async def read() -> None:
        source: Any = Tcp(port=0, listen="127.0.0.1").open(env)
        await source.start()
        _, writer = await asyncio.open_connection(*source.server.sockets[0].getsockname())
        writer.write("".join(f"{line}\n" for line in lines).encode())
        writer.close()
        await env.until_events(3)
        await source.stop()

    asyncio.run(read())
    assert env.records == [record for one in heard for _, record in one.events]
