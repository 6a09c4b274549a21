"""The wire models of Conductor's API and their rules: definitions, executions, requests.

Loaded on first use, so that importing the engine stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import WireModel
    from .definitions import (
        CacheConfig,
        IdempotencyStrategy,
        JoinMode,
        RateLimitConfig,
        RateLimitPolicy,
        SchemaDef,
        SchemaType,
        StateChangeEvent,
        SubWorkflowParams,
        TaskDef,
        WorkflowDef,
        WorkflowTask,
    )
    from .enums import (
        RetryLogic,
        TaskStatus,
        TaskTimeoutPolicy,
        WorkflowStatus,
        WorkflowTimeoutPolicy,
    )
    from .execution import (
        BulkResponse,
        PollData,
        SearchResult,
        Task,
        TaskLog,
        TaskSummary,
        Workflow,
        WorkflowSummary,
    )
    from .hints import definition_hints
    from .problems import VALIDATION_FAILED, validation_errors
    from .requests import (
        RerunWorkflowRequest,
        SkipTaskRequest,
        StartWorkflowRequest,
        TaskResult,
        TaskResultStatus,
        priority_problems,
        validate_bulk_ids,
        validate_query_priority,
        validate_search_size,
    )
    from .task_rules import is_duration, is_moment
    from .validation import (
        NamingRules,
        task_def_problems,
        validate_task_def,
        validate_task_defs,
        validate_workflow_def,
        validate_workflow_defs,
        workflow_def_problems,
    )

__all__ = [
    "VALIDATION_FAILED",
    "BulkResponse",
    "CacheConfig",
    "IdempotencyStrategy",
    "JoinMode",
    "NamingRules",
    "PollData",
    "RateLimitConfig",
    "RateLimitPolicy",
    "RerunWorkflowRequest",
    "RetryLogic",
    "SchemaDef",
    "SchemaType",
    "SearchResult",
    "SkipTaskRequest",
    "StartWorkflowRequest",
    "StateChangeEvent",
    "SubWorkflowParams",
    "Task",
    "TaskDef",
    "TaskLog",
    "TaskResult",
    "TaskResultStatus",
    "TaskStatus",
    "TaskSummary",
    "TaskTimeoutPolicy",
    "WireModel",
    "Workflow",
    "WorkflowDef",
    "WorkflowStatus",
    "WorkflowSummary",
    "WorkflowTask",
    "WorkflowTimeoutPolicy",
    "definition_hints",
    "is_duration",
    "is_moment",
    "priority_problems",
    "task_def_problems",
    "validate_bulk_ids",
    "validate_query_priority",
    "validate_search_size",
    "validate_task_def",
    "validate_task_defs",
    "validate_workflow_def",
    "validate_workflow_defs",
    "validation_errors",
    "workflow_def_problems",
]

_HOMES = {
    "base": ("WireModel",),
    "definitions": (
        "CacheConfig",
        "IdempotencyStrategy",
        "JoinMode",
        "RateLimitConfig",
        "RateLimitPolicy",
        "SchemaDef",
        "SchemaType",
        "StateChangeEvent",
        "SubWorkflowParams",
        "TaskDef",
        "WorkflowDef",
        "WorkflowTask",
    ),
    "enums": (
        "RetryLogic",
        "TaskStatus",
        "TaskTimeoutPolicy",
        "WorkflowStatus",
        "WorkflowTimeoutPolicy",
    ),
    "execution": (
        "BulkResponse",
        "PollData",
        "SearchResult",
        "Task",
        "TaskLog",
        "TaskSummary",
        "Workflow",
        "WorkflowSummary",
    ),
    "hints": ("definition_hints",),
    "problems": ("VALIDATION_FAILED", "validation_errors"),
    "requests": (
        "RerunWorkflowRequest",
        "SkipTaskRequest",
        "StartWorkflowRequest",
        "TaskResult",
        "TaskResultStatus",
        "priority_problems",
        "validate_bulk_ids",
        "validate_query_priority",
        "validate_search_size",
    ),
    "task_rules": ("is_duration", "is_moment"),
    "validation": (
        "NamingRules",
        "task_def_problems",
        "validate_task_def",
        "validate_task_defs",
        "validate_workflow_def",
        "validate_workflow_defs",
        "workflow_def_problems",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
