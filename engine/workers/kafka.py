"""Publishing to Kafka: KAFKA_PUBLISH tasks, and a publisher for EVENT sinks ``kafka:<topic>``.

Rules of this file
  1. The client is aiokafka, an extra: pure asyncio, so the address guard sees every connection,
     those to brokers that the cluster names included.
  2. Whatever goes wrong is an outcome of the task, never an exception of the worker.
  3. A producer is kept for ``_IDLE_SECONDS`` after its last record, ``_MOST_PRODUCERS`` at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final, NamedTuple

from ..core.java_text import java_text
from ..errors import ForbiddenError, InvalidRequestError
from ..models.codec import dumps
from ..publishers import EventMessage
from .address_guard import AddressGuard
from .loop_thread import LoopThread, cancel_others
from .outcome import TaskOutcome

_DOCUMENTATION: Final = "See documentation for KafkaTask for required input parameters"
_MISSING_REQUEST: Final = (
    "Missing Kafka request. Task input MUST have a 'kafka_request' key with KafkaTask.Input as "
    f"value. {_DOCUMENTATION}"
)
_FAILED_PREFIX: Final = "Failed to invoke kafka task due to: "
MISSING_EXTRA: Final = (
    "KAFKA_PUBLISH needs a Kafka client, which is not installed; run "
    "pip install 'conductor-studio[kafka]' where the engine runs and start it again."
)
_REQUEST_TIMEOUT_MS: Final = 30_000
_MAX_BLOCK_MS: Final = 5_000
_MOST_PRODUCERS: Final = 10
_IDLE_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 5.0
_INTEGER_BYTES: Final = {"IntegerSerializer": 4, "LongSerializer": 8}


class KafkaRecord(NamedTuple):
    """One record and how to send it."""

    servers: str
    topic: str
    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    request_timeout_ms: int = _REQUEST_TIMEOUT_MS
    max_block_ms: int = _MAX_BLOCK_MS


def read_record(request: Any) -> KafkaRecord:
    """The record that a ``kafka_request`` describes.

    Raises:
        InvalidRequestError: Something is missing or of a wrong kind; in Conductor's words.
    """
    if request is None:
        raise InvalidRequestError(_MISSING_REQUEST)
    if not isinstance(request, Mapping):
        raise InvalidRequestError(f"{_FAILED_PREFIX}kafka_request is not an object.")
    servers, topic, value = (request.get(k) for k in ("bootStrapServers", "topic", "value"))
    if not isinstance(servers, str) or not servers.strip():
        raise InvalidRequestError("No boot strap servers specified")
    if not isinstance(topic, str) or not topic.strip():
        raise InvalidRequestError(f"Missing Kafka topic. {_DOCUMENTATION}")
    if value is None:
        raise InvalidRequestError(f"Missing Kafka value.  {_DOCUMENTATION}")
    headers = request.get("headers") or {}
    if not isinstance(headers, Mapping):
        raise InvalidRequestError(f"{_FAILED_PREFIX}headers is not an object.")
    return KafkaRecord(
        servers=",".join(part.strip() for part in servers.split(",") if part.strip()),
        topic=topic,
        value=dumps(value),
        key=_key(request.get("key"), str(request.get("keySerializer") or "StringSerializer")),
        headers=tuple((str(name), java_text(said).encode()) for name, said in headers.items()),
        request_timeout_ms=_milliseconds(request, "requestTimeoutMs", _REQUEST_TIMEOUT_MS),
        max_block_ms=_milliseconds(request, "maxBlockMs", _MAX_BLOCK_MS),
    )


def _key(key: Any, serializer: str) -> bytes | None:
    kind = serializer.rpartition(".")[2]
    if key is None:  # Conductor sends the text "null": all such records in one partition
        return None
    if kind == "StringSerializer":
        return java_text(key).encode()
    length = _INTEGER_BYTES.get(kind)
    if length is None:
        raise InvalidRequestError(f"{_FAILED_PREFIX}there is no keySerializer {serializer} here.")
    try:
        return int(str(key)).to_bytes(length, "big", signed=True)
    except (ValueError, OverflowError):
        raise InvalidRequestError(f"{_FAILED_PREFIX}the key {key!r} is no {kind[:-10]}.") from None


def _milliseconds(request: Mapping[str, Any], name: str, default: int) -> int:
    value = request.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidRequestError(f"{_FAILED_PREFIX}{name} is not a number of milliseconds.")
    return value


class _GuardedLoop(asyncio.SelectorEventLoop):
    """Connects no address that the guard refuses, whoever names it."""

    def __init__(self, guard: AddressGuard) -> None:
        super().__init__()
        self._guard = guard

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        refusal = self._guard.refusal(str(address[0]), int(address[1]))
        if refusal:
            raise ForbiddenError(refusal)
        await super().sock_connect(sock, address)


class KafkaProducers:
    """Sends records on an event loop of its own. Callable from any thread."""

    def __init__(self, guard: AddressGuard | None = None) -> None:
        """The loop starts with the first record. ``guard``: which addresses may be reached."""
        self._guard = guard or AddressGuard()
        self._thread = LoopThread(
            "kafka", "The Kafka worker", self._end, lambda: _GuardedLoop(self._guard)
        )
        self._producers: OrderedDict[tuple[str, int], asyncio.Task[Any]] = OrderedDict()
        self._last_use: dict[tuple[str, int], float] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def send(self, record: KafkaRecord) -> Future[None]:
        """Send a record; resolves once the brokers have it, to an error if they have not.

        Raises:
            RuntimeError: The client is not installed, or this is closed.
        """
        if importlib.util.find_spec("aiokafka") is None:
            raise RuntimeError(MISSING_EXTRA)
        return self._thread.submit(self._send, record)

    def close(self) -> None:
        """Drop what is under way and end the thread. Closing twice is harmless."""
        self._thread.close()

    # -- the loop ----------------------------------------------------------------------------

    async def _send(self, record: KafkaRecord) -> None:
        which = (record.servers, record.request_timeout_ms)
        try:
            async with asyncio.timeout(record.max_block_ms / 1000):
                producer = await self._producer(which)
                await producer.partitions_for(record.topic)
        except TimeoutError:
            raise TimeoutError(
                f"Topic {record.topic} not present in metadata after {record.max_block_ms} ms."
            ) from None
        await producer.send_and_wait(
            record.topic, record.value, key=record.key, headers=list(record.headers)
        )

    async def _producer(self, which: tuple[str, int]) -> Any:
        """A started producer; several that need a new one share its start."""
        loop = asyncio.get_running_loop()
        self._last_use[which] = loop.time()
        started = self._producers.get(which)
        if started is None or (started.done() and started.exception() is not None):
            started = self._producers[which] = loop.create_task(_started(*which))
            # Who asked may have given up by the time it fails; asyncio would log it as forgotten.
            started.add_done_callback(lambda task: task.cancelled() or task.exception())
            loop.call_later(_IDLE_SECONDS, self._drop_idle, which)
        self._producers.move_to_end(which)
        while len(self._producers) > _MOST_PRODUCERS:
            self._drop(next(iter(self._producers)))
        # Shielded: a record that runs out of time must not end the start of the others.
        return await asyncio.shield(started)

    def _drop_idle(self, which: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        left = self._last_use.get(which, 0.0) + _IDLE_SECONDS - loop.time()
        if left > 0:
            loop.call_later(left, self._drop_idle, which)
        else:
            self._drop(which)

    def _drop(self, which: tuple[str, int]) -> None:
        started = self._producers.pop(which, None)
        self._last_use.pop(which, None)
        if started is not None:
            ending = asyncio.get_running_loop().create_task(_stopped(started))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _end(self) -> None:
        producers, self._producers = list(self._producers.values()), OrderedDict()
        current = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not current and task not in producers and not _is_client(task):
                task.cancel()
        for started in producers:
            await _stopped(started)
        await cancel_others()


def _is_client(task: asyncio.Task[Any]) -> bool:
    """Whether a task is the client library's own: those end with their producer."""
    module = getattr(getattr(task.get_coro(), "cr_frame", None), "f_globals", {})
    return str(module.get("__name__", "")).startswith("aiokafka")


async def _started(servers: str, request_timeout_ms: int) -> Any:
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(
        bootstrap_servers=servers.split(","),
        client_id="conductor-studio",
        acks="all",
        request_timeout_ms=request_timeout_ms,
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


async def _stopped(started: asyncio.Task[Any]) -> None:
    started.cancel()
    try:
        producer = await started
    except (asyncio.CancelledError, Exception):
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STOP_SECONDS):
            await producer.stop()


class KafkaTaskWorker:
    """The engine's worker for tasks of type KAFKA_PUBLISH. Callable from any thread."""

    task_type = "KAFKA_PUBLISH"

    def __init__(self, producers: KafkaProducers) -> None:
        """Send with ``producers``, which are closed with this."""
        self._producers = producers

    def execute(self, task: dict[str, Any]) -> Future[TaskOutcome]:
        """Publish the record of a task; resolves to the outcome, never to an exception."""
        given = task["inputData"]
        workflow_task = task.get("workflowTask") or {}
        waits = bool(given.get("asyncComplete", workflow_task.get("asyncComplete")))
        answer: Future[TaskOutcome] = Future()
        try:
            sending = self._producers.send(read_record(given.get("kafka_request")))
        except InvalidRequestError as error:
            answer.set_result(TaskOutcome(status="FAILED", output={}, reason=str(error)))
            return answer
        except RuntimeError as error:
            final = "FAILED_WITH_TERMINAL_ERROR"
            answer.set_result(TaskOutcome(status=final, output={}, reason=str(error)))
            return answer

        def sent(finished: Future[None]) -> None:
            error = None if finished.cancelled() else finished.exception()
            if finished.cancelled():
                answer.cancel()
            elif error is not None:
                reason = _FAILED_PREFIX + (str(error) or type(error).__name__)
                answer.set_result(TaskOutcome(status="FAILED", output={}, reason=reason))
            elif waits:
                fields = {"begun": True}
                answer.set_result(TaskOutcome(status="IN_PROGRESS", output={}, fields=fields))
            else:
                answer.set_result(TaskOutcome(status="COMPLETED", output={}))

        sending.add_done_callback(sent)
        return answer

    def close(self) -> None:
        """Drop what is under way."""
        self._producers.close()


class KafkaPublisher:
    """Publishes EVENT tasks with sinks ``kafka:<topic>`` to one cluster.

    Hand it over as ``Engine(event_publishers={"kafka": KafkaPublisher("host:9092")})``. The key
    of each record is the task's id.
    """

    def __init__(self, servers: str, guard: AddressGuard | None = None) -> None:
        """``servers``: ``host:port``, several separated by commas. ``guard``: as for HTTP tasks."""
        self._servers = servers
        self._producers = KafkaProducers(guard)

    def publish(self, message: EventMessage) -> None:
        """Send the message; returns once the brokers have it."""
        record = KafkaRecord(
            self._servers, message.address, dumps(message.payload), message.id.encode()
        )
        self._producers.send(record).result()

    def close(self) -> None:
        """End the connections."""
        self._producers.close()
