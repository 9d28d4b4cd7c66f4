import asyncio
import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from pyrolens.ecs.task_definition import Container
from pyrolens.local.process_runtime import ProcessRuntime
from pyrolens.local.runtime import Launch
from pyrolens.problems import Place

HERE = Place("t.json", 1)


class Outputs:
    def __init__(self) -> None:
        self.data: dict[str, bytes] = {"stdout": b"", "stderr": b""}
        self.closed: list[str] = []
        self.got = asyncio.Event()

    def __call__(self, source: str, data: bytes) -> None:
        self.data[source] += data
        self.got.set()
        if not data:
            self.closed.append(source)


def launch(container: Container, outputs: Outputs, environment: Mapping[str, str] | None = None) -> Launch:
    return Launch(container, "c0ffee", environment or {}, outputs)


def test_stdout_and_stderr_come_separately_and_all_before_the_end(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, Outputs]:
        outputs = Outputs()
        command = ["-c", "echo $COLOR $(pwd); echo bad >&2; printf end; exit 3"]
        app = Container("app", HERE, entry_point=["sh"], command=command)
        running = await ProcessRuntime(tmp_path, {}).start(launch(app, outputs, {"COLOR": "blue"}))
        return await running.wait(), outputs

    status, outputs = asyncio.run(scenario())
    assert (status, outputs.data) == (3, {"stdout": f"blue {tmp_path}\nend".encode(), "stderr": b"bad\n"})
    assert sorted(outputs.closed) == ["stderr", "stdout"]


def test_a_command_of_the_user_replaces_the_containers(tmp_path: Path) -> None:
    async def scenario() -> bytes:
        outputs = Outputs()
        app = Container("app", HERE, command=["no-such-program"])
        running = await ProcessRuntime(tmp_path, {"app": "echo one | cat"}).start(launch(app, outputs))
        await running.wait()
        return outputs.data["stdout"]

    assert asyncio.run(scenario()) == b"one\n"


def test_our_own_credentials_are_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")

    async def scenario() -> bytes:
        outputs = Outputs()
        running = await ProcessRuntime(tmp_path, {"app": "env"}).start(launch(Container("app", HERE), outputs))
        await running.wait()
        return outputs.data["stdout"]

    printed = asyncio.run(scenario())
    assert b"PATH=" in printed
    assert b"AWS_SECRET_ACCESS_KEY" not in printed


def test_a_stop_reaches_children_and_what_ignores_it_is_killed(tmp_path: Path) -> None:
    async def scenario(command: str) -> tuple[int, bytes]:
        outputs = Outputs()
        running = await ProcessRuntime(tmp_path, {"app": command}).start(launch(Container("app", HERE), outputs))
        await outputs.got.wait()
        return await running.stop(within=0.1), outputs.data["stdout"]

    assert asyncio.run(scenario("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done")) == (
        0,
        b"up\nbye\n",
    )
    assert asyncio.run(scenario("trap '' TERM; echo up; while :; do sleep 1; done")) == (-9, b"up\n")


def test_a_taken_port_moves_and_the_variable_that_names_it_too(tmp_path: Path) -> None:
    async def scenario(port: int) -> tuple[Mapping[int, int], bytes]:
        outputs = Outputs()
        app = Container("app", HERE, ports=[(port, HERE)])
        runtime = ProcessRuntime(tmp_path, {"app": "echo $PORT $OTHER"})
        running = await runtime.start(launch(app, outputs, {"PORT": str(port), "OTHER": "1"}))
        await running.wait()
        return running.ports, outputs.data["stdout"]

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports, printed = asyncio.run(scenario(port))
    assert list(ports) == [port]
    assert ports[port] != port
    assert printed == f"{ports[port]} 1\n".encode()


def test_what_cannot_start_is_told(tmp_path: Path) -> None:
    runtime = ProcessRuntime(tmp_path, {})
    assert runtime.check(Container("app", HERE, image="shop/app:1")) == (
        "container 'app' has no command, and its image 'shop/app:1' cannot run here: "
        "say what to start with --exec app='…'"
    )
    assert runtime.check(Container("app", HERE, command=["x"])) == ""
    with pytest.raises(RuntimeError, match="no program 'no-such-program'"):
        asyncio.run(runtime.start(launch(Container("app", HERE, command=["no-such-program"]), Outputs())))
    script = tmp_path / "text"
    script.write_text("")
    os.chmod(script, 0o755)
    with pytest.raises(RuntimeError, match=r"cannot start \./text: Exec format error"):
        asyncio.run(runtime.start(launch(Container("app", HERE, command=["./text"]), Outputs())))
