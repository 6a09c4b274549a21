"""Board: the home page. What fails now, how much goes through, who waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import param
from bokeh.document import Document

from ..board_data import SPANS, load_board
from ..live import Refresh
from ..page import Page
from ..session import Session
from ..sharing import Sharing, why_not_to_share
from ..snippets import snippets
from ..starts import Starts
from ..views.board_view import BoardView
from ..views.throughput_plot import ThroughputPlot

if TYPE_CHECKING:
    from ..app import StudioApp


class BoardPage(Page):
    """Failures by cause, throughput, recent executions; three ways to start when all is empty."""

    path, word, count = "/", "Board", "failing"

    def __init__(self, app: StudioApp, session: Session, document: Document | None) -> None:
        """See ``Page``."""
        super().__init__(app, session, document)
        self._plot = ThroughputPlot(session.theme)
        samples = app.samples.names() if app.samples else []
        self.view = BoardView(
            plot=self._plot.pane,
            start={
                "samples": samples,
                "snippets": snippets(app.address, samples[0] if samples else "order_flow"),
                "address": app.address,
            },
            sharing=self._sharing_words(),
            sizing_mode="stretch_both",
            margin=0,
        )
        self._starts = Starts(self, self.view)
        self._sharing = Sharing(self, self.view)
        self.view.param.watch(self._asked, "request")
        session.param.watch(lambda event: self._plot.set_theme(event.new), "theme")
        self._refresh = Refresh(
            document, app.readers, self._load, self._show, self._failed, rest_seconds=0.5
        )
        self.keep_fresh(self._refresh)

    def __panel__(self) -> BoardView:
        """The view of this page."""
        return self.view

    def _sharing_words(self) -> dict[str, Any]:
        return {"share": True, "share_words": why_not_to_share(self.app.service)}

    def _load(self) -> dict[str, Any]:
        return load_board(self.app.service.query, self.session.span, int(time.time() * 1000))

    def _show(self, data: dict[str, Any]) -> None:
        if "buckets" in data:
            self._plot.show(data.pop("buckets"))
        self.view.show(data)

    def _failed(self, error: Exception) -> None:
        self.view.show({"error": str(error)})

    def _asked(self, event: param.parameterized.Event) -> None:
        request = event.new
        what = request.get("what")
        if what == "span" and request.get("span") in SPANS:
            self.session.span = request["span"]
            self._refresh.request()
        elif what == "refresh":
            self._refresh.request()
        else:
            self._starts.answer(request)
