"""Rows that the history keeps about tasks and executions: what a list or a search shows.

``core.projection`` derives them from the folded state; a store keeps every version.
"""

from __future__ import annotations

from typing import Any

import msgspec


class TaskRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the history table ``tasks``: a version of a task attempt."""

    workflow_id: str
    task_id: str
    version: int
    """Number of the event that made this version; the newest wins in the view ``tasks``."""
    workflow_type: str
    reference_task_name: str
    node: str
    path: str
    task_type: str
    task_def_name: str
    status: str
    seq: int
    retry_count: int
    iteration: int
    scheduled_time: int
    start_time: int
    end_time: int
    update_time: int
    worker_id: str | None
    domain: str | None
    reason_for_incompletion: str | None
    error_type: str | None
    fingerprint: str | None
    sub_workflow_id: str | None
    retried_task_id: str | None
    poll_count: int
    optional: bool
    input_data: dict[str, Any]
    output_data: dict[str, Any]
    removed: bool = False
    """True in the last version of a record that an operator action deleted."""


class ExecutionRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the history table ``executions``: a version of an execution."""

    workflow_id: str
    version: int
    workflow_type: str
    workflow_version: int
    status: str
    correlation_id: str | None
    priority: int
    create_time: int
    update_time: int
    end_time: int
    parent_workflow_id: str | None
    parent_workflow_task_id: str | None
    root_workflow_id: str | None
    reason_for_incompletion: str | None
    failed_reference_task_names: list[str]
    failed_task_names: list[str]
    failed_path: str | None
    """Run path of the deepest cause known here: ``order_flow/line_items[37]/charge_card``."""
    error: str | None
    """One line: ``ValueError: amount is negative``."""
    fingerprint: str | None
    """Failures with the same cause share it (studio design §3.1)."""
    with_errors: bool
    """An optional task failed on the way."""
    task_count: int
    retry_count: int
    """Attempts beyond the first, over all tasks."""
    definition_hash: str
    branch_of: str | None
    branch_reference: str | None
    branch_edits: int
    created_by: str | None
    event: str | None
    idempotency_key: str | None
    task_to_domain: dict[str, str]
    input: dict[str, Any]
    output: dict[str, Any]
    variables: dict[str, Any]
    removed: bool = False
