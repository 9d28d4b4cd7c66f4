"""Routers that run configs in Fluentd's language, from outside."""

import asyncio
import json
from pathlib import Path
from typing import Any

from pyrolens.ecs import firelens
from pyrolens.ecs.load import load
from tests.ports import free_port
from tests.running import message, running, until

TASK = {
    "family": "shop",
    "networkMode": "awsvpc",
    "containerDefinitions": [
        {
            "name": "router",
            "image": "router",
            "firelensConfiguration": {
                "type": "fluentd",
                "options": {"config-file-type": "file", "config-file-value": "/extra.conf"},
            },
        },
        {
            "name": "web",
            "image": "web",
            "logConfiguration": {
                "logDriver": "awsfirelens",
                "options": {
                    "@type": "file",
                    "exclude-pattern": "^GET /health",
                    "append": "true",
                    "flush_interval": "1s",
                    "add_path_suffix": "false",
                },
                "secretOptions": [{"name": "path", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/path"}],
            },
        },
        {"name": "api", "image": "api", "logConfiguration": {"logDriver": "awsfirelens"}},
    ],
}
EXTRA = """
<filter *-firelens-*>
  @type record_transformer
  remove_keys container_id
  <record>
    container ${tag_parts[0]}
    cluster_again ${record["ecs_cluster"]}
  </record>
</filter>
<match api-firelens**>
  @type file
  path {dir}/api
  append true
  <format>
    @type json
  </format>
</match>
"""


def records(folder: Path, name: str) -> list[Any]:
    """What is in the files whose names begin so, without time and tag."""
    lines = [line for path in sorted(folder.glob(f"{name}*")) for line in path.read_text().splitlines()]
    return [json.loads(line.rpartition("\t")[2]) for line in lines]


def test_the_config_that_ecs_makes(tmp_path: Path) -> None:
    asyncio.run(the_config_that_ecs_makes(tmp_path))


async def the_config_that_ecs_makes(tmp_path: Path) -> None:
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    (tmp_path / "extra.conf").write_text(EXTRA.replace("{dir}", str(tmp_path)))
    definition, _ = load(str(tmp_path / "task.json"))
    port = free_port()
    at = firelens.Addresses(
        socket=str(tmp_path / "fluent.sock"), forward_port=port, include=str(tmp_path / "extra.conf")
    )
    task = firelens.Task(definition)
    config = str(firelens.set_up(task, at).config)
    tag = f"web-firelens-{task.id}"
    lines = ["hello", "GET /health 200", "bye"]
    sent = [{"log": line, "container_id": "c", "source": "stdout"} for line in lines]
    async with running(tmp_path, config, config_name="fluent.conf", path_1=str(tmp_path / "web")) as router:
        _, unix = await asyncio.open_unix_connection(str(tmp_path / "fluent.sock"))
        _, tcp = await asyncio.open_connection("127.0.0.1", port)
        unix.write(b"".join(message(tag, record) for record in sent))
        tcp.write(message(f"api-firelens-{task.id}", {"log": "from api"}))
        for writer in (unix, tcp):
            await writer.drain()
            writer.close()
        await until(
            lambda: len(records(tmp_path, "web.2")) == 2 and len(records(tmp_path, "api.2")) == 1, "all is there"
        )
        assert await router.stop() == 0
    added = {
        "ecs_cluster": "default",
        "ecs_task_arn": task.arn,
        "ecs_task_definition": "shop:1",
        "cluster_again": "default",
    }
    assert records(tmp_path, "web.2") == [
        {"log": line, "source": "stdout", **added, "container": tag} for line in ("hello", "bye")
    ]
    assert records(tmp_path, "api.2") == [{"log": "from api", **added, "container": f"api-firelens-{task.id}"}]


LINES = """
<source>
  @type tail
  path {dir}/*.txt
  pos_file {dir}/positions
  tag file.*
  read_from_head true
  path_key path
  <parse>
    @type multiline
    format_firstline /^\\d{4}-/
    format1 /^(?<at>\\d{4}-\\d\\d-\\d\\d) (?<message>.*)/
    time_key at
    time_format %Y-%m-%d
    timezone +00:00
  </parse>
  multiline_flush_interval 1s
</source>
<source>
  @type http
  bind 127.0.0.1
  port {port}
</source>
<source>
  @type tcp
  bind 127.0.0.1
  port {tcp}
  tag lines
  source_address_key from
  <parse>
    @type regexp
    expression /^(?<level>\\w+): (?<text>.*)$/
  </parse>
</source>
<match **>
  @type stdout
</match>
"""


async def post(port: int, path: str, body: bytes, kind: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n")
    writer.close()
    return answer


def test_lines_of_files_and_sockets_and_http(tmp_path: Path) -> None:
    asyncio.run(lines_of_files_and_sockets_and_http(tmp_path))


async def lines_of_files_and_sockets_and_http(tmp_path: Path) -> None:
    port, tcp = free_port(), free_port()
    (tmp_path / "a.txt").write_text("2025-01-02 first\n  at x\n2025-01-03 second\nnot done")
    config = LINES.replace("{port}", str(port)).replace("{tcp}", str(tcp))
    async with running(tmp_path, config, config_name="fluent.conf", TZ="UTC") as router:
        assert (
            await post(port, "/app/web", b'{"a":1,"time":1700000000.5}', "application/json") == b"HTTP/1.1 200 OK\r\n"
        )
        form = b"json=%7B%22b%22%3A2%7D"
        assert await post(port, "/form", form, "application/x-www-form-urlencoded") == b"HTTP/1.1 200 OK\r\n"
        _, writer = await asyncio.open_connection("127.0.0.1", tcp)
        writer.write(b"INFO: one\nrubbish\nWARN: two\n")
        await writer.drain()
        writer.close()
        wanted = [
            f"2025-01-02 00:00:00.000000000 +0000 file{str(tmp_path).replace('/', '.')}.a.txt: "
            f'{{"message":"first\\n  at x","path":"{tmp_path}/a.txt"}}',
            '2023-11-14 22:13:20.500000000 +0000 app.web: {"a":1}',
            ' form: {"b":2}',
            ' lines: {"level":"INFO","text":"one","from":"127.0.0.1"}',
            ' lines: {"level":"WARN","text":"two","from":"127.0.0.1"}',
            "pattern not matched",
        ]
        await until(lambda: all(line in router.said() for line in wanted), "all is there")
        assert await router.stop() == 0
        assert '{"message":"second' in router.said()
