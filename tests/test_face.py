"""What the packages offer: a name more or less is a decision, not an accident."""

from __future__ import annotations

import importlib

import pytest

import engine


def test_the_face_of_the_engine_is_this() -> None:
    assert engine.__all__ == [
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


def _place(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, each by name."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize(
    "package",
    [
        "engine",
        "engine.client",
        "engine.evaluators",
        "engine.http_api",
        "engine.models",
        "engine.service",
        "engine.store",
    ],
)
def test_what_a_package_exports_is_sorted_and_there(package: str) -> None:
    module = importlib.import_module(package)
    assert list(module.__all__) == sorted(module.__all__, key=_place)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_an_unknown_name_is_refused_as_anywhere() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = engine.nothing
