"""What Conductor writes out when a definition leaves it away, and how to complete one by hand."""

from __future__ import annotations

from typing import Any

TASK_DEFAULTS: dict[str, Any] = {
    "inputParameters": {},
    "type": "SIMPLE",
    "decisionCases": {},
    "defaultCase": [],
    "forkTasks": [],
    "startDelay": 0,
    "joinOn": [],
    "optional": False,
    "permissive": False,
    "defaultExclusiveJoinTask": [],
    "asyncComplete": False,
    "loopOver": [],
    "onStateChange": {},
    "metadata": {},
}
WORKFLOW_DEFAULTS: dict[str, Any] = {
    "createTime": 0,
    "updateTime": 0,
    "version": 1,
    "inputParameters": [],
    "outputParameters": {},
    "schemaVersion": 2,
    "restartable": True,
    "workflowStatusListenerEnabled": False,
    "timeoutPolicy": "ALERT_ONLY",
    "timeoutSeconds": 0,
    "variables": {},
    "inputTemplate": {},
    "enforceSchema": True,
    "metadata": {},
    "maskedFields": [],
}
TASK_DEF_DEFAULTS: dict[str, Any] = {
    "createTime": 0,
    "updateTime": 0,
    "retryCount": 3,
    "retryLogic": "FIXED",
    "retryDelaySeconds": 60,
    "backoffScaleFactor": 1,
    "maxRetryDelaySeconds": 0,
    "backoffJitterMs": 0,
    "timeoutSeconds": 0,
    "totalTimeoutSeconds": 0,
    "timeoutPolicy": "TIME_OUT_WF",
    "responseTimeoutSeconds": 3600,
    "rateLimitPerFrequency": 0,
    "rateLimitFrequencyInSeconds": 1,
    "inputKeys": [],
    "outputKeys": [],
    "runtimeMetadata": [],
    "inputTemplate": {},
    "taskStatusListenerEnabled": True,
    "enforceSchema": False,
}
SCHEMA_DEFAULTS: dict[str, Any] = {"version": 1, "createTime": 0, "updateTime": 0}
RATE_LIMIT_DEFAULTS: dict[str, Any] = {"concurrentExecLimit": 0, "policy": "QUEUE"}


def completed_task(task: dict[str, Any]) -> dict[str, Any]:
    """A step with the documented defaults written out, computed without the models."""
    wire = {**TASK_DEFAULTS, **task}
    wire["decisionCases"] = {
        case: [completed_task(t) for t in tasks] for case, tasks in wire["decisionCases"].items()
    }
    for key in ("defaultCase", "loopOver"):
        wire[key] = [completed_task(t) for t in wire[key]]
    wire["forkTasks"] = [[completed_task(t) for t in branch] for branch in wire["forkTasks"]]
    if "taskDefinition" in wire:
        wire["taskDefinition"] = _with_defaults(TASK_DEF_DEFAULTS, wire["taskDefinition"])
    params = wire.get("subWorkflowParam", {})
    if isinstance(params.get("workflowDefinition"), dict):
        inline = completed(params["workflowDefinition"])
        named = {"name": inline["name"], "version": inline["version"]}
        wire["subWorkflowParam"] = {**params, **named, "workflowDefinition": inline}
    return wire


def completed(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition with the documented defaults written out, computed without the models."""
    wire = {**WORKFLOW_DEFAULTS, **definition}
    wire["tasks"] = [completed_task(task) for task in wire["tasks"]]
    for key in ("inputSchema", "outputSchema"):
        if key in wire:
            wire[key] = _with_defaults(SCHEMA_DEFAULTS, wire[key])
    if "rateLimitConfig" in wire:
        wire["rateLimitConfig"] = _with_defaults(RATE_LIMIT_DEFAULTS, wire["rateLimitConfig"])
    return wire


def _with_defaults(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    # A null is never written; for the numbers that are null in the corpus it means 0.
    return {**defaults, **{key: value for key, value in given.items() if value is not None}}
