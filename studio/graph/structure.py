"""Definitions as nested blocks: what the drawing is laid out from. Pure.

The result is JSON in the shape of ``Block`` of ``frontend/src/protocol.ts``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from .task_words import task_word

DefinitionOf = Callable[[str, int | None], Mapping[str, Any] | None]
"""Definition of a sub-workflow by name and version (None: the newest), None when unknown."""

SWITCH_TYPES: Final = frozenset({"SWITCH", "DECISION"})
STATIC_FORK_TYPES: Final = frozenset({"FORK_JOIN", "FORK"})
JOIN_TYPES: Final = frozenset({"JOIN", "EXCLUSIVE_JOIN"})
DEEPEST: Final = 64
"""Blocks inside blocks are followed this far; what is deeper is left out."""
MOST_SUB_WORKFLOWS: Final = 6
"""Sub-workflows inside sub-workflows are opened this far."""
_HINT_LENGTH: Final = 24
_VALUE_PARAM: Final = re.compile(r"^\$\{(?:workflow\.)?(?:\w+\.)*(\w+)\}$")


def blocks_of(
    definition: Mapping[str, Any],
    definition_of: DefinitionOf | None = None,
    path: str | None = None,
) -> list[dict[str, Any]]:
    """Return a definition as blocks, top to bottom.

    Args:
        definition: A WorkflowDef in wire form. Parts of the wrong shape are skipped, so that a
            definition that is being edited can be drawn as well.
        definition_of: Finds the definitions of sub-workflows; without it, or where it gives
            None, a sub-workflow is a block without an inside. A definition that contains itself
            is opened once.
        path: Place of the whole; the definition's name by default.
    """
    name = str(definition.get("name") or "")
    build = _Build(definition_of or (lambda _name, _version: None))
    opened = (_key(name, definition.get("version")),)
    return build.row(definition.get("tasks"), path if path is not None else name, opened, 0)


def body_of(
    definition: Mapping[str, Any], place: str, definition_of: DefinitionOf | None = None
) -> list[dict[str, Any]]:
    """Return the blocks of a sub-workflow's definition as the inside of the task at ``place``."""
    return blocks_of(definition, definition_of, place)


def _key(name: str, version: Any) -> str:
    return f"{name}\0{version if isinstance(version, int) else ''}"


class _Build:
    def __init__(self, definition_of: DefinitionOf) -> None:
        self._definition_of = definition_of

    def row(
        self, tasks: Any, place: str, opened: tuple[str, ...], depth: int
    ) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if depth > DEEPEST or not isinstance(tasks, Sequence) or isinstance(tasks, str):
            return blocks
        for task in tasks:
            if not isinstance(task, Mapping):
                continue
            kind = str(task.get("type") or "SIMPLE")
            before = blocks[-1] if blocks else None
            if kind in JOIN_TYPES and before is not None and _lacks_join(before):
                before["join"] = _join(task, place, kind)
                continue
            blocks.append(self._block(task, kind, place, opened, depth))
        return blocks

    def _block(
        self,
        task: Mapping[str, Any],
        kind: str,
        parent: str,
        opened: tuple[str, ...],
        depth: int,
    ) -> dict[str, Any]:
        reference = str(task.get("taskReferenceName") or task.get("name") or "task")
        place = f"{parent}/{reference}"
        block: dict[str, Any] = {
            "ref": reference,
            "place": place,
            "name": str(task.get("name") or reference),
            "type": kind,
            "kind": "task",
            "word": task_word(kind),
        }
        if task.get("optional"):
            block["optional"] = True
        if kind in SWITCH_TYPES:
            # Forks and switches are no levels of a run path: what is inside hangs on the parent.
            block |= {"kind": "switch", "branches": self._cases(task, parent, opened, depth)}
            hint = _hint(task)
            if hint:
                block["hint"] = hint
        elif kind in STATIC_FORK_TYPES:
            block |= {"kind": "fork", "branches": self._lanes(task, parent, opened, depth)}
        elif kind == "FORK_JOIN_DYNAMIC":
            block["kind"] = "fork"
        elif kind == "DO_WHILE":
            inside = self.row(task.get("loopOver"), place, opened, depth + 1)
            block |= {"kind": "loop", "body": inside}
        elif kind == "SUB_WORKFLOW":
            self._add_sub_workflow(block, task, place, opened, depth)
        return block

    def _cases(
        self, task: Mapping[str, Any], parent: str, opened: tuple[str, ...], depth: int
    ) -> list[dict[str, Any]]:
        cases = task.get("decisionCases")
        branches: list[dict[str, Any]] = [
            {"label": str(label), "blocks": self.row(inner, parent, opened, depth + 1)}
            for label, inner in (cases.items() if isinstance(cases, Mapping) else ())
        ]
        default = self.row(task.get("defaultCase"), parent, opened, depth + 1)
        # The flow goes on without a matching case too, so the default is drawn even if empty.
        branches.append({"label": "default", "is_default": True, "blocks": default})
        return branches

    def _lanes(
        self, task: Mapping[str, Any], parent: str, opened: tuple[str, ...], depth: int
    ) -> list[dict[str, Any]]:
        lanes = task.get("forkTasks")
        if not isinstance(lanes, Sequence) or isinstance(lanes, str) or not lanes:
            return [{"label": "1", "blocks": []}]
        return [
            {"label": str(number), "blocks": self.row(lane, parent, opened, depth + 1)}
            for number, lane in enumerate(lanes, 1)
        ]

    def _add_sub_workflow(
        self,
        block: dict[str, Any],
        task: Mapping[str, Any],
        place: str,
        opened: tuple[str, ...],
        depth: int,
    ) -> None:
        block["kind"] = "sub"
        parameters = task.get("subWorkflowParam")
        parameters = parameters if isinstance(parameters, Mapping) else {}
        inline = parameters.get("workflowDefinition")
        name = parameters.get("name")
        version = parameters.get("version")
        version = version if isinstance(version, int) and not isinstance(version, bool) else None
        if isinstance(inline, Mapping):
            name = inline.get("name") or name
        if not isinstance(name, str) or not name or "${" in name:
            name = ""  # an expression: known only when the task is scheduled
        block["sub"] = {"name": name, "version": version}
        definition: Any = inline if isinstance(inline, Mapping) else None
        if len(opened) > MOST_SUB_WORKFLOWS:
            return
        if definition is None and name:
            definition = self._definition_of(name, version)
        if definition is None:
            return
        key = _key(name, definition.get("version"))
        if key in opened:
            return
        block["sub"]["version"] = version or definition.get("version")
        block["body"] = self.row(definition.get("tasks"), place, (*opened, key), depth + 1)


def _lacks_join(block: Mapping[str, Any]) -> bool:
    return block["kind"] == "fork" and "branches" in block and "join" not in block


def _join(task: Mapping[str, Any], parent: str, kind: str) -> dict[str, Any]:
    reference = str(task.get("taskReferenceName") or task.get("name") or "join")
    names = task.get("joinOn") or task.get("defaultExclusiveJoinTask") or []
    return {
        "ref": reference,
        "place": f"{parent}/{reference}",
        "join_on": [str(name) for name in names] if isinstance(names, list) else [],
        "type": kind,
    }


def _hint(task: Mapping[str, Any]) -> str:
    """What a switch decides by, short enough for its face: ``risk``."""
    inputs = task.get("inputParameters")
    inputs = inputs if isinstance(inputs, Mapping) else {}
    if task.get("type") == "DECISION":
        name = str(task.get("caseValueParam") or task.get("caseExpression") or "")
    else:
        name = str(task.get("expression") or "")
    if task.get("evaluatorType", "value-param") == "value-param" or task.get("caseValueParam"):
        bound = inputs.get(name)
        match = _VALUE_PARAM.match(bound) if isinstance(bound, str) else None
        name = match[1] if match else name
    name = " ".join(name.split())
    return name if len(name) <= _HINT_LENGTH else ""
