"""Taking over executions of another server as histories of this one."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Final, NamedTuple

import msgspec

from ..core.apply import fold
from ..core.definition import CompiledDefinition
from ..core.events import EventKind, HistoryEvent
from ..core.observation import observe
from ..core.state import WorkflowState
from ..core.turn import Terminate, Turn
from ..errors import ConflictError, HistoryConflictError, InvalidRequestError
from ..models.codec import payload_hash
from ..models.enums import TaskStatus, WorkflowStatus
from ..models.execution import Workflow
from ..runtime.desk import Desk
from ..runtime.faults import IMPORT_FILED, IMPORT_OBSERVED
from ..store.faults import fault_point
from .base import Wire, chain
from .signing_on import SignOnService

ACTOR: Final = "import"
"""Who the events of an imported history are by. Any other actor has changed it here since."""

LONGEST_ID: Final = 255
IMPORTED: Final = "imported"
UPDATED: Final = "updated"
UNCHANGED: Final = "unchanged"


class ImportingService(SignOnService):
    """Executions of other servers, under their own ids, ended as far as this engine goes."""

    def import_execution(self, workflow: Wire, source: str = "") -> Future[str]:
        """Take over one execution; resolves to ``imported``, ``updated`` or ``unchanged``.

        What is open there is not taken up here: its open tasks are cancelled and it ends as
        TERMINATED, so that nothing runs twice. Branch, retry or rerun it to go on. A
        sub-workflow finds its place when its parent was imported before it. The definition is
        registered if this engine has none of that name and version.

        Args:
            workflow: The execution as ``GET /workflow/{id}`` answers it, with its tasks.
            source: Where it comes from, for people.

        Raises:
            InvalidRequestError: It is no execution with its definition.
            ConflictError: (from the future) the id is one of this engine's own executions, or
                the imported one was changed here.
        """
        wire = _checked(workflow)
        workflow_id = wire["workflowId"]
        answer: Future[str] = Future()

        def use(known: list[HistoryEvent]) -> None:
            if known:
                _check_ours(workflow_id, known)
            seen = payload_hash(wire)
            if known and known[-1].data.get("seen") == seen:
                answer.set_result(UNCHANGED)
                return

            place = self._submit(lambda desk: self._place_of(desk, wire)).result(timeout=60)
            # A long execution takes a while to be looked through: not on the decider's thread.
            state = WorkflowState(workflow_id)
            if known:
                state = fold(known, self._registry.definition_of)
            last_event = state.last_event
            events = observe(
                state,
                wire,
                place.definition,
                path=place.path,
                actor=ACTOR,
                started={"imported": {"source": source, "at": place.now_ms}},
            )
            if not events:
                answer.set_result(UNCHANGED)
                return

            fault_point(IMPORT_OBSERVED)

            def take_over(desk: Desk) -> str:
                is_gone = bool(known) and workflow_id in desk.removed
                knows = desk.knows(workflow_id)
                if is_gone or (knows and desk.state(workflow_id).last_event != last_event):
                    raise HistoryConflictError(f"{workflow_id} was changed while it was imported.")
                return self._take_over(desk, state, place.definition, events, source, seen)

            chain(self._submit(take_over), answer)

        self._read(lambda: self._runtime.store.events(workflow_id), use, answer)
        return answer

    def _place_of(self, desk: Desk, wire: Wire) -> _Place:
        """What an execution is made from here: its definition, and where its parent has it."""
        above = wire.get("parentWorkflowId") or ""
        parent = desk.executions.get(above) or desk.ended.get(above)
        holder = parent.tasks.get(wire.get("parentWorkflowTaskId") or "") if parent else None
        return _Place(
            self._imported_definition(desk, wire),
            holder.path if holder is not None else "",
            desk.clock.now().wall_ms,
        )

    def _take_over(
        self,
        desk: Desk,
        state: WorkflowState,
        definition: CompiledDefinition,
        events: list[HistoryEvent],
        source: str,
        seen: str,
    ) -> str:
        workflow_id = state.workflow_id
        turn = desk.turn(state, ACTOR)
        turn.events = events
        is_new = events[0].number == 1
        if not state.status.is_terminal:
            _close(turn, source)
        # Told by the last event, so that the next import knows what this one has seen.
        last = turn.events[-1]
        turn.events[-1] = msgspec.structs.replace(last, data={**last.data, "seen": seen})
        # Filed like one that was open and has ended in this very turn.
        desk.ended.pop(workflow_id, None)
        desk.removed.pop(workflow_id, None)
        desk.executions[workflow_id] = state
        text = desk.registry.text_if_new(definition)
        if text is not None:
            desk.outbox.commit.definitions[definition.hash] = text
        desk.file_events(turn)
        fault_point(IMPORT_FILED)
        return IMPORTED if is_new else UPDATED

    def _imported_definition(self, desk: Desk, wire: Wire) -> CompiledDefinition:
        body = wire["workflowDefinition"]
        try:
            definition = desk.registry.snapshot_of(body)
        except Terminate as error:
            raise InvalidRequestError(f"{body['name']} can't be imported: {error.reason}") from None
        if desk.registry.workflow_def(definition.name, definition.version) is None:
            row = desk.registry.put_workflow_def(
                {**body, "version": definition.version}, desk.clock.now().wall_ms
            )
            desk.outbox.commit.metadata.append(row)
        return definition


class _Place(NamedTuple):
    definition: CompiledDefinition
    path: str
    now_ms: int


def _checked(workflow: Wire) -> Wire:
    """The execution with every value of the type that Conductor gives it."""
    wire = Workflow.from_wire(workflow).to_wire()
    if not wire.get("workflowId"):
        raise InvalidRequestError("An execution to import needs its workflowId.")
    if len(wire["workflowId"]) > LONGEST_ID or not wire["workflowId"].isprintable():
        raise InvalidRequestError(
            f"A workflowId has up to {LONGEST_ID} printable characters, "
            f"not {wire['workflowId'][:80]!r}."
        )
    definition = wire.get("workflowDefinition")
    if not isinstance(definition, dict) or not definition.get("name"):
        raise InvalidRequestError(
            f"Execution {wire['workflowId'][:80]} comes without its workflowDefinition."
        )
    return wire


def _check_ours(workflow_id: str, known: list[HistoryEvent]) -> None:
    """Refuse to overwrite what was done here."""
    if "imported" not in known[0].data:
        raise ConflictError(f"{workflow_id} is an execution of this engine, not an imported one.")
    foreign = next((event for event in known if event.actor != ACTOR), None)
    if foreign is not None:
        raise ConflictError(
            f"{workflow_id} was imported before and changed here since ({foreign.kind} by "
            f"{foreign.actor}); remove it to import it again."
        )


def _close(turn: Turn, source: str) -> None:
    """End what is open at its source."""
    state = turn.state
    where = f" at {source}" if source else ""
    reason = f"Imported while it was {state.status}{where}."
    for task in list(state.open_tasks()):
        data = {
            "status": str(TaskStatus.CANCELED),
            "reason": f"It was {task.status} when it was imported.",
        }
        turn.emit(EventKind.TASK_CANCELED, data, task)
    ended = {"status": str(WorkflowStatus.TERMINATED), "output": state.output, "reason": reason}
    turn.emit(EventKind.WORKFLOW_ENDED, ended)
