"""Board: the home page. What fails now, how much goes through, who waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import param
from bokeh.document import Document

from engine.errors import EngineError, InvalidRequestError
from engine.models.codec import loads_untrusted

from ..board_data import SPANS, load_board
from ..live import Refresh
from ..page import Page
from ..session import Session
from ..snippets import snippets
from ..views.board_view import BoardView
from ..views.throughput_plot import ThroughputPlot

if TYPE_CHECKING:
    from ..app import StudioApp

START_SECONDS = 30.0
"""How long a start may take before the person is told that it does."""


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
            sizing_mode="stretch_both",
            margin=0,
        )
        self.view.param.watch(self._asked, "request")
        session.param.watch(lambda event: self._plot.set_theme(event.new), "theme")
        self._refresh = Refresh(
            document, app.readers, self._load, self._show, self._failed, rest_seconds=0.5
        )
        self.keep_fresh(self._refresh)

    def __panel__(self) -> BoardView:
        """The view of this page."""
        return self.view

    def _load(self) -> dict[str, Any]:
        return load_board(self.app.service.query, self.session.span, int(time.time() * 1000))

    def _show(self, data: dict[str, Any]) -> None:
        if "buckets" in data:
            self._plot.show(data.pop("buckets"))
        self.view.data = data

    def _failed(self, error: Exception) -> None:
        self.view.data = {"error": str(error)}

    def _asked(self, event: param.parameterized.Event) -> None:
        request = event.new
        what = request.get("what")
        if what == "span" and request.get("span") in SPANS:
            self.session.span = request["span"]
            self._refresh.request()
        elif what == "refresh":
            self._refresh.request()
        elif what == "sample":
            self.in_background(
                lambda: self._start_sample(str(request.get("name"))), self._started, self._refused
            )
        elif what == "run":
            text = str(request.get("text", ""))
            self.in_background(lambda: self._run_definition(text), self._started, self._refused)

    def _start_sample(self, name: str) -> str:
        samples = self.app.samples
        if samples is None or name not in samples.names():
            raise InvalidRequestError(f"There is no sample named {name!r}.")
        return samples.start(name)

    def _run_definition(self, text: str) -> str:
        body = loads_untrusted(text.encode())
        if not isinstance(body, dict) or not isinstance(body.get("name"), str):
            raise InvalidRequestError(
                "This is no workflow definition: a JSON object with at least name and tasks."
            )
        service = self.app.service
        service.create_workflow_def(body, overwrite=True).result(START_SECONDS)
        request = {"name": body["name"], "version": body.get("version", 1), "input": {}}
        return service.start_workflow(request).result(START_SECONDS)

    def _started(self, workflow_id: str) -> None:
        self.view.started = {"seq": time.monotonic_ns(), "id": workflow_id}

    def _refused(self, error: BaseException) -> None:
        text = str(error) if isinstance(error, EngineError) else f"It did not start: {error!r}"
        problems = getattr(error, "problems", ())
        if problems:
            text = f"{text} {problems[0].path}: {problems[0].message}"
        self.view.notice = {"seq": time.monotonic_ns(), "text": text}
