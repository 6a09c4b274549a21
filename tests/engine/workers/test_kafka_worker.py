"""KAFKA_PUBLISH without a broker: what is read, what is refused, what can't be reached.

What a real broker gets is in tests/compat/test_kafka_broker.py.
"""

from __future__ import annotations

import importlib.util
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from engine import Engine
from engine.errors import InvalidRequestError
from engine.testing.definitions import node, workflow
from engine.workers.address_guard import AddressGuard
from engine.workers.kafka import (
    MISSING_EXTRA,
    KafkaProducers,
    KafkaTaskWorker,
    read_record,
)

Wire = dict[str, Any]
REQUEST: Wire = {"bootStrapServers": "127.0.0.1:1", "topic": "t", "value": {"k": [1, None]}}
_APACHE = "org.apache.kafka.common.serialization."


@pytest.fixture
def worker() -> Iterator[KafkaTaskWorker]:
    worker = KafkaTaskWorker(KafkaProducers())
    yield worker
    worker.close()


def test_a_record_is_read_as_conductor_reads_it() -> None:
    record = read_record({**REQUEST, "headers": {"a": 1, "b": True}, "key": 7, "maxBlockMs": 9})

    assert record.value == b'{"k":[1,null]}'
    assert record.key == b"7"
    assert record.headers == (("a", b"1"), ("b", b"true"))
    assert record.max_block_ms == 9


@pytest.mark.parametrize(
    ("serializer", "key", "given"),
    [
        (None, None, None),
        (None, "k", b"k"),
        (f"{_APACHE}StringSerializer", 1.0, b"1.0"),
        (f"{_APACHE}LongSerializer", "5", struct.pack(">q", 5)),
        (f"{_APACHE}IntegerSerializer", -2, struct.pack(">i", -2)),
    ],
)
def test_the_key_is_serialized(serializer: str | None, key: Any, given: bytes | None) -> None:
    request = {**REQUEST, "key": key, "keySerializer": serializer}
    assert read_record(request).key == given


@pytest.mark.parametrize(
    ("request_given", "says"),
    [
        (None, "Missing Kafka request. Task input MUST have a 'kafka_request' key"),
        ([], "kafka_request is not an object"),
        ({"topic": "t", "value": 1}, "No boot strap servers specified"),
        ({"bootStrapServers": "a:1", "value": 1}, "Missing Kafka topic. See documentation"),
        ({"bootStrapServers": "a:1", "topic": "t"}, "Missing Kafka value.  See documentation"),
        ({**REQUEST, "headers": [1]}, "headers is not an object"),
        ({**REQUEST, "key": "x", "keySerializer": "LongSerializer"}, "the key 'x' is no Long"),
        ({**REQUEST, "key": 2**40, "keySerializer": "IntegerSerializer"}, "is no Integer"),
        ({**REQUEST, "key": 1, "keySerializer": "my.Own"}, "no keySerializer my.Own"),
        ({**REQUEST, "maxBlockMs": "soon"}, "maxBlockMs is not a number of milliseconds"),
    ],
)
def test_a_request_that_can_not_be_sent_fails_with_its_reason(
    worker: KafkaTaskWorker, request_given: Any, says: str
) -> None:
    with pytest.raises(InvalidRequestError, match="."):
        read_record(request_given)
    outcome = worker.execute({"inputData": {"kafka_request": request_given}}).result(5)
    assert outcome.status == "FAILED"
    assert says in str(outcome.reason)


def test_without_the_extra_the_task_fails_for_good_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, worker: KafkaTaskWorker
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "aiokafka" else real(name)
    )
    outcome = worker.execute({"inputData": {"kafka_request": REQUEST}}).result(5)

    assert (outcome.status, outcome.reason) == ("FAILED_WITH_TERMINAL_ERROR", MISSING_EXTRA)
    assert "pip install 'conductor-studio[kafka]'" in MISSING_EXTRA


def test_a_broker_that_is_not_there_fails_the_task() -> None:
    request = {**REQUEST, "maxBlockMs": 2000}
    with Engine() as engine:
        task = node("k", "KAFKA_PUBLISH", inputParameters={"kafka_request": request})
        engine.client.register_workflow_def(workflow("w", task))
        done = engine.run("w")

    assert str(done.tasks[0].status) == "FAILED"
    assert "Failed to invoke kafka task due to: " in str(done.tasks[0].reason_for_incompletion)


def test_a_silent_broker_is_given_up_in_time(worker: KafkaTaskWorker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        request = {**REQUEST, "bootStrapServers": address, "maxBlockMs": 300}
        outcome = worker.execute({"inputData": {"kafka_request": request}}).result(10)

    assert outcome.status == "FAILED"
    assert "Topic t not present in metadata after 300 ms." in str(outcome.reason)


def test_an_address_that_the_guard_refuses_is_not_connected() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"127.0.0.1:{server.getsockname()[1]}"
        worker = KafkaTaskWorker(KafkaProducers(AddressGuard(allow_private=False)))
        request = {**REQUEST, "bootStrapServers": address, "maxBlockMs": 1000}
        outcome = worker.execute({"inputData": {"kafka_request": request}}).result(10)
        worker.close()

        assert outcome.status == "FAILED"
        with pytest.raises(TimeoutError):
            server.accept()
