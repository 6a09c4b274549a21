"""Executions: start and operate on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ..core import operations, reopening, starting
from ..core.definition import CompiledDefinition
from ..core.limits import check_definition, check_workflow_input
from ..core.schemas import SchemaCheck, enforced_schema, refusal, unusable
from ..core.state import TaskState, WorkflowState
from ..core.turn import Terminate, Turn
from ..errors import EngineError, InvalidRequestError, NotFoundError
from ..evaluators.syntax import check_javascript
from ..models.requests import RerunWorkflowRequest, StartWorkflowRequest
from ..runtime.decider import Settled
from ..runtime.desk import Desk
from .base import Wire, chain
from .idempotency import StartKey
from .payloads import PayloadService
from .reading import ReadingService
from .schemas import refuse_schemas


class ExecutionService(ReadingService, PayloadService):
    """Begins executions and carries out what operators ask of them."""

    def start_workflow(self, request: Wire, actor: str | None = None) -> Future[str]:
        """Start an execution; resolves to its id once it is durable and has settled.

        With an idempotency key that was used before, the strategy RETURN_EXISTING resolves to
        the id of the latest execution of that key.

        Raises:
            InvalidRequestError: The request or its inline definition breaks a rule, or (from the
                future) the input does not fit the definition's schema.
            NotFoundError: (from the future) no such definition.
            ConflictError: (from the future) the idempotency key was used before.
        """
        return self._with_upload(
            request,
            "externalInputPayloadStoragePath",
            "input",
            lambda whole: self._start_workflow(whole, actor),
        )

    def _start_workflow(self, request: Wire, actor: str | None) -> Future[str]:
        asked = StartWorkflowRequest.from_wire(request)
        asked.validate_request(self._task_def_of, check_javascript)
        if asked.workflow_def is not None:
            inline = asked.workflow_def
            check_definition(inline.name, request.get("workflowDef"), inline.walk())
            refuse_schemas(inline, "workflowDef")
        check_workflow_input(asked.name, asked.input)
        workflow_id = str(uuid.uuid4())
        schema = self._input_schema(asked)

        def start(desk: Desk) -> Settled:
            definition = self._definition(desk, asked)
            data = starting.start_data(
                definition,
                asked.input or {},
                check_input=definition.input_schema != schema,
                correlation_id=asked.correlation_id,
                priority=asked.priority,
                task_to_domain=asked.task_to_domain,
                created_by=asked.created_by,
                idempotency_key=asked.idempotency_key,
                event=request.get("event"),
            )
            desk.begin(workflow_id, lambda turn: starting.start(turn, data), self._by(actor))
            return Settled(workflow_id, workflow_id)

        key = StartKey.of(asked)

        def begin() -> Future[str]:
            return self._submit(start) if key is None else self._start_once(key, start)

        return begin() if schema is None else self._checked_start(asked, schema, begin)

    def _input_schema(self, asked: StartWorkflowRequest) -> SchemaCheck | None:
        """What the input of a start has to fit, as the definitions are at this moment."""
        body = self._registry.workflow_def(asked.name, asked.version)
        if asked.workflow_def is not None:
            body = asked.workflow_def.to_wire()
        if body is None:
            return None
        return enforced_schema(self._registry.schemas.filled(body), "inputSchema", by_default=True)

    def _checked_start(
        self, asked: StartWorkflowRequest, schema: SchemaCheck, begin: Callable[[], Future[str]]
    ) -> Future[str]:
        """Begin only if the input fits; else the caller is told why and nothing is created."""
        definition = asked.workflow_def
        name = asked.name if definition is None else definition.name
        body = self._registry.workflow_def(asked.name, asked.version) or {}
        template = body.get("inputTemplate") if definition is None else definition.input_template
        given = starting.merged_input(asked.input or {}, template or {})
        what = f"Input of workflow '{name}'"
        if schema.fault:
            raise InvalidRequestError(unusable(what, schema))
        answer: Future[str] = Future()

        def use(finished: Future[Any]) -> None:
            error = finished.exception()
            outcome: Wire = {"error": {"message": str(error)}}
            if error is None:
                outcome = {"result": finished.result()}
            reason = refusal(what, schema, given, outcome)
            if reason is None:
                chain(begin(), answer)
            elif not answer.done():
                answer.set_exception(InvalidRequestError(reason))

        self._runtime.check(schema.text, given).add_done_callback(use)
        return answer

    def _start_once(self, key: StartKey, start: Callable[[Desk], Settled]) -> Future[str]:
        """Start unless the key forbids it; the history is asked before, off the decider."""
        recorded: str | None = None

        def start_once(desk: Desk) -> Any:
            existing = key.existing(desk, recorded)
            return start(desk) if existing is None else existing

        if not key.asks_history(self._desk):
            return self._submit(start_once)
        answer: Future[str] = Future()

        def use(found: str) -> None:
            nonlocal recorded
            recorded = found
            chain(self._submit(start_once), answer)

        self._read(lambda: key.look_up(self._runtime.store), use, answer)
        return answer

    def _definition(self, desk: Desk, asked: StartWorkflowRequest) -> CompiledDefinition:
        try:
            if asked.workflow_def is not None:
                return desk.registry.snapshot_of(asked.workflow_def.to_wire())
            return desk.registry.snapshot(asked.name, asked.version)
        except Terminate as error:
            raise EngineError(error.reason) from None

    # -- operating -----------------------------------------------------------------------

    def _operate(self, workflow_id: str, action: Any) -> Future[None]:
        def run(desk: Desk) -> Settled:
            desk.act(workflow_id, action, self._actor)
            return Settled(workflow_id, None)

        return self._with_execution(workflow_id, run)

    def pause(self, workflow_id: str) -> Future[None]:
        """Stop scheduling in an execution."""
        return self._operate(workflow_id, operations.pause)

    def resume(self, workflow_id: str) -> Future[None]:
        """Go on after a pause."""
        return self._operate(workflow_id, operations.resume)

    def terminate(self, workflow_id: str, reason: str | None = None) -> Future[None]:
        """End an execution as TERMINATED, with its children."""
        return self._operate(workflow_id, lambda turn: operations.terminate(turn, reason))

    def decide(self, workflow_id: str) -> Future[None]:
        """Look at an execution now, time-outs included."""

        def run(desk: Desk) -> Settled:
            state = desk.state(workflow_id)
            desk.act(workflow_id, due=list(state.open_task_ids))
            return Settled(workflow_id, None)

        return self._with_execution(workflow_id, run)

    def retry(self, workflow_id: str, resume_subworkflow_tasks: bool = False) -> Future[None]:
        """Attempt the failed tasks of an ended execution again.

        Args:
            workflow_id: The execution.
            resume_subworkflow_tasks: Go down to the failed task of the failed child and retry
                there, instead of starting the child afresh.
        """

        def run(desk: Desk) -> Settled:
            target = workflow_id
            if resume_subworkflow_tasks:
                target = self._failed_child(desk, workflow_id)
                if _nothing_failed(desk.state(target)):
                    return Settled(target, None)
            desk.act(target, operations.retry, self._actor)
            return Settled(target, None)

        return self._with_others(run)

    def _failed_child(self, desk: Desk, workflow_id: str) -> str:
        """The execution deepest down the first failed SUB_WORKFLOW task of each level."""
        while True:
            state = desk.state(workflow_id)
            if not state.status.is_terminal:
                raise NotFoundError(f"Workflow is still running.  status={state.status}")
            failed = sorted(
                (t for t in state.tasks.values() if not t.status.is_successful and not t.retried),
                key=lambda task: task.seq,
            )
            first = next((t for t in failed if t.task_type != "DO_WHILE"), None)
            child = None if first is None else first.sub_workflow_id
            # A branch shows the children of its original, but they are not its own.
            if child is None or desk.state(child).parent_workflow_id != workflow_id:
                return workflow_id
            workflow_id = child

    def restart(self, workflow_id: str, use_latest_definitions: bool = False) -> Future[None]:
        """Start an ended execution over, with its own or the latest definition."""

        def run(desk: Desk) -> Settled:
            state = desk.state(workflow_id)
            definition = state.definition
            if use_latest_definitions and state.status.is_terminal:
                if desk.registry.workflow_def(definition.name) is None:
                    raise NotFoundError(f"Unable to find latest definition for {workflow_id}")
                definition = desk.registry.snapshot(definition.name, None)
            text = desk.registry.text_if_new(definition)
            if text is not None:
                desk.outbox.commit.definitions[definition.hash] = text
            desk.act(
                workflow_id, lambda turn: operations.restart(turn, definition.hash), self._actor
            )
            return Settled(workflow_id, None)

        return self._with_execution(workflow_id, run)

    def rerun(self, workflow_id: str, request: Wire) -> Future[str]:
        """Run an ended execution again from one of its tasks, or from the start."""
        asked = RerunWorkflowRequest.from_wire(request)

        def run(desk: Desk) -> Settled:
            given, corr = asked.workflow_input, asked.correlation_id
            if not asked.re_run_from_task_id:
                desk.act(
                    workflow_id,
                    lambda turn: reopening.rerun_from_start(turn, given, corr),
                    self._actor,
                )
                return Settled(workflow_id, workflow_id)
            reopening.check_rerun(desk.state(workflow_id))
            home, task = self._find_below(desk, workflow_id, asked.re_run_from_task_id)

            def from_task(turn: Turn) -> None:
                reopening.rerun_from_task(turn, task, asked.task_input, given, corr)

            desk.act(home, from_task, self._actor)
            return Settled(home, workflow_id)

        return self._with_others(run)

    def _find_below(self, desk: Desk, workflow_id: str, task_id: str) -> tuple[str, TaskState]:
        """The execution that holds a task: this one or one of its children."""
        waiting = [workflow_id]
        while waiting:
            current = waiting.pop(0)
            state = desk.state(current)
            if task_id in state.tasks:
                return current, state.tasks[task_id]
            children = [t.sub_workflow_id for t in state.tasks.values() if t.sub_workflow_id]
            # A branch shows the children of its original, but they are not its own.
            waiting += [c for c in children if desk.state(c).parent_workflow_id == current]
        raise InvalidRequestError(f"Task {task_id} not found")

    def skip_task(
        self,
        workflow_id: str,
        reference: str,
        task_input: Wire | None = None,
        task_output: Wire | None = None,
    ) -> Future[None]:
        """Let the flow pass over a task that has not been created yet.

        Raises:
            IllegalStateError: (from the future) not running, unknown, or created already.
        """
        return self._operate(
            workflow_id, lambda turn: operations.skip(turn, reference, task_input, task_output)
        )

    def reset_callbacks(self, workflow_id: str) -> Future[None]:
        """Make tasks that wait for a callback available at once.

        Raises:
            ConflictError: (from the future) the execution has ended.
        """
        return self._operate(workflow_id, operations.reset_callbacks)

    def remove(self, workflow_id: str, archive: bool = True) -> Future[None]:
        """Delete an execution with its history.

        Raises:
            InvalidRequestError: (from the future) it has not ended and is to be archived.
        """

        def run(desk: Desk) -> None:
            state = desk.state(workflow_id)
            if archive and not state.status.is_terminal:
                raise InvalidRequestError(
                    f"Cannot archive workflow: {workflow_id} with status: {state.status}"
                )
            desk.forget(state)

        return self._with_execution(workflow_id, run)


def _nothing_failed(state: WorkflowState) -> bool:
    """Whether every task of an ended execution ended well: nothing to go on with, nothing wrong."""
    return all(task.status.is_successful for task in state.tasks.values())
