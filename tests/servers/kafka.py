"""One broker of Apache Kafka, which is its own controller (KRaft)."""

import subprocess
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.servers.maven import JAVA_OPTIONS, jars, java
from tests.servers.programs import Program

SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"


class Kafka:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, controller = free_port(), free_port()
        settings = folder / "server.properties"
        settings.write_text(SETTINGS.format(port=self.port, controller=controller, folder=folder))
        run = [java(), *JAVA_OPTIONS, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars('kafka')}/*"]
        form = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(settings)]
        subprocess.run([*run, *form], check=True, capture_output=True, timeout=30)
        self.program = Program([*run, "kafka.Kafka", str(settings)], folder / "server.log")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def admin(self) -> Any:
        from confluent_kafka.admin import AdminClient

        return AdminClient({"bootstrap.servers": self.address, "log_level": "0"})

    def ready(self) -> bool:
        from confluent_kafka import KafkaException

        try:
            return bool(self.admin().list_topics(timeout=1).brokers)
        except KafkaException:
            return False
