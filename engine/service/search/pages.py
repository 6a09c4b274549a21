"""Pages of a search: which records match, how many in all, and the rows of the page only.

Rules of this file
  1. The newest version of a record counts. Finding it over the whole log costs most, so it is
     done on few columns; payloads are fetched for the rows of the page.
  2. With a condition, versions that match are few and only they are checked for a newer one;
     without one, one aggregate over the whole log is cheaper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...store.base import Store
from .fields import CLASSIFIER, TASKS, WORKFLOWS, Area, payload_hash
from .sql import Condition, condition, order

Row = dict[str, Any]


class SearchPages:
    """Pages over the history of a store. Every call blocks for milliseconds; any thread."""

    def __init__(self, store: Store) -> None:
        """``store``: everything committed before a question is part of its answer."""
        self._store = store

    def workflows(
        self,
        start: int,
        size: int,
        sort: str,
        free_text: str,
        query: str,
        classifiers: Sequence[str] = (),
        top_level_only: bool = False,
    ) -> tuple[int, list[Row]]:
        """Number of executions that match, and the rows of one page with their classifiers."""
        more = []
        if classifiers:
            marks = ", ".join("?" for _ in classifiers)
            kind = WORKFLOWS.fields["classifier"].sql
            more.append(Condition(f"{kind} IN ({marks})", list(classifiers)))
        if top_level_only:
            more.append(Condition("coalesce(c.parent_workflow_id, '') = ''", []))
        found = condition(query, free_text, WORKFLOWS, more)
        hits, rows = self._page(WORKFLOWS, found, sort, start, size)
        self._add_classifiers(rows)
        return hits, rows

    def created_between(
        self, name: str, after: int, before: int, version: int | None = None
    ) -> list[str]:
        """Ids of executions created between two moments (epoch ms), newest first."""
        found = Condition(
            "c.workflow_type = ? AND c.create_time > ? AND c.create_time < ?"
            + (" AND c.workflow_version = ?" if version is not None else ""),
            [name, after, before, *([version] if version is not None else [])],
        )
        rows = self._store.query(
            f"{_newest(WORKFLOWS, found, {'created': 'c.create_time'})} "
            "ORDER BY created DESC, workflow_id",
            found.parameters,
        )
        return [row["workflow_id"] for row in rows]

    def workflows_by_ids(self, workflow_ids: Sequence[str]) -> list[Row]:
        """Rows of the executions named, in the order given; unknown ones are left out."""
        if not workflow_ids:
            return []
        marks = ", ".join("?" for _ in workflow_ids)
        found = Condition(f"c.workflow_id IN ({marks})", list(workflow_ids))
        _, rows = self._page(WORKFLOWS, found, "", 0, len(workflow_ids))
        self._add_classifiers(rows)
        by_id = {row["workflow_id"]: row for row in rows}
        return [by_id[key] for key in workflow_ids if key in by_id]

    def correlated(
        self, names: Sequence[str], correlation_ids: Sequence[str], only_running: bool
    ) -> list[tuple[str, str]]:
        """Id and correlation id of the executions of some definitions, oldest first."""
        found = Condition(
            "c.workflow_type IN (SELECT unnest(?::VARCHAR[])) "
            "AND c.correlation_id IN (SELECT unnest(?::VARCHAR[]))"
            + (" AND c.status = 'RUNNING'" if only_running else ""),
            [list(names), list(correlation_ids)],
        )
        columns = {"created": "c.create_time", "correlation_id": "c.correlation_id"}
        rows = self._store.query(
            f"{_newest(WORKFLOWS, found, columns)} ORDER BY created, workflow_id", found.parameters
        )
        return [(row["workflow_id"], row["correlation_id"]) for row in rows]

    def tasks(
        self, start: int, size: int, sort: str, free_text: str, query: str
    ) -> tuple[int, list[Row]]:
        """Number of task attempts that match, and the rows of one page with what the execution
        says about them."""
        found = condition(query, free_text, TASKS)
        hits, rows = self._page(TASKS, found, sort, start, size)
        owners = self._companions(
            "SELECT workflow_id AS key, any_value(correlation_id) AS correlation_id, "
            "any_value(priority) AS workflow_priority FROM executions_log "
            "WHERE workflow_id IN (SELECT unnest(?::VARCHAR[])) GROUP BY workflow_id",
            (row["workflow_id"] for row in rows),
        )
        for row in rows:
            row.update(owners.get(row["workflow_id"], {}))
        return hits, rows

    def _page(
        self, area: Area, found: Condition, sort: str, start: int, size: int
    ) -> tuple[int, list[Row]]:
        by = order(sort, area) or [_split(area.newest_first)]
        keys = {f"s{place}": expression for place, (expression, _) in enumerate(by)}
        direction = [f"s{place} {how}" for place, (_, how) in enumerate(by)]
        ordered = ", ".join([*direction, *area.key])
        long = [payload_hash(column) for column in area.payloads]
        sql = (
            f"WITH found AS MATERIALIZED ({_newest(area, found, {'row_id': 'c.rowid', **keys})}), "
            f"page AS (SELECT * FROM found ORDER BY {ordered} LIMIT ? OFFSET ?) "
            "SELECT hits.n AS hits, page.row_id, log.* "
            "FROM (SELECT count(*) AS n FROM found) AS hits LEFT JOIN page ON true "
            f"LEFT JOIN {area.log} AS log ON log.rowid = page.row_id "
            f"ORDER BY {', '.join(f'page.{part}' for part in [*direction, *area.key])}"
        )
        rows = self._store.query(sql, [*found.parameters, max(size, 0), max(start, 0)])
        hits = rows[0]["hits"]
        page = [row for row in rows if row["row_id"] is not None]
        bodies = self._companions(
            "SELECT hash AS key, body FROM payloads WHERE hash IN (SELECT unnest(?::UUID[]))",
            (str(row[name]) for row in page for name in long if row[name] is not None),
        )
        for row in page:
            for column, name in zip(area.payloads, long, strict=True):
                address = row[name]
                if address is not None:
                    row[column] = bodies[str(address)]["body"]
                elif row[column] is None:
                    row[column] = "{}"
        return hits, page

    def _add_classifiers(self, rows: list[Row]) -> None:
        kinds = self._companions(
            f"SELECT hash AS key, {CLASSIFIER} AS classifier FROM definitions "
            "WHERE hash IN (SELECT unnest(?::VARCHAR[]))",
            (row["definition_hash"] for row in rows),
        )
        for row in rows:
            row.update(kinds.get(row["definition_hash"], {}))

    def _companions(self, sql: str, keys: Iterable[str]) -> dict[str, Row]:
        """Columns that stand elsewhere, by key: asked for one page only."""
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return {}
        return {str(row.pop("key")): row for row in self._store.query(sql, [wanted])}


def _newest(area: Area, found: Condition, columns: Mapping[str, str]) -> str:
    """SELECT of the newest versions that match: their keys and the columns (name to SQL)."""
    key = [f"c.{name}" for name in area.key]
    if found.sql == "true":
        chosen = [f"arg_max_null({sql}, c.position) AS {name}" for name, sql in columns.items()]
        return (
            f"SELECT {', '.join([*key, *chosen])} FROM {area.log} AS c "
            f"GROUP BY {', '.join(key)} HAVING NOT arg_max(c.removed, c.position)"
        )
    same = " AND ".join(f"newer.{name} = c.{name}" for name in area.key)
    chosen = [f"{sql} AS {name}" for name, sql in columns.items()]
    return (
        f"SELECT {', '.join([*key, *chosen])} FROM {area.log} AS c "
        f"WHERE {found.sql} AND NOT c.removed AND NOT EXISTS "
        f"(SELECT 1 FROM {area.log} AS newer WHERE {same} AND newer.position > c.position)"
    )


def _split(ordering: str) -> tuple[str, str]:
    expression, _, how = ordering.rpartition(" ")
    return expression, how
