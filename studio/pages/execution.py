"""Execution: one execution, from its failure back to where its values came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import param
from bokeh.document import Document

from engine.errors import NotFoundError

from ..board_data import rail_counts
from ..cluster_service import approximation
from ..execution_link import ExecutionLink
from ..page import Page
from ..session import Session
from ..sharing import Sharing, why_not_to_share
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
        self.view.param.watch(self._asked, "request")
        self._sharing = Sharing(self, self.view, self.workflow_id)
        self._link: ExecutionLink | None = None
        self._service: Any = app.service
        self._is_copy = session.here and app.copies is not None

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
            self.view.show({"found": False, "id": ""})
            return
        copies = self.app.copies
        if self._is_copy and copies is not None:
            self.in_background(copies.service, self._begin, self._failed)
        else:
            self._begin(self.app.service)

    def _begin(self, service: Any) -> None:
        self._service = service
        self._link = ExecutionLink(
            service, self.workflow_id, self.execution, self.document, self.app.readers
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
        head: dict[str, Any] = {"found": True, "title": title}
        if self._is_copy and self.app.copies is not None:
            copies = self.app.copies
            words = (
                f"in {copies.database}: what you do here changes nothing over there. Workers of "
                f"its branches poll {copies.api_url}."
            )
            head |= {"badge": "Copy", "notice": words, "there": True}
        else:
            notice = approximation(self._service.capabilities)
            head |= {"badge": "Approximate", "notice": notice}
            head["copies"] = bool(notice) and self.app.copies is not None
        head |= self._sharing_words()
        self.view.show(head)

    def _sharing_words(self) -> dict[str, Any]:
        return {"share": True, "share_words": why_not_to_share(self.app.service)}

    def _asked(self, event: param.parameterized.Event) -> None:
        copies = self.app.copies
        if event.new.get("what") != "copy" or copies is None:
            return

        def copied(workflow_id: str) -> None:
            self.view.copied = {"seq": event.new.get("seq"), "id": workflow_id}

        def refused(error: BaseException) -> None:
            self.view.copied = {"seq": event.new.get("seq"), "error": str(error)}

        self.in_background(lambda: copies.copy(self.workflow_id), copied, refused)

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, NotFoundError):
            self.view.show({"found": False, "id": self.workflow_id, "error": str(error)})
            return
        self.in_background(
            lambda: rail_counts(self._service.query)["known"],
            lambda known: self._missing(known),
            lambda failure: self._missing(0),
        )

    def _missing(self, known: int) -> None:
        self.view.show({"found": False, "id": self.workflow_id, "known": known})
