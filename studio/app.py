"""The studio over one service: what all pages of one server share, and the page functions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import panel as pn
from bokeh.document import Document

from .board_data import rail_counts
from .contracts import Samples, StudioService
from .live import Refresh
from .page import Page
from .pages import PAGES
from .session import Session
from .shell import Place, dress
from .views.rail_view import RailView

logger = logging.getLogger(__name__)

RAIL_REST_SECONDS = 1.0


class StudioApp:
    """Pages over one service. Page functions run on the event loop, queries never do.

    ``service`` and ``samples`` stay the caller's; ``close`` ends only the readers.
    """

    def __init__(
        self,
        service: StudioService,
        samples: Samples | None = None,
        address: str = "",
        remote: str = "",
    ) -> None:
        """Prepare; nothing is read before the first page opens.

        Args:
            service: Where everything is asked and done.
            samples: Workflows offered on the empty Board, if any.
            address: Where workers find the engine, for snippets: ``http://localhost:8080``.
            remote: Root of the API of the server that is looked at; empty: an engine of our own.
        """
        self.service, self.samples, self.address = service, samples, address
        self.engine_words = f"Server {urlsplit(remote).netloc}" if remote else "Local engine"
        self.readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="studio-reader")
        self._counts: dict[str, int] = {}

    def pages(self) -> dict[str, Callable[[], Any]]:
        """Page functions by path, as ``panel.serve`` takes them."""
        return {kind.path: self._opener(kind) for kind in PAGES}

    def close(self) -> None:
        """End the reader threads; queries under way are let run out."""
        self.readers.shutdown(wait=True, cancel_futures=True)

    def _opener(self, kind: type[Page]) -> Callable[[], Any]:
        def open_page() -> Any:
            document = pn.state.curdoc
            assert document is not None
            session = Session.from_address(pn.state.session_args or {})
            page = kind(self, session, document)
            rail = self._rail(session, document, page)
            document.on_session_destroyed(lambda _: page.close())
            places = Place.of(PAGES, kind)
            dress(document, places, page.title, page.heading, self._counts, self.engine_words)
            view = pn.panel(page)
            view.server_doc(document, title=page.title, location=False)
            rail.server_doc(document, title=page.title, location=False)
            # Not before the browser has the document: an update made while it is being pulled can
            # get lost between the pulled copy and the first patch (seen once in about 40 loads).
            # A page that nobody renders then costs no query either.
            pn.state.onload(page.open)

        return open_page

    def _rail(self, session: Session, document: Document, page: Page) -> RailView:
        rail = RailView(counts=self._counts, theme=session.theme)
        rail.link(session, theme="theme")

        def show(counts: dict[str, int]) -> None:
            rail.counts = self._counts = counts

        refresh = Refresh(
            document,
            self.readers,
            lambda: rail_counts(self.service.query),
            show,
            rest_seconds=RAIL_REST_SECONDS,
        )
        page.keep_fresh(refresh)
        return rail
