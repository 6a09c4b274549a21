"""The process that is killed: an engine over real files, at work for itself and for the API.

``python crash_child.py FOLDER FIRST COUNT [finish]`` starts COUNT executions numbered from FIRST.
With ``finish`` it goes on until nothing is open, closes the store and exits with 0.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from crash_flows import FLAKY_TASK, FLOWS_VARIABLE, LOCAL_TASK, task_defs, workflow_defs
from side_file import SideFile

from engine.facade import Engine
from engine.functions import FunctionRegistry, TaskContext, task
from engine.http_api import ApiServer
from engine.runtime.polling import IN_PROCESS_PREFIX
from engine.runtime.workers import FunctionWorkers
from engine.store import feeder

_AT_ONCE = 12
_FINISH_SECONDS = 45.0
_RESIDENT = 4
"""Fewer executions than are open stay in memory: being paged out is part of what is tried."""


def main(folder: Path, first: int, count: int, finish: bool) -> int:
    """Run until killed, or until everything has ended; returns the exit status."""
    side = SideFile(folder / "child.jsonl")
    feeder.LULL_SECONDS = 0.0  # type: ignore[misc]  # fed in the midst of everything, however busy
    with Engine(folder / "crash.duckdb", threads=0, http_tasks=False) as engine:
        service = engine.service
        engine._runtime.desk.executions.resident_limit = _RESIDENT
        service.create_task_defs([*task_defs(), *_functions().definitions()]).result(30)
        for definition in workflow_defs():
            service.create_workflow_def(definition, overwrite=True).result(30)
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
            _start_all(service, side, first, count)
            while not finish:
                time.sleep(60)
            open_ids = _wait_for_end(engine)
        if open_ids:
            print("stuck", *open_ids, flush=True)
    side.close()
    return 1 if open_ids else 0


def _functions() -> FunctionRegistry:
    registry = FunctionRegistry()

    @task(LOCAL_TASK, retry_count=3, retry_delay_seconds=0, registry=registry)
    def local(number: int, context: TaskContext) -> dict[str, Any]:
        context.log(f"number {number}")
        return {"number": number, "proof": str(uuid.uuid4())}

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


def _names() -> list[str]:
    return [definition["name"] for definition in workflow_defs()]


def _start_all(service: Any, side: SideFile, first: int, count: int) -> None:
    chosen = os.environ.get(FLOWS_VARIABLE, "").split(",")
    names = [name for name in _names() if name in chosen or chosen == [""]]
    room = threading.Semaphore(_AT_ONCE)

    def answered(finished: Future[str], number: int, name: str) -> None:
        if finished.exception() is None:
            side.note("started", workflow_id=finished.result(), number=number, name=name)
        room.release()

    for number in range(first, first + count):
        room.acquire()
        name = names[number % len(names)]
        future = service.start_workflow({"name": name, "input": {"number": number}})
        future.add_done_callback(lambda done, n=number, of=name: answered(done, n, of))
        time.sleep(0.002)


def _wait_for_end(engine: Engine) -> list[str]:
    """Wait until nothing is open; returns what still is when time is up."""
    deadline = time.monotonic() + _FINISH_SECONDS
    names = _names()
    while time.monotonic() < deadline:
        left = [workflow_id for name in names for workflow_id in engine.service.running(name)]
        if not left:
            return []
        time.sleep(0.02)
    return left


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), "finish" in sys.argv[4:]))
