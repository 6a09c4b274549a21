"""Answers about an execution as objects to read: why it failed, where a value came from.

Each has a plain text form (``print``), a table (``rows``, ``to_frame``) and, where something
that draws is installed, a picture in notebooks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from .models.display import Drawn

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.table import Table

    from .core.failure import FailureChain, FailureReport

_ARROW: Final = " ▸ "
_VALUE_LENGTH: Final = 60
_MASK: Final = "••••••"
_SECRET_NAME: Final = re.compile(
    r"token|secret|passw|api_?key|authorization|credential", re.IGNORECASE
)


class Answer(Drawn):
    """Something with rows. ``str`` and ``repr`` give it as text."""

    title = ""
    columns: Sequence[str] = ()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict per row with the keys of ``columns``."""
        raise NotImplementedError

    def to_frame(self) -> DataFrame:
        """The rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=list(self.columns))

    def __rich__(self) -> Table:
        """The rows as a table for ``rich.print``."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(self.title), title_justify="left")
        for column in self.columns:
            table.add_column(column)
        for row in self.rows:
            table.add_row(*(Text(_cell(row[column])) for column in self.columns))
        return table

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def __repr__(self) -> str:
        """The title and one line per row."""
        widths = [max(len(_cell(row[c])) for row in self.rows) for c in self.columns if self.rows]
        lines = [
            "  ".join(
                _cell(row[column]).ljust(width)
                for column, width in zip(self.columns, widths, strict=True)
            ).rstrip()
            for row in self.rows
        ]
        return "\n".join([self.title, *(f"  {line}" for line in lines)])


class Why(Answer):
    """Why an execution failed: its causes and what each led to. Falsy when nothing failed."""

    columns = ("role", "path", "task", "what", "detail")

    def __init__(self, report: FailureReport) -> None:
        """Over a report of ``client.failure``, kept as ``report``."""
        self.report = report

    @property
    def title(self) -> str:  # type: ignore[override]  # computed, where other answers fix it
        """The first cause in one line, from the execution to the error."""
        chains = self.report.chains
        if not chains:
            return "Nothing failed."
        labels = [
            f"{chip.label} ({chip.note})" if chip.note else chip.label for chip in chains[0].chips
        ]
        return _ARROW.join(labels)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Causes in order of time, each followed by its consequences; optional failures last."""
        found = []
        for chain in self.report.chains:
            found.append(_cause_row(chain, "cause" if chain.role == "cause" else chain.role))
            for consequence in chain.consequences:
                place, task = _split(consequence.path)
                found.append(_row("consequence", place, task, consequence.what, ""))
        found += [_cause_row(chain, "optional") for chain in self.report.optional]
        return found

    def __bool__(self) -> bool:
        """Whether anything failed for good."""
        return bool(self.report)


class Origin(Answer):
    """The places a value sat in, the nearest first. Iterates over the hops."""

    columns = ("step", "where", "value", "expression", "note")

    def __init__(self, leaf: str, hops: list[dict[str, Any]]) -> None:
        """Over the hops of ``client.origin`` for a leaf of a task's input."""
        self.leaf = leaf
        self.hops = hops
        self.title = f"Where {leaf} came from"

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row per hop."""
        return [
            {
                "step": number,
                "where": hop["what"],
                "value": hop["value"],
                "expression": hop.get("expression", ""),
                "note": hop.get("note", ""),
            }
            for number, hop in enumerate(self.hops, 1)
        ]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The hops as dicts (``what``, ``value``, ``expression``, ``path``, ``task_id`` …)."""
        return iter(self.hops)


def value_words(value: Any, length: int = _VALUE_LENGTH) -> str:
    """A value as short JSON on one line, its middle left out when it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[head + 1 - length :]}"


def input_words(name: str, value: Any) -> str:
    """An input as short text; what its name gives away as a secret is masked."""
    return _MASK if _SECRET_NAME.search(name) else value_words(value)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else value_words(value)


def _cause_row(chain: FailureChain, role: str) -> dict[str, Any]:
    cause = chain.cause
    place, task = _split(cause.path)
    detail = f"attempt {cause.attempt} of {cause.attempts}"
    if cause.frames:
        detail += f", {cause.frames[-1]['file']}:{cause.frames[-1]['line']}"
    if chain.same_error_count > 1:
        detail += f", same error ×{chain.same_error_count}"
    return _row(role, place, task, chain.line, detail)


def _row(role: str, path: str, task: str, what: str, detail: str) -> dict[str, Any]:
    return {"role": role, "path": path, "task": task, "what": what, "detail": detail}


def _split(path: str) -> tuple[str, str]:
    """A run path as words, and the task at its end."""
    *levels, task = path.split("/")
    words = []
    for level in levels:
        name, _, iteration = level.partition("[")
        words.append(f"iteration {iteration.rstrip(']')}" if iteration else name)
    return _ARROW.join(words), task
