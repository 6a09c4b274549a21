"""Schema of the history (DuckDB): tables first, then views and documentation."""

from __future__ import annotations

from typing import Final

from . import Step
from .history_comments import comment_statements
from .history_views import VIEWS

_TABLES: Final = (
    "CREATE TABLE store_info (key VARCHAR NOT NULL, value VARCHAR)",
    "CREATE TABLE feed_progress (watermark BIGINT NOT NULL, fed_at TIMESTAMPTZ NOT NULL)",
    "INSERT INTO feed_progress VALUES (0, now())",
    """
    CREATE TABLE events (
        position BIGINT, workflow_id VARCHAR, number INTEGER, kind VARCHAR, wall_ms BIGINT,
        monotonic_ns BIGINT, parent INTEGER, actor VARCHAR, task_id VARCHAR, reference VARCHAR,
        attempt INTEGER, iteration INTEGER, path VARCHAR, data JSON, payload_key VARCHAR,
        payload_hash UUID
    )
    """,
    "CREATE TABLE payloads (hash UUID, size BIGINT, body JSON)",
    """
    CREATE TABLE executions_log (
        position BIGINT, workflow_id VARCHAR, version INTEGER, workflow_type VARCHAR,
        workflow_version INTEGER, status VARCHAR, correlation_id VARCHAR, priority INTEGER,
        create_time BIGINT, update_time BIGINT, end_time BIGINT, parent_workflow_id VARCHAR,
        parent_workflow_task_id VARCHAR, root_workflow_id VARCHAR,
        reason_for_incompletion VARCHAR, failed_reference_task_names VARCHAR[],
        failed_task_names VARCHAR[], failed_path VARCHAR, error VARCHAR, fingerprint VARCHAR,
        with_errors BOOLEAN, task_count INTEGER, retry_count INTEGER, definition_hash VARCHAR,
        branch_of VARCHAR, branch_reference VARCHAR, branch_edits INTEGER, created_by VARCHAR,
        event VARCHAR, idempotency_key VARCHAR, task_to_domain JSON, input JSON,
        input_hash UUID, output JSON, output_hash UUID, variables JSON, variables_hash UUID,
        removed BOOLEAN
    )
    """,
    """
    CREATE TABLE tasks_log (
        position BIGINT, workflow_id VARCHAR, task_id VARCHAR, version INTEGER,
        workflow_type VARCHAR, reference_task_name VARCHAR, node VARCHAR, path VARCHAR,
        task_type VARCHAR, task_def_name VARCHAR, status VARCHAR, seq INTEGER,
        retry_count INTEGER, iteration INTEGER, scheduled_time BIGINT, start_time BIGINT,
        end_time BIGINT, update_time BIGINT, worker_id VARCHAR, domain VARCHAR,
        reason_for_incompletion VARCHAR, error_type VARCHAR, fingerprint VARCHAR,
        sub_workflow_id VARCHAR, retried_task_id VARCHAR, poll_count INTEGER, optional BOOLEAN,
        input_data JSON, input_hash UUID, output_data JSON, output_hash UUID, removed BOOLEAN
    )
    """,
    """
    CREATE TABLE logs (
        position BIGINT, workflow_id VARCHAR, task_id VARCHAR, created_time BIGINT, log VARCHAR
    )
    """,
    "CREATE TABLE definitions (position BIGINT, hash VARCHAR, body JSON)",
    """
    CREATE TABLE metadata_log (
        position BIGINT, collection VARCHAR, key VARCHAR, version INTEGER, wall_ms BIGINT,
        body JSON
    )
    """,
)

HISTORY_STEPS: Final = (
    Step(1, "tables", _TABLES),
    Step(2, "views and documentation", (*VIEWS, *comment_statements())),
)
