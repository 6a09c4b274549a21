"""One execution for one open view: its opening data, its news, answers to its questions.

No Panel here. Everything but ``heard`` blocks: call it off the event loop. A feed belongs to one
view; ``open`` and ``news`` must not run at the same time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from engine.core.events import EventKind, HistoryEvent
from engine.errors import InvalidRequestError, NotFoundError
from engine.models.capability import MISSING, Capability
from engine.models.codec import dumps, loads
from engine.service.access import OPERATOR

from .sensitive import masked, masked_hop
from .views.view_data import FIRST_EVENTS, patch, plan_json, task_detail, view_data
from .views.view_events import ViewLog

if TYPE_CHECKING:
    from engine.core.failure import FailureReport
    from engine.core.state import WorkflowState
    from engine.service import Service

CAPABILITIES: Final = ("retry", "pause", "terminate", "live", "logs")
"""What the view may offer over any back end; the rest is asked of the service."""
_OPTIONAL: Final = (Capability.BRANCH, Capability.ORIGIN)
"""What the view offers over some back ends only."""
_STEERING: Final = frozenset({"branch", "retry", "pause", "terminate"})
"""What only operators are offered."""
WAIT_SECONDS: Final = 60.0
LOG_LINES: Final = 5_000
"""Log lines of a whole execution that are sent at once, the newest."""

LOGGED_TASKS: Final = 60
"""Newest tasks whose logs are fetched one by one where there is no SQL."""

_CHANGES_FAILURE: Final = frozenset(
    {
        EventKind.TASK_FAILED,
        EventKind.TASK_TIMED_OUT,
        EventKind.WORKFLOW_ENDED,
        EventKind.WORKFLOW_RETRIED,
        EventKind.WORKFLOW_RESTARTED,
        EventKind.WORKFLOW_RERUN,
        EventKind.WORKFLOW_REVIVED,
    }
)


class ExecutionFeed:
    """Reads one execution and its sub-workflows for a view."""

    def __init__(self, service: Service, workflow_id: str, mode: str = "page") -> None:
        """Start hearing news at once, so that nothing is lost between opening and listening.

        Args:
            service: Where it is read.
            workflow_id: The outermost execution to show.
            mode: ``page`` or ``cell``.
        """
        self._service, self._workflow_id, self._mode = service, workflow_id, mode
        self._log = ViewLog()
        self._seq = 0
        self._rest: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._news: dict[str, list[HistoryEvent]] = {}
        self._listener: Callable[[], None] = lambda: None
        self._ids: set[str] = {workflow_id}
        self._subscription = service.subscribe(self._heard, [workflow_id])

    def on_news(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` on the notifier's thread when there is something to push."""
        self._listener = listener

    def close(self) -> None:
        """Hear nothing more. Safe to call twice."""
        self._subscription.close()

    def open(self) -> dict[str, Any]:
        """Return the view's opening data (``ViewData``).

        May be called again for a view that lost something: numbers of events and of pushes begin
        anew, and what was heard before is part of it.

        Raises:
            NotFoundError: There is no such execution.
        """
        service = self._service
        self._log, self._seq = ViewLog(), 0
        states = service.tree(self._workflow_id).result(WAIT_SECONDS)
        self._watch(states)
        histories = service.tree_events(list(states)).result(WAIT_SECONDS)
        data = view_data(
            self._workflow_id,
            states,
            histories,
            self._log,
            failure=self._failure(),
            family=service.family(self._workflow_id),
            definition_of=self._definition_of,
            capabilities=self._capabilities(),
            missing={
                str(one): MISSING[one] for one in _OPTIONAL if one not in service.capabilities
            },
            mode=self._mode,
            first_events=10**9,
        )
        self._rest = data["events"][FIRST_EVENTS:]
        data["events"] = data["events"][:FIRST_EVENTS]
        return plain(data)

    def news(self) -> dict[str, Any] | None:
        """Return what happened since the last call as one push (``Patch``); None: nothing."""
        with self._lock:
            histories, self._news = self._news, {}
        if not histories:
            return None
        children = self._children(histories)
        if children:
            self._watch(children)
            loaded = self._service.tree_events(children).result(WAIT_SECONDS)
            histories = {**loaded, **histories}
        states = self._states(histories, children)
        changed = any(e.kind in _CHANGES_FAILURE for events in histories.values() for e in events)
        self._seq += 1
        push = patch(
            self._seq,
            states[self._workflow_id],
            states,
            histories,
            self._log,
            failure=self._failure() if changed else None,
            failure_changed=changed,
            started=children,
        )
        return plain(push)

    def answer(self, question: Mapping[str, Any]) -> Any:
        """Return the answer to one question of the view (``Ask`` of protocol.ts).

        Raises:
            EngineError: It can't be answered; the message is for the person.
        """
        what = question.get("what")
        answering = _ANSWERS.get(str(what))
        if answering is None:
            raise InvalidRequestError(f"The view asked {what!r}, which nothing answers.")
        return plain(answering(self, question))

    # -- answers -------------------------------------------------------------------------

    def _task(self, question: Mapping[str, Any]) -> Any:
        state = self._state(str(question["workflow_id"]))
        task_id = str(question["task_id"])
        if task_id not in state.tasks:
            raise NotFoundError(f"There is no task {task_id} in {state.workflow_id}.")
        return task_detail(state, task_id)

    def _events(self, question: Mapping[str, Any]) -> Any:
        start = max(0, int(question["after"]) - FIRST_EVENTS)
        return self._rest[start : start + int(question["limit"])]

    def _event(self, question: Mapping[str, Any]) -> Any:
        number = int(question["number"])
        events = self._service.events(str(question["workflow_id"]), number - 1)
        found = next((e for e in events.result(WAIT_SECONDS) if e.number == number), None)
        if found is None:
            raise NotFoundError(f"There is no event {number}.")
        return found

    def _logs(self, question: Mapping[str, Any]) -> Any:
        states = self._service.tree(self._workflow_id).result(WAIT_SECONDS)
        references = {
            task.task_id: task.reference_task_name
            for state in states.values()
            for task in state.tasks.values()
        }
        task_id = question.get("task_id")
        if Capability.QUERY not in self._service.capabilities:
            wanted = [str(task_id)] if task_id else list(references)[-LOGGED_TASKS:]
            return self._logs_by_task(wanted, references)
        ids = [str(task_id)] if task_id else list(states)
        column = "task_id" if task_id else "workflow_id"
        rows = self._service.query(
            f"SELECT task_id, created_time, log FROM logs WHERE {column} IN "
            f"({', '.join('?' * len(ids))}) ORDER BY created_time DESC LIMIT {LOG_LINES}",
            ids,
        )
        return [
            {
                "task_id": row["task_id"],
                "ref": references.get(row["task_id"], ""),
                "wall_ms": row["created_time"],
                "text": row["log"],
            }
            for row in reversed(rows)
        ]

    def _logs_by_task(self, task_ids: Sequence[str], references: Mapping[str, str]) -> Any:
        """Logs of a server without SQL: one request per task."""
        lines = [
            {
                "task_id": task_id,
                "ref": references.get(task_id, ""),
                "wall_ms": line.get("createdTime") or 0,
                "text": line.get("log") or "",
            }
            for task_id in task_ids
            for line in self._service.logs(task_id)
        ]
        return sorted(lines, key=lambda line: line["wall_ms"])[-LOG_LINES:]

    def _definition(self, question: Mapping[str, Any]) -> Any:
        return self._state(self._workflow_id).definition.wire

    def _execution(self, question: Mapping[str, Any]) -> Any:
        return masked(self._service.workflow(self._workflow_id).result(WAIT_SECONDS))

    def _origin(self, question: Mapping[str, Any]) -> Any:
        place = [str(question[key]) for key in ("workflow_id", "task_id", "leaf")]
        hops = self._service.origin(*place).result(WAIT_SECONDS)
        return [masked_hop(hop, place[2]) for hop in hops]

    def _plan(self, question: Mapping[str, Any]) -> Any:
        place = str(question["workflow_id"]), str(question["task_id"])
        return plan_json(self._service.plan_branch(*place).result(WAIT_SECONDS))

    def _branch(self, question: Mapping[str, Any]) -> Any:
        edits = question.get("edits") or {}
        if not isinstance(edits, Mapping):
            raise InvalidRequestError("Edits of a replay are an object: input key to new value.")
        place = str(question["workflow_id"]), str(question["task_id"])
        new = self._service.branch(*place, dict(edits)).result(WAIT_SECONDS)
        return {"workflow_id": new}

    def _action(self, question: Mapping[str, Any]) -> Any:
        service, workflow_id = self._service, self._workflow_id
        reason = str(question.get("reason") or "") or None
        actions: dict[str, Callable[[], Any]] = {
            "pause": lambda: service.pause(workflow_id),
            "resume": lambda: service.resume(workflow_id),
            # What has run in a failed sub-workflow is not run again.
            "retry": lambda: service.retry(workflow_id, resume_subworkflow_tasks=True),
            "restart": lambda: service.restart(workflow_id),
            "terminate": lambda: service.terminate(workflow_id, reason),
        }
        action = actions.get(str(question.get("action")))
        if action is None:
            raise InvalidRequestError(f"There is no action {question.get('action')!r}.")
        action().result(WAIT_SECONDS)
        if Capability.EVENTS not in service.capabilities:
            # A cluster tells nothing by itself, and one that has ended is looked at rarely.
            service.tree(workflow_id).result(WAIT_SECONDS)

    # -- reading -------------------------------------------------------------------------

    def _capabilities(self) -> list[str]:
        has = self._service.capabilities
        found = [*CAPABILITIES, *(str(one) for one in _OPTIONAL if one in has)]
        caller = getattr(self._service, "caller", None)
        if caller is not None and not caller.role.may(OPERATOR):
            found = [one for one in found if one not in _STEERING]
        return found

    def _heard(self, events: list[HistoryEvent]) -> None:
        with self._lock:
            for event in events:
                self._news.setdefault(event.workflow_id, []).append(event)
        self._listener()

    def _watch(self, workflow_ids: Sequence[str] | Mapping[str, Any]) -> None:
        self._ids.update(workflow_ids)
        self._subscription.watch(sorted(self._ids))

    def _children(self, histories: Mapping[str, Sequence[HistoryEvent]]) -> list[str]:
        """Executions that the news name and that have not been watched so far."""
        named = (
            event.data.get("sub_workflow_id") for events in histories.values() for event in events
        )
        return list(dict.fromkeys(child for child in named if child and child not in self._ids))

    def _states(
        self, histories: Mapping[str, Sequence[HistoryEvent]], children: Sequence[str]
    ) -> dict[str, WorkflowState]:
        """Only the executions a push needs: a snapshot costs by its tasks."""
        needed = {self._workflow_id, *children}
        for workflow_id, events in histories.items():
            if any(event.data.get("task_type") == "DO_WHILE" for event in events):
                needed.add(workflow_id)
        return {workflow_id: self._state(workflow_id) for workflow_id in needed}

    def _state(self, workflow_id: str) -> WorkflowState:
        return self._service.state(workflow_id).result(WAIT_SECONDS)

    def _failure(self) -> FailureReport:
        return self._service.failure(self._workflow_id).result(WAIT_SECONDS)

    def _definition_of(self, name: str, version: int | None) -> Mapping[str, Any] | None:
        try:
            return self._service.workflow_def(name, version)
        except NotFoundError:
            return None


def plain(value: Any) -> Any:
    """The value as plain JSON types: enums, structs and tuples are none to Bokeh."""
    return loads(dumps(value))


_ANSWERS: Final[dict[str, Callable[[ExecutionFeed, Mapping[str, Any]], Any]]] = {
    "task": ExecutionFeed._task,
    "events": ExecutionFeed._events,
    "event": ExecutionFeed._event,
    "logs": ExecutionFeed._logs,
    "definition": ExecutionFeed._definition,
    "execution": ExecutionFeed._execution,
    "origin": ExecutionFeed._origin,
    "plan": ExecutionFeed._plan,
    "branch": ExecutionFeed._branch,
    "action": ExecutionFeed._action,
}
