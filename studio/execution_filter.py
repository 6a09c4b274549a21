"""What the Executions page is asked for, and the SQL that answers it. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

STATUSES: Final = (
    "FAILED",
    "TIMED_OUT",
    "WITH_ERRORS",
    "RUNNING",
    "PAUSED",
    "TERMINATED",
    "COMPLETED",
)
"""Conductor's words, plus WITH_ERRORS: completed although an optional task failed."""

STATUS_SQL: Final = (
    "CASE WHEN status = 'COMPLETED' AND with_errors THEN 'WITH_ERRORS' ELSE status END"
)
FAILED_TASK_SQL: Final = r"regexp_extract(failed_path, '([^/\[]+)[^/]*$', 1)"
FACET_SQL: Final = {
    "status": STATUS_SQL,
    "workflow": "workflow_type",
    "task": FAILED_TASK_SQL,
    "cause": "fingerprint",
}
"""What each facet counts, by the field of the search that its ticks go to."""
_SEARCHED: Final = (
    "workflow_id",
    "workflow_type",
    "correlation_id",
    "error",
    "failed_path",
    "reason_for_incompletion",
    "CAST(input AS VARCHAR)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilter:
    """One search. Values of one field are alternatives, fields narrow each other."""

    status: tuple[str, ...] = ()
    workflow: tuple[str, ...] = ()
    task: tuple[str, ...] = ()
    """Reference names of the task that failed."""
    cause: tuple[str, ...] = ()
    """What failures say, by their keys (``execution_causes.cause_key``); in SQL: fingerprints."""
    text: str = ""
    """Found anywhere in id, correlation id, workflow, error or input; case does not matter."""
    sub_workflows: bool = False
    """Also executions that another one started. A text search always finds them."""

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> ExecutionFilter:
        """Return the search a browser sent; what is unknown or malformed is left out."""
        statuses = tuple(one for one in _texts(values.get("status")) if one in STATUSES)
        return cls(
            status=statuses,
            workflow=_texts(values.get("workflow")),
            task=_texts(values.get("task")),
            cause=_texts(values.get("cause")),
            text=" ".join(_texts(values.get("text"))).strip()[:200],
            sub_workflows=_texts(values.get("sub_workflows"))[:1] in {("1",), ("True",)},
        )

    def as_dict(self) -> dict[str, Any]:
        """The search as JSON values, empty fields left out."""
        found: dict[str, Any] = {}
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if value:
                found[one.name] = list(value) if isinstance(value, tuple) else value
        return found

    def without(self, name: str, value: str | None = None) -> ExecutionFilter:
        """The same search with one field, or one value of it, taken away."""
        old = getattr(self, name)
        new: Any = "" if isinstance(old, str) else False if isinstance(old, bool) else ()
        if value is not None and isinstance(old, tuple):
            new = tuple(one for one in old if one != value)
        return dataclasses.replace(self, **{name: new})

    def chips(self) -> list[dict[str, str]]:
        """What can be taken away one by one: ``{name, value}`` in the order of the fields."""
        found = []
        for name in ("text", "status", "workflow", "task", "cause"):
            value = getattr(self, name)
            values = value if isinstance(value, tuple) else (value,) if value else ()
            found += [{"name": name, "value": one} for one in values]
        return found

    def where(self) -> tuple[str, list[Any]]:
        """Return the condition (to follow WHERE) and its parameters."""
        parts, parameters = self.scope()
        for condition, values in self.conditions().values():
            parts = f"{parts} AND {condition}"
            parameters += values
        return parts, parameters

    def scope(self) -> tuple[str, list[Any]]:
        """The part of the condition that no facet stands for: text and level."""
        parts, parameters = ["NOT removed"], list[Any]()
        if not (self.sub_workflows or self.text):
            parts.append("parent_workflow_id IS NULL")
        if self.text:
            found = " OR ".join(f"contains(lower({column}), ?)" for column in _SEARCHED)
            parts.append(f"({found})")
            parameters += [self.text.lower()] * len(_SEARCHED)
        return " AND ".join(parts), parameters

    def conditions(self) -> dict[str, tuple[str, list[Any]]]:
        """The condition of each facet by its field, with its parameters."""
        return {
            name: (f"coalesce({column} IN ({marks(values)}), false)", list(values))
            if values
            else ("true", [])
            for name, column in FACET_SQL.items()
            for values in (getattr(self, name),)
        }

    def as_sql(self) -> str:
        """The search as one SELECT without parameters, to be copied into a notebook."""
        condition, parameters = self.where()
        pieces = condition.split("?")
        literals = ["'" + str(one).replace("'", "''") + "'" for one in parameters]
        text = "".join(a + b for a, b in zip(pieces, [*literals, ""], strict=True))
        return f"SELECT * FROM executions WHERE {text} ORDER BY create_time DESC"


def marks(values: Sequence[Any]) -> str:
    """As many parameter marks as there are values, for an SQL list."""
    return ", ".join("?" * len(values))


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    values = value if isinstance(value, (list, tuple)) else [value]
    texts = [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in values]
    return tuple(str(one)[:400] for one in texts if isinstance(one, (str, bool, int)))[:50]
