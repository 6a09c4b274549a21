"""A simulated world: the real engine without threads, workers, operators, a clock, crashes.

Everything happens on one thread in an order that a seed chooses; several commands share a batch,
as they do under load. Time stops at every moment at which something is due.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any
from unittest import mock
from uuid import UUID

from invariants import HistoryCheck, SlotCheck, check_end, check_same, check_timers, due_moments
from random_flows import LEAF, WORKER_TYPES, FlowMaker, event_handler, leaf

from engine.core.decide import decide
from engine.core.definition import CompiledDefinition
from engine.core.state import TaskState, WorkflowState
from engine.core.tasks.registry import TASK_TYPES
from engine.errors import EngineError, StoreError, UnavailableError
from engine.runtime.decider import Decider
from engine.runtime.desk import Desk
from engine.store.base import Commit
from engine.store.memory import MemoryStore
from engine.testing.audit import audit_engine
from engine.testing.inline import InlineEngine
from engine.testing.scripts import evaluate_pure

Wire = dict[str, Any]

_MOVES: dict[str, int] = {
    "work": 30,
    "fail": 6,
    "fail_for_good": 1,
    "die_after_poll": 4,
    "answer_twice": 4,
    "answer_late": 5,
    "put_back": 3,
    "heartbeat": 4,
    "complete_open": 6,
    "script": 12,
    "pass_time": 8,
    "jump_back": 1,
    "start": 4,
    "pause": 1,
    "resume": 3,
    "terminate": 1,
    "retry": 4,
    "restart": 1,
    "rerun": 2,
    "skip": 1,
    "decide": 1,
    "signal": 2,
    "push": 2,
    "reset_callbacks": 1,
    "crash": 2,
}
_OWN = frozenset(
    {"JOIN", "EXCLUSIVE_JOIN", "DO_WHILE", "SUB_WORKFLOW", "START_WORKFLOW", "FORK", "SWITCH"}
)
"""Task types whose records no worker reports on."""
_MOST_EXECUTIONS = 30
_MOST_ROUNDS = 20_000
"""Of the end of a world; none needs nearly as many."""


class SimulatedStore(MemoryStore):
    """A store in memory that sees to it that nobody is answered before the commit."""

    waiting: Callable[[], list[tuple[Future[Any], Any]]] = staticmethod(list)
    """The answers that may leave after the commit."""
    slots: SlotCheck
    refuses_in = -1
    """So many commits from now one is refused, as by a full disk; below 0: none."""

    def commit(self, commit: Commit) -> None:
        """Commit, while everybody who asked for it still waits."""
        self.refuses_in -= 1
        if self.refuses_in == -1:
            raise UnavailableError("The disk is full.")
        early = [future for future, _ in self.waiting() if future.done()]
        assert not early, "durable, then visible: an answer left before its commit"
        super().commit(commit)
        self.slots.follow(commit.events)


class World:
    """One seed's world."""

    def __init__(self, seed: int, most_events: int = 200, refuses: bool = False) -> None:
        """``refuses``: the store refuses commits now and then, instead of crashes."""
        self.seed = seed
        self.most_events = most_events
        self.chance = random.Random(seed)
        # Ids break ties here and there: they have to come from the seed as well.
        ids = random.Random(seed)
        self._ids = mock.patch("uuid.uuid4", new=partial(_uuid, ids))
        self._ids.start()
        self.acknowledged: list[str] = []
        self.moves: list[str] = []
        """What has been done, for people."""
        maker = FlowMaker(self.chance)
        self.definition = maker.definition()
        self.store = SimulatedStore()
        self.store.slots = SlotCheck(self._definition_of)
        self.engine = InlineEngine(
            self.definition,
            leaf(),
            store=self.store,
            hold_scripts=True,
            evaluator=evaluate_pure,
            goes_on_after_refusals=True,
        )
        self._asked: list[Future[Any]] = []
        self._posted = False
        """Whether something may still lie in the mailbox."""
        self.store.waiting = lambda: self.engine.desk.outbox.answers
        self._few = self.chance.random() < 0.3
        self._keep_few()
        self.engine.service.create_event_handler(event_handler()).result(0)
        self._followed: dict[str, HistoryCheck] = {}
        self._held: list[tuple[str, str]] = []
        """(execution, task) that some worker was once given."""
        moves = {**_MOVES, "crash": 0, "refuse": 12} if refuses else _MOVES
        self._names = list(moves)
        self._weights = list(moves.values())

    @property
    def events(self) -> int:
        """How many events have been committed."""
        return int(self.store.health()["committed"])

    def close(self) -> None:
        """End it."""
        self.engine.close()
        self._ids.stop()

    # -- running -------------------------------------------------------------------------

    def run(self) -> None:
        """Play until there are enough events, checking on the way; the world is at rest after."""
        self._start()
        self._rest()
        check_every = 12
        for turn in range(self.most_events * 4):
            if self.events >= self.most_events:
                break
            for name in self.chance.choices(self._names, self._weights, k=3):
                self.moves.append(name)
                self._try(getattr(self, f"_{name}"))
            self._rest()
            if turn % check_every == 0:
                self._audit()

    def check(self) -> None:
        """Every invariant, over everything that happened."""
        engine = self.engine
        self._audit()
        self._note_answers()
        for workflow_id in self.acknowledged:
            assert engine.events(workflow_id), f"I1: {workflow_id} was acknowledged and is lost"
        now = engine.clock.now()
        for workflow_id in self.known():
            working = engine.desk.state(workflow_id)
            events, folded = engine.events(workflow_id), self._folded(workflow_id)
            check_end(events, engine.registry.definition_of, working, folded)
            if not engine.desk.evaluating.get(workflow_id):
                again = decide(working, now, TASK_TYPES, engine.registry.definition_of)
                # A used-up total budget is noticed by whoever asks, before its timer rings.
                more = [event for event in again[:1] if event.data.get("timeout") != "total"]
                assert not more, f"{workflow_id} at rest, yet there is {more[0].kind} to decide"

    def finish(self, patience: int = 100) -> None:
        """Let everything go well: every execution has to end.

        Loops in loops may take thousands of rounds: it fails when nothing at all has happened in
        ``patience`` of them, hours of simulated time.
        """
        engine = self.engine
        events, since = self.events, 0
        for turn in range(_MOST_ROUNDS):
            if not engine.desk.executions:
                return
            if self.events != events:
                events, since = self.events, turn
            if turn - since > patience:
                break
            while engine.run_script():
                pass
            # Looked at once a round: where few may stay in memory each look folds them again.
            open_ones = list(engine.desk.executions.values())
            for state in open_ones:
                if state.status == "PAUSED":
                    self._ask(engine.service.resume(state.workflow_id))
            moved = False
            for kind in WORKER_TYPES:
                for task in engine.poll(kind, count=20):
                    self._done(task, "COMPLETED")
                    moved = True
            for state in open_ones:
                for task in list(state.open_tasks()):
                    if task.task_type == "PULL_WORKFLOW_MESSAGES":
                        self._ask(engine.service.push_message(state.workflow_id, {"last": True}))
                        moved = True
                        continue
                    waits = task.task_type in ("WAIT", "HUMAN", "EVENT", "YIELD")
                    if waits or task.worker_id or task.poll_count:
                        self._report(state.workflow_id, task.task_id, "COMPLETED")
                        moved = True
            self._rest()
            if not moved:
                self._pass_time(6_000 if turn % 8 else 4_000_000)
        left = [
            (str(task.path), str(task.status))
            for state in engine.desk.executions.values()
            for task in state.open_tasks()
        ]
        raise AssertionError(f"{len(engine.desk.executions)} never end; open: {left[:8]}")

    def check_histories(self) -> None:
        """Check every history to its very end."""
        for workflow_id in self.known():
            self._folded(workflow_id)

    def _folded(self, workflow_id: str) -> WorkflowState:
        """What a history folds to; its events since the last look are checked on the way."""
        check = self._followed.get(workflow_id)
        if check is None:
            check = self._followed[workflow_id] = HistoryCheck(workflow_id, self._definition_of)
        return check.follow(self.store.events(workflow_id, check.state.last_event))

    def _definition_of(self, definition_hash: str) -> CompiledDefinition:
        return self.engine.registry.definition_of(definition_hash)

    def _audit(self) -> None:
        audit_engine(self.engine, self._folded)
        for workflow_id, state in self.engine.desk.executions.items():
            check_same(self._folded(workflow_id), state, "working state")
        self._check_states()

    def known(self) -> list[str]:
        """Ids of all executions, oldest first."""
        return list(self.store._events)

    def _try(self, move: Callable[[], None]) -> None:
        try:
            move()
        except EngineError as error:
            # A refusal is of a class of its own; the plain one wraps a programming error.
            if type(error) is EngineError or isinstance(error, StoreError):
                raise

    def _rest(self) -> None:
        if self._posted:  # whatever else was done came to rest by itself
            self._posted = False
            self.engine.run_until_idle()
        if len(self._asked) > 50:
            self._note_answers()

    def _note_answers(self) -> None:
        waiting = []
        for future in self._asked:
            if not future.done():
                waiting.append(future)
                continue
            error = future.exception()
            if error is not None and (
                type(error) is EngineError or not isinstance(error, EngineError)
            ):
                raise error
        self._asked[:] = waiting

    def _check_states(self) -> None:
        now_ms = self.engine.clock.now().wall_ms
        states = [
            state
            for workflow_id, state in self.engine.desk.executions.items()
            if workflow_id not in self.engine.desk.evaluating
        ]
        check_timers(states, now_ms)

    # -- asking --------------------------------------------------------------------------

    def _submit(self, command: Callable[[Desk], Any]) -> Future[Any]:
        """Put a command into the mailbox; it runs with whatever else is there."""
        self._posted = True
        future = Decider.submit(self.engine.decider, command)
        self._asked.append(future)
        return future

    def _ask(self, future: Future[Any]) -> None:
        """Take note of a question that was put through the service."""
        self._asked.append(future)

    def _execution(self, ended: bool | None = None) -> WorkflowState | None:
        desk = self.engine.desk
        pool = (
            list(desk.executions.values())
            if ended is False
            else list(desk.ended.values())
            if ended
            else [*desk.executions.values(), *desk.ended.values()]
        )
        return self.chance.choice(pool) if pool else None

    def _report(self, workflow_id: str, task_id: str, status: str, **more: Any) -> None:
        result = {"workflowInstanceId": workflow_id, "taskId": task_id, "workerId": "w",
                  "status": status, **more}  # fmt: skip
        polling = self.engine.polling

        def update(desk: Desk) -> None:
            if desk.knows(workflow_id) and task_id in desk.state(workflow_id).tasks:
                polling.update(desk, result)

        self._submit(update)

    def _take(self, count: int = 1) -> list[Wire]:
        sizes = self.engine.desk.queues.size
        kinds = [kind for kind in WORKER_TYPES if sizes(kind)]
        if not kinds and self.chance.random() < 0.9:
            return []  # a poll that finds nothing says little
        kind = self.chance.choice(kinds or WORKER_TYPES)
        polling, worker = self.engine.polling, f"w{self.chance.randrange(3)}"
        given: list[list[Wire]] = []

        def take(desk: Desk) -> None:
            given.append(polling.poll(desk, kind, worker, None, count, 0, Future()) or [])

        self._submit(take)
        self.engine.run_until_idle()
        tasks = given[0] if given else []  # refused while nothing can be written
        self._held += [(task["workflowInstanceId"], task["taskId"]) for task in tasks]
        return tasks

    def _done(self, task: Wire, status: str, **more: Any) -> None:
        self._report(task["workflowInstanceId"], task["taskId"], status, **more)

    # -- moves: workers ------------------------------------------------------------------

    def _start(self) -> None:
        if len(self.known()) >= _MOST_EXECUTIONS:
            return
        given = {"x": self.chance.randrange(3), "case": self.chance.choice(["1", "2"])}
        name = LEAF if self.chance.random() < 0.2 else "any"
        request = {"name": name, "input": given, "priority": self.chance.choice([0, 0, 5])}
        future = self.engine.service.start_workflow(request)
        future.add_done_callback(self._acknowledge)
        self._ask(future)

    def _acknowledge(self, future: Future[str]) -> None:
        if future.exception() is None:
            self.acknowledged.append(future.result())

    def _work(self) -> None:
        for task in self._take(self.chance.randint(1, 4)):
            self._done(task, "COMPLETED", outputData={"k": self.chance.randrange(9)})

    def _fail(self) -> None:
        for task in self._take():
            self._done(task, "FAILED", reasonForIncompletion="no")

    def _fail_for_good(self) -> None:
        for task in self._take():
            self._done(task, "FAILED_WITH_TERMINAL_ERROR")

    def _die_after_poll(self) -> None:
        self._take(2)

    def _answer_twice(self) -> None:
        for task in self._take():
            self._done(task, "COMPLETED", outputData={"k": 1})
            self._done(task, self.chance.choice(["COMPLETED", "FAILED"]), outputData={"k": 2})

    def _answer_late(self) -> None:
        if self._held:
            status = self.chance.choice(["COMPLETED", "FAILED"])
            self._report(*self.chance.choice(self._held), status, outputData={"late": 1})

    def _put_back(self) -> None:
        for task in self._take():
            self._done(task, "IN_PROGRESS", callbackAfterSeconds=self.chance.choice([0, 3]))

    def _heartbeat(self) -> None:
        if self._held:  # of what was taken lately: the rest has ended, mostly
            task = self.chance.choice(self._held[-8:])
            self._report(*task, "IN_PROGRESS", extendLease=True)

    def _complete_open(self) -> None:
        state = self._execution(ended=False)
        tasks = [] if state is None else [t for t in state.open_tasks() if _is_reported(t)]
        if state is not None and tasks:
            status = self.chance.choice(["COMPLETED", "COMPLETED", "FAILED", "CANCELED"])
            self._report(state.workflow_id, self.chance.choice(tasks).task_id, status)

    def _script(self) -> None:
        waiting = self.engine.waiting_scripts
        if waiting:
            waiting.rotate(self.chance.randrange(len(waiting)))
            self.engine.run_script()

    # -- moves: time and crashes ---------------------------------------------------------

    def _pass_time(self, ms: int = 0) -> None:
        """Move on, with a stop at every moment at which something is due."""
        clock = self.engine.clock
        now = clock.now().wall_ms
        target = now + (ms or self.chance.choice([500, 1_000, 6_000, 25_000, 110_000, 3_700_000]))
        for _ in range(200):
            self.engine.run_until_idle()
            moments = (
                moment
                for state in self.engine.desk.executions.values()
                for moment, _ in due_moments(state)
            )
            stop = min([target, *(m for m in moments if m > now)])
            clock.move(ms=stop - now)
            now = stop
            self._check_states()
            if now >= target:
                return

    def _jump_back(self) -> None:
        self.engine.clock.move(seconds=-3600)

    def _crash(self) -> None:
        self.engine.run_until_idle()
        self._note_answers()
        self._asked.clear()  # whoever still waited is never answered
        self.engine.reopen()
        self._keep_few()

    def _refuse(self) -> None:
        self.store.refuses_in = self.chance.randrange(3)

    def _keep_few(self) -> None:
        """In some worlds nearly every idle execution is paged out."""
        if self._few:
            self.engine.desk.executions.resident_limit = 2

    # -- moves: operators ----------------------------------------------------------------

    def _operate(self, ended: bool | None, action: Callable[[WorkflowState], Future[Any]]) -> None:
        state = self._execution(ended)
        if state is not None:
            self._ask_and_forgive(action(state))

    def _ask_and_forgive(self, future: Future[Any]) -> None:
        self._ask(future)

    def _pause(self) -> None:
        self._operate(False, lambda s: self.engine.service.pause(s.workflow_id))

    def _resume(self) -> None:
        self._operate(False, lambda s: self.engine.service.resume(s.workflow_id))

    def _terminate(self) -> None:
        self._operate(None, lambda s: self.engine.service.terminate(s.workflow_id, "enough"))

    def _retry(self) -> None:
        with_children = self.chance.random() < 0.5
        self._operate(True, lambda s: self.engine.service.retry(s.workflow_id, with_children))

    def _restart(self) -> None:
        self._operate(True, lambda s: self.engine.service.restart(s.workflow_id))

    def _rerun(self) -> None:
        def rerun(state: WorkflowState) -> Future[Any]:
            request: Wire = {}
            if state.tasks and self.chance.random() < 0.8:
                request["reRunFromTaskId"] = self.chance.choice(list(state.tasks))
            return self.engine.service.rerun(state.workflow_id, request)

        self._operate(True, rerun)

    def _skip(self) -> None:
        def skip(state: WorkflowState) -> Future[Any]:
            # A join over a skipped fork or switch waits for ever, as on the real server.
            joined = {
                reference
                for node in state.definition.nodes.values()
                if node.type == "EXCLUSIVE_JOIN"
                for reference in node.join_on
            }
            leaves = [
                name
                for name, node in state.definition.nodes.items()
                if name not in joined
                and not any(node.lists())
                and not node.type.endswith("JOIN")
                and node.type != "FORK_JOIN_DYNAMIC"
            ]
            reference = self.chance.choice(leaves or ["nothing"])
            return self.engine.service.skip_task(state.workflow_id, reference, {})

        self._operate(False, skip)

    def _decide(self) -> None:
        self._operate(False, lambda s: self.engine.service.decide(s.workflow_id))

    def _signal(self) -> None:
        self._operate(False, lambda s: self.engine.service.signal(s.workflow_id, "COMPLETED", {}))

    def _push(self) -> None:
        message = {"n": self.chance.randrange(9)}
        self._operate(False, lambda s: self.engine.service.push_message(s.workflow_id, message))

    def _reset_callbacks(self) -> None:
        self._operate(False, lambda s: self.engine.service.reset_callbacks(s.workflow_id))


def _is_reported(task: TaskState) -> bool:
    return task.task_type not in _OWN and task.status != "SCHEDULED"


def _uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


def play(seed: int, most_events: int = 200, refuses: bool = False) -> int:
    """Run one seed's world with all checks; returns how many events it made.

    Args:
        seed: Of everything that is left to chance.
        most_events: After about so many it only comes to its end.
        refuses: Whether the store refuses commits now and then.

    Raises:
        AssertionError: An invariant does not hold.
    """
    world = World(seed, most_events, refuses)
    try:
        world.run()
        world.store.refuses_in = -1
        world.check()
        world.finish()
        world.check_histories()
        return world.events
    finally:
        world.close()
