"""HTTP: a request the engine's own HTTP worker makes (engine/workers/http.py)."""

from __future__ import annotations

from ...models.enums import TaskStatus
from ..definition import Node
from ..turn import Draft, Placement, Turn
from .base import TaskType, delay_start


class HttpTask(TaskType):
    """One HTTP request; queued, so that no decision waits for the network."""

    name = "HTTP"
    summary = "Make an HTTP request; the answer becomes the output."
    input_schema = {
        "type": "object",
        "properties": {
            "http_request": {
                "type": "object",
                "required": ["uri", "method"],
                "properties": {
                    "uri": {"type": "string"},
                    "method": {"type": "string"},
                    "headers": {"type": "object"},
                    "body": {},
                    "accept": {},
                    "contentType": {"type": "string"},
                    "connectionTimeOut": {"type": "integer"},
                    "readTimeOut": {"type": "integer"},
                },
            }
        },
    }
    initial_status = TaskStatus.SCHEDULED
    revisits = False
    uses_input_template = True

    def draft(self, turn: Turn, node: Node, place: Placement) -> Draft:
        """A queued record that knows whether somebody else will complete it."""
        draft = super().draft(turn, node, place)
        draft.data["input"] = {**draft.data.get("input", {}), "asyncComplete": node.async_complete}
        if node.async_complete:
            draft.data["async_complete"] = True
        domain = turn.state.task_to_domain.get("*", "")
        if domain.startswith("trial-"):  # a workflow test answers the task with a mock
            draft.data["domain"] = domain
        delay_start(turn, draft)
        return draft
