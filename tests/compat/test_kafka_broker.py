"""KAFKA_PUBLISH and EVENT against a real Kafka broker, in a process of its own on loopback."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine.testing.definitions import node, workflow
from engine.workers.kafka import KafkaPublisher

JARS = os.environ.get("CONDUCTOR_KAFKA_JARS", "")
REASON = (
    "needs a Kafka broker: name a folder with its jars in CONDUCTOR_KAFKA_JARS; "
    "tests/compat/kafka/pom.xml says how to get them"
)
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not JARS or shutil.which("java") is None, reason=REASON),
]

_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/logs
offsets.topic.replication.factor=1
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a broker that runs for the tests of this module."""
    folder = tmp_path_factory.mktemp("kafka")
    ports = {"broker": _free_port(), "controller": _free_port()}
    properties = folder / "server.properties"
    properties.write_text(_PROPERTIES.format(folder=folder, **ports))
    java = ["java", "-Xmx384m", "-cp", str(Path(JARS) / "*")]
    cluster = ["-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", str(properties)]
    subprocess.run(
        [*java, "kafka.tools.StorageTool", "format", *cluster],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with subprocess.Popen(
        [*java, "kafka.Kafka", str(properties)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _await_port(ports["broker"], process)
            yield f"127.0.0.1:{ports['broker']}"
        finally:
            process.kill()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, "The broker has ended."
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError("The broker does not listen.")


def received(address: str, topic: str, count: int) -> list[Any]:
    """The first records of a topic."""
    from aiokafka import AIOKafkaConsumer

    async def read() -> list[Any]:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest")
        await consumer.start()
        try:
            return [await asyncio.wait_for(consumer.getone(), 30) for _ in range(count)]
        finally:
            await consumer.stop()

    return asyncio.run(read())


def test_a_published_record_arrives_as_it_was_written(broker: str) -> None:
    request = {
        "bootStrapServers": broker,
        "topic": "orders",
        "value": {"order": "${workflow.input.order}", "none": None},
        "key": 5,
        "keySerializer": "org.apache.kafka.common.serialization.LongSerializer",
        "headers": {"source": "studio"},
        "maxBlockMs": 60_000,
    }
    with Engine() as engine:
        task = node("k", "KAFKA_PUBLISH", inputParameters={"kafka_request": request})
        engine.client.register_workflow_def(workflow("w", task, {**task, "taskReferenceName": "m"}))
        done = engine.run("w", {"order": "o1"}, timeout_seconds=90)

    assert [str(t.status) for t in done.tasks] == ["COMPLETED", "COMPLETED"]
    first, second = received(broker, "orders", 2)
    assert first.value == b'{"order":"o1","none":null}' == second.value
    assert first.key == (5).to_bytes(8, "big")
    assert first.headers == (("source", b"studio"),)


def test_an_event_reaches_a_topic_through_the_publisher(broker: str) -> None:
    with Engine(event_publishers={"kafka": KafkaPublisher(broker)}) as engine:
        task = node("e", "EVENT", sink="kafka:news", inputParameters={"n": 1})
        engine.client.register_workflow_def(workflow("w", task))
        done = engine.run("w", timeout_seconds=90)

    (record,) = received(broker, "news", 1)
    assert record.key.decode() == done.tasks[0].task_id
    assert b'"event_produced":"kafka:news"' in record.value


def test_a_broker_that_ends_fails_the_task(broker: str) -> None:
    request = {"bootStrapServers": broker, "topic": "no good name!", "value": 1, "maxBlockMs": 3000}
    with Engine() as engine:
        task = node("k", "KAFKA_PUBLISH", inputParameters={"kafka_request": request})
        engine.client.register_workflow_def(workflow("w", task))
        done = engine.run("w", timeout_seconds=90)

    assert str(done.tasks[0].status) == "FAILED"
    assert str(done.tasks[0].reason_for_incompletion).startswith("Failed to invoke kafka task")
