"""Every output that goes over the network keeps the order of a tag where preserve_order asks for it: nobody listens at
first, and when somebody does, the next records are there long before the first ones are sent again."""

import asyncio
import re
import signal
from pathlib import Path

import pytest

from tests.contracts.destinations import Destination, Fault
from tests.contracts.kinds import KINDS, SECRET, N
from tests.contracts.test_faults import SERVICE, credentials, router_of, section, send
from tests.net.servers import serving
from tests.running import until

ROUNDS = 4
ORDERED = [kind for kind in KINDS if kind.way != "signed"]


DOWN = Fault("order", "", down=True, options="preserve_order on\n")


async def run(folder: Path) -> dict[str, Destination]:
    all_of: dict[str, Destination] = {}
    config = re.sub(r"(scheduler\.\w+) 1", r"\1 4", SERVICE)  # so that the first retry is not too soon
    for kind in ORDERED:
        one = Destination(kind.title, DOWN, kind.ok, kind.carries, kind.protocol, SECRET)
        one.bind()
        all_of[kind.title] = one
        config += section(kind, DOWN, one.port)
    async with serving(credentials(set())) as role, router_of(folder, config, role.url) as router:

        def failed(name: str) -> bool:
            about = f":{name}-order] "
            return f"{about}retry" in router.said() or f"{about}upload failed" in router.said()

        await send(str(folder / "in.sock"), "app", 0)
        await until(lambda: all(failed(name) for name in all_of), "each output has failed once")
        for one in all_of.values():
            await one.listen(None)
        for turn in range(1, ROUNDS):
            await send(str(folder / "in.sock"), "app", turn * N)
        await until(lambda: all(len(one.taken) >= ROUNDS * N for one in all_of.values()), "all records have arrived")
        await router.stop(signal.SIGTERM)
    for one in all_of.values():
        one.close()
    return all_of


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Destination]:
    return asyncio.run(run(tmp_path_factory.mktemp("order")))


@pytest.mark.parametrize("name", [kind.title for kind in ORDERED])
def test_the_order_is_kept(ran: dict[str, Destination], name: str) -> None:
    assert ran[name].taken == list(range(ROUNDS * N))
