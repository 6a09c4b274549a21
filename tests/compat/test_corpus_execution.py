"""Every real definition of the corpus is worked to its end: nothing hangs, nothing breaks.

Workers complete every task with generated output, WAIT and HUMAN are signalled, sub-workflows
that the corpus lacks are stood in for. Each execution ends COMPLETED, or for a reason that its
own logic states.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine.errors import EngineError
from engine.functions import FunctionRegistry

ROUNDS = 400
STATED = re.compile(
    r"evaluating (the )?script|Unable to evaluate condition|jq|Cannot |TERMINATE|"
    r"Not valid duration|"
    r"dynamic|Dynamic|is invalid|evaluator|Missing |No tasks|not in map|definition available|"
    r"No such workflow|Invalid / Unsupported|Error loading queue|sub-workflow|Workflow is |"
    r"Input '|failed with status|not defined|Unexpected|terminated|compile error",
)


def _accepted(shared_dir: Path) -> list[Path]:
    verdicts = json.loads((shared_dir / "conformance" / "corpus-validation.json").read_text())
    paths = [
        shared_dir / "corpus" / name for name, (status, _) in verdicts.items() if status == 200
    ]
    return [path for path in paths if path.exists()]


def _children(tasks: list[dict[str, Any]]) -> list[str]:
    """Names of the sub-workflows that a definition starts, at any depth."""
    names = []
    for task in tasks:
        param = task.get("subWorkflowParam") or {}
        if isinstance(param.get("name"), str) and not param.get("workflowDefinition"):
            names.append(param["name"])
        for inner in [
            *(task.get("decisionCases") or {}).values(),
            task.get("defaultCase") or [],
            *(task.get("forkTasks") or []),
            task.get("loopOver") or [],
        ]:
            names += _children(inner or [])
    return names


def _stand_in(engine: Engine, name: str, version: int) -> None:
    task = {"name": "stand_in", "taskReferenceName": "stand_in", "type": "NOOP"}
    definition = {"name": name, "version": version, "schemaVersion": 2, "tasks": [task]}
    engine.service.create_workflow_def(definition, overwrite=True).result()


def _work(engine: Engine, workflow_id: str) -> str:
    """Complete open tasks of the whole tree until it ends; returns how it ended."""
    service = engine.service
    for _ in range(ROUNDS):
        states = service.tree(workflow_id).result()
        if states[workflow_id].status.is_terminal:
            return str(states[workflow_id].status)
        acted = False
        for state in states.values():
            for task in state.open_tasks():
                if task.task_type in ("SUB_WORKFLOW", "JOIN", "DO_WHILE", "EXCLUSIVE_JOIN"):
                    continue
                acted = True
                service.update_task(
                    {
                        "workflowInstanceId": state.workflow_id,
                        "taskId": task.task_id,
                        "status": "COMPLETED",
                        "outputData": {"result": 1, "response": {"body": {}, "statusCode": 200}},
                    }
                ).result()
        if not acted:
            service.decide(workflow_id).result()
    return _what_it_waits_for(service.tree(workflow_id).result())


def _what_it_waits_for(states: dict[str, Any]) -> str:
    """Why an execution that nobody can move on is still open, by its definition's own logic."""
    if len(states) > 100:
        return "starts itself without end"
    for state in states.values():
        for task in state.open_tasks():
            if task.start_delay_in_seconds and not task.start_time:
                return "waits for its start delay"
            if task.task_type == "DO_WHILE" and task.iteration > 50:
                return "loops without end"
            joined = task.input_data["joinOn"] if task.task_type.endswith("JOIN") else ()
            if any(state.task(reference) is None for reference in joined):
                return "joins a branch that was not taken"
    return "HANGS"


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_every_definition_of_the_corpus_ends(shared_dir: Path, capsys: Any) -> None:
    endings: Counter[str] = Counter()
    trouble = []
    with Engine(threads=0, http_tasks=False, functions=FunctionRegistry()) as engine:
        for path in _accepted(shared_dir):
            definition = json.loads(path.read_text())
            for name in _children(definition.get("tasks") or []):
                if name != definition.get("name") and not name.startswith("${"):
                    _stand_in(engine, name, 1)
            try:
                engine.service.create_workflow_def(definition, overwrite=True).result()
                given = {name: name for name in definition.get("inputParameters") or []}
                start = {"workflowDef": definition, "name": definition["name"], "input": given}
                workflow_id = engine.service.start_workflow(start).result(timeout=30)
            except EngineError as error:
                endings["refused at start"] += 1
                if not STATED.search(str(error)):
                    trouble.append((path.name, f"start: {error}"))
                continue
            ending = _work(engine, workflow_id)
            endings[ending] += 1
            state = engine.service.state(workflow_id).result()
            reason = state.reason_for_incompletion or ""
            if ending == "HANGS":
                open_tasks = [(t.reference_task_name, t.task_type) for t in state.open_tasks()]
                trouble.append((path.name, f"open: {open_tasks[:5]}"))
            elif state.status.is_terminal and ending != "COMPLETED" and not STATED.search(reason):
                trouble.append((path.name, reason[:200]))
    with capsys.disabled():
        print(f" {dict(endings)} ", end="")
    assert not trouble, "\n".join(f"{name}: {what}" for name, what in trouble)
