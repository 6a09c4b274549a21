"""Conductor's search grammar, compiled to parameterised SQL (semantics reference §9.2).

Clauses are joined by `` AND ``; each is ``field op value`` with ``=``, ``<``, ``>`` or ``IN``. No
text of the request ever becomes SQL: fields come from a table, values are parameters.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from ..errors import InvalidRequestError

_CLAUSE: Final = re.compile(r"^\s*([A-Za-z]+)\s?(=|>|<|IN\b)\s?(.*)$", re.DOTALL)
_TIMES: Final = frozenset({"startTime", "endTime", "updateTime", "scheduledTime"})

CLASSIFIER: Final = (
    "coalesce(nullif(trim(json_extract_string(body, '$.metadata.classifier')), ''), "
    "CASE WHEN json_exists(body, '$.metadata.agent_sdk') "
    "OR json_exists(body, '$.metadata.agentDef') THEN 'agent' ELSE 'workflow' END)"
)
"""What kind a definition of the table ``definitions`` is (semantics reference §9.5)."""

WORKFLOW_FIELDS: Final = {
    "workflowId": "workflow_id",
    "correlationId": "correlation_id",
    "workflowType": "workflow_type",
    "startTime": "create_time",
    "endTime": "end_time",
    "updateTime": "update_time",
    "status": "status",
    "parentWorkflowId": "coalesce(parent_workflow_id, '')",
    "version": "workflow_version",
    "failedReferenceTaskNames": "failed_reference_task_names",
    "reasonForIncompletion": "reason_for_incompletion",
    "priority": "priority",
    "classifier": (
        f"coalesce((SELECT {CLASSIFIER} FROM definitions WHERE hash = definition_hash), 'workflow')"
    ),
}
TASK_FIELDS: Final = {
    "taskId": "task_id",
    "taskType": "task_type",
    "taskDefName": "task_def_name",
    "workflowType": "workflow_type",
    "workflowId": "workflow_id",
    "startTime": "start_time",
    "endTime": "end_time",
    "updateTime": "update_time",
    "scheduledTime": "scheduled_time",
    "status": "status",
    "referenceTaskName": "reference_task_name",
}


class Condition(NamedTuple):
    """A WHERE text with its parameters."""

    sql: str
    parameters: list[Any]


def condition(query: str, free_text: str, fields: dict[str, str], columns: list[str]) -> Condition:
    """The condition a search asks for.

    Args:
        query: Conductor's query text, may be empty.
        free_text: Text to look for in ``columns``; empty or ``*`` for none.
        fields: Known field names and their SQL.
        columns: Columns that free text is looked for in.

    Raises:
        InvalidRequestError: A clause can't be understood; the message shows it.
    """
    parts: list[str] = []
    parameters: list[Any] = []
    for clause in re.split(r" AND ", query) if query.strip() else []:
        sql, values = _clause(clause, fields)
        if sql:
            parts.append(sql)
            parameters += values
    if free_text.strip() not in ("", "*"):
        pattern = f"%{_like(free_text.strip())}%"
        parts.append(
            "(" + " OR ".join(f"CAST({c} AS VARCHAR) ILIKE ? ESCAPE '\\'" for c in columns) + ")"
        )
        parameters += [pattern] * len(columns)
    return Condition(" AND ".join(parts) or "true", parameters)


def order(sort: str, fields: dict[str, str], default: str) -> str:
    """The ORDER BY text of ``field:ASC|field:DESC``; unknown entries are passed over."""
    parts = []
    for entry in sort.split("|"):
        name, _, direction = entry.strip().partition(":")
        if name in fields and direction.upper() in ("ASC", "DESC"):
            parts.append(f"{fields[name]} {direction.upper()}")
    return ", ".join(parts) or default


def _clause(clause: str, fields: dict[str, str]) -> tuple[str, list[Any]]:
    match = _CLAUSE.match(clause)
    if match is None:
        raise InvalidRequestError(f"Incorrectly formatted query string: {clause}")
    name, operator, rest = match.groups()
    text = re.sub(r"[\"'()]", "", rest).strip()
    column = fields.get(name)
    if column is None:
        if not fields.keys() >= {"workflowId"} or name in WORKFLOW_FIELDS or name in TASK_FIELDS:
            raise InvalidRequestError(f"'{name}' is no field of this search: {', '.join(fields)}.")
        return "", []
    if name in _TIMES:
        return _time_clause(name, column, operator, text)
    values: list[Any] = [part.strip() for part in text.split(",")]
    if operator == "IN" and len(values) > 1:
        return f"CAST({column} AS VARCHAR) IN ({', '.join('?' for _ in values)})", values
    if operator in ("=", "IN"):
        if "*" in text:
            pattern = _like(text).replace("*", "%")
            return f"CAST({column} AS VARCHAR) ILIKE ? ESCAPE '\\'", [pattern]
        return f"CAST({column} AS VARCHAR) = ?", [text]
    return f"{column} {operator} ?", [text]


def _time_clause(name: str, column: str, operator: str, text: str) -> tuple[str, list[Any]]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise InvalidRequestError(
            f"{name} is compared with epoch milliseconds, not with '{text}'."
        ) from None
    if operator == "IN":
        return f"{column} IN ({', '.join('?' for _ in numbers)})", list(numbers)
    return f"{column} {operator} ?", [numbers[0]]


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
