"""A lean worker in a process of its own: keep-alive connections, batch poll, one update a task.

``python -m tests.benchmarks.http_worker HOST PORT MODE TOTAL`` starts executions over HTTP, a
hundred in flight, works on all their tasks and prints one line of JSON. MODE is ``poll`` (batch
poll and ``POST /tasks``) or ``v2`` (``POST /tasks/update-v2``, which answers the next task).
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any, Final

import msgspec

_AT_ONCE: Final = 100
_CONNECTIONS: Final = 50
_TASK_TYPE: Final = "bench_remote_step"
_LAST_REFERENCE: Final = "s10"

Wire = dict[str, Any]


class Connection:
    """One keep-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over an open stream."""
        self._reader = reader
        self._writer = writer

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The body of the answer; empty for 204."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        status = int(answer[9:12])
        length, is_chunked, is_last = 0, False, False
        for line in answer.split(b"\r\n")[1:]:
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
            elif line[:18].lower() == b"transfer-encoding:":
                is_chunked = b"chunked" in line.lower()
            elif line[:11].lower() == b"connection:":
                is_last = b"close" in line.lower()
        if is_chunked:
            content = await self._chunks()
        else:
            content = await self._reader.readexactly(length) if length else b""
        if is_last:  # some servers end a connection after a number of requests
            peer = self._writer.get_extra_info("peername")
            self._writer.close()
            self._reader, self._writer = await asyncio.open_connection(*peer[:2])
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {content[:200]!r}")
        return content

    async def _chunks(self) -> bytes:
        content = b""
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            content += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return content

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class RemoteLoad:
    """Executions, a hundred in flight, and the worker that completes them."""

    def __init__(self, host: str, port: int, total: int) -> None:
        """Prepare to run ``total`` executions."""
        self._address = (host, port)
        self._total = total
        self._started = self._ended = self.steps = 0
        self._tasks: asyncio.Queue[Wire | None] = asyncio.Queue()
        self._starts: asyncio.Queue[None] = asyncio.Queue()
        self._done = asyncio.Event()

    async def run(self, mode: str) -> float:
        """Run them all; returns the seconds it took."""
        connections = [await self._connect() for _ in range(_CONNECTIONS + 2)]
        for _ in range(min(_AT_ONCE, self._total)):
            self._starts.put_nowait(None)
        jobs = [self._start_executions(connections[0])]
        if mode == "v2":
            jobs += [self._work_v2(connection) for connection in connections[2:]]
        else:
            jobs += [self._poll(connections[1])]
            jobs += [self._update(connection) for connection in connections[2:]]
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
            await self._done.wait()
            seconds = time.perf_counter() - begun
            for _ in connections:
                self._tasks.put_nowait(None)
            # Polls that are under way come to their end: hanging up could lose a task to nobody.
        for connection in connections:
            connection.close()
        return seconds

    async def _connect(self) -> Connection:
        return Connection(*await asyncio.open_connection(*self._address))

    async def _start_executions(self, connection: Connection) -> None:
        while self._started < self._total:
            await self._starts.get()
            self._started += 1
            await connection.ask("POST", "/api/workflow/bench_remote?version=1", b'{"n":1}')

    async def _poll(self, connection: Connection) -> None:
        path = f"/api/tasks/poll/batch/{_TASK_TYPE}?count=50&timeout=200&workerid=lean"
        while not self._done.is_set():
            answer = await connection.ask("GET", path)
            for task in msgspec.json.decode(answer):
                self._tasks.put_nowait(task)

    async def _update(self, connection: Connection) -> None:
        while (task := await self._tasks.get()) is not None:
            await connection.ask("POST", "/api/tasks", _result(task))
            self._completed(task)

    async def _work_v2(self, connection: Connection) -> None:
        path = f"/api/tasks/poll/batch/{_TASK_TYPE}?count=1&timeout=100&workerid=lean"
        while not self._done.is_set():
            found = msgspec.json.decode(await connection.ask("GET", path))
            task = found[0] if found else None
            while task is not None:
                answer = await connection.ask("POST", "/api/tasks/update-v2", _result(task))
                self._completed(task)
                task = msgspec.json.decode(answer) if answer else None

    def _completed(self, task: Wire) -> None:
        self.steps += 1
        if task["referenceTaskName"] == _LAST_REFERENCE:
            self._ended += 1
            self._starts.put_nowait(None)
            if self._ended == self._total:
                self._done.set()


def _result(task: Wire) -> bytes:
    return msgspec.json.encode(
        {
            "workflowInstanceId": task["workflowInstanceId"],
            "taskId": task["taskId"],
            "workerId": "lean",
            "status": "COMPLETED",
            "outputData": {"n": task["inputData"]["n"] + 1},
        }
    )


def main(host: str, port: int, mode: str, total: int) -> None:
    """Warm up with a tenth, run, print the figures."""
    asyncio.run(RemoteLoad(host, port, total // 10).run(mode))
    load = RemoteLoad(host, port, total)
    cpu = time.process_time()
    seconds = asyncio.run(load.run(mode))
    figures = {"seconds": seconds, "steps": load.steps, "cpu": time.process_time() - cpu}
    print(msgspec.json.encode(figures).decode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
