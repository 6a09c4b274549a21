"""Event handlers: what is to be done when a message arrives (semantics reference §10.1)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from ..errors import InvalidRequestError, Problem
from .base import WireModel
from .lenient import Boolean, Document, ListOf, OptionalText, Text, enum_of
from .problems import VALIDATION_FAILED

EVALUATORS: Final = ("javascript", "graaljs", "value-param")
"""What a condition may be written in; JavaScript where nothing is said."""


class ActionType(StrEnum):
    """What an action does. ``start_agent`` is known and not carried out."""

    START_WORKFLOW = "start_workflow"
    COMPLETE_TASK = "complete_task"
    FAIL_TASK = "fail_task"
    TERMINATE_WORKFLOW = "terminate_workflow"
    UPDATE_WORKFLOW_VARIABLES = "update_workflow_variables"
    START_AGENT = "start_agent"


class EventAction(WireModel):
    """One action; what it needs stands under a key named like the action."""

    wire_title: ClassVar[str] = "action"

    action: Annotated[ActionType | None, enum_of(ActionType, None)] = None
    start_workflow: Document | None = Field(default=None, alias="start_workflow")
    complete_task: Document | None = Field(default=None, alias="complete_task")
    fail_task: Document | None = Field(default=None, alias="fail_task")
    terminate_workflow: Document | None = Field(default=None, alias="terminate_workflow")
    update_workflow_variables: Document | None = Field(
        default=None, alias="update_workflow_variables"
    )
    start_agent: Document | None = Field(default=None, alias="start_agent")
    expand_inline_json: Boolean = Field(default=False, alias="expandInlineJSON")

    def parameters(self) -> dict[str, Any]:
        """What stands under the action's own key; empty without it."""
        return {} if self.action is None else dict(getattr(self, self.action.value) or {})


class EventHandler(WireModel):
    """Which messages are listened to, under which condition, and what they bring about."""

    wire_title: ClassVar[str] = "event handler"

    name: Text = ""
    event: Text = ""
    """``type:queue``; this engine's own queues have the type ``conductor``."""
    condition: OptionalText = None
    actions: ListOf[EventAction] = Field(default_factory=list)
    active: Boolean = False
    evaluator_type: OptionalText = None
    description: OptionalText = None

    def validate_handler(self) -> None:
        """Accept the handler silently or refuse it with every reason at once.

        Raises:
            InvalidRequestError: With Conductor's message; ``problems`` says where and why.
        """
        problems = list(self._problems())
        if problems:
            raise InvalidRequestError(VALIDATION_FAILED, problems)

    def _problems(self) -> list[Problem]:
        problems = []
        if not self.name:
            problems.append(Problem("name", "Missing event handler name"))
        if not self.event:
            problems.append(Problem("event", "Missing event location"))
        if not self.actions:
            message = "No actions specified. Please specify at-least one action"
            problems.append(Problem("actions", message))
        if (self.evaluator_type or "javascript") not in EVALUATORS:
            message = f"evaluatorType {self.evaluator_type} is unknown"
            advice = f"One of {', '.join(EVALUATORS)}."
            problems.append(Problem("evaluatorType", message, advice))
        for index, action in enumerate(self.actions):
            place = f"actions[{index}]"
            if action.action is None:
                advice = f"One of {', '.join(ActionType)}."
                problems.append(Problem(f"{place}.action", "must not be null", advice))
            elif not action.parameters():
                advice = f"Say under '{action.action.value}' what is to be done."
                where = f"{place}.{action.action.value}"
                problems.append(Problem(where, "must not be null", advice))
        return problems
