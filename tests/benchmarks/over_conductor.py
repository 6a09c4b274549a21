"""Executions of a real Conductor server, looked at and copied: what differs, what a branch mends.

``python -m tests.benchmarks over-conductor`` starts a real server, puts 200 executions of five
workflows of the corpus on it (complete, failed, waiting, paused, terminated), imports all of them
into a file as ``conductor-studio import`` does, compares each with the original, and brings one
failed execution of each workflow to success as a branch. With the server's address in
``python -m tests.benchmarks.over_conductor --url URL [--only-fill]`` one that runs is taken.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from engine import Engine, connect
from engine.client import Client
from engine.execution import Execution
from engine.functions import FunctionRegistry

from .both_servers import NotHereError, theirs
from .figures import Figure, table

_ROOT: Final = Path(__file__).resolve().parents[2]
_CORPUS: Final = _ROOT.parent / "shared" / "corpus"
_FLOWS: Final = {
    "FanInOutNestedSubWorkflowTest": "conductor-oss_conductor/FanInOutNestedSubWorkflowTest.6549ab",
    "webhook_retry_wf": "conductor-oss_java-sdk/webhook_retry_wf.1fb806",
    "workflow_patterns_demo": "conductor-oss_java-sdk/workflow_patterns_demo.3f2f4b",
    "fraud_detection_workflow": "conductor-oss_java-sdk/fraud_detection_workflow.edac2d",
    "training_data_labeling": "conductor-oss_java-sdk/training_data_labeling.2e3e6c",
}
"""Nested forks with a decision and a sub-workflow, a loop, fork and loop, a fork, waits."""
_CHILD: Final = "conductor-oss_conductor/integration_test_wf.4eb175"
_FATES: Final = ("completes",) * 10 + ("fails",) * 4 + ("works",) * 2 + ("pauses", "ends")
_CAUSES: Final = (
    "ValueError: amount is negative",
    "HTTP 503 from https://rates.example/v1: no upstream, tried 3 times",
    "KeyError: 'iban'",
)
EXECUTIONS: Final = 200
UNPOLLED: Final = 8
"""The last of them, whose first task no worker asks for."""
_OWNER: Final = "bench@example.com"
_QUIET_ROUNDS: Final = 4


def measure() -> list[Figure]:
    """Start a server, fill it, copy and compare, branch.

    Raises:
        NotHereError: No real server can be started here, or there is no corpus.
    """
    with theirs() as url:
        fill(url)
        return copied_and_branched(url)


def fill(url: str, executions: int = EXECUTIONS) -> None:
    """Put the executions on the server at ``url`` (root of its API) and work on them.

    Raises:
        NotHereError: There is no corpus.
    """
    client = connect(url)
    types = _register(client)
    dice = random.Random(7)
    fates: dict[str, str] = {}
    for number in range(executions - UNPOLLED):
        workflow_id = _start(client, number)
        fates[workflow_id] = dice.choice(_FATES)
    _work(client, types, fates, dice)
    for workflow_id, fate in fates.items():
        if fate == "ends" and not client.workflow(workflow_id, False).is_terminal:
            client.terminate(workflow_id, "by operator: wrong warehouse")
    for number in range(executions - UNPOLLED, executions):
        _start(client, number)
    client.close()


def copied_and_branched(url: str) -> list[Figure]:
    """Import all of a server's executions into a new file, compare, branch the failed ones."""
    source = connect(url)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "copies.duckdb"
        begun = time.perf_counter()
        command = [str(Path(sys.executable).parent / "conductor-studio"), "import", url]
        query = ["--query", f"status IN ({_STATES})", "--limit", "100000", "--db", str(file)]
        subprocess.run([*command, *query], check=True)
        seconds = time.perf_counter() - begun
        with Engine(str(file), threads=0, functions=FunctionRegistry()) as engine:
            found = list(_all_of(source))
            different = [one for one in found if not _same(source, engine.client, one)]
            for workflow_id in different:
                print(f"differs: {workflow_id}", file=sys.stderr)
            failed, mended = _branch_one_of_each(source, engine)
    source.close()
    return [
        Figure("over conductor: executions compared", len(found), ""),
        Figure("over conductor: differing", len(different), ""),
        Figure("over conductor: import", seconds, "s"),
        Figure("over conductor: workflows with a failed one", failed, ""),
        Figure("over conductor: of them mended by a branch", mended, "", failed, True),
    ]


_STATES: Final = "COMPLETED,FAILED,TIMED_OUT,TERMINATED,RUNNING,PAUSED"


def _register(client: Client) -> list[str]:
    """Register the definitions; the names of what workers have to do."""
    definitions = [_read(place) for place in (*_FLOWS.values(), _CHILD)]
    types = sorted({one["name"] for body in definitions for one in _simple(body["tasks"])})
    limits = {"retryCount": 0, "timeoutSeconds": 3600, "responseTimeoutSeconds": 3600}
    client.register_task_defs([{"name": name, "ownerEmail": _OWNER, **limits} for name in types])
    for body in definitions:
        # Some of them would time out while somebody looks at them.
        client.register_workflow_def({**body, "ownerEmail": _OWNER, "timeoutSeconds": 0})
    return types


def _read(place: str) -> dict[str, Any]:
    path = _CORPUS / f"{place}.json"
    if not path.is_file():
        raise NotHereError(f"There is no {path}; its definitions are needed.")
    body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return body


def _simple(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        if task.get("type", "SIMPLE") == "SIMPLE":
            yield task
        inner = [*(task.get("forkTasks") or ()), *(task.get("decisionCases") or {}).values()]
        for more in (*inner, task.get("defaultCase") or [], task.get("loopOver") or []):
            yield from _simple(more)


def _start(client: Client, number: int) -> str:
    name = list(_FLOWS)[number % len(_FLOWS)]
    given = {"param1": f"p{number}", "param2": number, "case": "ab-"[number % 3], "iterations": 4}
    given |= {"webhookUrl": "https://example.test/hook", "payload": {"n": number}, "amount": number}
    given |= {"transactionId": f"tx_{number}", "batchId": number, "inputData": "a,b", "items": []}
    return client.start_workflow(name, given, correlation_id=f"order_{number}")


def _work(client: Client, types: list[str], fates: dict[str, str], dice: random.Random) -> None:
    """Work on everything until nothing is left that a fate lets go on."""

    @cache
    def root(workflow_id: str) -> str:
        parent = client.workflow(workflow_id, False).parent_workflow_id
        return root(parent) if parent else workflow_id

    quiet = 0
    while quiet < _QUIET_ROUNDS:
        quiet += 1
        for name in types:
            for _ in range(EXECUTIONS):
                tasks = client.poll(name, "bench-worker", count=20, timeout_ms=10)
                for task in tasks:
                    _do(client, task, fates.get(root(task.workflow_instance_id), ""), dice)
                    quiet = 0
                if len(tasks) < 20:
                    break
        for workflow_id, fate in fates.items():
            if fate != "pauses":
                _signal_waits(client, workflow_id, fate)
        time.sleep(0.2)


def _do(client: Client, task: Any, fate: str, dice: random.Random) -> None:
    if fate == "works" and dice.random() < 0.5:
        return  # taken, and never answered
    result = {"workflowInstanceId": task.workflow_instance_id, "taskId": task.task_id}
    client.add_log(task.task_id, f"{task.task_def_name}: begun by bench-worker")
    if fate == "pauses":
        client.pause(task.workflow_instance_id)
    if fate == "fails" and dice.random() < 0.4:
        cause = dice.choice(_CAUSES)
        client.update_task({**result, "status": "FAILED", "reasonForIncompletion": cause})
        return
    output = {"result": f"{task.task_def_name} of {task.reference_task_name}", "statusCode": 503}
    client.update_task({**result, "status": "COMPLETED", "outputData": output})


def _signal_waits(client: Client, workflow_id: str, fate: str) -> None:
    """Let a person end the waits, all but those that are to stay."""
    workflow = client.workflow(workflow_id)
    for task in workflow.tasks:
        if task.task_type != "WAIT" or task.status != "IN_PROGRESS":
            continue
        if fate in ("works", "ends") and task.reference_task_name.startswith("annotator2"):
            continue
        result = {"workflowInstanceId": workflow_id, "taskId": task.task_id}
        labels = {"labels": ["cat", "dog"]}
        client.update_task({**result, "status": "COMPLETED", "outputData": labels})


def _all_of(source: Client) -> Iterator[str]:
    start = 0
    while page := source.search("", start=start, size=100).results:
        yield from (line.workflow_id for line in page)
        start += len(page)


def _same(source: Client, target: Client, workflow_id: str) -> bool:
    """Whether a copy shows what the original shows; an open one is closed here on purpose."""
    there, here = source.workflow(workflow_id), target.workflow(workflow_id)
    if (there.input, there.workflow_name, there.parent_workflow_id) != (
        here.input,
        here.workflow_name,
        here.parent_workflow_id,
    ):
        return False
    if there.is_terminal and (there.status, there.output) != (here.status, here.output):
        return False
    if len(there.tasks) != len(here.tasks):
        return False
    return all(map(_is_copy, there.tasks, here.tasks))


def _is_copy(there: Any, here: Any) -> bool:
    """Whether a task is shown alike; one that is open there has been closed here on purpose."""
    is_open = there.status in ("SCHEDULED", "IN_PROGRESS")
    return _shown(there, is_open) == _shown(here, is_open)


def _shown(task: Any, is_open: bool) -> tuple[Any, ...]:
    values = (task.task_id, task.reference_task_name, task.task_type, task.input_data)
    values = (*values, task.retry_count, task.iteration)
    if is_open:
        return values
    return (*values, task.status, task.output_data, task.reason_for_incompletion)


def _branch_one_of_each(source: Client, engine: Engine) -> tuple[int, int]:
    """One failed execution of each workflow replayed from its cause; how many, how many succeed."""
    tried: Counter[str] = Counter()
    mended = 0
    for line in source.search("status = FAILED", size=500).results:
        whole = source.workflow(line.workflow_id)
        if whole.parent_workflow_id or tried[whole.workflow_name]:
            continue
        tried[whole.workflow_name] += 1
        execution = Execution(engine.client, line.workflow_id)
        cause = execution.why().report.chains[0].cause
        branch = engine.client.branch(cause.workflow_id, cause.task_id)
        _work_here(engine, branch)
        mended += engine.client.workflow(branch, False).status == "COMPLETED"
    return len(tried), mended


def _work_here(engine: Engine, workflow_id: str) -> None:
    """Complete what workers and people have to do, until the execution ends."""
    for _ in range(100):
        states = engine.service.tree(workflow_id).result()
        if states[workflow_id].status.is_terminal:
            return
        for state in states.values():
            for task in state.open_tasks():
                if task.task_type in ("SUB_WORKFLOW", "JOIN", "DO_WHILE"):
                    continue
                engine.client.update_task(
                    {
                        "workflowInstanceId": state.workflow_id,
                        "taskId": task.task_id,
                        "status": "COMPLETED",
                        "outputData": {"result": 1, "labels": ["cat"]},
                    }
                )


def main() -> int:
    """Take a server that runs; 2 if the corpus is not here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="root of its API")
    parser.add_argument("--only-fill", action="store_true", help="copy and compare nothing")
    parser.add_argument("--only-copy", action="store_true", help="what is there already")
    parser.add_argument("--executions", type=int, default=EXECUTIONS, metavar="N")
    arguments = parser.parse_args()
    try:
        if not arguments.only_copy:
            fill(arguments.url, arguments.executions)
    except NotHereError as error:
        print(error, file=sys.stderr)
        return 2
    if not arguments.only_fill:
        print(table(copied_and_branched(arguments.url)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
