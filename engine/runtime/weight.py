"""How much an execution holds: whether it would be folded again in a blink."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..core.limits import least_size
from ..core.state import TaskState, WorkflowState

LIGHT_EVENTS: Final = 500
LIGHT_BYTES: Final = 64 * 1024
"""What can be read from the journal and folded in less than five milliseconds."""

_NOTE: Final = "is light"


def is_light(state: WorkflowState) -> bool:
    """Whether reading and folding a history again takes a few milliseconds at the most.

    Looks no further than it has to; what was found is noted until the next event. Any thread
    may ask: of an execution that changes meanwhile the answer is no.
    """
    number = state.last_event
    if number > LIGHT_EVENTS:
        return False
    noted: tuple[int, bool] | None = state.scratch.get(_NOTE)
    if noted is not None and noted[0] == number:
        return noted[1]
    try:
        light = not _is_elsewhere(state) and _is_small(_payloads(state))
    except RuntimeError:  # a dict has changed its size under our hands
        return False
    state.scratch[_NOTE] = (number, light)
    return light


def _is_elsewhere(state: WorkflowState) -> bool:
    """Whether payloads have to be fetched from where large ones are kept."""
    owners: list[WorkflowState | TaskState] = [state, *list(state.tasks.values())]
    return any(
        one.external_input_payload_storage_path or one.external_output_payload_storage_path
        for one in owners
    )


def _payloads(state: WorkflowState) -> Iterator[Any]:
    yield from (state.input, state.output, state.variables, state.evaluations)
    yield from (message for _, message in list(state.messages.values()))
    for task in list(state.tasks.values()):
        yield task.input_data
        yield task.output_data


def _is_small(payloads: Iterator[Any]) -> bool:
    left = LIGHT_BYTES
    for payload in payloads:
        left -= least_size(payload, left)
        if left < 0:
            return False
    return True
