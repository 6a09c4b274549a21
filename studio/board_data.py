"""The Board's data: what fails, how much goes through, who waits.

Everything here is blocking SQL: call it off the event loop. Times are epoch milliseconds.
"""

from __future__ import annotations

from typing import Any, Final

from .execution_filter import STATUS_SQL, STATUSES
from .execution_list import Query, execution_rows
from .words import last_task, place_words

SPANS: Final = {"1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000}
"""How far back the Board looks, by the name on its button, in milliseconds."""
BUCKETS: Final = 48
SPARKS: Final = 24
_TOP: Final = "NOT removed AND parent_workflow_id IS NULL"
"""A failure inside a sub-workflow fails its parent too: counted once, where it began."""
_FAILED: Final = "status IN ('FAILED', 'TIMED_OUT')"


def load_board(query: Query, span: str, now_ms: int) -> dict[str, Any]:
    """Return everything the Board shows.

    Args:
        query: Read-only SQL over the history.
        span: A key of ``SPANS``.
        now_ms: The end of the span.
    """
    since = now_ms - SPANS[span]
    known = query("SELECT count(*) AS n FROM executions WHERE NOT removed", ())[0]["n"]
    data: dict[str, Any] = {"span": span, "now_ms": now_ms, "known": known}
    if not known:
        return data
    data["counts"] = _counts(query, since)
    data["failing"] = _failing(query, since, now_ms)
    data["buckets"] = _buckets(query, since, now_ms)
    data["workflows"] = _workflows(query, since, now_ms)
    data["waiting"] = _waiting(query)
    data["recent"] = execution_rows(query, _TOP, (), 8)
    data["branches"] = _branches(query)
    return data


def rail_counts(query: Query) -> dict[str, int]:
    """Numbers beside the places: open executions, causes failing today, executions in all."""
    row = query(
        "SELECT count(*) AS known, "
        f"count(*) FILTER (WHERE status = 'RUNNING' AND {_TOP}) AS live, "
        f"count(DISTINCT fingerprint) FILTER (WHERE {_FAILED} AND {_TOP} AND end_time >= "
        "epoch_ms(now()) - 86400000) AS failing FROM executions WHERE NOT removed",
        (),
    )[0]
    return {"known": row["known"], "live": row["live"], "failing": row["failing"]}


def _counts(query: Query, since: int) -> dict[str, int]:
    rows = query(
        f"SELECT {STATUS_SQL} AS status, count(*) AS n FROM executions WHERE {_TOP} "
        "AND (status IN ('RUNNING', 'PAUSED') OR end_time >= ?) GROUP BY 1",
        [since],
    )
    found = {row["status"]: row["n"] for row in rows}
    return {status: found.get(status, 0) for status in STATUSES}


def _failing(query: Query, since: int, now_ms: int) -> list[dict[str, Any]]:
    groups = query(
        "SELECT fingerprint, count(*) FILTER (WHERE end_time >= ?) AS n, "
        "min(end_time) AS first_ms, max(end_time) AS last_ms, "
        "arg_max(workflow_id, end_time) AS workflow_id, arg_max(error, end_time) AS error, "
        "arg_max(failed_path, end_time) AS failed_path, arg_max(status, end_time) AS status, "
        "arg_max(workflow_type, end_time) AS workflow "
        f"FROM executions WHERE {_TOP} AND {_FAILED} AND fingerprint IS NOT NULL "
        "GROUP BY fingerprint HAVING n > 0 ORDER BY last_ms DESC LIMIT 8",
        [since],
    )
    width = max(1, (now_ms - since) // SPARKS)
    sparks = _sparks(query, since, width, [group["fingerprint"] for group in groups])
    return [
        {
            "fingerprint": group["fingerprint"],
            "n": group["n"],
            "first_ms": group["first_ms"],
            "last_ms": group["last_ms"],
            "id": group["workflow_id"],
            "error": group["error"] or group["status"].replace("_", " ").capitalize(),
            "status": group["status"],
            "place": place_words(group["failed_path"]) or group["workflow"],
            "task": last_task(group["failed_path"]) or group["workflow"],
            "spark": sparks.get(group["fingerprint"], []),
        }
        for group in groups
    ]


def _sparks(query: Query, since: int, width: int, fingerprints: list[str]) -> dict[str, list[int]]:
    if not fingerprints:
        return {}
    rows = query(
        "SELECT fingerprint, (end_time - ?) // ? AS bucket, count(*) AS n FROM executions "
        f"WHERE {_TOP} AND {_FAILED} AND end_time >= ? "
        f"AND fingerprint IN ({', '.join('?' * len(fingerprints))}) GROUP BY 1, 2",
        [since, width, since, *fingerprints],
    )
    found: dict[str, list[int]] = {one: [0] * SPARKS for one in fingerprints}
    for row in rows:
        found[row["fingerprint"]][min(int(row["bucket"]), SPARKS - 1)] += row["n"]
    return found


def _buckets(query: Query, since: int, now_ms: int) -> dict[str, Any]:
    """Executions that ended, per equal slice of the span: failed ones and all others."""
    width = max(1, (now_ms - since) // BUCKETS)
    rows = query(
        f"SELECT (end_time - ?) // ? AS bucket, count(*) FILTER (WHERE {_FAILED}) AS failed, "
        f"count(*) AS ended FROM executions WHERE {_TOP} AND end_time >= ? "
        "AND status NOT IN ('RUNNING', 'PAUSED') GROUP BY 1",
        [since, width, since],
    )
    failed, other = [0] * BUCKETS, [0] * BUCKETS
    for row in rows:
        at = min(int(row["bucket"]), BUCKETS - 1)
        failed[at] += row["failed"]
        other[at] += row["ended"] - row["failed"]
    return {"since_ms": since, "width_ms": width, "failed": failed, "other": other}


def _workflows(query: Query, since: int, now_ms: int) -> list[dict[str, Any]]:
    rows = query(
        "SELECT workflow_type AS workflow, max(workflow_version) AS version, count(*) AS n, "
        f"count(*) FILTER (WHERE {_FAILED}) AS failed, "
        "quantile_cont(end_time - create_time, [0.5, 0.95, 0.99]) AS durations "
        f"FROM executions WHERE {_TOP} AND end_time >= ? AND status NOT IN ('RUNNING', 'PAUSED') "
        "GROUP BY 1 ORDER BY n DESC, 1 LIMIT 6",
        [since],
    )
    hours = max((now_ms - since) / 3_600_000, 1e-9)
    return [
        {
            "workflow": row["workflow"],
            "version": row["version"],
            "n": row["n"],
            "per_hour": row["n"] / hours,
            "failed_share": row["failed"] / row["n"],
            "durations_ms": [round(value) for value in row["durations"]],
        }
        for row in rows
    ]


def _waiting(query: Query) -> list[dict[str, Any]]:
    """Tasks that wait for a person, the longest first."""
    return query(
        "SELECT t.workflow_id AS id, t.workflow_type AS workflow, t.reference_task_name AS task, "
        "t.start_time AS since_ms FROM tasks t JOIN executions e USING (workflow_id) "
        "WHERE t.task_type = 'HUMAN' AND t.status = 'IN_PROGRESS' AND NOT t.removed "
        "AND e.status IN ('RUNNING', 'PAUSED') AND NOT e.removed "
        "ORDER BY t.start_time LIMIT 6",
        (),
    )


def _branches(query: Query) -> list[dict[str, Any]]:
    return query(
        f"SELECT workflow_id AS id, branch_of, branch_reference AS task, branch_edits AS edits, "
        f"create_time AS start_ms, {STATUS_SQL} AS status FROM executions "
        "WHERE branch_of IS NOT NULL AND NOT removed ORDER BY create_time DESC LIMIT 4",
        (),
    )
