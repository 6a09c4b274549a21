"""What the crash test runs: small workflows that touch retries, forks, loops, children, waits."""

from __future__ import annotations

from typing import Any, Final

LOCAL_TASK: Final = "crash_local"
FLAKY_TASK: Final = "crash_flaky"
REMOTE_TASK: Final = "crash_remote"
"""Worked on by the test's own process, over HTTP."""

FLOWS_VARIABLE: Final = "CRASH_FLOWS"
"""Environment: names of the workflows to start, with commas between; all without it."""

Wire = dict[str, Any]


def task_defs() -> list[Wire]:
    """The definition of the task that is worked on from outside.

    Its worker loses tasks whenever the engine dies before the answer of a poll: the response
    time-out brings them back.
    """
    return [
        {
            "name": REMOTE_TASK,
            "retryCount": 30,
            "retryDelaySeconds": 0,
            "responseTimeoutSeconds": 1,
            "timeoutSeconds": 0,
            "ownerEmail": "crash@example.org",
        }
    ]


def workflow_defs() -> list[Wire]:
    """All definitions, in the order in which executions are started."""
    flows = {
        "crash_retries": [
            _task(FLAKY_TASK, "f1"),
            _task(LOCAL_TASK, "l1"),
            _task(FLAKY_TASK, "f2"),
        ],
        "crash_fork": _fork(),
        "crash_loop": [_loop(), _task(LOCAL_TASK, "after")],
        "crash_family": [_child(), _task(REMOTE_TASK, "r1")],
        "crash_wait": [_wait(), _task(LOCAL_TASK, "l1"), _task(REMOTE_TASK, "r1")],
    }
    return [
        {"name": name, "version": 1, "schemaVersion": 2, "tasks": tasks}
        for name, tasks in flows.items()
    ]


def _task(task_type: str, reference: str) -> Wire:
    return {
        "name": task_type,
        "taskReferenceName": reference,
        "type": "SIMPLE",
        "inputParameters": {"number": "${workflow.input.number}"},
    }


def _fork() -> list[Wire]:
    branches = [[_task(LOCAL_TASK, "a")], [_task(FLAKY_TASK, "b")], [_task(REMOTE_TASK, "c")]]
    return [
        {"name": "fork", "taskReferenceName": "fork", "type": "FORK_JOIN", "forkTasks": branches},
        {"name": "join", "taskReferenceName": "join", "type": "JOIN", "joinOn": ["a", "b", "c"]},
        _task(LOCAL_TASK, "after"),
    ]


def _loop() -> Wire:
    script = {
        "name": "twice",
        "taskReferenceName": "twice",
        "type": "INLINE",
        "inputParameters": {
            "evaluatorType": "javascript",
            "expression": "$.number * 2",
            "number": "${workflow.input.number}",
        },
    }
    return {
        "name": "loop",
        "taskReferenceName": "loop",
        "type": "DO_WHILE",
        "inputParameters": {},
        "loopCondition": "if ($.loop['iteration'] < 3) { true; } else { false; }",
        "loopOver": [script, _task(LOCAL_TASK, "body")],
    }


def _child() -> Wire:
    return {
        "name": "child",
        "taskReferenceName": "child",
        "type": "SUB_WORKFLOW",
        "inputParameters": {"number": "${workflow.input.number}"},
        "subWorkflowParam": {"name": "crash_retries", "version": 1},
    }


def _wait() -> Wire:
    return {
        "name": "pause",
        "taskReferenceName": "pause",
        "type": "WAIT",
        "inputParameters": {"duration": "1 seconds"},
    }
