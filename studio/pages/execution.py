"""Execution: one execution, from its failure back to where its values came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bokeh.document import Document

from engine.errors import NotFoundError

from ..board_data import rail_counts
from ..cluster_service import approximation
from ..execution_link import ExecutionLink
from ..page import Page
from ..session import Session
from ..views.execution_frame import ExecutionFrame, ServedExecutionView

if TYPE_CHECKING:
    from ..app import StudioApp


class ExecutionPage(Page):
    """The execution's own view; a way back where there is no such execution."""

    path, under = "/execution", "/executions"

    def __init__(self, app: StudioApp, session: Session, document: Document | None) -> None:
        """See ``Page``."""
        super().__init__(app, session, document)
        self.workflow_id = session.workflow_id
        # Its theme is that of the page around it, which the browser knows first.
        self.execution = ServedExecutionView(sizing_mode="stretch_both", margin=0)
        self.view = ExecutionFrame(view=self.execution, sizing_mode="stretch_both", margin=0)
        self.execution.link(self.view, goto="goto")
        self._link: ExecutionLink | None = None

    @property
    def heading(self) -> str:
        """Until the name is known."""
        return f"Execution {self.workflow_id[:8]}".strip()

    def __panel__(self) -> ExecutionFrame:
        """The view of this page."""
        return self.view

    def open(self) -> None:
        """Load the execution and keep it fresh."""
        super().open()
        if not self.workflow_id:
            self.view.head = {"found": False, "id": ""}
            return
        self._link = ExecutionLink(
            self.app.service, self.workflow_id, self.execution, self.document, self.app.readers
        )
        self._link.open(self._opened, self._failed)

    def close(self) -> None:
        """Hear and show nothing any more. Safe to call twice."""
        super().close()
        if self._link is not None:
            self._link.close()

    def _opened(self, data: dict[str, Any]) -> None:
        status = data["status"].replace("_", " ").lower()
        title = f"{data['name']} {status} · {self.workflow_id[:8]} · Conductor Studio"
        notice = approximation(self.app.service.capabilities)
        self.view.head = {"found": True, "title": title, "notice": notice}

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, NotFoundError):
            self.view.head = {"found": False, "id": self.workflow_id, "error": str(error)}
            return
        self.in_background(
            lambda: rail_counts(self.app.service.query)["known"],
            lambda known: self._missing(known),
            lambda failure: self._missing(0),
        )

    def _missing(self, known: int) -> None:
        self.view.head = {"found": False, "id": self.workflow_id, "known": known}
