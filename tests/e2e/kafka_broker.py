"""A real Kafka of one node, from the jars that its project publishes; Maven fetches them once into the user's cache."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

from confluent_kafka.admin import AdminClient
from e2e.go_build import cache
from e2e.processes import Process, eventually, free_port

VERSION = "3.9.1"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>otel-insights.test</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
_CONFIG = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={home}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=6000
num.partitions=3
"""


class NoJavaError(Exception):
    """Java or Maven is not installed: there is nothing to run Kafka with."""


def jars() -> Path:
    """Return the folder of Kafka's jars, fetching them where they are not cached. Raises NoJavaError."""
    home = cache() / f"kafka-{VERSION}"
    if (home / "complete").exists():
        return home / "jars"
    if not (shutil.which("java") and shutil.which("mvn")):
        raise NoJavaError("no Java and Maven on the PATH, so no Kafka to test with")
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            (home / "pom.xml").write_text(_POM)
            fetch = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={home / 'jars'}"]
            subprocess.run(fetch, cwd=home, check=True, stdout=subprocess.DEVNULL)
            (home / "complete").touch()
    return home / "jars"


class Kafka:
    """One node that is broker and controller."""

    def __init__(self, home: Path) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self._home = home
        config = home / "kafka.properties"
        config.write_text(_CONFIG.format(port=port, controller=free_port(), home=home))
        java = ["java", "-Xmx256m", "-cp", f"{jars()}/*"]
        self._format = [*java, "kafka.tools.StorageTool", "format", "-t", "b3RlbC1pbnNpZ2h0czEyMw", "-c", str(config)]
        self.process = Process("Kafka", [*java, "kafka.Kafka", str(config)], home / "kafka.log")

    def start(self) -> None:
        subprocess.run(self._format, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process.start()
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        eventually(lambda: self.process.alive() and _answers(admin), "Kafka is ready", within=60)


def _answers(admin: AdminClient) -> bool:
    try:
        return bool(admin.list_topics(timeout=1).brokers)
    except Exception:  # noqa: BLE001 - whatever it is, it is not ready
        return False
