"""The Board's data: what fails, how much goes through, who waits.

Everything here is blocking SQL: call it off the event loop. Times are epoch milliseconds.

The history keeps every version of an execution, and finding the newest ones is what costs. So
one statement finds them once (``base``) and each part of the Board is a list made from that.
"""

from __future__ import annotations

from typing import Any, Final

from .execution_filter import STATUS_SQL, STATUSES
from .execution_list import rows_by_id
from .reopened import STOOD_ENDED, Query
from .words import last_task, place_words

SPANS: Final = {"1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000}
"""How far back the Board looks, by the name on its button, in milliseconds."""
BUCKETS: Final = 48
SPARKS: Final = 24
_TOP: Final = "NOT removed AND parent_workflow_id IS NULL"
"""A failure inside a sub-workflow fails its parent too: counted once, where it began."""
_FAILED: Final = "status IN ('FAILED', 'TIMED_OUT')"
_ENDED: Final = "status NOT IN ('RUNNING', 'PAUSED') AND end_time >= $since"

_BOARD: Final = f"""
WITH base AS MATERIALIZED (
    SELECT workflow_id, workflow_type, workflow_version, {STATUS_SQL} AS status, create_time,
        end_time, failed_path, error, fingerprint, branch_of, branch_reference, branch_edits
    FROM executions WHERE {_TOP}
),
counts AS (
    SELECT status, count(*) AS n FROM base
    WHERE status IN ('RUNNING', 'PAUSED') OR end_time >= $since GROUP BY status
),
failing AS (
    SELECT fingerprint, count(*) FILTER (WHERE end_time >= $since) AS n,
        min(end_time) AS first_ms, max(end_time) AS last_ms,
        arg_max(workflow_id, end_time) AS workflow_id, arg_max(error, end_time) AS error,
        arg_max(failed_path, end_time) AS failed_path, arg_max(status, end_time) AS status,
        arg_max(workflow_type, end_time) AS workflow,
        list((end_time - $since) // $spark) FILTER (WHERE end_time >= $since) AS sparks
    FROM base WHERE {_FAILED} AND fingerprint IS NOT NULL
    GROUP BY fingerprint HAVING n > 0 ORDER BY last_ms DESC LIMIT 8
),
buckets AS (
    SELECT (end_time - $since) // $bucket AS at, count(*) FILTER (WHERE {_FAILED}) AS failed,
        count(*) AS ended
    FROM base WHERE {_ENDED} GROUP BY 1
),
idle AS (
    SELECT workflow_id, sum(to_ms - greatest(from_ms, create_time)) AS ms
    FROM ({STOOD_ENDED}) JOIN base USING (workflow_id) WHERE to_ms > create_time GROUP BY 1
),
workflows AS (
    SELECT workflow_type AS workflow, max(workflow_version) AS version, count(*) AS n,
        count(*) FILTER (WHERE {_FAILED}) AS failed,
        quantile_cont(end_time - create_time - coalesce(ms, 0), [0.5, 0.95, 0.99]) AS durations
    FROM base LEFT JOIN idle USING (workflow_id) WHERE {_ENDED}
    GROUP BY 1 ORDER BY n DESC, 1 LIMIT 6
),
recent AS (
    SELECT workflow_id FROM base ORDER BY create_time DESC, workflow_id LIMIT 8
),
branches AS (
    SELECT workflow_id AS id, branch_of, branch_reference AS task, branch_edits AS edits,
        create_time AS start_ms, status
    FROM base WHERE branch_of IS NOT NULL ORDER BY create_time DESC LIMIT 4
)
SELECT (SELECT count(*) FROM base) AS known,
    (SELECT list(counts) FROM counts) AS counts,
    (SELECT list(failing ORDER BY last_ms DESC) FROM failing) AS failing,
    (SELECT list(buckets) FROM buckets) AS buckets,
    (SELECT list(workflows ORDER BY n DESC, workflow) FROM workflows) AS workflows,
    (SELECT list(workflow_id) FROM recent) AS recent,
    (SELECT list(branches ORDER BY start_ms DESC) FROM branches) AS branches
"""
_WAITING: Final = """
SELECT workflow_id AS id, workflow_type AS workflow, reference_task_name AS task,
    start_time AS since_ms
FROM tasks WHERE task_type = 'HUMAN' AND status = 'IN_PROGRESS' AND NOT removed
ORDER BY start_time LIMIT 6
"""


def load_board(query: Query, span: str, now_ms: int) -> dict[str, Any]:
    """Return everything the Board shows.

    Args:
        query: Read-only SQL over the history.
        span: A key of ``SPANS``.
        now_ms: The end of the span.
    """
    since = now_ms - SPANS[span]
    spark, bucket = SPANS[span] // SPARKS, SPANS[span] // BUCKETS
    places = {"$since": str(since), "$spark": str(spark), "$bucket": str(bucket)}
    sql = _BOARD
    for name, number in places.items():
        sql = sql.replace(name, number)
    found = query(sql, ())[0]
    data: dict[str, Any] = {"span": span, "now_ms": now_ms, "known": found["known"]}
    if not found["known"]:
        return data
    counts = {row["status"]: row["n"] for row in found["counts"] or ()}
    data["counts"] = {status: counts.get(status, 0) for status in STATUSES}
    data["failing"] = [_group(row) for row in found["failing"] or ()]
    data["buckets"] = _buckets(found["buckets"] or (), since, bucket)
    data["workflows"] = [_workflow(row, SPANS[span]) for row in found["workflows"] or ()]
    data["waiting"] = query(_WAITING, ())
    data["recent"] = rows_by_id(query, found["recent"] or [])
    data["branches"] = found["branches"] or []
    return data


def rail_counts(query: Query) -> dict[str, int]:
    """Numbers beside the places: open executions, causes failing today, executions in all.

    ``known`` counts all of them, ``parts`` those that another execution started.
    """
    row = query(
        "SELECT count(*) AS known, count(parent_workflow_id) AS parts, "
        f"count(*) FILTER (WHERE status = 'RUNNING' AND {_TOP}) AS live, "
        f"count(DISTINCT fingerprint) FILTER (WHERE {_FAILED} AND {_TOP} AND end_time >= "
        "epoch_ms(now()) - 86400000) AS failing FROM executions WHERE NOT removed",
        (),
    )[0]
    return {name: row[name] for name in ("known", "parts", "live", "failing")}


def _group(row: dict[str, Any]) -> dict[str, Any]:
    """Failures with one cause, as a row of "Failing now"."""
    spark = [0] * SPARKS
    for at in row["sparks"]:
        spark[min(int(at), SPARKS - 1)] += 1
    return {
        "fingerprint": row["fingerprint"],
        "n": row["n"],
        "first_ms": row["first_ms"],
        "last_ms": row["last_ms"],
        "id": row["workflow_id"],
        "error": row["error"] or row["status"].replace("_", " ").capitalize(),
        "status": row["status"],
        "place": place_words(row["failed_path"]) or row["workflow"],
        "task": last_task(row["failed_path"]) or row["workflow"],
        "spark": spark,
    }


def _buckets(rows: Any, since: int, width: int) -> dict[str, Any]:
    """Executions that ended, per equal slice of the span: failed ones and all others."""
    failed, other = [0] * BUCKETS, [0] * BUCKETS
    for row in rows:
        at = min(int(row["at"]), BUCKETS - 1)
        failed[at] += row["failed"]
        other[at] += row["ended"] - row["failed"]
    return {"since_ms": since, "width_ms": width, "failed": failed, "other": other}


def _workflow(row: dict[str, Any], span_ms: int) -> dict[str, Any]:
    return {
        "workflow": row["workflow"],
        "version": row["version"],
        "n": row["n"],
        "per_hour": row["n"] * 3_600_000 / span_ms,
        "failed_share": row["failed"] / row["n"],
        "durations_ms": [round(value) for value in row["durations"]],
    }
