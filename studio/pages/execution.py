"""Execution: one execution, from its failure back to where its values came from."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import param
from bokeh.document import Document

from engine.errors import EngineError, InvalidRequestError, NotFoundError

from ..board_data import rail_counts
from ..live import Refresh
from ..page import Page
from ..session import Session
from ..views.execution_frame import ExecutionFrame

if TYPE_CHECKING:
    from ..app import StudioApp

logger = logging.getLogger(__name__)

CAPABILITIES = ("branch", "retry", "pause", "terminate", "restart", "origin", "live", "logs")
ACTION_SECONDS = 30.0
"""How long an action may take before the person is told that it does."""


class ExecutionPage(Page):
    """Title bar with actions over the execution's own view; a way back where there is none."""

    path, under = "/execution", "/executions"

    def __init__(self, app: StudioApp, session: Session, document: Document | None) -> None:
        """See ``Page``."""
        super().__init__(app, session, document)
        self.workflow_id = session.workflow_id
        self.view = ExecutionFrame(sizing_mode="stretch_both", margin=0)
        self.view.param.watch(self._asked, "request")
        self._refresh = Refresh(document, app.readers, self._load, self._show, self._failed)
        self.keep_fresh(self._refresh, self.workflow_id)

    @property
    def heading(self) -> str:
        """Until the name is known."""
        return f"Execution {self.workflow_id[:8]}".strip()

    def __panel__(self) -> ExecutionFrame:
        """The view of this page."""
        return self.view

    def _load(self) -> dict[str, Any]:
        try:
            wire = self.app.service.workflow(self.workflow_id, False).result(ACTION_SECONDS)
        except NotFoundError:
            known = rail_counts(self.app.service.query)["known"]
            return {"found": False, "id": self.workflow_id, "known": known}
        return head_of(wire)

    def _show(self, head: dict[str, Any]) -> None:
        self.view.head = head

    def _failed(self, error: Exception) -> None:
        self.view.head = {"found": False, "id": self.workflow_id, "error": str(error)}

    def _asked(self, event: param.parameterized.Event) -> None:
        request = event.new
        self.in_background(lambda: self._act(request), self._done, self._refused)

    def _act(self, request: Mapping[str, Any]) -> None:
        run_action(self.app.service, self.workflow_id, request)

    def _done(self, nothing: None) -> None:
        self.view.notice = {"seq": time.monotonic_ns(), "text": ""}
        self._refresh.request()

    def _refused(self, error: BaseException) -> None:
        if not isinstance(error, EngineError):
            logger.error("An action on %s failed.", self.workflow_id, exc_info=error)
        text = str(error) or type(error).__name__
        self.view.notice = {"seq": time.monotonic_ns(), "text": text}


def head_of(wire: Mapping[str, Any]) -> dict[str, Any]:
    """What the title bar shows of an execution on the wire."""
    is_open = wire["status"] in {"RUNNING", "PAUSED"}
    return {
        "found": True,
        "id": wire["workflowId"],
        "name": wire.get("workflowName") or "",
        "version": wire.get("workflowVersion") or 1,
        "status": wire["status"],
        "start_ms": wire.get("createTime") or wire.get("startTime") or 0,
        "end_ms": 0 if is_open else wire.get("endTime") or 0,
        "parent": wire.get("parentWorkflowId"),
        "correlation_id": wire.get("correlationId"),
        "capabilities": list(CAPABILITIES),
    }


def run_action(service: Any, workflow_id: str, request: Mapping[str, Any]) -> None:
    """Do what a button asks for; returns once it is durable. Blocking.

    Raises:
        EngineError: The engine refused, or there is no such action.
    """
    reason = str(request.get("reason") or "") or None
    actions: dict[str, Callable[[], Any]] = {
        "pause": lambda: service.pause(workflow_id),
        "resume": lambda: service.resume(workflow_id),
        "retry": lambda: service.retry(workflow_id),
        "restart": lambda: service.restart(workflow_id),
        "terminate": lambda: service.terminate(workflow_id, reason),
    }
    action = actions.get(str(request.get("action")))
    if action is None:
        raise InvalidRequestError(f"There is no action {request.get('action')!r}.")
    action().result(ACTION_SECONDS)
