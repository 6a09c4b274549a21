"""Task types in a person's words."""

from __future__ import annotations

from typing import Final

_WORDS: Final = {
    "SIMPLE": "Worker",
    "HTTP": "HTTP",
    "HUMAN": "Human",
    "WAIT": "Wait",
    "WAIT_FOR_WEBHOOK": "Wait for webhook",
    "EVENT": "Event",
    "INLINE": "Inline script",
    "LAMBDA": "Lambda",
    "SET_VARIABLE": "Set variables",
    "JSON_JQ_TRANSFORM": "JQ transform",
    "KAFKA_PUBLISH": "Kafka publish",
    "START_WORKFLOW": "Start workflow",
    "SUB_WORKFLOW": "Sub-workflow",
    "TERMINATE": "Terminate",
    "TERMINATE_WORKFLOW": "Terminate workflow",
    "DO_WHILE": "Do while",
    "SWITCH": "Switch",
    "DECISION": "Decision",
    "FORK_JOIN": "Fork",
    "FORK": "Fork",
    "FORK_JOIN_DYNAMIC": "Dynamic fork",
    "JOIN": "Join",
    "EXCLUSIVE_JOIN": "Exclusive join",
    "DYNAMIC": "Dynamic task",
    "NOOP": "No operation",
    "USER_DEFINED": "User defined",
    "PULL_WORKFLOW_MESSAGES": "Wait for messages",
}


def task_word(task_type: str) -> str:
    """The word for a task type: ``Worker`` for ``SIMPLE``; unknown types in plain spelling."""
    known = _WORDS.get(task_type)
    if known is not None:
        return known
    words = task_type.replace("_", " ").strip().lower()
    return words[:1].upper() + words[1:] if words else "Task"


def is_system_type(task_type: str) -> bool:
    """Whether the engine runs tasks of this type by itself, so that no worker polls for them."""
    return task_type in _WORDS and task_type != "SIMPLE"
