"""What may happen to a running engine: workers, clients, operators, the clock, crashes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from engine.core.state import TaskState
from engine.errors import EngineError, StoreError
from engine.testing.inline import InlineEngine

Move = tuple[str, int, int]

_WEIGHTS = {
    "work": 12,
    "fail": 4,
    "fail_for_good": 1,
    "start_work": 3,
    "put_back": 2,
    "answer_late": 3,
    "answer_anything": 4,
    "script": 6,
    "tick": 5,
    "pause": 1,
    "resume": 3,
    "terminate": 1,
    "retry": 4,
    "restart": 1,
    "rerun": 3,
    "branch": 3,
    "decide": 1,
    "push": 4,
    "signal": 1,
    "crash": 2,
}
_NAMES = [name for name, weight in _WEIGHTS.items() for _ in range(weight)]
_TICKS = (1, 6, 11, 25, 35, 110, 250, 2100)

_MOVE = st.tuples(st.sampled_from(_NAMES), st.integers(0, 99), st.integers(0, 99))

# Lengths are drawn first: left to itself, Hypothesis makes lists of about five.
moves: st.SearchStrategy[list[Move]] = st.sampled_from([1, 8, 20, 35, 50]).flatmap(
    lambda length: st.lists(_MOVE, min_size=length, max_size=length)
)
"""Actions with two numbers each that choose the execution and the task they are done to."""


class Player:
    """Does random actions to one engine; what an action may not do, it is refused."""

    def __init__(self, engine: InlineEngine, workflow_id: str) -> None:
        self.engine = engine
        self.known = [workflow_id]

    def play(self, move: Move) -> None:
        name, first, second = move
        self._find_children()
        workflow_id = self.known[first % len(self.known)]
        try:
            getattr(self, f"_{name}")(workflow_id, second)
        except EngineError as error:
            # A refusal is of a class of its own; the plain one wraps a programming error.
            if type(error) is EngineError or isinstance(error, StoreError):
                raise

    def _find_children(self) -> None:
        for workflow_id in self.known:
            for child in self.engine.children(workflow_id):
                if child not in self.known:
                    self.known.append(child)

    def _task(self, workflow_id: str, number: int, open_only: bool = True) -> TaskState | None:
        state = self.engine.state(workflow_id)
        tasks = list(state.open_tasks() if open_only else state.tasks.values())
        return tasks[number % len(tasks)] if tasks else None

    def _report(self, workflow_id: str, task: TaskState | None, status: str, **result: Any) -> None:
        own = ("JOIN", "DO_WHILE", "SUB_WORKFLOW", "INLINE", "SET_VARIABLE", "TERMINATE")
        if task is not None and task.task_type not in own:
            ids = {"workflowInstanceId": workflow_id, "taskId": task.task_id}
            self.engine.report(ids, status, **result)

    def _work(self, workflow_id: str, number: int) -> None:
        for kind in ("work", "HTTP"):
            for task in self.engine.poll(kind, count=1):
                self.engine.report(task, "COMPLETED", outputData={"k": number})

    def _fail(self, workflow_id: str, number: int) -> None:
        for task in self.engine.poll("work" if number % 3 else "HTTP"):
            self.engine.report(task, "FAILED", reasonForIncompletion=f"no {number % 5}")

    def _fail_for_good(self, workflow_id: str, number: int) -> None:
        for task in self.engine.poll("work"):
            self.engine.report(task, "FAILED_WITH_TERMINAL_ERROR")

    def _start_work(self, workflow_id: str, number: int) -> None:
        self.engine.poll("work", f"w{number % 3}", count=1 + number % 2)

    def _put_back(self, workflow_id: str, number: int) -> None:
        for task in self.engine.poll("work"):
            self.engine.report(task, "IN_PROGRESS", callbackAfterSeconds=number % 3)

    def _answer_late(self, workflow_id: str, number: int) -> None:
        task = self._task(workflow_id, number, open_only=False)
        self._report(
            workflow_id, task, "COMPLETED" if number % 2 else "FAILED", outputData={"late": 1}
        )

    def _answer_anything(self, workflow_id: str, number: int) -> None:
        task = self._task(workflow_id, number)
        self._report(
            workflow_id, task, ("COMPLETED", "FAILED", "CANCELED", "COMPLETED")[number % 4]
        )

    def _script(self, workflow_id: str, number: int) -> None:
        if number % 2 and self.engine.waiting_scripts:
            self.engine.waiting_scripts.rotate(number)
        self.engine.run_script()

    def _tick(self, workflow_id: str, number: int) -> None:
        self.engine.clock.move(seconds=_TICKS[number % len(_TICKS)])

    def _pause(self, workflow_id: str, number: int) -> None:
        self._settle(self.engine.service.pause(workflow_id))

    def _resume(self, workflow_id: str, number: int) -> None:
        self._settle(self.engine.service.resume(workflow_id))

    def _terminate(self, workflow_id: str, number: int) -> None:
        self._settle(self.engine.service.terminate(workflow_id, "enough"))

    def _settle(self, future: Any) -> Any:
        """The value of an action that is answered after the scripts it needs."""
        while not future.done() and self.engine.run_script():
            pass
        return future.result(5)

    def _retry(self, workflow_id: str, number: int) -> None:
        self._settle(self.engine.service.retry(workflow_id, bool(number % 2)))

    def _restart(self, workflow_id: str, number: int) -> None:
        self._settle(self.engine.service.restart(workflow_id))

    def _rerun(self, workflow_id: str, number: int) -> None:
        request: dict[str, Any] = {}
        task = self._task(workflow_id, number, open_only=False)
        if task is not None and number % 10:
            request["reRunFromTaskId"] = task.task_id
        self._settle(self.engine.service.rerun(workflow_id, request))

    def _branch(self, workflow_id: str, number: int) -> None:
        task = self._task(workflow_id, number, open_only=False)
        if task is None or len(self.known) > 12:
            return
        quiet = not self.engine.waiting_scripts
        before = {known: len(self.engine.events(known)) for known in self.known}
        edits = {"x": number} if number % 2 else None
        new_id = self._settle(self.engine.service.branch(workflow_id, task.task_id, edits))
        if quiet:
            for known, length in before.items():
                assert len(self.engine.events(known)) == length, "a branch changed its original"
        self.known.append(new_id)

    def _decide(self, workflow_id: str, number: int) -> None:
        self._settle(self.engine.service.decide(workflow_id))

    def _push(self, workflow_id: str, number: int) -> None:
        self._settle(self.engine.service.push_message(workflow_id, {"n": number}))

    def _signal(self, workflow_id: str, number: int) -> None:
        self._settle(self.engine.service.signal(workflow_id, "COMPLETED", {"n": number}))

    def _crash(self, workflow_id: str, number: int) -> None:
        self.engine.reopen()

    def finish(self, limit: int = 600) -> None:
        """Let everything go well from now on: every execution has to end."""
        engine = self.engine
        for _ in range(limit):
            if not engine.desk.executions:
                return
            while engine.run_script():
                pass
            for workflow_id, state in list(engine.desk.executions.items()):
                if state.status == "PAUSED":
                    self._settle(engine.service.resume(workflow_id))
            progress = False
            for kind in ("work", "HTTP", "EVENT", "INVOICE", "YIELD"):
                for task in engine.poll(kind, count=10):
                    engine.report(task, "COMPLETED")
                    progress = True
            for workflow_id, state in list(engine.desk.executions.items()):
                for task in list(state.open_tasks()):
                    if task.task_type == "PULL_WORKFLOW_MESSAGES":
                        engine.service.push_message(workflow_id, {"last": True})
                        progress = True
                    if task.task_type == "WAIT" or task.worker_id or task.poll_count:
                        self._report(workflow_id, task, "COMPLETED")
                        progress = True
            if not progress:
                engine.clock.move(seconds=6)
        left = list(engine.desk.executions.values())
        names = [(t.path, str(t.status)) for s in left for t in s.open_tasks()]
        raise AssertionError(f"{len(left)} executions never end; open: {names[:10]}")
