"""Server-sent events: complete, in order, resumable, bounded."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from door_client import Send

from engine import Engine
from engine.core.apply import fold
from engine.core.events import EventKind, HistoryEvent
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer, event_streams
from engine.service import Service

Event = dict[str, str]


class Reader:
    """A client of one stream: its events as they come, on a thread of its own."""

    def __init__(self, port: int, path: str, headers: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n".encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self._file.readline().strip().decode():
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.events: list[Event] = []
        self.ended = threading.Event()
        self._arrived = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        event: Event = {}
        with suppress(OSError, ValueError):
            for raw in self._file:
                line = raw.decode().rstrip("\n")
                if line:
                    name, _, value = line.partition(":")
                    event[name] = value.removeprefix(" ")
                    continue
                with self._arrived:
                    self.events.append(event)
                    self._arrived.notify_all()
                event = {}
        self.ended.set()

    def until(self, enough: Callable[[list[Event]], bool]) -> list[Event]:
        """The events with data, once ``enough`` is true of them."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: enough(self.data), 10), self.events[-3:]
        return self.data

    @property
    def data(self) -> list[Event]:
        return [event for event in self.events if "data" in event]

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._file.close()
        self._socket.close()
        self._thread.join()


Open = Callable[..., Reader]


@pytest.fixture
def listen(server: ApiServer) -> Iterator[Open]:
    readers: list[Reader] = []

    def listen(path: str, headers: str = "") -> Reader:
        readers.append(Reader(server.port, path, headers))
        return readers[-1]

    yield listen
    for reader in readers:
        reader.close()


def start(send: Send, **more: Any) -> str:
    reply = send("POST", "/api/workflow", {"name": "flow", "version": 1, "input": {}, **more})
    assert reply.status == 200, reply.text
    return reply.text


def work(send: Send, workflow_id: str, *references: str) -> None:
    for reference in references:
        reply = send("POST", f"/api/tasks/{workflow_id}/{reference}/COMPLETED", {"done": reference})
        assert reply.status == 200


def numbers(events: list[Event]) -> list[int]:
    return [json.loads(event["data"])["number"] for event in events]


def test_a_stream_brings_the_whole_history_and_then_what_follows(
    send: Send, service: Service, flow: str, listen: Open
) -> None:
    workflow_id = start(send)
    reader = listen(f"/api/executions/{workflow_id}/events")
    assert reader.status == 200
    assert reader.headers["content-type"] == "text/event-stream"
    reader.until(lambda found: len(found) >= 2)
    work(send, workflow_id, "first_ref", "second_ref")
    committed = service.committed_events(workflow_id)
    found = reader.until(lambda found: len(found) >= len(committed))

    assert [int(event["id"]) for event in found] == list(range(1, len(committed) + 1))
    decoded = [msgspec.json.decode(event["data"], type=HistoryEvent) for event in found]
    assert decoded == committed
    state = fold(decoded, service._runtime.registry.definition_of)
    assert str(state.status) == "COMPLETED"


def test_a_stream_until_the_end_does_not_outlive_its_execution(
    send: Send,
    flow: str,
    listen: Open,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(event_streams, "HEARTBEAT_SECONDS", 0.2)
    workflow_id = start(send)
    reader = listen(f"/api/executions/{workflow_id}/events?untilEnd=true")
    reader.until(lambda found: len(found) >= 2)
    removed = send("DELETE", f"/api/workflow/{workflow_id}/remove?archiveWorkflow=false")
    assert removed.status == 200
    assert reader.ended.wait(5)
    assert not caplog.records


def test_a_history_is_cut_into_chunks_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "_CHUNK_BYTES", 300)
    kinds = [EventKind.TASK_SCHEDULED, EventKind.TASK_COMPLETED]
    found = [
        (number, HistoryEvent(workflow_id="w", number=number, kind=kinds[number % 2], wall_ms=1))
        for number in range(1, 21)
    ]
    chunks, at, last = [], 0, 0
    while at < len(found):
        at, last, chunk = event_streams._chunk(found, at, frozenset({EventKind.TASK_COMPLETED}))
        chunks.append(chunk)
    assert last == 20
    assert b"".join(chunks).count(b"id: ") == 10
    assert len(chunks) > 2
    assert all(len(chunk) < 600 for chunk in chunks)


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_reader_resumes_behind_its_last_event(
    send: Send, flow: str, listen: Open, how: str
) -> None:
    workflow_id = start(send)
    work(send, workflow_id, "first_ref", "second_ref")
    path = f"/api/executions/{workflow_id}/events?untilEnd=true"
    whole = listen(path).until(lambda found: found != [] and found[-1].get("event") == "end")
    if how == "header":
        reader = listen(path, "Last-Event-ID: 3\r\n")
    else:
        reader = listen(f"{path}&after=3")
    rest = reader.until(lambda found: found != [] and found[-1].get("event") == "end")
    assert rest == whole[3:]
    assert reader.ended.wait(5), "the stream goes on after the end"
    assert json.loads(rest[-1]["data"]) == {"status": "COMPLETED", "number": len(whole) - 1}


def test_the_tenant_wide_stream_begins_now_and_can_be_resumed(
    send: Send, flow: str, listen: Open
) -> None:
    before = start(send)
    reader = listen("/api/executions/events")
    while not reader.events:  # the stream is open once its first line is here
        time.sleep(0.005)
    ids = [start(send), start(send)]
    work(send, ids[0], "first_ref")
    found = reader.until(
        lambda found: sum(json.loads(e["data"])["kind"] == "TaskCompleted" for e in found) == 1
    )
    owners = [json.loads(event["data"])["workflow_id"] for event in found]
    assert before not in owners
    assert set(owners) == set(ids)
    positions = [int(event["id"]) for event in found]
    assert positions == sorted(set(positions))

    again = listen("/api/executions/events", f"Last-Event-ID: {positions[0]}\r\n")
    assert again.until(lambda rest: len(rest) >= len(found) - 1)[: len(found) - 1] == found[1:]
    everything = listen("/api/executions/events?after=0")
    everything.until(lambda all_: any(e["id"] == found[-1]["id"] for e in all_))
    of_first = [e for e in everything.data if json.loads(e["data"])["workflow_id"] == ids[0]]
    assert numbers(of_first)[:3] == [1, 2, 3]


def test_kinds_choose_events(send: Send, flow: str, listen: Open) -> None:
    workflow_id = start(send)
    work(send, workflow_id, "first_ref", "second_ref")
    path = f"/api/executions/{workflow_id}/events?untilEnd=true"
    reader = listen(f"{path}&kinds=WorkflowStarted,WorkflowEnded")
    found = reader.until(lambda found: found != [] and found[-1].get("event") == "end")
    kinds = [json.loads(event["data"])["kind"] for event in found[:-1]]
    assert kinds == ["WorkflowStarted", "WorkflowEnded"]


def test_silence_is_filled_with_heartbeats(
    send: Send, flow: str, listen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "HEARTBEAT_SECONDS", 0.05)
    workflow_id = start(send)
    reader = listen(f"/api/executions/{workflow_id}/events")
    reader.until(lambda found: len(found) >= 2)
    last = reader.data[-1]["id"]
    deadline = time.monotonic() + 5
    while sum("" in event for event in reader.events) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    beats = [event for event in reader.events if "" in event]
    assert len(beats) >= 2
    assert beats[-1] == {"": "heartbeat", "id": last}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/executions/nobody/events", "", 404),
        ("/api/executions/events?after=-1", "", 400),
        ("/api/executions/events?after=x", "", 400),
        ("/api/executions/events", "Last-Event-ID: x\r\n", 400),
        ("/api/executions/events?kinds=Nonsense", "", 400),
    ],
)
def test_mistakes_are_answered_before_anything_is_streamed(
    listen: Open, path: str, headers: str, status: int
) -> None:
    reader = listen(path, headers)
    assert reader.status == status
    assert reader.headers["content-type"] == "application/json"


def test_a_client_that_leaves_frees_its_stream(send: Send, flow: str, listen: Open) -> None:
    reader = listen(f"/api/executions/{start(send)}/events")
    reader.until(lambda found: found != [])
    assert event_streams._open
    reader.close()
    deadline = time.monotonic() + 5
    while event_streams._open and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not event_streams._open


def test_too_many_streams_are_refused(
    send: Send, flow: str, listen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "MOST_STREAMS", 1)
    workflow_id = start(send)
    listen(f"/api/executions/{workflow_id}/events").until(lambda found: found != [])
    reply = send("GET", f"/api/executions/{workflow_id}/events")
    assert reply.status == 503
    assert reply.json["retryable"] is True


@contextmanager
def patience(seconds: float, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = event_streams.Stream
    monkeypatch.setattr(
        event_streams, "Stream", lambda chunks, kind: real(chunks, kind, patience_seconds=seconds)
    )
    yield


def test_a_slow_reader_is_cut_off_and_can_resume(
    send: Send, service: Service, flow: str, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = start(send)
    for number in range(40):  # about 7 MB of history, more than sockets hold
        service.set_variables(workflow_id, {"v": f"{number}" * 100_000}).result()
    total = len(service.committed_events(workflow_id))
    path = f"/api/executions/{workflow_id}/events"
    with patience(0.3, monkeypatch), socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", server.port))
        slow.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        deadline = time.monotonic() + 10
        while not event_streams._open and time.monotonic() < deadline:
            time.sleep(0.01)
        while event_streams._open and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not event_streams._open, "nobody cut the slow reader off"
        received = bytearray()
        with suppress(ConnectionError):
            while chunk := slow.recv(1 << 20):
                received += chunk
    whole = [part for part in received.split(b"\n\n") if part.startswith(b"id: ")][:-1]
    assert len(whole) < total
    last = int(whole[-1].split(b"\n")[0][4:]) if whole else 0
    reader = Reader(server.port, path, f"Last-Event-ID: {last}\r\n")
    try:
        rest = reader.until(lambda found: len(found) >= total - last)
        assert [int(event["id"]) for event in rest] == list(range(last + 1, total + 1))
    finally:
        reader.close()


def test_nothing_is_lost_while_events_move_from_the_journal_to_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.feeder.FEED_SECONDS", 0.01)
    monkeypatch.setattr(event_streams, "PAGE_EVENTS", 40)
    tasks = [{"name": "n", "taskReferenceName": f"n{i}", "type": "NOOP"} for i in range(3)]
    with (
        Engine(tmp_path / "s.duckdb", functions=FunctionRegistry(), http_tasks=False) as engine,
        ApiServer(engine.service, port=0) as server,
    ):
        service = engine.service
        service.create_workflow_def({"name": "w", "version": 1, "tasks": tasks}).result()
        first = service.start_workflow({"name": "w", "input": {}}).result()
        readers = [
            Reader(server.port, "/api/executions/events?after=0"),
            Reader(server.port, f"/api/executions/{first}/events"),
        ]
        ids = [first]
        for _ in range(150):  # each ends at once: fed, and pruned from the journal soon after
            ids.append(service.start_workflow({"name": "w", "input": {}}).result())
        expected = {key: len(service.committed_events(key)) for key in ids}
        try:
            found = readers[0].until(lambda found: len(found) >= sum(expected.values()))
            own = readers[1].until(lambda found: len(found) >= expected[first])
        finally:
            for reader in readers:
                reader.close()
    positions = [int(event["id"]) for event in found]
    assert positions == sorted(set(positions))
    by_execution: dict[str, list[int]] = {}
    for event in found:
        data = json.loads(event["data"])
        by_execution.setdefault(data["workflow_id"], []).append(data["number"])
    assert by_execution == {key: list(range(1, count + 1)) for key, count in expected.items()}
    assert numbers(own) == by_execution[first]
