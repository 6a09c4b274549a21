"""Base of pages: what a page is called, what it needs, how it hears news."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, ClassVar

import panel as pn
from bokeh.document import Document

from engine.service.access import VIEWER, Needed

from .contracts import Subscription
from .live import Refresh
from .session import Session
from .turns import next_turn

if TYPE_CHECKING:
    from .app import StudioApp


class Page(pn.viewable.Viewer):
    """One page of one browser tab. Made on the event loop, closed with the tab's session."""

    path: ClassVar[str]
    """Where it is served, with a leading slash."""
    word: ClassVar[str] = ""
    """Its name in the rail; empty: not in the rail."""
    count: ClassVar[str] = ""
    """Which rail count stands beside the word."""
    under: ClassVar[str] = ""
    """Path of the place that the rail marks while this page is open; empty: its own."""

    needs: ClassVar[Needed] = VIEWER
    """Roles of which a caller must have one for the rail to name the page."""

    is_shared: ClassVar[bool] = False
    """Whether it is opened by share links: no rail, and the service is what was shared."""

    def __init__(self, app: StudioApp, session: Session, document: Document | None) -> None:
        """Build the view; data comes with ``open``.

        Args:
            app: What all pages share.
            session: State of the tab.
            document: The tab's document, None in tests and notebooks.
        """
        super().__init__()
        self.app, self.session, self.document = app, session, document
        self._refreshes: list[Refresh[Any]] = []
        self._subscriptions: list[Subscription] = []
        self._closed = self._is_open = False

    def begin(self) -> None:
        """Open once; called when the browser has the document and its view listens."""
        if not self._is_open:
            self._is_open = True
            self.open()

    @property
    def title(self) -> str:
        """Title of the browser tab."""
        return f"{self.heading} · Conductor Studio"

    @property
    def heading(self) -> str:
        """First heading, shown before the page itself is there."""
        return self.word

    def open(self) -> None:
        """Ask for the first data and start hearing news."""
        self.look_again()

    def look_again(self) -> None:
        """Ask for everything anew: what could not be read may be readable by now."""
        for refresh in self._refreshes:
            refresh.request()

    def close(self) -> None:
        """Hear and show nothing any more. Safe to call twice."""
        self._closed = True
        for one in (*self._subscriptions, *self._refreshes):
            one.close()
        self._subscriptions.clear()

    def refresh_on_opening(self, refresh: Refresh[Any]) -> None:
        """Ask for a refresh when the page opens; later ones are the page's affair."""
        self._refreshes.append(refresh)

    def keep_fresh(self, refresh: Refresh[Any], workflow_id: str | None = None) -> None:
        """Ask for a refresh whenever events are committed, of one execution or of any.

        Not before the page is open: what Python changes while the browser still reads the document
        can get lost.
        """
        self._refreshes.append(refresh)
        self.hear(lambda events: self._is_open and refresh.request(), workflow_id)

    def hear(self, heard: Callable[[Any], None], workflow_id: str | None = None) -> None:
        """Call ``heard`` with committed events, on the engine's notifier thread, until closed."""
        self._subscriptions.append(self.app.service.subscribe(heard, workflow_id))

    def in_background(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None],
        executor: Executor | None = None,
    ) -> None:
        """Run blocking ``work`` off the loop, then ``done`` or ``failed`` on it."""
        future = (executor or self.app.readers).submit(work)
        future.add_done_callback(lambda finished: self._report(finished, done, failed))

    def _report(
        self,
        finished: Future[Any],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        def tell() -> None:
            if self._closed or finished.cancelled():
                return
            error = finished.exception()
            if error is None:
                done(finished.result())
            else:
                failed(error)

        if self.document is None:
            tell()
        else:
            next_turn(self.document, tell)


def in_rail(pages: Iterable[type[Page]]) -> list[type[Page]]:
    """Those that the rail names, in order."""
    return [page for page in pages if page.word]
