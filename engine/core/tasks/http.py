"""HTTP: a request the engine's own HTTP worker makes (engine/workers/http.py)."""

from __future__ import annotations

from ..turn import Draft, Turn
from .queued import QueuedTask


class HttpTask(QueuedTask):
    """One HTTP request; queued, so that no decision waits for the network."""

    name = "HTTP"
    summary = "Make an HTTP request; the answer becomes the output."
    keys = {"asyncComplete": "Stay open after a good answer; somebody else completes the task."}
    output = "`response`: `statusCode`, `reasonPhrase`, `headers`, `body`."
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
                    "connectionTimeOut": {"type": "integer", "description": "In ms."},
                    "readTimeOut": {"type": "integer", "description": "In ms."},
                },
            }
        },
    }

    def bind_input(self, turn: Turn, draft: Draft) -> None:
        """The worker reads from the input whether success completes the task."""
        super().bind_input(turn, draft)
        given = draft.data.get("input", {})
        draft.data["input"] = {**given, "asyncComplete": draft.node.async_complete}
