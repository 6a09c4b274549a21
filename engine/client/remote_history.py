"""Histories of executions behind HTTP: the recorded ones of our own server, or ones made from
what a cluster shows (``core.observation``).

What has been read is kept, so that looking again costs by what is new. Any thread may ask.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ..core.apply import fold
from ..core.definition import CompiledDefinition, compile_definition
from ..core.events import HistoryEvent
from ..core.observation import observe
from ..core.state import WorkflowState
from ..errors import NotFoundError
from ..models.codec import payload_hash
from .connection import Connection

KEPT_EXECUTIONS: Final = 400
TREE_LIMIT: Final = 200
"""Executions of one tree that are read: as in ``Service.tree``."""
_COMPENSATION: Final = "conductor.failure_workflow"


class Observed:
    """One execution as far as it is known here."""

    __slots__ = ("events", "guard", "path", "state")

    def __init__(self, workflow_id: str, path: str) -> None:
        self.state = WorkflowState(workflow_id)
        self.events: list[HistoryEvent] = []
        self.path = path
        self.guard = threading.Lock()


class RemoteHistories:
    """Reads and keeps histories of executions on a server."""

    def __init__(
        self,
        connection: Connection,
        exact: Callable[[], bool],
        found: Callable[[list[HistoryEvent]], None] = lambda events: None,
    ) -> None:
        """Args:
        connection: The server.
        exact: Whether the server has histories of its own; asked at the first need.
        found: Told events that looking at an execution gave, in order, whoever looked. Must
            return at once.
        """
        self._connection, self._exact, self._found = connection, exact, found
        self._guard = threading.Lock()
        self._known: OrderedDict[str, Observed] = OrderedDict()
        self._definitions: dict[str, CompiledDefinition] = {}

    def refresh(self, workflow_id: str, path: str | None = None) -> list[HistoryEvent]:
        """Read what is new of one execution; returns its new events.

        Args:
            workflow_id: The execution.
            path: Run path of the task that started it, where that is known.

        Raises:
            NotFoundError: The server has no such execution.
        """
        observed = self._observed(workflow_id, path)
        with observed.guard:
            before = observed.state.last_event
            try:
                if self._exact():
                    new = self._recorded(observed)
                elif new := self._looked_at(observed):
                    self._found(new)
            except NotFoundError:
                self._forget(workflow_id)
                raise
            observed.events += new
            return [event for event in new if event.number > before]

    def state(self, workflow_id: str) -> WorkflowState:
        """A snapshot of one execution as it stands now."""
        self.refresh(workflow_id)
        return self._snapshot(workflow_id)

    def events(self, workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        """Events of one execution with numbers above ``after``, up to now."""
        self.refresh(workflow_id)
        return self.known_events(workflow_id, after)

    def known_events(self, workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        """The same without asking the server when the execution has been read before."""
        observed = self._known.get(workflow_id)
        if observed is None or not observed.events:
            self.refresh(workflow_id)
            observed = self._observed(workflow_id, None)
        with observed.guard:
            return observed.events[after:]

    def tree(self, workflow_id: str) -> dict[str, WorkflowState]:
        """Snapshots of an execution and of its sub-workflows, the root first.

        Sub-workflows that the server does not have any more are left out.

        Raises:
            NotFoundError: The server does not have the root.
        """
        found: dict[str, WorkflowState] = {}
        waiting: list[tuple[str, str]] = [(workflow_id, "")]
        while waiting and len(found) < TREE_LIMIT:
            current, path = waiting.pop(0)
            if current in found:
                continue
            try:
                self.refresh(current, path or None)
            except NotFoundError:
                if current == workflow_id:
                    raise
                continue
            state = found[current] = self._snapshot(current)
            waiting += [
                (task.sub_workflow_id, task.path)
                for task in state.tasks.values()
                if task.sub_workflow_id
            ]
            compensation = state.output.get(_COMPENSATION)
            if isinstance(compensation, str):
                waiting.append((compensation, ""))
        return found

    def is_over(self, workflow_id: str) -> bool:
        """Whether an execution had ended when it was last looked at."""
        observed = self._known.get(workflow_id)
        return observed is not None and observed.state.status.is_terminal

    # -- reading -------------------------------------------------------------------------

    def _recorded(self, observed: Observed) -> list[HistoryEvent]:
        state = observed.state
        answer = self._connection.get(
            "executions", state.workflow_id, "history", after=state.last_event
        )
        for key, wire in answer["definitions"].items():
            if key not in self._definitions:
                self._definitions[key] = compile_definition(wire, key)
        events = msgspec.convert(answer["events"], list[HistoryEvent])
        if events:
            fold(events, self._definitions.__getitem__, state)
        return events

    def _looked_at(self, observed: Observed) -> list[HistoryEvent]:
        state = observed.state
        wire = self._connection.get("workflow", state.workflow_id, includeTasks=True)
        return observe(state, wire, self._definition_in(wire), path=observed.path)

    def _definition_in(self, wire: dict[str, Any]) -> CompiledDefinition:
        body = wire.get("workflowDefinition") or {
            "name": wire.get("workflowName"),
            "version": wire.get("workflowVersion"),
            "tasks": [],
        }
        key = payload_hash(body)
        known = self._definitions.get(key)
        if known is None:
            known = self._definitions[key] = compile_definition(body, key)
        return known

    # -- keeping -------------------------------------------------------------------------

    def _observed(self, workflow_id: str, path: str | None) -> Observed:
        with self._guard:
            known = self._known.get(workflow_id)
            if known is None or (path is not None and known.path != path and not self._exact()):
                known = self._known[workflow_id] = Observed(workflow_id, path or "")
            self._known.move_to_end(workflow_id)
            while len(self._known) > KEPT_EXECUTIONS:
                self._known.popitem(last=False)
            return known

    def _snapshot(self, workflow_id: str) -> WorkflowState:
        observed = self._observed(workflow_id, None)
        with observed.guard:
            return observed.state.snapshot()

    def _forget(self, workflow_id: str) -> None:
        with self._guard:
            self._known.pop(workflow_id, None)
