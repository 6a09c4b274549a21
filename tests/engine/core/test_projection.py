"""Rows of the history from the folded state."""

from __future__ import annotations

from execution_tree import Execution, node

from engine.core.events import HistoryEvent
from engine.core.failure import explain_failure
from engine.core.projection import execution_row, projector, task_row


def _charged(amount: int, workflow_id: str = "order_flow") -> Execution:
    """An execution whose second task fails twice, for good."""
    execution = Execution(workflow_id, [node("pack"), node("charge")], name="order_flow")
    execution.started({"amount": amount}).after(1)
    execution.run("pack", {"boxes": 1})
    for attempt in (0, 1):
        task_id = execution.scheduled("charge", attempt=attempt)
        execution.after(1).begun(task_id)
        execution.failed(task_id, f"amount {amount} is negative")
    reason = f"ValueError: amount {amount} is negative"
    execution.ended("FAILED", reason=reason, failed="charge#1@" + workflow_id)
    return execution


def test_a_task_row_tells_the_attempt() -> None:
    state = _charged(-5).state
    pack, first, second = (task_row(state, task) for task in state.tasks.values())
    assert (pack.status, pack.output_data, pack.error_type) == ("COMPLETED", {"boxes": 1}, None)
    assert pack.fingerprint is None
    assert (first.retry_count, second.retry_count) == (0, 1)
    assert second.retried_task_id == first.task_id
    assert (second.status, second.error_type) == ("FAILED", "ValueError")
    assert second.path == "order_flow/charge"
    assert second.version == state.tasks[second.task_id].last_event
    assert first.fingerprint == second.fingerprint


def test_an_execution_row_names_the_cause() -> None:
    row = execution_row(_charged(-5).state)
    assert row.status == "FAILED"
    assert row.failed_path == "order_flow/charge"
    assert row.error == "ValueError: amount -5 is negative"
    assert (row.task_count, row.retry_count) == (3, 1)
    assert (row.workflow_type, row.workflow_version, row.definition_hash) == (
        "order_flow",
        1,
        "hash",
    )
    assert row.input == {"amount": -5}
    assert row.root_workflow_id == row.workflow_id


def test_executions_with_the_same_cause_share_a_fingerprint() -> None:
    rows = [execution_row(_charged(amount, f"w{amount}").state) for amount in (-5, -812)]
    assert rows[0].fingerprint == rows[1].fingerprint


def test_the_fingerprint_is_that_of_the_failure_report() -> None:
    execution = _charged(-5)
    report = explain_failure(
        "order_flow", {"order_flow": execution.state}, {"order_flow": execution.events}
    )
    state = execution.state
    assert execution_row(state).fingerprint == report.chains[0].fingerprint
    failed = state.tasks["charge#1@order_flow"]
    assert task_row(state, failed).fingerprint == report.chains[0].fingerprint


def test_a_reason_text_stands_in_for_a_recorded_error() -> None:
    execution = Execution("w", [node("call", "HTTP")]).started()
    task_id = execution.scheduled("call")
    execution.failed(task_id, "HTTP 503 Service Unavailable", type="")
    execution.ended("FAILED", reason="HTTP 503 Service Unavailable")
    state = execution.state
    assert task_row(state, state.tasks[task_id]).error_type == "HTTP 503"
    assert execution_row(state).error == "HTTP 503 Service Unavailable"


def test_an_execution_that_was_stopped_says_so() -> None:
    execution = Execution("w", [node("a")]).started()
    execution.canceled(execution.scheduled("a"))
    execution.ended("TERMINATED", reason="no longer wanted", actor="user:ana")
    row = execution_row(execution.state)
    assert (row.status, row.error, row.failed_path) == ("TERMINATED", "no longer wanted", "w")


def test_an_execution_that_goes_well_has_no_cause() -> None:
    execution = Execution("w", [node("a")]).started()
    execution.run("a")
    execution.ended("COMPLETED", output={"ok": True})
    row = execution_row(execution.state)
    assert (row.error, row.fingerprint, row.failed_path, row.with_errors) == (
        None,
        None,
        None,
        False,
    )
    assert row.output == {"ok": True}
    assert row.end_time == row.update_time > 0


def test_an_optional_failure_marks_an_execution_that_went_on() -> None:
    execution = Execution("w", [node("a", optional=True), node("b")]).started()
    task_id = execution.scheduled("a")
    execution.failed(task_id, status="COMPLETED_WITH_ERRORS")
    execution.run("b")
    execution.ended("COMPLETED")
    state = execution.state
    assert execution_row(state).with_errors is True
    assert task_row(state, state.tasks[task_id]).error_type == "ValueError"


def test_a_branch_and_a_child_know_where_they_belong() -> None:
    branch = {
        "workflow_id": "first",
        "reference": "a",
        "root_id": "root",
        "edits": {"a": {"x": 1}},
        "edit_count": 1,
    }
    branched = execution_row(Execution("w", [node("a")]).started(branch=branch).state)
    assert (branched.branch_of, branched.branch_reference) == ("first", "a")
    assert (branched.branch_edits, branched.root_workflow_id) == (1, "root")
    child = Execution("c", [node("a")], parent=("p", "task-1"), path="p/sub/c").started()
    row = execution_row(child.state)
    assert (row.parent_workflow_id, row.parent_workflow_task_id) == ("p", "task-1")
    assert row.root_workflow_id is None


def test_a_projector_makes_all_rows_from_events_alone() -> None:
    execution = _charged(-5)
    state = execution.state
    events: list[HistoryEvent] = execution.events
    tasks, executions = projector(lambda _: execution.compiled)(events)
    assert tasks == [task_row(state, task) for task in state.tasks.values()]
    assert executions == [execution_row(state)]
