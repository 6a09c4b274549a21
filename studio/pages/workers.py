"""Workers: who polls for which task type, what waits in its queue and for how long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bokeh.document import Document

from ..live import Refresh
from ..page import Page
from ..session import Session
from ..snippets import snippets
from ..views.workers_view import WorkersView
from ..worker_data import load_workers

if TYPE_CHECKING:
    from ..app import StudioApp


class WorkersPage(Page):
    """Queues with sizes and ages beside the workers that poll for them."""

    path, word = "/workers", "Workers"

    def __init__(self, app: StudioApp, session: Session, document: Document | None) -> None:
        """See ``Page``."""
        super().__init__(app, session, document)
        self.view = WorkersView(
            snippets=snippets(app.address, "")["workers"], sizing_mode="stretch_both", margin=0
        )
        self._refresh = Refresh(document, app.readers, self._load, self.view.show, self._failed)
        # The browser asks every few seconds: a poll for nothing is no event that could be heard.
        self.view.param.watch(lambda _: self._refresh.request(), "request")
        self.keep_fresh(self._refresh)

    def __panel__(self) -> WorkersView:
        """The view of this page."""
        return self.view

    def _load(self) -> dict[str, Any]:
        return load_workers(self.app.service, int(time.time() * 1000))

    def _failed(self, error: Exception) -> None:
        self.view.show({"error": str(error)})
