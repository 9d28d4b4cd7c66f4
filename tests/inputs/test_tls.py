"""Inputs that listen with TLS."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import msgpack
import pytest

from pyrolens.api import ConfigError
from pyrolens.inputs._tls import ServerTls, server_context
from pyrolens.inputs.forward import Forward, ForwardSource
from tests.inputs.lent import Lent, run, soon
from tests.net import certificates


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    certificates.make(made, ["localhost", "127.0.0.1"])
    return made


def options(folder: Path, **more: Any) -> ServerTls:
    return ServerTls(crt_file=str(folder / "cert.pem"), key_file=str(folder / "key.pem"), **more)


async def sent(folder: Path, tls: ServerTls, own: bool) -> Lent:
    """What arrives from a client which may show a certificate of its `own`."""
    env = Lent("forward.0")
    source = ForwardSource(Forward(listen="127.0.0.1", port=0, tls=True, tls_options=tls), env)
    await source.start()
    assert source.server.address
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if own:
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    try:
        reader, writer = await asyncio.open_connection(*source.server.address, ssl=context)
        writer.write(msgpack.packb(["t", 1, {"n": 1}]) + msgpack.packb(["t", 1, {"n": 2}, {"chunk": "c"}]))
        answer = await soon(lambda: reader.read(100))
        assert answer == (msgpack.packb({"ack": "c"}) if answer else b"")
        writer.close()
    except (ssl.SSLError, ConnectionError):
        pass
    finally:
        await source.stop()
    return env


def test_records_come_over_tls(folder: Path) -> None:
    async def check() -> None:
        assert (await sent(folder, options(folder, min_version="TLSv1.2"), own=False)).records == [{"n": 1}, {"n": 2}]

    run(check())


@pytest.mark.parametrize(("own", "records"), [(True, [{"n": 1}, {"n": 2}]), (False, [])])
def test_clients_may_need_a_certificate(folder: Path, own: bool, records: list[Any]) -> None:
    async def check() -> None:
        tls = options(folder, verify_client_cert=True, ca_file=str(folder / "ca.pem"))
        assert (await sent(folder, tls, own)).records == records

    run(check())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"crt_file": None}, "a server needs a certificate"),
        ({"crt_file": "/nowhere"}, "tls.crt_file '/nowhere' and its key cannot be used"),
        ({"min_version": "TLSv9"}, "tls.min_version is 'TLSv9'"),
        ({"ciphers": "nonsense"}, "tls.ciphers is 'nonsense'"),
        ({"verify_client_cert": True}, "tls.verify_client_cert needs a good"),
    ],
)
def test_what_is_refused(folder: Path, wrong: dict[str, Any], message: str) -> None:
    given = {"crt_file": str(folder / "cert.pem"), "key_file": str(folder / "key.pem"), **wrong}
    with pytest.raises(ConfigError, match=message):
        server_context(ServerTls(**given))
