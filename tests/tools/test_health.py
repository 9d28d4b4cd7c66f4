import asyncio
import socket
from pathlib import Path

import pytest

from pyrolens.service.http_api import HttpApi
from pyrolens.tools import health
from tests.ports import free_port
from tests.running import running
from tests.service.test_http_api import Options, counted


def asked(api: HttpApi, *arguments: str) -> int:
    async def test() -> int:
        await api.start()
        try:
            return await asyncio.to_thread(health.main, ["--port", str(api.server.port), *arguments])
        finally:
            await api.stop()

    return asyncio.run(test())


def test_a_router_that_runs_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(HttpApi(Options(health_check=False), counted())) == 0
    assert capsys.readouterr().out == "healthy: up for 93784 seconds\n"


def test_outputs_that_fail_count_when_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    api = HttpApi(Options(), counted())
    api.health.note(api.metrics.outputs.values())
    api.metrics.output("bad").errors = 6
    assert asked(api) == 0
    assert asked(api, "--outputs") == 1
    assert "unhealthy: HTTP 500" in (said := capsys.readouterr().err)
    assert "output bad: 6 errors" in said


def test_without_a_health_check_there_is_nothing_to_say_of_outputs(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(HttpApi(Options(health_check=False), counted()), "--outputs") == 1
    assert "hint: Health_Check On" in capsys.readouterr().err


def test_a_variable_switches_the_api_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = f"[SERVICE]\n    HTTP_Port {free_port()}\n[INPUT]\n    Name dummy\n"
    port = config.split()[2]

    async def test(**environ: str) -> int:
        async with running(tmp_path, config, **environ):
            return await asyncio.to_thread(health.main, ["--port", port])

    assert asyncio.run(test(PYROLENS_HTTP_SERVER="on")) == 0
    assert asyncio.run(test()) == 1
    assert "healthy: up for" in capsys.readouterr().out


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert health.main(["--port", str(port)]) == 1
    assert "connection refused" in (said := capsys.readouterr().err).lower()
    assert "hint: HTTP_Server On" in said


def test_somebody_who_does_not_answer_or_speaks_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert health.main(["--port", str(server.getsockname()[1]), "--timeout", "0.1"]) == 1
    assert "it takes too long" in capsys.readouterr().err

    async def test() -> int:
        async def spoken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # what is not read would reset the connection
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"SSH-2.0\r\n")
            writer.close()

        async with await asyncio.start_server(spoken, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await asyncio.to_thread(health.main, ["--port", str(port)])

    assert asyncio.run(test()) == 1
    assert "no HTTP server" in capsys.readouterr().err
