"""<buffer> of @type file: what came in outlasts the router."""

import asyncio
import json
import signal
from pathlib import Path

from tests.ports import free_port
from tests.running import message, running, until

SENDER = """
<source>
  @type unix
  path {dir}/sender.sock
  @label @OUT
</source>
<label @OUT>
  <match **>
    @type forward
    require_ack_response true
    <server>
      host 127.0.0.1
      port PORT
    </server>
    <buffer>
      @type file
      path {dir}/buffer
      flush_interval 1s
      retry_wait 1s
    </buffer>
  </match>
</label>
"""
RECEIVER = """
<source>
  @type forward
  bind 127.0.0.1
  port PORT
</source>
<match **>
  @type file
  path {dir}/out
  append true
  <format>
    @type json
  </format>
</match>
"""


def test_a_killed_router_goes_on(tmp_path: Path) -> None:
    asyncio.run(killed(tmp_path))


async def killed(folder: Path) -> None:
    port = str(free_port())

    def seen() -> list[int]:
        lines = [line for path in folder.glob("out.*") for line in path.read_text().splitlines()]
        return [json.loads(line)["n"] for line in lines]

    sender = SENDER.replace("PORT", port)
    async with running(folder, sender, config_name="sender.conf") as router:
        _, writer = await asyncio.open_unix_connection(str(folder / "sender.sock"))
        writer.write(b"".join(message("a", {"n": n}) for n in range(20)))
        await until(lambda: "connection refused" in router.said(), "it was tried in vain")
        await router.stop(signal.SIGKILL)
        writer.close()
    (folder / "router.log").unlink()
    receiver = folder / "receiver"
    receiver.mkdir()
    text = RECEIVER.replace("PORT", port).replace("{dir}", str(folder))
    async with (
        running(receiver, text, config_name="receiver.conf"),
        running(folder, sender, config_name="sender.conf") as router,
    ):
        await until(lambda: len(seen()) >= 20, "all is there")
        assert await router.stop() == 0
    assert seen() == list(range(20))
