"""What the crash test runs: small workflows that touch retries, forks, loops, children, waits."""

from __future__ import annotations

from typing import Any, Final

LOCAL_TASK: Final = "crash_local"
FLAKY_TASK: Final = "crash_flaky"
REMOTE_TASK: Final = "crash_remote"
"""Worked on by the test's own process, over HTTP."""

PAYLOAD_BYTES: Final = 4_000
"""Length of outputs that are kept outside the history; the child's threshold lies below."""

SOURCE_FLOW: Final = "crash_source"
"""Sends a message whose handler starts another execution; it is what gets removed at times."""

CHAINS: Final = (("crash_retries", "crash_loop"), ("crash_fork", "crash_wait"), ("crash_family",))
"""Workflows that are crashed together: every named point once in each chain."""

ALWAYS: Final = (
    "crash_payload",
    "crash_wait",
    SOURCE_FLOW,
    "crash_loop",
    "crash_launch",
    "crash_family",
)
"""Workflows that pass points which others don't: every other start of every chain."""

Wire = dict[str, Any]

SCHEDULE: Final[Wire] = {
    "name": "crash_schedule",
    "cronExpression": "* * * * * *",
    "runCatchupScheduleInstances": True,
    "startWorkflowRequest": {"name": "crash_target", "version": 1, "input": {"number": 0}},
}
"""Starts an execution for every second, also for those in which no process was alive."""

EVENT_HANDLER: Final[Wire] = {
    "name": "crash_handler",
    "event": f"conductor:{SOURCE_FLOW}:crash_sink",
    "active": True,
    "actions": [
        {
            "action": "start_workflow",
            "start_workflow": {"name": "crash_target", "input": {"number": "${number}"}},
        }
    ],
}


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
        "crash_payload": [_task(LOCAL_TASK, "big", filler=PAYLOAD_BYTES), _task(LOCAL_TASK, "l1")],
        SOURCE_FLOW: [_event(), _task(LOCAL_TASK, "l1")],
        "crash_launch": [_launch(), _task(LOCAL_TASK, "l1")],
        "crash_target": [_task(LOCAL_TASK, "l1")],
    }
    settings = {"version": 1, "schemaVersion": 2, "workflowStatusListenerEnabled": True}
    return [{"name": name, **settings, "tasks": tasks} for name, tasks in flows.items()]


def _task(task_type: str, reference: str, **more: Any) -> Wire:
    return {
        "name": task_type,
        "taskReferenceName": reference,
        "type": "SIMPLE",
        "inputParameters": {"number": "${workflow.input.number}", **more},
    }


def _event() -> Wire:
    return {
        "name": "tell",
        "taskReferenceName": "tell",
        "type": "EVENT",
        "sink": "conductor:crash_sink",
        "inputParameters": {"number": "${workflow.input.number}"},
    }


def _launch() -> Wire:
    request = {"name": "crash_target", "input": {"number": "${workflow.input.number}"}}
    return {
        "name": "launch",
        "taskReferenceName": "launch",
        "type": "START_WORKFLOW",
        "inputParameters": {"startWorkflow": request},
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
