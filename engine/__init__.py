"""Conductor Studio's engine: run Conductor workflows in this process.

    >>> import engine
    >>> with engine.Engine() as running:
    ...     workflow = running.run("order_flow", {"order": 17})

What is heavy is loaded on first use, so that importing this package stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import errors
from .functions import TaskContext, task

if TYPE_CHECKING:
    from .client.base import Client
    from .execution import Execution
    from .facade import Engine, connect
    from .listeners import StatusListener, StatusNotice, Webhook
    from .models.definitions import TaskDef, WorkflowDef, WorkflowTask
    from .models.execution import Task, Workflow
    from .publishers import EventMessage, EventPublisher
    from .system_tasks import Elsewhere, InProgress, SystemTask, SystemTaskContext

__version__ = "0.1.0"

_LAZY = {
    "Client": ".client.base",
    "Elsewhere": ".system_tasks",
    "Engine": ".facade",
    "EventMessage": ".publishers",
    "EventPublisher": ".publishers",
    "Execution": ".execution",
    "InProgress": ".system_tasks",
    "StatusListener": ".listeners",
    "StatusNotice": ".listeners",
    "SystemTask": ".system_tasks",
    "SystemTaskContext": ".system_tasks",
    "Task": ".models.execution",
    "TaskDef": ".models.definitions",
    "Webhook": ".listeners",
    "Workflow": ".models.execution",
    "WorkflowDef": ".models.definitions",
    "WorkflowTask": ".models.definitions",
    "connect": ".facade",
}

__all__ = [
    "Client",
    "Elsewhere",
    "Engine",
    "EventMessage",
    "EventPublisher",
    "Execution",
    "InProgress",
    "StatusListener",
    "StatusNotice",
    "SystemTask",
    "SystemTaskContext",
    "Task",
    "TaskContext",
    "TaskDef",
    "Webhook",
    "Workflow",
    "WorkflowDef",
    "WorkflowTask",
    "connect",
    "errors",
    "task",
]


def __getattr__(name: str) -> Any:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
