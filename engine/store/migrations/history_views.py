"""Views of the history: the newest version of each record, payloads put back in.

A left join with ``payloads`` keeps one row per record because a hash is stored once; it is cheap
because only long values are there.
"""

from __future__ import annotations

from typing import Final

VIEWS: Final = (
    """
    CREATE OR REPLACE VIEW executions AS
    SELECT newest.* EXCLUDE (
            position, input, input_hash, output, output_hash, variables, variables_hash
        ),
        coalesce(newest.input, given.body, '{}'::JSON) AS input,
        coalesce(newest.output, produced.body, '{}'::JSON) AS output,
        coalesce(newest.variables, written.body, '{}'::JSON) AS variables
    FROM (
        SELECT * FROM executions_log
        QUALIFY row_number() OVER (PARTITION BY workflow_id ORDER BY position DESC) = 1
    ) AS newest
    LEFT JOIN payloads AS given ON given.hash = newest.input_hash
    LEFT JOIN payloads AS produced ON produced.hash = newest.output_hash
    LEFT JOIN payloads AS written ON written.hash = newest.variables_hash
    WHERE NOT newest.removed
    """,
    """
    CREATE OR REPLACE VIEW tasks AS
    SELECT newest.* EXCLUDE (position, input_data, input_hash, output_data, output_hash),
        coalesce(newest.input_data, given.body, '{}'::JSON) AS input_data,
        coalesce(newest.output_data, produced.body, '{}'::JSON) AS output_data
    FROM (
        SELECT * FROM tasks_log
        QUALIFY row_number() OVER (PARTITION BY workflow_id, task_id ORDER BY position DESC) = 1
    ) AS newest
    LEFT JOIN payloads AS given ON given.hash = newest.input_hash
    LEFT JOIN payloads AS produced ON produced.hash = newest.output_hash
    WHERE NOT newest.removed
    """,
    """
    CREATE OR REPLACE VIEW metadata AS
    SELECT collection, key, version, wall_ms, body FROM metadata_log
    QUALIFY row_number() OVER (
        PARTITION BY collection, key, version ORDER BY position DESC
    ) = 1 AND body IS NOT NULL
    """,
    """
    CREATE OR REPLACE VIEW workflow_defs AS
    SELECT key AS name, version, wall_ms AS update_time, body
    FROM metadata WHERE collection = 'workflow_defs'
    """,
    """
    CREATE OR REPLACE VIEW task_defs AS
    SELECT key AS name, wall_ms AS update_time, body
    FROM metadata WHERE collection = 'task_defs'
    """,
)
