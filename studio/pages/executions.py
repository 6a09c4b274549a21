"""Executions: search and watch them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import param
from bokeh.document import Document

from engine.models.capability import Capability

from ..cluster_service import limits
from ..execution_list import load_executions
from ..live import Refresh
from ..page import Page
from ..session import Session
from ..starts import Starts
from ..views.executions_view import ExecutionsView

if TYPE_CHECKING:
    from ..app import StudioApp


class ExecutionsPage(Page):
    """Newest first, live, narrowed by facets and text."""

    path, word, count = "/executions", "Executions", "live"

    def __init__(self, app: StudioApp, session: Session, document: Document | None) -> None:
        """See ``Page``."""
        super().__init__(app, session, document)
        self.view = ExecutionsView(sizing_mode="stretch_both", margin=0)
        self._starts = Starts(self, self.view)
        self.view.param.watch(self._asked, "request")
        self._refresh = Refresh(document, app.readers, self._load, self._show, self._failed)
        self.keep_fresh(self._refresh)

    def __panel__(self) -> ExecutionsView:
        """The view of this page."""
        return self.view

    def _load(self) -> dict[str, Any]:
        session = self.session
        return load_executions(self.app.service.query, session.filter, session.start)

    def _show(self, found: dict[str, Any]) -> None:
        if found["filter"] != self.session.filter.as_dict():
            return  # answered a search that has been replaced since; its successor is under way
        service = self.app.service
        if Capability.QUERY not in service.capabilities:
            found["sql"] = ""  # nothing at the other end would answer it
        self.view.show({**found, "live": True, "limits": limits(service)})

    def _failed(self, error: Exception) -> None:
        self.view.show({"error": str(error), "filter": self.session.filter.as_dict()})

    def _asked(self, event: param.parameterized.Event) -> None:
        if self._starts.answer(event.new):
            return
        self.session.apply_request(event.new)
        self._refresh.request()
