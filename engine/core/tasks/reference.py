"""The reference of task types, written from what the types say of themselves.

python -m engine.core.tasks.reference > engine/core/tasks/README.md
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .base import TaskType
from .registry import TASK_TYPES, TaskTypes
from .simple import UserDefinedTask

_HEAD: Final = """# Task types

Written by `python -m engine.core.tasks.reference`; a test compares. A type that is not listed is
work for workers that poll by that type, as in Conductor: types of other products
(`WAIT_FOR_WEBHOOK`, `LLM_CHAT_COMPLETE`, `JDBC`, …) are accepted and wait for such a worker. Types
of your own: [EXTENDING.md](../../EXTENDING.md).

*Kind*: **decided** at once by the engine, **open** until something outside moves it, **queued** for
a worker of the engine's own process, **worker** for workers outside. *Retried*: whether a failed
attempt may be followed by another; how many says the task definition of the task's name or its
`retryCount`.
"""


def reference(types: TaskTypes = TASK_TYPES) -> str:
    """The whole reference as Markdown, types by name."""
    known = sorted([*types.values(), UserDefinedTask()], key=lambda one: one.name)
    rows = [f"| [{t.name}](#{t.name.lower()}) | {t.kind} | {t.summary} |" for t in known]
    table = "\n".join(["| type | kind | |", "|---|---|---|", *rows])
    return "\n".join([_HEAD, table, *("\n".join(_section(one)) for one in known)]) + "\n"


def _section(task_type: TaskType) -> Iterator[str]:
    yield f"\n## {task_type.name}\n"
    yield f"{task_type.summary} {_prose(inspect.getdoc(type(task_type)) or '')}".strip()
    retried = "yes" if task_type.auto_retry else "no"
    yield f"\n*Kind*: {task_type.kind}. *Retried*: {retried}."
    if task_type.output:
        yield f"*Output*: {task_type.output}"
    if task_type.keys:
        yield "\n| key of the task | |\n|---|---|"
        yield from (f"| `{key}` | {said} |" for key, said in task_type.keys.items())
    rows = list(_input_rows(task_type.input_schema, ""))
    if rows:
        yield "\n| input | | |\n|---|---|---|"
        yield from rows


def _prose(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _input_rows(schema: Mapping[str, Any], above: str) -> Iterator[str]:
    required = schema.get("required") or ()
    for key, part in (schema.get("properties") or {}).items():
        name = f"{above}{key}"
        kind = part.get("type", "any")
        said = part.get("description", "")
        choices = part.get("enum")
        if choices:
            one_of = "one of " + ", ".join(f"`{choice}`" for choice in choices)
            said = f"{said} {one_of[0].upper()}{one_of[1:]}.".strip()
        yield f"| `{name}` | {kind}{', required' if key in required else ''} | {said} |"
        yield from _input_rows(part, f"{name}.")


if __name__ == "__main__":
    sys.stdout.write(reference())
