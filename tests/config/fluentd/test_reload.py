"""SIGHUP loads a config in Fluentd's language again, with the peers that are connected."""

import asyncio
import json
import signal
from pathlib import Path

from tests.running import message, running, until

CONFIG = """
<source>
  @type unix
  path {dir}/fluent.sock
  @label @IN
</source>
<label @IN>
  <filter **>
    @type record_transformer
    <record>
      config NUMBER
    </record>
  </filter>
  <match **>
    @type file
    path {dir}/out
    append true
    <format>
      @type json
    </format>
  </match>
</label>
"""


def test_a_reload(tmp_path: Path) -> None:
    asyncio.run(reload(tmp_path))


async def reload(folder: Path) -> None:
    def seen() -> list[tuple[int, str]]:
        lines = [line for path in folder.glob("out.*") for line in path.read_text().splitlines()]
        return [(record["n"], record["config"]) for record in map(json.loads, lines)]

    async with running(folder, CONFIG.replace("NUMBER", "one"), config_name="fluent.conf") as router:
        _, writer = await asyncio.open_unix_connection(str(folder / "fluent.sock"))
        writer.write(message("a", {"n": 1}))
        await until(lambda: seen() == [(1, "one")], "the first is there")
        router.config.write_text(router.config.read_text().replace("config one", "config two"))
        assert router.process is not None
        router.process.send_signal(signal.SIGHUP)
        await until(lambda: "the config is loaded again" in router.said(), "the config is loaded again")
        writer.write(message("a", {"n": 2}))
        await until(lambda: len(seen()) == 2, "the second is there")
        writer.close()
        assert seen() == [(1, "one"), (2, "two")]
        router.config.write_text("<match\n")
        router.process.send_signal(signal.SIGHUP)
        await until(lambda: "<match has no >" in router.said(), "it is refused")
        assert await router.stop() == 0
