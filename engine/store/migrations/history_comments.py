"""What every table, view and column of the history means, as DuckDB comments.

``SELECT table_name, column_name, comment FROM duckdb_columns()`` shows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

TABLE_COMMENTS: Final = {
    "store_info": "Facts about this file: schema version, id shared with its journal.",
    "feed_progress": "One row: how much of the journal this file has taken over.",
    "events": "Every recorded fact of every execution. All else can be rebuilt from it.",
    "payloads": "Long JSON values that events, executions and tasks refer to, each stored once.",
    "executions_log": "Every version of every execution; view executions has the newest.",
    "tasks_log": "Every version of every task attempt; view tasks has the newest.",
    "logs": "Log lines that workers attached to tasks.",
    "definitions": "Snapshots of the definitions that executions ran with.",
    "metadata_log": "Every change of registered objects; view metadata has what is in force.",
    "executions": "One row per execution. Times are epoch milliseconds, 0 = not set.",
    "tasks": "One row per task attempt. Times are epoch milliseconds, 0 = not set.",
    "metadata": "Registered objects of every collection, as they are now.",
    "workflow_defs": "Registered workflow definitions, one row per version.",
    "task_defs": "Registered task definitions.",
}

_SHARED: Final = {
    "position": "Place in the journal's order; grows with time.",
    "workflow_id": "Id of the execution.",
    "version": "Number of the event this row reflects.",
    "workflow_type": "Name of the workflow definition.",
    "status": "Conductor's status word.",
    "create_time": "Start of the execution, epoch milliseconds.",
    "update_time": "Last change, epoch milliseconds.",
    "end_time": "End, epoch milliseconds; 0 while open.",
    "reason_for_incompletion": "Why it failed, as reported.",
    "fingerprint": "Hash that failures with the same cause share; null without a failure.",
    "retry_count": "Attempts beyond the first.",
    "removed": "True in the last version of a deleted record.",
    "input_hash": "Where payloads has the input, if it is long; else null.",
    "output_hash": "Where payloads has the output, if it is long; else null.",
    "task_id": "Id of the task attempt.",
    "path": "Run path: names from the outermost execution down, iterations in brackets.",
    "iteration": "Iteration of the innermost loop, from 1; 0 outside loops.",
    "wall_ms": "When it was recorded, epoch milliseconds.",
    "body": "JSON text.",
    "hash": "Address of the value: a hash of its text.",
    "key": "Name of the entry.",
}

_EXECUTION: Final = {
    "workflow_version": "Version of the workflow definition.",
    "correlation_id": "Id the caller gave to find the execution by.",
    "priority": "0 to 99; a higher one is served first.",
    "parent_workflow_id": "Execution that started this one as a sub-workflow.",
    "parent_workflow_task_id": "The SUB_WORKFLOW task of the parent.",
    "root_workflow_id": "The original of a branch; else the id itself; null in a sub-workflow.",
    "failed_reference_task_names": "Reference names of the tasks that failed.",
    "failed_task_names": "Task definition names of the tasks that failed.",
    "failed_path": "Run path of the deepest cause known in this execution.",
    "error": "The first cause as one line.",
    "with_errors": "True when an optional task failed on the way.",
    "task_count": "Task attempts recorded.",
    "retry_count": "Attempts beyond the first, over all tasks.",
    "definition_hash": "Definition snapshot it runs with; see table definitions.",
    "branch_of": "Execution this one was branched from.",
    "branch_reference": "Reference name of the task it was branched at.",
    "branch_edits": "How many values were edited for the branch.",
    "created_by": "Who started it.",
    "event": "Event that started it.",
    "idempotency_key": "Key that keeps it from being started twice.",
    "task_to_domain": "JSON object: task type to worker domain.",
    "variables_hash": "Where payloads has the variables, if they are long; else null.",
    "input": "Input as JSON text.",
    "output": "Output as JSON text.",
    "variables": "Workflow variables as JSON text.",
}

_TASK: Final = {
    "reference_task_name": "Reference name, with its __N suffix inside a loop.",
    "node": "Reference name in the definition, without a suffix.",
    "task_type": "Task type.",
    "task_def_name": "Name of the task definition.",
    "seq": "Order of scheduling in the execution, from 1.",
    "retry_count": "Which attempt: 0 is the first.",
    "scheduled_time": "When it was queued, epoch milliseconds.",
    "start_time": "When work began, epoch milliseconds; 0 before.",
    "worker_id": "Worker that took it last.",
    "domain": "Worker domain it was queued for.",
    "error_type": "Exception type, or HTTP status; null when unknown.",
    "sub_workflow_id": "Execution a SUB_WORKFLOW task started.",
    "retried_task_id": "The attempt this one repeats.",
    "poll_count": "How often a worker took it.",
    "optional": "True when its failure does not fail the execution.",
    "input_data": "Resolved input as JSON text.",
    "output_data": "Output as JSON text.",
}

_METADATA: Final = {
    "collection": "Kind of object: workflow_defs, task_defs, and so on.",
    "key": "Name of the object.",
    "version": "Version of the object; 0 where it has none.",
    "body": "The object as JSON text; null in the log when it was deleted.",
}

_DEFINITION: Final = {
    "name": "Registered name.",
    "version": "Version of the definition.",
    "update_time": "When it was registered, epoch milliseconds.",
    "body": "The definition as JSON text.",
}

_OWN: Final[dict[str, dict[str, str]]] = {
    "store_info": {"value": "Value of the entry."},
    "feed_progress": {
        "watermark": "Highest journal position taken over.",
        "fed_at": "When it was.",
    },
    "events": {
        "number": "Number of the event in its execution, from 1 without a gap.",
        "kind": "What happened.",
        "monotonic_ns": "Monotonic clock; orders events within one process.",
        "parent": "Number of the event that caused this one; 0: none.",
        "actor": "engine, worker:ID, user:NAME or workflow:ID.",
        "task_id": "Task attempt it is about; empty: the execution.",
        "reference": "Reference name of the task, with its __N suffix inside a loop.",
        "attempt": "Which attempt of the task: 0 is the first.",
        "data": "What the event says, as JSON text, without a long payload.",
        "payload_key": "Key of data whose value is kept in payloads; null: none.",
        "payload_hash": "The payload; null: none.",
    },
    "payloads": {"size": "Bytes of the JSON text."},
    "executions_log": _EXECUTION,
    "executions": _EXECUTION,
    "tasks_log": _TASK,
    "tasks": _TASK,
    "logs": {"created_time": "When it was written, epoch milliseconds.", "log": "The line."},
    "definitions": {
        "hash": "Snapshot hash that events and executions name.",
        "body": "The definition as JSON text.",
    },
    "metadata_log": _METADATA,
    "metadata": _METADATA,
    "workflow_defs": _DEFINITION,
    "task_defs": _DEFINITION,
}

_INLINE: Final = {
    name: f"{what} as JSON text, if short and not empty; see {what.lower()}_hash."
    for name, what in (
        ("input", "Input"),
        ("output", "Output"),
        ("variables", "Variables"),
        ("input_data", "Input"),
        ("output_data", "Output"),
    )
}
_LOGGED_EXECUTION: Final = (
    "position workflow_id version workflow_type workflow_version status correlation_id priority "
    "create_time update_time end_time parent_workflow_id parent_workflow_task_id "
    "root_workflow_id reason_for_incompletion failed_reference_task_names failed_task_names "
    "failed_path error fingerprint with_errors task_count retry_count definition_hash branch_of "
    "branch_reference branch_edits created_by event idempotency_key task_to_domain"
)
_LOGGED_TASK: Final = (
    "position workflow_id task_id version workflow_type reference_task_name node path task_type "
    "task_def_name status seq retry_count iteration scheduled_time start_time end_time "
    "update_time worker_id domain reason_for_incompletion error_type fingerprint sub_workflow_id "
    "retried_task_id poll_count optional"
)
_COLUMNS: Final = {
    "store_info": "key value",
    "feed_progress": "watermark fed_at",
    "events": "position workflow_id number kind wall_ms monotonic_ns parent actor task_id "
    "reference attempt iteration path data payload_key payload_hash",
    "payloads": "hash size body",
    "executions_log": f"{_LOGGED_EXECUTION} input input_hash output output_hash variables "
    "variables_hash removed",
    "tasks_log": f"{_LOGGED_TASK} input_data input_hash output_data output_hash removed",
    "logs": "position workflow_id task_id created_time log",
    "definitions": "position hash body",
    "metadata_log": "position collection key version wall_ms body",
    "executions": f"{_LOGGED_EXECUTION} removed input output variables".removeprefix("position "),
    "tasks": f"{_LOGGED_TASK} removed input_data output_data".removeprefix("position "),
    "metadata": "collection key version wall_ms body",
    "workflow_defs": "name version update_time body",
    "task_defs": "name update_time body",
}
_VIEW_NAMES: Final = frozenset({"executions", "tasks", "metadata", "workflow_defs", "task_defs"})


def comment_statements() -> Iterator[str]:
    """``COMMENT ON`` for every table, view and column."""
    for table, text in TABLE_COMMENTS.items():
        kind = "VIEW" if table in _VIEW_NAMES else "TABLE"
        yield f"COMMENT ON {kind} {table} IS {_quoted(text)}"
        for column in _COLUMNS[table].split():
            meaning = _OWN[table].get(column) or _SHARED[column]
            if table.endswith("s_log"):
                meaning = _INLINE.get(column, meaning)
            yield f"COMMENT ON COLUMN {table}.{column} IS {_quoted(meaning)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
