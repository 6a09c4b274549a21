"""Audit: who changed what, when and from where. Only for admins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import param
from bokeh.document import Document

from engine.service.access import ADMIN

from ..audit_data import audit_filter, load_audit, load_difference
from ..live import Refresh
from ..page import Page
from ..session import Session
from ..views.audit_view import AuditView

if TYPE_CHECKING:
    from ..app import StudioApp


class AuditPage(Page):
    """Newest first, narrowed by who, what, object and time; a definition before and after."""

    path, word, needs = "/audit", "Audit", ADMIN

    def __init__(self, app: StudioApp, session: Session, document: Document | None) -> None:
        """See ``Page``."""
        super().__init__(app, session, document)
        self._filter = audit_filter({})
        self.view = AuditView(sizing_mode="stretch_both", margin=0)
        self.view.param.watch(self._asked, "request")
        # The browser asks for the first page: the address has the filter.
        self._refresh = Refresh(document, app.readers, self._load, self._show, self._failed)
        self.refresh_on_opening(self._refresh)

    def __panel__(self) -> AuditView:
        """The view of this page."""
        return self.view

    def _load(self) -> dict[str, Any]:
        return load_audit(self.app.service, self._filter)

    def _show(self, found: dict[str, Any]) -> None:
        if found["filter"] == self._filter:  # else its successor is under way
            self.view.show(found)

    def _failed(self, error: Exception) -> None:
        self.view.show({"error": str(error), "filter": self._filter})

    def _asked(self, event: param.parameterized.Event) -> None:
        request = event.new
        number = request.get("number")
        if request.get("what") == "difference" and isinstance(number, int):
            self.in_background(
                lambda: load_difference(self.app.service, number), self._compared, self._failed_one
            )
            return
        wanted = request.get("filter")
        self._filter = audit_filter(wanted if isinstance(wanted, dict) else {})
        self._refresh.request()

    def _compared(self, found: dict[str, Any]) -> None:
        self.view.difference = {"seq": time.monotonic_ns(), **found}

    def _failed_one(self, error: BaseException) -> None:
        self.view.difference = {"seq": time.monotonic_ns(), "error": str(error)}
