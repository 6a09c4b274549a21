"""The process that is killed: an engine over real files, at work for itself and for the API.

Forked by ``fork_server``; what it is to do comes as ``Orders``.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import cycle
from pathlib import Path
from typing import Any

from crash_flows import (
    EVENT_HANDLER,
    FLAKY_TASK,
    LOCAL_TASK,
    PAYLOAD_BYTES,
    SCHEDULE,
    SOURCE_FLOW,
    task_defs,
    workflow_defs,
)
from side_file import SideFile

from engine.core.limits import SIZE_LIMITS
from engine.facade import Engine
from engine.functions import FunctionRegistry, TaskContext, task
from engine.http_api import ApiServer
from engine.listeners import StatusListener, StatusNotice
from engine.runtime.polling import IN_PROCESS_PREFIX
from engine.runtime.workers import FunctionWorkers
from engine.store import feeder, journal

WORK, CLOSE, FINISH = "work", "close", "finish"

_AT_ONCE = 12
_LIFE_SECONDS = 120.0
"""Whoever is not killed by then has been forgotten."""
_FINISH_SECONDS = 45.0
_RESIDENT = 4
"""Fewer executions than are open stay in memory: being paged out is part of what is tried."""
_UNDER_WAY = 12
_LEAST_BURST = 4
_PAUSE_SECONDS = 0.02
_STALE_SECONDS = 0.3
"""After so long another one is started, however many are under way: they may wait for long."""


@dataclasses.dataclass(frozen=True)
class Orders:
    """What one process is to do."""

    folder: str
    first: int
    """Number of its first start; it has a thousand."""
    mode: str = WORK
    """``work`` until it is killed; ``close`` the store after a moment; ``finish`` everything."""
    flows: Sequence[str] = ()
    """Names of the workflows to start, one after the other and again; empty: all."""
    feed_seconds: float = 0.5
    checkpoint_bytes: int = 4 << 20


def main(**given: Any) -> int:
    """Run until killed, or until the orders are carried out; returns the exit status."""
    orders = Orders(**given)
    folder = Path(orders.folder)
    _hurry(orders)
    side = SideFile(folder / "child.jsonl")
    teller = _Teller(side)
    with Engine(folder / "crash.duckdb", threads=0, http_tasks=False, listeners=[teller]) as engine:
        service = engine.service
        engine._runtime.desk.executions.resident_limit = _RESIDENT
        service.create_task_defs([*task_defs(), *_functions().definitions()]).result(30)
        for definition in workflow_defs():
            service.create_workflow_def(definition, overwrite=True).result(30)
        if EVENT_HANDLER["name"] not in {one["name"] for one in service.event_handlers()}:
            service.create_event_handler(EVENT_HANDLER).result(30)
        if orders.mode == FINISH:
            service.delete_schedule(SCHEDULE["name"]).result(30)
        elif not service.schedules():
            service.save_schedule(SCHEDULE).result(30)
        workers = FunctionWorkers(
            service.poll,
            lambda result, error: _noted_update(service, side, result, error),
            _functions(),
            threads=4,
            worker_id=f"{IN_PROCESS_PREFIX}{uuid.uuid4()}",
        )
        with ApiServer(service, port=0) as server, workers:
            (folder / "url.new").write_text(server.url, encoding="utf-8")
            (folder / "url.new").replace(folder / "url")
            print("ready", flush=True)
            starter = _Starter(service, side, orders, teller, engine.open_at_start)
            if orders.mode == FINISH:
                starter.burst()
                left = _wait_for_end(engine)
                if left:
                    print("stuck", *left, flush=True)
                    return 1
            else:
                starter.go_on(0.3 if orders.mode == CLOSE else _LIFE_SECONDS)
    side.close()
    return 0


def _hurry(orders: Orders) -> None:
    """Pass rare points more often."""
    feeder.FEED_SECONDS = orders.feed_seconds  # type: ignore[misc]
    feeder.LULL_SECONDS = 0.0  # type: ignore[misc]  # fed in the midst of everything, however busy
    journal._CHECKPOINT_BYTES = orders.checkpoint_bytes  # type: ignore[misc]
    object.__setattr__(SIZE_LIMITS, "task_threshold_bytes", PAYLOAD_BYTES // 2)


class _Teller(StatusListener):
    """Hears of ends, and writes down that it did."""

    def __init__(self, side: SideFile) -> None:
        self._side = side
        self.count = 0
        self.completed: deque[str] = deque(maxlen=20)
        self.removable: deque[str] = deque(maxlen=20)
        """Nothing else refers to these."""

    def on_workflow_completed(self, notice: StatusNotice) -> None:
        self._side.note("told", workflow_id=notice.workflow_id)
        self.count += 1
        is_source = notice.data["workflowType"] == SOURCE_FLOW
        (self.removable if is_source else self.completed).append(notice.workflow_id)


def _functions() -> FunctionRegistry:
    registry = FunctionRegistry()

    @task(LOCAL_TASK, retry_count=3, retry_delay_seconds=0, registry=registry)
    def local(number: int, context: TaskContext, filler: int = 0) -> dict[str, Any]:
        context.log(f"number {number}")
        return {"number": number, "proof": str(uuid.uuid4()), "filler": "x" * filler}

    @task(FLAKY_TASK, retry_count=3, retry_delay_seconds=0, registry=registry)
    def flaky(number: int, context: TaskContext) -> dict[str, Any]:
        if context.attempt == 1:
            raise ValueError("the first attempt fails")
        return {"number": number, "proof": str(uuid.uuid4())}

    return registry


def _noted_update(
    service: Any, side: SideFile, result: dict[str, Any], error: dict[str, Any] | None
) -> Future[Any]:
    """Report a result; what was said and what was acknowledged is written down."""
    facts = {
        "workflow_id": result["workflowInstanceId"],
        "task_id": result["taskId"],
        "status": result["status"],
        "proof": (result.get("outputData") or {}).get("proof"),
        "logs": len(result.get("logs") or ()),
    }
    side.note("sent", **facts)
    answer: Future[Any] = service.update_task(result, error)

    def answered(finished: Future[Any]) -> None:
        if finished.exception() is None:
            side.note("updated", **facts)

    answer.add_done_callback(answered)
    return answer


class _Starter:
    """Starts executions, and branches, imports and removes some; each answer is written down."""

    def __init__(
        self, service: Any, side: SideFile, orders: Orders, teller: _Teller, under_way: int
    ) -> None:
        self._names = orders.flows or [definition["name"] for definition in workflow_defs()]
        self._service, self._side, self._teller = service, side, teller
        self._number = orders.first
        self._begun = under_way
        self._actions = cycle((self._branch, self._import, self._remove))
        self._room = threading.Semaphore(_AT_ONCE)

    def burst(self) -> None:
        """Start some at once, more if little was taken up."""
        for _ in range(max(_LEAST_BURST, _UNDER_WAY - self._begun)):
            self._start()
            time.sleep(0.002)

    def go_on(self, seconds: float) -> None:
        """After a burst as others end, so that there is always something under way."""
        deadline = time.monotonic() + seconds
        self.burst()
        ended = 0
        latest = time.monotonic()
        while time.monotonic() < deadline:
            is_little = self._begun - ended < _UNDER_WAY
            if is_little or time.monotonic() - latest > _STALE_SECONDS:
                self._start()
                latest = time.monotonic()
            if self._teller.count > ended:
                ended = self._teller.count
                next(self._actions)()
            time.sleep(_PAUSE_SECONDS)

    def _start(self) -> None:
        number, self._number = self._number, self._number + 1
        self._begun += 1
        name = self._names[number % len(self._names)]
        self._room.acquire()
        future = self._service.start_workflow({"name": name, "input": {"number": number}})

        def answered(finished: Future[str]) -> None:
            if finished.exception() is None:
                self._side.note("started", workflow_id=finished.result(), number=number, name=name)
            self._room.release()

        future.add_done_callback(answered)

    def _branch(self) -> None:
        """Replay one that has ended from the last task of its own."""
        if not self._teller.completed:
            return
        workflow_id = self._teller.completed.popleft()
        wire = self._service.workflow(workflow_id).result(30)
        chosen = [one for one in wire["tasks"] if one["taskType"] == LOCAL_TASK]
        if chosen:
            new_id = self._service.branch(workflow_id, chosen[-1]["taskId"]).result(30)
            self._side.note("branched", workflow_id=new_id, name=wire["workflowName"])

    def _import(self) -> None:
        """Take over a copy of one that has ended, as if it came from elsewhere."""
        if not self._teller.completed:
            return
        workflow_id = self._teller.completed.popleft()
        wire = self._service.workflow(workflow_id).result(30)
        wire.pop("parentWorkflowId", None)
        text = json.dumps(wire)
        for known in [workflow_id, *(one["taskId"] for one in wire["tasks"])]:
            text = text.replace(known, str(uuid.uuid4()))
        copy = json.loads(text)
        self._service.import_execution(copy, "elsewhere").result(30)
        self._side.note("imported", workflow_id=copy["workflowId"])

    def _remove(self) -> None:
        if not self._teller.removable:
            return
        workflow_id = self._teller.removable.popleft()
        self._side.note("removing", workflow_id=workflow_id)
        self._service.remove(workflow_id).result(30)
        self._side.note("removed", workflow_id=workflow_id)


def _wait_for_end(engine: Engine) -> list[str]:
    """Wait until nothing is open or to be told; returns what still is when time is up."""
    deadline = time.monotonic() + _FINISH_SECONDS
    names = [definition["name"] for definition in workflow_defs()]
    desk = engine._runtime.desk
    while time.monotonic() < deadline:
        left = [workflow_id for name in names for workflow_id in engine.service.running(name)]
        if not left:  # what has ended is also durable, and its notices are on their way
            engine._runtime.decider.submit(lambda desk: None).result(30)
        left += [f"notice for {name}" for name, n in desk.notices.figures().items() if n.waiting]
        left += [f"event {message_id}" for message_id in desk.event_queue.waiting()]
        if not left:
            return []
        time.sleep(0.02)
    return left
