"""One execution in hand: wait for it, look inside it, ask why it failed, replay it.

::

    run = shop.execution(shop.start("order_flow", {"coupon": "SPRING140"}))
    run.wait()
    run.why()
    run["charge_card", 37].origin("amount")
    again = run.replay_from("charge_card", set={"amount": 12.5}).go()
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import EngineError
from .explanation import Answer, Origin, Why, input_words
from .models.display import Drawn
from .models.enums import WorkflowStatus
from .models.problems import did_you_mean

if TYPE_CHECKING:
    from .client.base import Client
    from .core.branching import BranchPlan
    from .core.events import HistoryEvent
    from .models.execution import Task, Workflow


class Execution(Drawn):
    """A handle of one execution; what it tells is always the newest. Callable from any thread.

    Two handles of the same execution are equal. In a notebook it draws itself.
    """

    def __init__(self, client: Client, workflow_id: str) -> None:
        """``client``: whose execution it is. Nothing is read yet."""
        self.client = client
        self.workflow_id = workflow_id

    # -- how it stands -------------------------------------------------------------------

    def workflow(self) -> Workflow:
        """The execution as it stands, with its tasks."""
        return self.client.workflow(self.workflow_id)

    @property
    def status(self) -> WorkflowStatus:
        """RUNNING, COMPLETED, FAILED …"""
        return self._summary().status

    @property
    def output(self) -> dict[str, Any]:
        """What it returned; empty while it runs."""
        return dict(self._summary().output or {})

    def wait(self, timeout_seconds: float = 60.0) -> Execution:
        """Wait until it has ended, well or not; returns the handle itself.

        Raises:
            TimeoutError: It has not ended in time; it goes on.
        """
        from .core.events import EventKind

        ended = threading.Event()

        def listen(events: list[HistoryEvent]) -> None:
            if any(event.kind is EventKind.WORKFLOW_ENDED for event in events):
                ended.set()

        subscription = self.client.subscribe(listen, self.workflow_id)
        try:
            deadline = time.monotonic() + timeout_seconds
            while not (now := self._summary()).is_terminal:
                # An operator may reopen it meanwhile, so the event alone is no proof.
                left = deadline - time.monotonic()
                if left <= 0 or not ended.wait(left):
                    raise TimeoutError(
                        f"Execution {self.workflow_id} is still {now.status} after "
                        f"{timeout_seconds} seconds; it goes on."
                    )
                ended.clear()
            return self
        finally:
            subscription.close()

    # -- inside --------------------------------------------------------------------------

    def __getitem__(self, key: str | tuple[str, int]) -> ExecutionTask:
        """A task by reference name, or by reference name and iteration.

        Sub-workflows are searched too. Of several attempts the newest is given; without an
        iteration, the newest failure in a loop if there is one.

        Raises:
            KeyError: No such task has been scheduled; the message names those that have.
        """
        reference, iteration = key if isinstance(key, tuple) else (key, None)
        tasks = self._tree()
        found = [task for task in tasks if _is(task, reference, iteration)]
        if not found:
            known = list(dict.fromkeys(_base(task) for task in tasks))
            what = reference if iteration is None else f"{reference}, iteration {iteration}"
            raise KeyError(f"No task {what} so far; there are {', '.join(known)}.")
        newest = [task for task in found if not task.retried]
        failed = [task for task in newest if task.is_terminal and not task.is_successful]
        return ExecutionTask(self.client, (failed or newest or found)[-1])

    def why(self) -> Why:
        """Why it failed or is failing: causes and consequences."""
        return Why(self.client.failure(self.workflow_id))

    def branches(self) -> list[Execution]:
        """The original and all branches of it, the original first."""
        rows = self.client.family(self.workflow_id)
        return [Execution(self.client, row["workflow_id"]) for row in rows]

    # -- again ---------------------------------------------------------------------------

    def replay_from(
        self,
        reference: str,
        iteration: int | None = None,
        *,
        set: Mapping[str, Any] | None = None,
        add: Mapping[str, Any] | None = None,
        workflow_input: Mapping[str, Any] | None = None,
    ) -> ReplayPlan:
        """Plan a branch that begins at a task. Nothing runs before ``go()``.

        Args:
            reference: Reference name of the task.
            iteration: Which one, in a loop; by default the newest failure.
            set: Input keys of that task with their new values; only keys that it has.
            add: Input keys that it does not have so far.
            workflow_input: Another input for the whole branch; by default the same.

        Raises:
            KeyError: No such task has been scheduled, or it has no such input to set; the message
                names those that there are.
            InvalidRequestError: The task can't be begun at.
        """
        key = reference if iteration is None else (reference, iteration)
        return ReplayPlan(self.client, self[key].task, set or {}, workflow_input, add or {})

    def __eq__(self, other: object) -> bool:
        """Whether both are the same execution."""
        return isinstance(other, Execution) and other.workflow_id == self.workflow_id

    def __hash__(self) -> int:
        """By id."""
        return hash(self.workflow_id)

    def __repr__(self) -> str:
        """``order_flow 7f3a91c2 FAILED``, and the way to the error when it failed."""
        try:
            now = self._summary()
            words = f"{now.workflow_name} {self.workflow_id[:8]} {now.status}"
            if now.is_terminal and not now.is_successful and (why := self.why()):
                words += f"\n{why.title}"
        except EngineError as error:  # the engine is closed, or the execution removed
            return f"Execution {self.workflow_id[:8]}: {error}"
        return words

    def _summary(self) -> Workflow:
        return self.client.workflow(self.workflow_id, include_tasks=False)

    def _tree(self) -> list[Task]:
        """Tasks of the execution and its sub-workflows; a parent comes before its child's."""
        found: list[Task] = []
        waiting = [self.workflow_id]
        while waiting:
            tasks = self.client.workflow(waiting.pop(0)).tasks
            found += tasks
            waiting += [task.sub_workflow_id for task in tasks if task.sub_workflow_id]
        return found


class ExecutionTask(Drawn):
    """The newest attempt of one task of an execution, as it was when asked for."""

    def __init__(self, client: Client, task: Task) -> None:
        """Over a task of ``client``'s, kept as ``task``."""
        self.client = client
        self.task = task

    @property
    def status(self) -> str:
        """SCHEDULED, IN_PROGRESS, COMPLETED, FAILED …"""
        return str(self.task.status)

    @property
    def input(self) -> dict[str, Any]:
        """What it was given, expressions resolved."""
        return self.task.input_data

    @property
    def output(self) -> dict[str, Any]:
        """What it returned."""
        return self.task.output_data

    @property
    def error(self) -> str | None:
        """Why it failed, in words."""
        return self.task.reason_for_incompletion

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self.task.retry_count + 1

    @property
    def logs(self) -> list[str]:
        """What it logged, in order of time."""
        return [line.log or "" for line in self.client.logs(self.task.task_id)]

    def origin(self, leaf: str) -> Origin:
        """Where a value of its input came from.

        Args:
            leaf: ``amount``, ``line.sku`` or ``items[2]``.

        Raises:
            KeyError: There is no such value; the message names the inputs.
        """
        from .core.leaf_path import MISSING, parse_leaf, read_leaf

        task = self.task
        is_here = not task.external_input_payload_storage_path
        if is_here and read_leaf(task.input_data, parse_leaf(leaf)) is MISSING:
            _refuse_input(task, leaf, task.input_data)
        return Origin(leaf, self.client.origin(task.workflow_instance_id, task.task_id, leaf))

    def __repr__(self) -> str:
        """Name, status and error in a line, then the input, one value per line."""
        head = f"{self.task.reference_task_name} {self.status}, attempt {self.attempt}"
        if self.error:
            head += f": {self.error}"
        return "\n".join([head, *(f"  {k} = {input_words(k, v)}" for k, v in self.input.items())])


class ReplayPlan(Answer):
    """What replaying from a task would take over and run. Nothing has run; ``go()`` does it."""

    columns = ("place", "what")

    def __init__(
        self,
        client: Client,
        task: Task,
        edits: Mapping[str, Any],
        workflow_input: Mapping[str, Any] | None = None,
        additions: Mapping[str, Any] | None = None,
    ) -> None:
        """Ask for the plan. The original execution is only read.

        Raises:
            InvalidRequestError: The task can't be begun at.
            KeyError: ``edits`` has a key that is no input of the task.
        """
        self.client = client
        self.task = task
        self.additions = dict(additions or {})
        self.edits = {**edits, **self.additions}
        self.workflow_input = workflow_input
        self.plan: BranchPlan = client.plan_branch(task.workflow_instance_id, task.task_id)
        for key in edits:
            if key not in self.plan.input:
                _refuse_input(task, key, self.plan.input, "A new one goes into add={…}.")

    @property
    def title(self) -> str:  # type: ignore[override]  # computed, where other answers fix it
        """The plan in one sentence, and the edits."""
        edits = [
            f"Edited {key}: {input_words(key, self.plan.input[key])} → {input_words(key, value)}."
            if key in self.plan.input
            else f"Added {key}: {input_words(key, value)}."
            for key, value in self.edits.items()
        ]
        return " ".join([self.plan.sentence, *edits])

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What will run, in order; ``⚡`` marks what acts on the world outside."""
        effects = self.plan.side_effects
        return [
            {"place": place, "what": "will run ⚡" if place in effects else "will run"}
            for place in self.plan.will_run
        ]

    def go(self) -> Execution:
        """Start the branch: a new execution. Calling it again starts another."""
        new_id = self.client.branch(
            self.task.workflow_instance_id, self.task.task_id, self.edits, self.workflow_input
        )
        return Execution(self.client, new_id)


def _is(task: Task, reference: str, iteration: int | None) -> bool:
    if iteration is None:
        return reference in (_base(task), task.reference_task_name)
    return _base(task) == reference and task.iteration == iteration


def _refuse_input(task: Task, key: str, inputs: Mapping[str, Any], way_on: str = "") -> NoReturn:
    """Raise for an input that a task does not have.

    Raises:
        KeyError: Always; it names the inputs.
    """
    known = f"there are {', '.join(inputs)}" if inputs else "it has none"
    parts = (f"{_base(task)} has no input {key}; {known}.", did_you_mean(key, inputs), way_on)
    raise KeyError(" ".join(filter(None, parts)))


def _base(task: Task) -> str:
    """Reference name without the iterations that loops append."""
    return task.reference_task_name.partition("__")[0]
