"""The Executions page's data: one page of rows, counts per facet, a way out of an empty search.

Everything here is blocking SQL: call it off the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from .execution_filter import FAILED_TASK_SQL, STATUS_SQL, ExecutionFilter
from .words import CONTROL_TYPES, last_task, place_words, waits_for

Query = Callable[[str, Sequence[Any]], list[dict[str, Any]]]
PAGE_SIZE: Final = 50
FACET_SIZE: Final = 8
OPEN: Final = ("RUNNING", "PAUSED")

_COLUMNS = f"""
    workflow_id, workflow_type, workflow_version, {STATUS_SQL} AS status, correlation_id,
    create_time, end_time, failed_path, error, reason_for_incompletion, retry_count,
    branch_of, branch_reference, branch_edits, parent_workflow_id"""


def load_executions(
    query: Query, wanted: ExecutionFilter, start: int = 0, size: int = PAGE_SIZE
) -> dict[str, Any]:
    """Return what the Executions page shows for one search.

    Keys: ``rows`` newest first, ``total`` that match, ``known`` executions in all, ``start``,
    ``size``, ``facets``, ``filter``, ``sql``, ``ways_out`` (only when nothing matches), ``took_ms``.
    """
    began = time.perf_counter()
    facets = _facets(query, wanted)
    total = _total(query, wanted)
    start = max(0, min(start, (max(total, 1) - 1) // size * size))
    rows = _rows(query, wanted, start, size) if total else []
    known = query("SELECT count(*) AS n FROM executions WHERE NOT removed", ())[0]["n"]
    return {
        "rows": rows,
        "total": total,
        "known": known,
        "start": start,
        "size": size,
        "facets": facets,
        "filter": wanted.as_dict(),
        "sql": wanted.as_sql(),
        "cause_words": _cause_words(facets["cause"]),
        "ways_out": [] if total else _ways_out(query, wanted),
        "took_ms": round((time.perf_counter() - began) * 1000),
    }


def execution_rows(
    query: Query, condition: str, parameters: Sequence[Any], limit: int, start: int = 0
) -> list[dict[str, Any]]:
    """Return rows for a list of executions, newest first, with one line of ``note`` each."""
    found = query(
        f"SELECT {_COLUMNS} FROM executions WHERE {condition} "
        "ORDER BY create_time DESC, workflow_id LIMIT ? OFFSET ?",
        [*parameters, limit, start],
    )
    waiting = _waiting(query, [row["workflow_id"] for row in found if row["status"] in OPEN])
    return [_row(row, waiting) for row in found]


def _rows(query: Query, wanted: ExecutionFilter, start: int, size: int) -> list[dict[str, Any]]:
    condition, parameters = wanted.where()
    return execution_rows(query, condition, parameters, size, start)


def _row(row: dict[str, Any], waiting: dict[str, str]) -> dict[str, Any]:
    lead, note = "", ""
    if row["status"] in OPEN:
        note = waiting.get(row["workflow_id"], "")
    elif row["status"] in {"FAILED", "TIMED_OUT", "WITH_ERRORS"}:
        lead = last_task(row["failed_path"])
        note = row["error"] or row["reason_for_incompletion"] or ""
    elif row["status"] == "TERMINATED":
        note = row["reason_for_incompletion"] or ""
    if not (lead or note) and row["branch_of"]:
        edits = row["branch_edits"] or 0
        note = f"branch of {row['branch_of'][:8]}"
        note += f", {edits} edit{'s' * (edits != 1)}" if edits else ""
    return {
        "id": row["workflow_id"],
        "workflow": row["workflow_type"],
        "version": row["workflow_version"],
        "status": row["status"],
        "correlation_id": row["correlation_id"],
        "start_ms": row["create_time"],
        "end_ms": 0 if row["status"] in OPEN else row["end_time"] or 0,
        "lead": lead,
        "note": note.splitlines()[0][:300] if note else "",
        "place": place_words(row["failed_path"]),
        "retries": row["retry_count"] or 0,
        "child": row["parent_workflow_id"] is not None,
    }


def _waiting(query: Query, workflow_ids: list[str]) -> dict[str, str]:
    if not workflow_ids:
        return {}
    marks, controls = ", ".join("?" * len(workflow_ids)), ", ".join("?" * len(CONTROL_TYPES))
    tasks = query(
        "SELECT workflow_id, reference_task_name, task_type, status, worker_id, iteration "
        f"FROM tasks WHERE workflow_id IN ({marks}) AND status IN ('SCHEDULED', 'IN_PROGRESS') "
        f"AND task_type NOT IN ({controls}) AND NOT removed ORDER BY scheduled_time, seq",
        [*workflow_ids, *CONTROL_TYPES],
    )
    found: dict[str, list[str]] = {}
    for task in tasks:
        found.setdefault(task["workflow_id"], []).append(waits_for(task))
    return {
        workflow_id: lines[-1] if len(lines) == 1 else f"{lines[-1]} (and {len(lines) - 1} more)"
        for workflow_id, lines in found.items()
    }


def _total(query: Query, wanted: ExecutionFilter) -> int:
    condition, parameters = wanted.where()
    return query(f"SELECT count(*) AS n FROM executions WHERE {condition}", parameters)[0]["n"]


def _facets(query: Query, wanted: ExecutionFilter) -> dict[str, list[dict[str, Any]]]:
    return {
        "status": _facet(query, wanted, "status", STATUS_SQL, "''"),
        "workflow": _facet(query, wanted, "workflow", "workflow_type", "''"),
        "task": _facet(query, wanted, "task", FAILED_TASK_SQL, "''"),
        "cause": _facet(query, wanted, "cause", "fingerprint", "any_value(error)"),
    }


def _facet(
    query: Query, wanted: ExecutionFilter, name: str, column: str, label: str
) -> list[dict[str, Any]]:
    """Counts per value, those of the search's other fields applied: what one more tick gives."""
    condition, parameters = wanted.without(name).where()
    rows = query(
        f"SELECT {column} AS value, count(*) AS n, {label} AS label FROM executions "
        f"WHERE {condition} AND {column} IS NOT NULL AND {column} <> '' "
        "GROUP BY 1 ORDER BY n DESC, 1 LIMIT ?",
        [*parameters, FACET_SIZE],
    )
    chosen = getattr(wanted, name)
    missing = [one for one in chosen if one not in {row["value"] for row in rows}]
    return rows + [{"value": one, "n": 0, "label": ""} for one in missing]


def _cause_words(causes: list[dict[str, Any]]) -> dict[str, str]:
    return {row["value"]: row["label"] or row["value"][:12] for row in causes}


def _ways_out(query: Query, wanted: ExecutionFilter) -> list[dict[str, Any]]:
    """For each chip: how many would match without it, most first."""
    ways = []
    for chip in wanted.chips():
        without = wanted.without(chip["name"], chip["value"])
        ways.append({**chip, "n": _total(query, without)})
    if not (wanted.sub_workflows or wanted.text):
        shown = ExecutionFilter.parse({**wanted.as_dict(), "sub_workflows": True})
        ways.append({"name": "sub_workflows", "value": "1", "n": _total(query, shown)})
    return sorted((way for way in ways if way["n"]), key=lambda way: -way["n"])
