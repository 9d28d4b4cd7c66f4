"""The filters ecs and aws in a router: records wait for what is asked for, keep their order, and none is lost."""

import asyncio
import json
import socket
from pathlib import Path

import pytest

from tests.aws.test_imds import Instance
from tests.filters.test_aws import TEXTS
from tests.filters.test_ecs import ID, METADATA, TASKS
from tests.net.servers import Answer, Request, answer, serving
from tests.running import Router, message, running, until

HEAD = "service:\n  flush: 0.1\npipeline:\n"
INPUT = "    - name: forward\n      unix_path: {{dir}}/in.sock\n"
ECS = """\
- name: ecs
  ecs_meta_port: {port}
  add: [task $TaskID, name $ECSContainerName]
  match: '*'
"""
OUTPUT = "    - name: file\n      match: '*'\n      file: {{dir}}/out\n      format: plain\n"
N = 200
YAML = "router.yaml"


def below(text: str, blanks: int) -> str:
    return "".join(f"{' ' * blanks}{line}\n" for line in text.splitlines())


CONFIGS = {
    "filter": f"{HEAD}  inputs:\n{INPUT}  filters:\n{below(ECS, 4)}  outputs:\n{OUTPUT}",
    "processor of an input": (
        f"{HEAD}  inputs:\n{INPUT}      processors:\n        logs:\n"
        f"{below(ECS.replace(chr(10) + '  match: ' + repr('*'), ''), 10)}  outputs:\n{OUTPUT}"
    ),
    "processor of an output": (
        f"{HEAD}  inputs:\n{INPUT}  outputs:\n{OUTPUT}      processors:\n        logs:\n"
        f"{below(ECS.replace(chr(10) + '  match: ' + repr('*'), ''), 10)}"
        "          - name: modify\n            add: behind yes\n"
    ),
}


class SlowAgent:
    """An ECS agent that answers a question about a task only when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
                if target == "/v1/metadata":
                    said: object = METADATA
                else:
                    self.asked += 1
                    await self.answers.wait()
                    said = TASKS
                writer.write(answer(200, json.dumps(said).encode()))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def send(router: Router, tag: str, numbers: range) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(router.folder / "in.sock"))
        client.sendall(b"".join(message(tag, {"n": n}) for n in numbers))


@pytest.mark.parametrize("place", CONFIGS)
def test_records_wait_and_none_is_lost(tmp_path: Path, place: str) -> None:
    async def check() -> None:
        agent = SlowAgent()
        server = await asyncio.start_server(agent.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with running(tmp_path, CONFIGS[place].format(port=port), config_name=YAML) as router:
            send(router, f"{ID}.web", range(N))
            await until(lambda: agent.asked == 1, "the agent is asked for the task")
            assert not (tmp_path / "out").exists()
            agent.answers.set()
            await until(lambda: len(written(tmp_path)) >= N, "all records are written")
            send(router, f"{ID}.web", range(N, N + 5))
            await until(lambda: len(written(tmp_path)) >= N + 5, "the last ones are written")
            assert await router.stop() == 0
        more = {"behind": "yes"} if place == "processor of an output" else {}
        assert written(tmp_path) == [{"n": n, "task": "t-1", "name": "nginx", **more} for n in range(N + 5)]
        server.close()

    asyncio.run(check())


def test_what_waits_at_the_end_goes_on(tmp_path: Path) -> None:
    """An agent that never answers: records go on with what is known of the cluster."""

    async def check() -> None:
        agent = SlowAgent()
        server = await asyncio.start_server(agent.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with running(tmp_path, CONFIGS["filter"].format(port=port), config_name=YAML) as router:
            send(router, f"{ID}.web", range(N))
            await until(lambda: agent.asked == 1, "the agent is asked for the task")
            assert await router.stop() == 0
        assert written(tmp_path) == [{"n": n, "task": "", "name": ""} for n in range(N)]
        server.close()

    asyncio.run(check())


def test_a_filter_that_waits_has_no_condition(tmp_path: Path) -> None:
    condition = "            condition:\n              op: and\n              rules:\n"
    condition += "                - field: $n\n                  op: eq\n                  value: 1\n"
    config = CONFIGS["processor of an input"].replace("  outputs:\n", f"{condition}  outputs:\n")

    async def check() -> str:
        router = Router(tmp_path, config.format(port=1), YAML)
        await router.start("--dry-run")
        assert router.process is not None
        assert await router.process.wait() == 1
        return router.said()

    assert "it cannot have a condition" in asyncio.run(check())


def test_the_inputs_start_when_the_instance_has_answered(tmp_path: Path) -> None:
    instance = Instance(TEXTS)

    def slowly(request: Request) -> Answer:
        assert not (tmp_path / "in.sock").exists()
        return instance(request)

    config = (
        f"{HEAD}  inputs:\n{INPUT}  filters:\n    - name: aws\n      match: '*'\n      ami_id: on\n  outputs:\n{OUTPUT}"
    )

    async def check() -> None:
        async with (
            serving(slowly) as server,
            running(
                tmp_path, config.format(), config_name=YAML, AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url
            ) as router,
        ):
            send(router, "app", range(3))
            await until(lambda: len(written(tmp_path)) >= 3, "all records are written")
        fields = {"az": "eu-west-1b", "ec2_instance_id": "i-0abc", "ami_id": "ami-9"}
        assert written(tmp_path) == [{"n": n, **fields} for n in range(3)]

    asyncio.run(check())


def written(folder: Path) -> list[object]:
    if not (folder / "out").exists():
        return []
    return [json.loads(line) for line in (folder / "out").read_text().splitlines()]
