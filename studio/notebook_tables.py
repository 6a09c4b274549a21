"""Answers as small HTML tables for notebook cells. Every text in them is escaped.

Colours are those of the notebook around them: no theme is assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from engine.execution import ExecutionTask, ReplayPlan
from engine.explanation import Answer, Origin, Why, input_words, value_words

_RULE: Final = "1px solid rgba(128,140,155,.35)"
_CELL: Final = f"text-align:left;vertical-align:top;padding:3px 14px 3px 0;border-bottom:{_RULE}"
_HEAD: Final = f"{_CELL};font-weight:500;opacity:.7"
_CODE: Final = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.92em"
_MONO: Final = frozenset({"value", "given", "expression", "input", "recorded", "new"})
_GLYPHS: Final = {
    "cause": ("✕", "#C42B3F"),
    "compensation": ("✕", "#C42B3F"),
    "terminated": ("⊘", "#7C8796"),
    "consequence": ("◌", "#7C8796"),
    "optional": ("▲", "#B07C0B"),
}


def answer_html(answer: Answer) -> str:
    """HTML of an answer: its title, then its rows."""
    if isinstance(answer, ReplayPlan):
        return _plan_html(answer)
    if isinstance(answer, Why):
        title = f"<b>{escape(answer.title)}</b>"
    elif isinstance(answer, Origin):
        title = f"Where <b>{escape(answer.leaf)}</b> came from, the nearest place first"
    else:
        title = escape(answer.title)
    return _box(title, _table(answer.columns, answer.rows))


def task_html(task: ExecutionTask) -> str:
    """HTML of one attempt: how it ended, and its input."""
    name = task.task.reference_task_name
    title = f"<b>{escape(name)}</b> {escape(task.status)}, attempt {task.attempt}"
    if task.error:
        title += f"<br>{escape(task.error)}"
    rows = [{"input": key, "given": input_words(key, value)} for key, value in task.input.items()]
    return _box(title, _table(("input", "given"), rows))


def counts_html(counts: Mapping[str, int]) -> str:
    """HTML of executions by status."""
    rows = [{"status": status, "executions": number} for status, number in sorted(counts.items())]
    if not rows:
        return _box("A client without executions so far.")
    return _box("Executions of this client", _table(("status", "executions"), rows))


def _plan_html(plan: ReplayPlan) -> str:
    edits = [
        {
            "edited": key,
            "recorded": input_words(key, plan.plan.input.get(key)),
            "new": input_words(key, value),
        }
        for key, value in plan.edits.items()
    ]
    parts = [_table(("edited", "recorded", "new"), edits)] if edits else []
    rows = [{**row, "place": _below_root(row["place"])} for row in plan.rows]
    parts.append(_table(plan.columns, rows))
    note = f'Nothing has run yet: <span style="{_CODE}">.go()</span> starts it.'
    if plan.plan.side_effects:
        note += " ⚡ acts on the world outside."
    parts.append(f'<div style="opacity:.7;margin-top:6px">{note}</div>')
    return _box(f"<b>{escape(plan.plan.sentence)}</b>", *parts)


def _below_root(place: str) -> str:
    return place.partition("/")[2].replace("/", " ▸ ") or place


def _box(title: str, *parts: str) -> str:
    return (
        '<div style="font-size:13px;line-height:1.45;max-width:100%;overflow-x:auto">'
        f'<div style="margin:2px 0 6px">{title}</div>{"".join(parts)}</div>'
    )


def _table(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    columns = list(columns)
    head = "".join(f'<th scope="col" style="{_HEAD}">{escape(name)}</th>' for name in columns)
    body = "".join(
        f"<tr>{''.join(_cell(name, row[name]) for name in columns)}</tr>" for row in rows
    )
    return (
        '<table style="border-collapse:collapse;border:0;margin:0 0 4px">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(column: str, value: Any) -> str:
    text = value if isinstance(value, str) and column != "value" else value_words(value)
    content = escape(text)
    if column == "role" and value in _GLYPHS:
        glyph, colour = _GLYPHS[value]
        content = f'<span style="color:{colour}" aria-hidden="true">{glyph}</span>&nbsp;{content}'
    style = f"{_CELL};{_CODE}" if column in _MONO or not isinstance(value, str) else _CELL
    return f'<td style="{style}">{content}</td>'
