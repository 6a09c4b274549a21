"""The tables of the history that are filled in bulk, with the DuckDB type of each column."""

from __future__ import annotations

from typing import Final

from .history_rows import BulkTable


def _columns(**kinds: str) -> dict[str, str]:
    """Column types by name, from names grouped by type."""
    return {name: kind for kind, names in kinds.items() for name in names.split()}


EVENTS: Final = BulkTable(
    "events",
    _columns(
        BIGINT="position wall_ms monotonic_ns",
        INTEGER="number parent attempt iteration",
        VARCHAR="workflow_id kind actor task_id reference path payload_key",
        JSON="data",
        UUID="payload_hash",
    ),
)
PAYLOADS: Final = BulkTable(
    "payloads",
    _columns(UUID="hash", BIGINT="size", JSON="body"),
    "WHERE NOT EXISTS (SELECT 1 FROM payloads p WHERE p.hash = r.hash)",
)
EXECUTIONS: Final = BulkTable(
    "executions_log",
    _columns(
        BIGINT="position create_time update_time end_time",
        INTEGER="version workflow_version priority task_count retry_count branch_edits",
        VARCHAR="workflow_id workflow_type status correlation_id parent_workflow_id "
        "parent_workflow_task_id root_workflow_id reason_for_incompletion failed_path error "
        "fingerprint definition_hash branch_of branch_reference created_by event "
        "idempotency_key",
        BOOLEAN="with_errors removed",
        JSON="task_to_domain",
        UUID="input_hash output_hash variables_hash",
    )
    | {"failed_reference_task_names": "VARCHAR[]", "failed_task_names": "VARCHAR[]"},
)
TASKS: Final = BulkTable(
    "tasks_log",
    _columns(
        BIGINT="position scheduled_time start_time end_time update_time",
        INTEGER="version seq retry_count iteration poll_count",
        VARCHAR="workflow_id task_id workflow_type reference_task_name node path task_type "
        "task_def_name status worker_id domain reason_for_incompletion error_type fingerprint "
        "sub_workflow_id retried_task_id",
        BOOLEAN="optional removed",
        UUID="input_hash output_hash",
    ),
)
LOGS: Final = BulkTable(
    "logs", _columns(BIGINT="position created_time", VARCHAR="workflow_id task_id log")
)
DEFINITIONS: Final = BulkTable(
    "definitions",
    _columns(BIGINT="position", VARCHAR="hash", JSON="body"),
    "WHERE NOT EXISTS (SELECT 1 FROM definitions d WHERE d.hash = r.hash)",
)
METADATA: Final = BulkTable(
    "metadata_log",
    _columns(BIGINT="position wall_ms", INTEGER="version", VARCHAR="collection key", JSON="body"),
)
