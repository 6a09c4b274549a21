"""Failures that say the same, wherever they failed: the errors of the Executions page.

The Board's groups (``fingerprint``) tell the same text at two tasks apart and name the place beside
it. In a list of texts these would be twins, and the failed task has a facet of its own; so one
choice stands for all fingerprints whose texts are the same to ``engine.core.fingerprint``.
Blocking SQL.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.core.fingerprint import fingerprint, masked, split_reason

from .execution_filter import ExecutionFilter
from .reopened import Query

CAUSES_READ: Final = 5_000
"""Most fingerprints that are looked at, the most frequent ones; a day has a handful."""
_COMPARED: Final = 160
"""Characters without ids that count: lines are cut, and ids of different length move the cut."""


def cause_key(mark: str, error: str | None) -> str:
    """What failures with the same text share: ids, numbers, quoted text and spaces don't count.

    Args:
        mark: The failure's fingerprint; the key of one that says nothing.
        error: Its error as one line.
    """
    if not error:
        return mark
    kind, message = split_reason(error)
    return fingerprint(kind, "", masked(message)[:_COMPARED])


def same_causes(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Counts per fingerprint as counts per key, most first; the most frequent text is the label.

    Args:
        rows: ``value`` (a fingerprint), ``n`` and ``label``, most first.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        key = cause_key(row["value"], row["label"])
        one = found.setdefault(key, {"value": key, "n": 0, "label": row["label"]})
        one["n"] += row["n"]
    return sorted(found.values(), key=lambda one: (-one["n"], one["value"]))


class Causes:
    """What the keys of one search stand for. Asked for once per search, and only if it has any."""

    def __init__(self, query: Query, wanted: ExecutionFilter) -> None:
        """Ask the history; see ``Query`` for what that raises."""
        self._marks: dict[str, list[str]] = {}
        self._words: dict[str, str] = {}
        if not wanted.cause:
            return
        for row in query(
            "SELECT fingerprint, min(error) AS error, count(*) AS n FROM executions "
            f"WHERE fingerprint <> '' GROUP BY 1 ORDER BY n DESC, 1 LIMIT {CAUSES_READ}",
            (),
        ):
            mark, error = row["fingerprint"], row["error"] or ""
            # An address from before, or of somebody who grouped the history: it stays one of many.
            for key in (cause_key(mark, error), mark):
                self._marks.setdefault(key, []).append(mark)
                self._words.setdefault(key, error)

    def searched(self, wanted: ExecutionFilter) -> ExecutionFilter:
        """The search with fingerprints instead of keys; unknown keys stay and match nothing."""
        marks = [mark for key in wanted.cause for mark in self._marks.get(key, [key])]
        return dataclasses.replace(wanted, cause=tuple(dict.fromkeys(marks)))

    def words(self, key: str) -> str:
        """The text of a key of the search; its beginning if nothing has it any more."""
        return self._words.get(key) or key[:12]
