"""Where tasks of an observed execution stand: run paths from references, loops and ``seq``.

The wire tells a task's reference with one iteration at its end (``charge__37``). The loops around
it come from the definition, their own place from the newest record of the loop before the task.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

from .definition import CompiledDefinition, Node

Wire = dict[str, Any]

_ITERATION: Final = re.compile(r"__(\d+)\Z")


class Places:
    """Places of the tasks of one answer. Immutable."""

    def __init__(self, root: str, definition: CompiledDefinition, tasks: Sequence[Wire]) -> None:
        """``root``: run path of the execution; ``tasks``: in order of ``seq``."""
        self._root, self._definition, self._tasks = root, definition, tasks
        self._paths: dict[str, str] = {}
        self._loops: dict[str, list[Wire]] = {}
        self._forks: list[Wire] = []
        times = sorted((int(task.get("scheduledTime") or 0), _seq(task)) for task in tasks)
        self._moments = [moment for moment, _ in times]
        self._highest = list(accumulate((seq for _, seq in times), max))
        """Highest ``seq`` up to each of the moments."""
        for task in tasks:
            kind = task.get("taskType")
            if kind == "DO_WHILE":
                node = self.node_of(task)
                name = node.reference if node is not None else str(task["referenceTaskName"])
                self._loops.setdefault(name, []).append(task)
            elif kind in ("FORK", "FORK_JOIN_DYNAMIC"):
                self._forks.append(task)

    def node_of(self, task: Wire) -> Node | None:
        """The task's place in the definition; None for one that was made at run time."""
        reference = str(task.get("referenceTaskName") or "")
        nodes = self._definition.nodes
        # A reference of the definition may itself end like an iteration.
        if not task.get("iteration") and reference in nodes:
            return nodes[reference]
        return nodes.get(_ITERATION.sub("", reference)) or nodes.get(reference)

    def path_of(self, task: Wire) -> str:
        """Run path of a task: ``order_flow/line_items[37]/charge_card``."""
        task_id = str(task["taskId"])
        known = self._paths.get(task_id)
        if known is None:
            self._paths[task_id] = ""  # a loop of loops, which no server makes, ends here
            known = self._paths[task_id] = self._path(task)
        return known

    def iterations_of(self, loop: Wire) -> dict[int, Wire]:
        """The first task that each iteration of a loop scheduled, as far as it is shown."""
        found: dict[int, Wire] = {}
        for task in self._inside(loop):
            found.setdefault(_iteration(task), task)
        return found

    def last_inside(self, task: Wire, kind: str, moment: int) -> float:
        """Highest ``seq`` of what a task had to wait for, 0 when it waited for nothing."""
        if kind == "DO_WHILE":
            return max((float(_seq(inner)) for inner in self._inside(task)), default=0.0)
        before = bisect_left(self._moments, moment)
        return float(self._highest[before - 1]) if before else 0.0

    def _inside(self, loop: Wire) -> list[Wire]:
        """Tasks directly or deeper in a loop, from its record to its next one."""
        node = self.node_of(loop)
        if node is None:
            return []
        names = set(node.body_references)
        records = self._loops.get(node.reference, [])
        seq = int(loop.get("seq") or 0)
        end = next((int(r["seq"]) for r in records if int(r["seq"]) > seq), None)
        return [
            task
            for task in self._tasks
            if seq < int(task.get("seq") or 0)
            and (end is None or int(task["seq"]) < end)
            and (inner := self.node_of(task)) is not None
            and inner.reference in names
        ]

    def _path(self, task: Wire) -> str:
        node = self.node_of(task)
        reference = str(task.get("referenceTaskName") or "")
        name = node.reference if node is not None else _ITERATION.sub("", reference)
        if node is None and not task.get("iteration"):
            name = reference
        return f"{self._container(task, node)}/{name}"

    def _container(self, task: Wire, node: Node | None) -> str:
        if node is None:
            fork = self._before(self._forks, task)
            if fork is None:
                return self._root
            return self.path_of(fork).rpartition("/")[0]
        loop = node.loop()
        if loop is None:
            return self._root
        record = self._before(self._loops.get(loop.reference, []), task)
        around = self.path_of(record) if record is not None else f"{self._root}/{loop.reference}"
        return f"{around}[{_iteration(task) or 1}]"

    @staticmethod
    def _before(records: Sequence[Wire], task: Wire) -> Wire | None:
        """The newest of some records, in order of ``seq``, that was there before a task."""
        at = bisect_left(records, _seq(task), key=_seq)
        return records[at - 1] if at else None


def _seq(task: Wire) -> int:
    return int(task.get("seq") or 0)


def _iteration(task: Wire) -> int:
    """The iteration of the innermost loop around a task, from its reference."""
    suffix = _ITERATION.search(str(task.get("referenceTaskName") or ""))
    if suffix is not None:
        return int(suffix[1])
    return 0 if task.get("taskType") == "DO_WHILE" else int(task.get("iteration") or 0)
