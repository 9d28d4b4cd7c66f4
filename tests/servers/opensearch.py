"""A single node of OpenSearch, without its security plugin."""

import http.client
import json
import shutil
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.servers.maven import JAVA_OPTIONS, jars, java
from tests.servers.programs import Program

MODULE = """\
description=The transport over netty
version={version}
name=transport-netty4
classname=org.opensearch.transport.Netty4Plugin
java.version=11
opensearch.version={version}
has.native.controller=false
"""
POLICY = "grant {\n    permission java.security.AllPermission;\n};\n"
SETTINGS = """\
discovery.type: single-node
http.host: 127.0.0.1
http.port: {http}
transport.host: 127.0.0.1
transport.port: {transport}
path.data: {folder}/data
path.logs: {folder}/logs
cluster.routing.allocation.disk.threshold_enabled: false
"""
LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


class OpenSearch:
    """It is there to be asked; `program` runs it."""

    def __init__(self, folder: Path) -> None:
        found = jars("opensearch")
        home = _home(folder / "home", found)
        config = folder / "config"
        config.mkdir()
        self.port, transport = free_port(), free_port()
        (config / "opensearch.yml").write_text(SETTINGS.format(http=self.port, transport=transport, folder=folder))
        (config / "log4j2.properties").write_text(LOGGING)
        given = {
            "java.security.manager": "allow",
            # no native methods: they would find out who we are, and OpenSearch refuses to be run by root
            "jna.nosys": "true",
            "jna.nounpack": "true",
            "log4j2.disable.jmx": "true",
            "io.netty.noUnsafe": "true",
            "io.netty.allocator.numDirectArenas": "0",
            "opensearch.path.home": home,
            "opensearch.path.conf": config,
        }
        options = [*JAVA_OPTIONS, *(f"-D{name}={value}" for name, value in given.items())]
        command = [java(), *options, "-cp", f"{home}/lib/*", "org.opensearch.bootstrap.OpenSearch"]
        self.program = Program(command, folder / "server.log")

    def ready(self) -> bool:
        return bool(self.ask("GET", "/_cluster/health")[1].get("status") in ("green", "yellow"))

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """The status and what is said. Raises: OSError."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def documents(self, index: str) -> list[dict[str, Any]]:
        """All of an index or a pattern, each with _index, _id and _source."""
        self.ask("POST", f"/{index}/_refresh")
        found = self.ask("GET", f"/{index}/_search?size=10000")[1]
        hits: list[dict[str, Any]] = found["hits"]["hits"]
        return hits


def _home(home: Path, found: Path) -> Path:
    """As a distribution has it: libraries, and the transport as a module."""
    module = home / "modules" / "transport-netty4"
    module.mkdir(parents=True)
    (home / "lib").mkdir()
    (home / "plugins").mkdir()
    version = ""
    for jar in found.glob("*.jar"):
        name, _, rest = jar.stem.rpartition("-")
        of_module = name.startswith(("netty-", "transport-netty4"))
        shutil.copy(jar, module if of_module else home / "lib")
        version = rest if name == "opensearch" else version
    (module / "plugin-descriptor.properties").write_text(MODULE.format(version=version))
    (module / "plugin-security.policy").write_text(POLICY)
    return home
