"""What can be searched: field names, what kind of value each has, and the column it stands for.

Columns belong to the alias ``c``, a version of an execution or a task in the history's log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from ...models.enums import TaskStatus, WorkflowStatus

CLASSIFIER: Final = (
    "coalesce(nullif(trim(json_extract_string(body, '$.metadata.classifier')), ''), "
    "CASE WHEN json_exists(body, '$.metadata.agent_sdk') "
    "OR json_exists(body, '$.metadata.agentDef') THEN 'agent' ELSE 'workflow' END)"
)
"""What kind a definition of the table ``definitions`` is (semantics reference §9.5)."""


class Field(NamedTuple):
    """One field of a search."""

    sql: str
    kind: Literal["text", "time", "number", "list"] = "text"
    """``list``: compared with each of its texts."""
    values: tuple[str, ...] = ()
    """All that it can be; empty for any text."""


class Area(NamedTuple):
    """One thing to search: its log, its fields, and where free text is looked for."""

    log: str
    key: tuple[str, ...]
    """Columns that identify a record; its newest version counts."""
    fields: Mapping[str, Field]
    texts: tuple[str, ...]
    """Columns that free text is looked for in."""
    payloads: tuple[str, ...]
    """Columns whose text lies in ``payloads`` when it is long: ``input`` has ``input_hash``."""
    newest_first: str


def payload_hash(column: str) -> str:
    """The column that has the address of a long payload."""
    return column.removesuffix("_data") + "_hash"


WORKFLOWS: Final = Area(
    "executions_log",
    ("workflow_id",),
    {
        "workflowId": Field("c.workflow_id"),
        "correlationId": Field("c.correlation_id"),
        "workflowType": Field("c.workflow_type"),
        "version": Field("c.workflow_version", "number"),
        "startTime": Field("c.create_time", "time"),
        "endTime": Field("c.end_time", "time"),
        "updateTime": Field("c.update_time", "time"),
        "executionTime": Field(
            "CASE WHEN c.end_time > 0 THEN c.end_time - c.create_time ELSE 0 END", "number"
        ),
        "status": Field("c.status", values=tuple(one.value for one in WorkflowStatus)),
        "priority": Field("c.priority", "number"),
        "parentWorkflowId": Field("coalesce(c.parent_workflow_id, '')"),
        "failedReferenceTaskNames": Field("c.failed_reference_task_names", "list"),
        "failedTaskNames": Field("c.failed_task_names", "list"),
        "reasonForIncompletion": Field("c.reason_for_incompletion"),
        "event": Field("c.event"),
        "createdBy": Field("c.created_by"),
        "idempotencyKey": Field("c.idempotency_key"),
        "classifier": Field(
            f"coalesce((SELECT any_value({CLASSIFIER}) FROM definitions "
            "WHERE hash = c.definition_hash), 'workflow')"
        ),
    },
    (
        "c.workflow_id",
        "c.workflow_type",
        "c.correlation_id",
        "c.reason_for_incompletion",
        "c.error",
        "array_to_string(c.failed_reference_task_names, ',')",
    ),
    ("input", "output"),
    "c.create_time DESC",
)

TASKS: Final = Area(
    "tasks_log",
    ("workflow_id", "task_id"),
    {
        "taskId": Field("c.task_id"),
        "taskType": Field("c.task_type"),
        "taskDefName": Field("c.task_def_name"),
        "referenceTaskName": Field("c.reference_task_name"),
        "workflowId": Field("c.workflow_id"),
        "workflowType": Field("c.workflow_type"),
        "status": Field("c.status", values=tuple(one.value for one in TaskStatus)),
        "scheduledTime": Field("c.scheduled_time", "time"),
        "startTime": Field("c.start_time", "time"),
        "endTime": Field("c.end_time", "time"),
        "updateTime": Field("c.update_time", "time"),
        "executionTime": Field(
            "CASE WHEN c.end_time > 0 AND c.start_time > 0 "
            "THEN c.end_time - c.start_time ELSE 0 END",
            "number",
        ),
        "queueWaitTime": Field(
            "CASE WHEN c.start_time > 0 AND c.scheduled_time > 0 "
            "THEN c.start_time - c.scheduled_time ELSE 0 END",
            "number",
        ),
        "retryCount": Field("c.retry_count", "number"),
        "iteration": Field("c.iteration", "number"),
        "reasonForIncompletion": Field("c.reason_for_incompletion"),
        "workerId": Field("c.worker_id"),
        "domain": Field("c.domain"),
        "subWorkflowId": Field("c.sub_workflow_id"),
    },
    (
        "c.task_id",
        "c.task_type",
        "c.task_def_name",
        "c.reference_task_name",
        "c.workflow_type",
        "c.status",
        "c.reason_for_incompletion",
    ),
    ("input_data", "output_data"),
    "c.update_time DESC",
)
