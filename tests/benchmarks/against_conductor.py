"""Requests a second of this server and of a real Conductor server, by one lean client.

``python -m tests.benchmarks against-conductor`` starts both, each in a process of its own, drives
them in alternating rounds and prints rates, their ratios, and our event loop's lag meanwhile.
``python -m tests.benchmarks.against_conductor --ours URL --theirs URL`` (roots of the API, say
``http://127.0.0.1:8080/api``) takes servers that run already; either may be left out.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from . import lean_client
from .both_servers import NotHereError, Ours, ours, theirs
from .figures import Figure, percentile, table
from .lean_client import Drive, request

_FLOW: Final = "against_flow"
_TASK: Final = "against_step"
_EMPTY: Final = "against_nothing"
_RATIO: Final = 3.0
_LAG_MS: Final = 20.0
ROUNDS: Final = 3
SECONDS: Final = 4.0
CONNECTIONS: Final = 16
_NEWEST: Final = 1_000
"""``get`` looks at these again and again, as whoever waits for an execution does."""
_POLL_TASKS: Final = f"/tasks/poll/batch/{_TASK}?count=1&timeout=100&workerid=lean"
_POLL_NOTHING: Final = f"/tasks/poll/batch/{_EMPTY}?count=1&timeout=0&workerid=lean"
_IDS: Final = re.compile(rb'"(taskId|workflowInstanceId)":"([^"]+)"')

_DEFINITION: Final = {
    "name": _FLOW,
    "version": 1,
    "ownerEmail": "bench@example.com",
    "tasks": [{"name": _TASK, "taskReferenceName": "step", "type": "SIMPLE"}],
}


class Kind:
    """One kind of request and what was measured of it."""

    def __init__(self, name: str, has_aim: bool = True) -> None:
        """Nothing is measured yet; ``has_aim``: ours are to be ``_RATIO`` times theirs."""
        self.name = name
        self.has_aim = has_aim
        self.rates: list[float] = []
        self.latencies: list[float] = []
        self.client_share: list[float] = []
        """CPU seconds of the client a second."""


class Server:
    """One server under load: how to reach it, and what was started on it."""

    def __init__(self, url: str, connections: int, process: Ours | None = None) -> None:
        """``url``: root of its API; ``process``: it tells of itself, if it is ours."""
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._root = parts.path.rstrip("/")
        self._count = connections
        self._process = process
        self._started: list[str] = []
        self._new: list[str] = []
        """Started in this round, and not looked at before."""
        self.late_ms: dict[str, list[float]] = {}
        self._forget()

    def _forget(self) -> None:
        kinds = ("poll-empty", "start", "get", "get once", "poll+update")
        self.kinds = {name: Kind(name, name != "get once") for name in kinds}
        self.late_ms = {name: [] for name in kinds}

    def prepare(self) -> None:
        """Register the definitions; warm up, which is not counted."""
        task_def = {"name": _TASK, "retryCount": 0, "ownerEmail": "bench@example.com"}
        self._ask("POST", "/metadata/taskdefs", [task_def])
        self._ask("PUT", "/metadata/workflow", [_DEFINITION])
        self.round(1.0)
        self._forget()

    def round(self, seconds: float) -> None:
        """Measure each kind once. Starts come before what looks at them and works on them."""
        self._new = []
        drives: dict[str, Callable[[], Drive]] = {
            "poll-empty": self._poll_empty,
            "start": self._start,
            "get": self._get,
            "get once": self._get_once(),
            "poll+update": self._poll_and_update,
        }
        for name, drive in drives.items():
            self._look()
            self._measure(self.kinds[name], drive, seconds)
            self.late_ms[name] += self._look()

    def clean_up(self) -> None:
        """Terminate what is still open."""
        for first in range(0, len(self._started), 500):
            self._ask("POST", "/workflow/bulk/terminate", self._started[first : first + 500])

    def _look(self) -> list[float]:
        late: list[float] = self._process.look()["late_ms"] if self._process is not None else []
        return late

    def _measure(self, kind: Kind, drive: Callable[[], Drive], seconds: float) -> None:
        self._end = time.perf_counter() + seconds
        self._trips = 0
        cpu = time.process_time()
        measured = lean_client.run(self._address, [drive() for _ in range(self._count)])
        kind.client_share.append((time.process_time() - cpu) / measured.seconds)
        kind.rates.append(self._trips / measured.seconds)
        kind.latencies += measured.latencies

    def _goes_on(self) -> bool:
        return time.perf_counter() < self._end

    def _poll_empty(self) -> Drive:
        text = request("GET", self._root + _POLL_NOTHING)
        while self._goes_on():
            yield text
            self._trips += 1

    def _start(self) -> Drive:
        text = request("POST", f"{self._root}/workflow/{_FLOW}?version=1", b'{"n":1}')
        while self._goes_on():
            workflow_id = (yield text).decode().strip('"')
            self._new.append(workflow_id)
            self._started.append(workflow_id)
            self._trips += 1

    def _get(self) -> Drive:
        newest = self._newest()
        while self._goes_on():
            yield self._get_request(random.choice(newest))
            self._trips += 1

    def _newest(self) -> list[str]:
        return self._new[-min(_NEWEST, (len(self._new) + 1) // 2) :]

    def _get_once(self) -> Callable[[], Drive]:
        """Each execution that ``get`` has not looked at, by whichever connection comes first."""
        unseen: Iterator[str] | None = None

        def drive() -> Drive:
            nonlocal unseen
            if unseen is None:
                unseen = iter(self._new[: -len(self._newest())])
            for workflow_id in unseen:
                if not self._goes_on():
                    return
                yield self._get_request(workflow_id)
                self._trips += 1

        return drive

    def _get_request(self, workflow_id: str) -> bytes:
        return request("GET", f"{self._root}/workflow/{workflow_id}?includeTasks=true")

    def _poll_and_update(self) -> Drive:
        poll = request("GET", self._root + _POLL_TASKS)
        while self._goes_on():
            ids = dict(islice(_IDS.findall((yield poll)), 2))
            if not ids:
                return
            result = (
                b'{"workflowInstanceId":"%b","taskId":"%b","workerId":"lean",'
                b'"status":"COMPLETED","outputData":{"n":2}}'
            ) % (ids[b"workflowInstanceId"], ids[b"taskId"])
            yield request("POST", f"{self._root}/tasks", result)
            self._trips += 1

    def _ask(self, method: str, path: str, body: object) -> bytes:
        text = msgspec.json.encode(body)
        return lean_client.ask(self._address, method, self._root + path, text)


def measure(servers: dict[str, Server], seconds: float = SECONDS) -> list[Figure]:
    """Rates, the best of a few rounds, how ours compare with theirs, and our loop's lag.

    Args:
        servers: By name, ``ours`` and ``theirs``; one may be missing.
        seconds: For each kind and round.
    """
    for server in servers.values():
        server.prepare()
    for number in range(ROUNDS):
        for server in servers.values():
            server.round(seconds)
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
    figures = []
    for name, server in servers.items():
        for kind in server.kinds.values():
            figures.append(Figure(f"{name}: {kind.name}", max(kind.rates), "requests/s"))
            p99 = percentile(kind.latencies, 0.99) * 1000
            figures.append(Figure(f"{name}: {kind.name}, p99", p99, "ms"))
            share = sum(kind.client_share) / len(kind.client_share)
            figures.append(Figure(f"{name}: {kind.name}, CPU of the client", share, "cores"))
        late = [one for samples in server.late_ms.values() for one in samples]
        if late:
            for kind_name, samples in server.late_ms.items():
                p99 = percentile(samples, 0.99)
                figures.append(Figure(f"{name}: {kind_name}, event-loop lag p99", p99, "ms"))
            p99 = percentile(late, 0.99)
            figures.append(Figure(f"{name}: event-loop lag p99", p99, "ms", _LAG_MS))
    if len(servers) == 2:
        for kind in servers["ours"].kinds.values():
            ratio = max(kind.rates) / (max(servers["theirs"].kinds[kind.name].rates) or 1.0)
            aim = _RATIO if kind.has_aim else None
            figures.append(Figure(f"{kind.name}: ours / theirs", ratio, "×", aim, True))
    for server in servers.values():
        server.clean_up()
    return figures


def compare(
    our_url: str | None = None,
    their_url: str | None = None,
    start: str = "both",
    seconds: float = SECONDS,
    connections: int = CONNECTIONS,
) -> list[Figure]:
    """Start what has no address (``both``, ``ours``, ``none``), then ``measure``.

    Raises:
        NotHereError: The real server can't be started here.
    """
    with ExitStack() as stack:
        servers = {}
        if our_url is not None:
            servers["ours"] = Server(our_url, connections)
        elif start != "none":
            mine = stack.enter_context(ours())
            servers["ours"] = Server(mine.url, connections, mine)
        if their_url is not None or start == "both":
            url = their_url or stack.enter_context(theirs())
            servers["theirs"] = Server(url, connections)
        return measure(servers, seconds)


def main() -> int:
    """Measure, print a table; returns 1 when an aim is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.against_conductor", description=__doc__
    )
    parser.add_argument("--ours", metavar="URL", help="root of our API, if it runs already")
    parser.add_argument("--theirs", metavar="URL", help="root of the other server's API, likewise")
    parser.add_argument("--alone", action="store_true", help="measure only ours")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each kind and round")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="keep-alive ones")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    given = parser.parse_args()
    start = "ours" if given.alone else "none" if given.ours or given.theirs else "both"
    try:
        figures = compare(given.ours, given.theirs, start, given.seconds, given.connections)
    except NotHereError as error:
        print(error, file=sys.stderr)
        return 2
    print(table(figures))
    if given.json is not None:
        rows = [{"name": f.name, "value": f.value, "unit": f.unit} for f in figures]
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return int(any(f.ratio is not None and f.ratio < 1 for f in figures))


if __name__ == "__main__":
    sys.exit(main())
