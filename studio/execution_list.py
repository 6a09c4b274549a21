"""The Executions page's data: one page of rows, counts per facet, a way out of an empty search.

Everything here is blocking SQL: call it off the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from .execution_causes import CAUSES_READ, Causes, same_causes
from .execution_filter import FACET_SQL, STATUS_SQL, ExecutionFilter, marks
from .reopened import Query, reopened
from .words import CONTROL_TYPES, last_task, place_words, waits_for

PAGE_SIZE: Final = 50
FACET_SIZE: Final = 8
OPEN: Final = ("RUNNING", "PAUSED")

_COLUMNS = f"""
    workflow_id, workflow_type, workflow_version, {STATUS_SQL} AS status, correlation_id,
    create_time, end_time, failed_path, error, reason_for_incompletion, retry_count,
    failed_reference_task_names,
    branch_of, branch_reference, branch_edits, parent_workflow_id"""


def load_executions(
    query: Query, wanted: ExecutionFilter, start: int = 0, size: int = PAGE_SIZE
) -> dict[str, Any]:
    """Return what the Executions page shows for one search.

    Keys: ``rows`` newest first, ``total`` that match, ``known`` executions in all (counted only
    when nothing matches), ``start``, ``size``, ``facets``, ``filter``, ``sql``, ``took_ms``,
    ``cause_words`` by key, and ``ways_out``, filled only when nothing matches.
    """
    began = time.perf_counter()
    causes = Causes(query, wanted)
    searched = causes.searched(wanted)
    total, facets, ids = _search(query, searched, start, size)
    if total and not ids:
        start = (total - 1) // size * size
        total, facets, ids = _search(query, searched, start, size)
    facets = {name: _with_ticked(rows, getattr(wanted, name)) for name, rows in facets.items()}
    return {
        "rows": rows_by_id(query, ids),
        "total": total,
        "known": total or _known(query),
        "start": start if total else 0,
        "size": size,
        "facets": facets,
        "filter": wanted.as_dict(),
        "sql": searched.as_sql(),
        "cause_words": {
            row["value"]: row["label"] or causes.words(row["value"]) for row in facets["cause"]
        },
        "ways_out": [] if total else _ways_out(query, wanted, causes),
        "took_ms": round((time.perf_counter() - began) * 1000),
    }


def rows_by_id(query: Query, workflow_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows for a list of executions, newest first, with one line of ``note`` each.

    ``idle_ms`` of their time they stood ended; ``again`` says who was opened again, and when.
    """
    if not workflow_ids:
        return []
    found = query(
        f"SELECT {_COLUMNS} FROM executions WHERE workflow_id IN ({marks(workflow_ids)}) "
        "ORDER BY create_time DESC, workflow_id",
        workflow_ids,
    )
    waiting = _waiting(query, [row["workflow_id"] for row in found if row["status"] in OPEN])
    again = reopened(query, found)
    return [_row(row, waiting, again.get(row["workflow_id"])) for row in found]


def _row(
    row: dict[str, Any], waiting: dict[str, str], again: dict[str, Any] | None
) -> dict[str, Any]:
    lead, note = "", ""
    if row["status"] in OPEN:
        note = waiting.get(row["workflow_id"], "")
    elif row["status"] == "WITH_ERRORS" and not row["failed_path"]:
        lead = (row["failed_reference_task_names"] or [""])[-1]
        note = "failed, but was optional" if lead else ""
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
        "idle_ms": again["idle_ms"] if again else 0,
        "again": again,
        "lead": lead,
        "note": note.splitlines()[0][:300] if note else "",
        "place": place_words(row["failed_path"]),
        "retries": row["retry_count"] or 0,
        "child": row["parent_workflow_id"] is not None,
    }


def _waiting(query: Query, workflow_ids: list[str]) -> dict[str, str]:
    if not workflow_ids:
        return {}
    ids, controls = marks(workflow_ids), marks(CONTROL_TYPES)
    tasks = query(
        "SELECT workflow_id, reference_task_name, task_type, status, worker_id, iteration "
        f"FROM tasks WHERE workflow_id IN ({ids}) AND status IN ('SCHEDULED', 'IN_PROGRESS') "
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


def _search(
    query: Query, wanted: ExecutionFilter, start: int, size: int
) -> tuple[int, dict[str, list[dict[str, Any]]], list[str]]:
    """How many match, counts per facet and the ids of one page: one pass over the executions.

    Finding the newest version of every execution is what costs, so it is done once. A facet's
    counts leave its own ticks out: they say what one more tick would give. Fingerprints come in
    great numbers, since texts that are the same are put together afterwards.
    """
    scope, parameters = wanted.scope()
    conditions = wanted.conditions()
    columns = [
        f"{FACET_SQL[name]} AS {name}, {condition} AS in_{name}"
        for name, (condition, _) in conditions.items()
    ]
    parts = [
        f"SELECT 'total' AS part, '' AS value, count(*) AS n, '' AS label "
        f"FROM base WHERE {_all_but('')}",
        "(SELECT 'page' AS part, workflow_id AS value, create_time AS n, '' AS label FROM base "
        f"WHERE {_all_but('')} ORDER BY n DESC, value LIMIT {int(size)} OFFSET {int(start)})",
    ]
    parts += [
        f"(SELECT '{name}' AS part, {name} AS value, count(*) AS n, min(error) AS label "
        f"FROM base WHERE {_all_but(name)} AND {name} <> '' GROUP BY {name} "
        f"ORDER BY n DESC, value LIMIT {CAUSES_READ if name == 'cause' else FACET_SIZE})"
        for name in conditions
    ]
    rows = query(
        f"WITH base AS MATERIALIZED (SELECT workflow_id, create_time, error, {', '.join(columns)} "
        f"FROM executions WHERE {scope}) {' UNION ALL '.join(parts)}",
        [one for _, values in conditions.values() for one in values] + parameters,
    )
    by_part: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_part.setdefault(row["part"], []).append(row)
    page = sorted(by_part.get("page", []), key=lambda row: (-row["n"], row["value"]))
    facets = {name: by_part.get(name, []) for name in conditions}
    facets["cause"] = same_causes(sorted(facets["cause"], key=_most_first))[:FACET_SIZE]
    return by_part["total"][0]["n"], facets, [row["value"] for row in page]


def _all_but(left_out: str) -> str:
    return " AND ".join(f"in_{name}" for name in FACET_SQL if name != left_out)


def _most_first(row: dict[str, Any]) -> tuple[int, str]:
    return -row["n"], row["value"]


def _with_ticked(rows: list[dict[str, Any]], ticked: tuple[str, ...]) -> list[dict[str, Any]]:
    """Values by count; a ticked one stays in the list even when nothing has it any more."""
    rows = sorted(rows, key=_most_first)
    found = [{"value": row["value"], "n": row["n"], "label": row["label"]} for row in rows]
    there = {row["value"] for row in rows}
    return found + [{"value": one, "n": 0, "label": ""} for one in ticked if one not in there]


def _total(query: Query, wanted: ExecutionFilter) -> int:
    condition, parameters = wanted.where()
    return query(f"SELECT count(*) AS n FROM executions WHERE {condition}", parameters)[0]["n"]


def _known(query: Query) -> int:
    return query("SELECT count(*) AS n FROM executions WHERE NOT removed", ())[0]["n"]


def _ways_out(query: Query, wanted: ExecutionFilter, causes: Causes) -> list[dict[str, Any]]:
    """For each chip: how many would match without it, most first."""
    ways = []
    for chip in wanted.chips():
        without = wanted.without(chip["name"], chip["value"])
        ways.append({**chip, "n": _total(query, causes.searched(without))})
    if not (wanted.sub_workflows or wanted.text):
        shown = ExecutionFilter.parse({**wanted.as_dict(), "sub_workflows": True})
        ways.append(
            {"name": "sub_workflows", "value": "1", "n": _total(query, causes.searched(shown))}
        )
    return sorted((way for way in ways if way["n"]), key=lambda way: -way["n"])
