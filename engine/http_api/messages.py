"""``/api/workflow/{workflowId}/messages``: the message queue of an execution."""

from __future__ import annotations

from typing import Final

from ..errors import ConflictError, NotFoundError, QueueFullError
from .answers import TEXT, Answer, text_answer
from .call import Call
from .routing import Route


async def push(call: Call, workflow_id: str) -> Answer:
    """Queue a JSON object; answers its id as bare text. Refusals are bare text too."""
    payload = await call.body_object()
    try:
        return text_answer(await call.wait(call.service.push_message(workflow_id, payload)))
    except NotFoundError:
        return Answer(404, f"Workflow not found: {workflow_id}".encode(), TEXT)
    except (ConflictError, QueueFullError) as error:
        return Answer(error.status, str(error).encode(), TEXT)


ROUTES: Final = (Route("POST", "/api/workflow/{workflowId}/messages", push),)
