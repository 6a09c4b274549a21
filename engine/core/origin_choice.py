"""Which input a returned value most plausibly came from."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from .leaf_path import MISSING, LeafPath, format_leaf, parse_leaf, read_leaf
from .state import TaskState

_SCRIPTED: Final = frozenset({"INLINE", "LAMBDA", "JSON_JQ_TRANSFORM"})
_SCRIPT_KEYS: Final = ("expression", "scriptExpression", "queryExpression")
_WORDS: Final = re.compile(r"[a-z0-9]+")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The input to follow, if one is plausible enough, and what to say about it."""

    entry: dict[str, Any] | None
    note: str


def choose_input(task: TaskState, leaf: LeafPath, value: Any) -> Choice:
    """The recorded input that explains a leaf of a task's output best.

    In order: the same telling value, the only expression, a related name. Null, booleans, 0, 1
    and empty texts are too common to tell anything.
    """
    script = _script(task)
    entries = [entry for entry in task.origins if _is_read(entry, script)]
    what = f"computed by {script}" if script else ""
    if not entries:
        return Choice(entry=None, note=what or "made by the function from nothing recorded")
    same = [entry for entry in entries if _is_telling(value) and _value(task, entry) == value]
    if same:
        best = max(same, key=lambda entry: _relation(entry, leaf))
        return Choice(entry=best, note="handed on unchanged" if not script else what)
    if len(entries) == 1:
        return Choice(entry=entries[0], note=what)
    best = max(entries, key=lambda entry: _relation(entry, leaf))
    others = ", ".join(str(entry.get("path", "")) for entry in entries)
    said = f"{what}; " if what else ""
    if _relation(best, leaf) > 0:
        return Choice(entry=best, note=f"{said}followed by name, it read {others}")
    return Choice(entry=None, note=f"{said}it read {others}")


def _script(task: TaskState) -> str:
    if task.task_type not in _SCRIPTED:
        return ""
    for key in _SCRIPT_KEYS:
        text = task.input_data.get(key)
        if isinstance(text, str):
            return text if len(text) <= 120 else text[:119] + "…"
    return ""


def _is_read(entry: dict[str, Any], script: str) -> bool:
    """Whether a script names the input; a function may read any."""
    if not script or script.endswith("…"):
        return True
    path = parse_leaf(str(entry.get("path", "")))
    return bool(path) and str(path[0]) in script and path[0] not in _SCRIPT_KEYS


def _value(task: TaskState, entry: dict[str, Any]) -> Any:
    value = read_leaf(task.input_data, parse_leaf(str(entry.get("path", ""))))
    return None if value is MISSING else value


def _is_telling(value: Any) -> bool:
    return not (value is None or isinstance(value, bool) or value in (0, 1, "", [], {}))


def _relation(entry: dict[str, Any], leaf: LeafPath) -> int:
    """How closely the names of an input and an output are related; 0 = not at all."""
    mine = _words(format_leaf(leaf))
    path = parse_leaf(str(entry.get("path", "")))
    names = _words(format_leaf(path)) | _words(str(entry.get("expression", "")))
    names -= {"workflow", "input", "output", "response", "body", "result"}
    last = leaf[-1] if leaf else ""
    return len(mine & names) + (10 if path and path[-1] == last else 0)


def _words(text: str) -> set[str]:
    return set(_WORDS.findall(_CAMEL.sub(" ", text).lower()))
