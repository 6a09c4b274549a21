"""Requests a second of this server and of another one, by one lean client, side by side.

``python -m tests.benchmarks.against_conductor --ours URL --theirs URL`` (roots of the API, say
``http://127.0.0.1:8080/api``; one of the two may be left out). Rounds alternate between the two.
Each server gets its own definitions; what was started is terminated at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from .figures import Figure, percentile, table
from .http_worker import Connection

_FLOW: Final = "against_flow"
_TASK: Final = "against_step"
_EMPTY: Final = "against_nothing"
_RATIO: Final = 3.0
_LAG_SECONDS: Final = 0.020
_ROUNDS: Final = 3
KINDS: Final = ("poll-empty", "start", "get", "poll+update")

_DEFINITION: Final = {
    "name": _FLOW,
    "version": 1,
    "ownerEmail": "bench@example.com",
    "tasks": [{"name": _TASK, "taskReferenceName": "step", "type": "SIMPLE"}],
}

Once = Callable[[Connection], Awaitable[bool]]
"""One request or round trip; False when there is nothing left to do."""


class Server:
    """One server under load: how to reach it, and what was started on it."""

    def __init__(self, url: str, connections: int) -> None:
        """``url``: root of its API."""
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._root = parts.path.rstrip("/")
        self._count = connections
        self.started: list[str] = []
        self.rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
        self.latencies: dict[str, list[float]] = {kind: [] for kind in KINDS}

    async def prepare(self) -> None:
        """Register the definitions."""
        connection = await self._connect()
        task_def = {"name": _TASK, "retryCount": 0, "ownerEmail": "bench@example.com"}
        await self._ask(connection, "POST", "/metadata/taskdefs", [task_def])
        await self._ask(connection, "PUT", "/metadata/workflow", [_DEFINITION])
        connection.close()

    async def round(self, seconds: float) -> None:
        """Measure each kind once. Starts come before what works on them."""
        for kind, once in zip(
            KINDS, (self._poll_empty, self._start, self._get, self._poll_and_update), strict=True
        ):
            rate, latencies = await self._measure(once, seconds)
            self.rates[kind].append(rate)
            self.latencies[kind] += latencies

    async def clean_up(self) -> None:
        """Terminate what is still open."""
        connection = await self._connect()
        for first in range(0, len(self.started), 500):
            ids = self.started[first : first + 500]
            await self._ask(connection, "POST", "/workflow/bulk/terminate", ids)
        connection.close()

    async def lag_p99(self) -> float | None:
        """Upper bound of the event loop's p99 lag in seconds, if the server tells it."""
        connection = await self._connect()
        try:
            text = (await connection.ask("GET", "/metrics")).decode()
        except RuntimeError:
            return None
        finally:
            connection.close()
        counts = [
            (line.split('le="')[1].split('"')[0], float(line.split()[-1]))
            for line in text.splitlines()
            if line.startswith("conductor_event_loop_lag_seconds_bucket")
        ]
        if not counts or not counts[-1][1]:
            return None
        return next(float(end) for end, count in counts if count >= 0.99 * counts[-1][1])

    async def _measure(self, once: Once, seconds: float) -> tuple[float, list[float]]:
        connections = [await self._connect() for _ in range(self._count)]
        latencies: list[float] = []
        begun = time.perf_counter()
        end = begun + seconds

        async def drive(connection: Connection) -> None:
            while (at := time.perf_counter()) < end:
                if not await once(connection):
                    return
                latencies.append(time.perf_counter() - at)

        await asyncio.gather(*(drive(connection) for connection in connections))
        spent = time.perf_counter() - begun
        for connection in connections:
            connection.close()
        return len(latencies) / spent, latencies

    async def _poll_empty(self, connection: Connection) -> bool:
        path = f"/tasks/poll/batch/{_EMPTY}?count=1&timeout=0&workerid=lean"
        await self._ask(connection, "GET", path)
        return True

    async def _start(self, connection: Connection) -> bool:
        answer = await self._ask(connection, "POST", f"/workflow/{_FLOW}?version=1", {"n": 1})
        self.started.append(answer.decode().strip('"'))
        return True

    async def _get(self, connection: Connection) -> bool:
        workflow_id = self.started[hash(time.perf_counter_ns()) % len(self.started)]
        await self._ask(connection, "GET", f"/workflow/{workflow_id}?includeTasks=true")
        return True

    async def _poll_and_update(self, connection: Connection) -> bool:
        path = f"/tasks/poll/batch/{_TASK}?count=1&timeout=100&workerid=lean"
        tasks = msgspec.json.decode(await self._ask(connection, "GET", path))
        if not tasks:
            return False
        result = {
            "workflowInstanceId": tasks[0]["workflowInstanceId"],
            "taskId": tasks[0]["taskId"],
            "workerId": "lean",
            "status": "COMPLETED",
            "outputData": {"n": 2},
        }
        await self._ask(connection, "POST", "/tasks", result)
        return True

    async def _connect(self) -> Connection:
        return Connection(*await asyncio.open_connection(*self._address))

    async def _ask(self, connection: Connection, method: str, path: str, body: Any = None) -> bytes:
        text = b"" if body is None else msgspec.json.encode(body)
        return await connection.ask(method, self._root + path, text)


async def measure(
    ours: str | None, theirs: str | None, seconds: float, connections: int
) -> list[Figure]:
    """Rates, the better of a few rounds, and how ours compare with theirs."""
    servers = {
        name: Server(url, connections)
        for name, url in (("ours", ours), ("theirs", theirs))
        if url is not None
    }
    for server in servers.values():
        await server.prepare()
        await server.lag_p99()  # our server measures it from the first look on
        await server.round(min(1.0, seconds))  # warm, and not counted
        server.rates = {kind: [] for kind in KINDS}
        server.latencies = {kind: [] for kind in KINDS}
    for number in range(_ROUNDS):
        for server in servers.values():
            await server.round(seconds)
        print(f"round {number + 1} of {_ROUNDS}", file=sys.stderr, flush=True)
    figures = []
    for kind in KINDS:
        best = {name: max(server.rates[kind]) for name, server in servers.items()}
        for name, server in servers.items():
            figures.append(Figure(f"{name}: {kind}", best[name], "requests/s"))
            p99 = percentile(server.latencies[kind], 0.99) * 1000
            figures.append(Figure(f"{name}: {kind}, p99", p99, "ms"))
        if len(best) == 2:
            ratio = best["ours"] / best["theirs"]
            figures.append(Figure(f"{kind}: ours / theirs", ratio, "×", _RATIO, True))
    if "ours" in servers:
        lag = await servers["ours"].lag_p99()
        if lag is not None:
            aim = _LAG_SECONDS * 1000
            figures.append(Figure("ours: event-loop lag, p99 at most", lag * 1000, "ms", aim))
    for server in servers.values():
        await server.clean_up()
    return figures


def main() -> int:
    """Measure, print a table; returns 1 when an aim is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.against_conductor", description=__doc__
    )
    parser.add_argument("--ours", metavar="URL", help="root of our API")
    parser.add_argument("--theirs", metavar="URL", help="root of the other server's API")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each kind and round")
    parser.add_argument("--connections", type=int, default=16, help="keep-alive connections")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    arguments = parser.parse_args()
    if arguments.ours is None and arguments.theirs is None:
        parser.error("give --ours, --theirs or both")
    figures = asyncio.run(
        measure(arguments.ours, arguments.theirs, arguments.seconds, arguments.connections)
    )
    print(table(figures))
    if arguments.json is not None:
        rows = [{"name": f.name, "value": f.value, "unit": f.unit} for f in figures]
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return int(any(f.ratio is not None and f.ratio < 1 for f in figures))


if __name__ == "__main__":
    sys.exit(main())
