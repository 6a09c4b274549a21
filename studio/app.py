"""The studio over one service: what all pages of one server share, and the page functions."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import panel as pn
from bokeh.document import Document

from engine.service.access import AUTHOR, VIEWER

from .board_data import rail_counts
from .condition import Condition
from .contracts import Samples, StudioService
from .copies import Copies
from .gate import Gate, opening
from .health_watch import HealthWatch
from .live import Refresh
from .page import Page
from .pages import PAGES
from .session import Session
from .shell import Place, dress
from .turns import next_turn
from .views.greeted_view import GreetedView
from .views.shell_view import ShellView

logger = logging.getLogger(__name__)

RAIL_REST_SECONDS = 1.0


class StudioApp:
    """Pages over one service. Page functions run on the event loop, queries never do.

    ``service`` and ``samples`` stay the caller's; ``close`` ends only its own threads.
    """

    def __init__(
        self,
        service: StudioService,
        samples: Samples | None = None,
        address: str = "",
        remote: str = "",
        copies: Copies | None = None,
    ) -> None:
        """Prepare; nothing is read before the first page opens.

        Args:
            service: Where everything is asked and done.
            samples: Workflows offered on the empty Board, if any.
            address: Where workers find the engine, for snippets: ``http://localhost:8080``.
            remote: Root of the API of the server that is looked at; empty: an engine of our own.
            copies: Where executions of that server are copied to, if they may be.
        """
        self.copies = copies
        self.service, self.samples, self.address = service, samples, address
        self.gate: Gate | None = None
        self.engine_words = f"Server {urlsplit(remote).netloc}" if remote else "Local engine"
        self.readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="studio-reader")
        self._counts: dict[str, int] = {}
        self._health = HealthWatch(service, self.engine_words if remote else "")

    def pages(self) -> dict[str, Callable[[], Any]]:
        """Page functions by path, as ``panel.serve`` takes them."""
        return {kind.path: self._opener(kind) for kind in PAGES}

    def acting_for(self, service: StudioService) -> StudioApp:
        """The same app over the service as one caller has it."""
        twin = copy.copy(self)
        twin.service = service
        caller = getattr(service, "caller", None)
        if caller is not None and not caller.role.may(AUTHOR):
            twin.samples = twin.copies = None  # either registers definitions
        return twin

    def offers(self, kind: type[Page]) -> bool:
        """Whether the rail names a page to who has opened this one."""
        if kind.needs == VIEWER:
            return True
        caller = getattr(self.service, "caller", None)
        return caller is not None and caller.role.may(kind.needs)

    @property
    def caller_words(self) -> str:
        """Who has logged in, for the rail; empty while nobody has to."""
        caller = getattr(self.service, "caller", None)
        return f"{caller.name}, {caller.role}" if caller is not None and caller.is_known else ""

    def close(self) -> None:
        """End the threads; queries under way are let run out."""
        self._health.close()
        self.readers.shutdown(wait=True, cancel_futures=True)

    def _opener(self, kind: type[Page]) -> Callable[[], Any]:
        def open_page() -> Any:
            document = pn.state.curdoc
            assert document is not None
            session = Session.from_address(pn.state.session_args or {})
            app = self._admit(document)
            page = kind(app, session, document)
            frame = app._frame(session, document, page)
            document.on_session_destroyed(lambda _: page.close())
            places = [] if kind.is_shared else Place.of(filter(app.offers, PAGES), kind)
            dress(
                document,
                places,
                page.title,
                page.heading,
                {} if kind.is_shared else self._counts,
                self.engine_words,
                app.caller_words,
                app._condition(page),
            )
            view = pn.panel(page)
            view.server_doc(document, title=page.title, location=False)
            frame.server_doc(document, title=page.title, location=False)
            self._open_when_heard(page, view, lambda: app._keep_condition(document, page, frame))

        return open_page

    def _open_when_heard(self, page: Page, view: Any, opened: Callable[[], None]) -> None:
        """Open a page once the browser has the document and what draws it listens.

        Both: Panel keeps back what changes before the document is ready, and a view hears nothing
        before it has said hello. A page that nobody renders then costs no query.
        """
        missing = {"document"}

        def arrived(what: str) -> None:
            is_last = missing == {what}
            missing.discard(what)
            if is_last:
                page.begin()
                opened()

        if isinstance(view, GreetedView) and view.whole:
            missing.add("view")
            view.on_hello(lambda: arrived("view"))
        pn.state.onload(lambda: arrived("document"))

    def _admit(self, document: Document) -> StudioApp:
        """This app as whoever opens the document has it. Without a gate: the local person.

        Raises:
            LookupError: The document is made past the gate.
        """
        gate = self.gate
        if gate is None:
            return self
        service = opening.get()
        context = document.session_context
        if context is not None:
            session_id = str(context.id)
            gate.own(session_id, service)
            document.on_session_destroyed(lambda _: gate.forget(session_id))
        return self.acting_for(service)

    def _frame(self, session: Session, document: Document, page: Page) -> ShellView:
        """The changing part of the frame. What a share link opens has no numbers."""
        frame = ShellView(None if page.is_shared else self._counts, theme=session.theme)
        frame.link(session, theme="theme")
        if not page.is_shared:
            self._keep_counts(document, page, frame)
        return frame

    def _keep_counts(self, document: Document, page: Page, frame: ShellView) -> None:
        def show(counts: dict[str, int]) -> None:
            self._counts = counts
            frame.show_counts(counts)

        refresh = Refresh(
            document,
            self.readers,
            lambda: rail_counts(self.service.query),
            show,
            rest_seconds=RAIL_REST_SECONDS,
        )
        page.keep_fresh(refresh)

    def _keep_condition(self, document: Document, page: Page, frame: ShellView) -> None:
        def show() -> None:
            was_well, now = frame.condition.is_well, self._condition(page)
            if now != frame.condition:
                frame.show_condition(now)
            if now.is_well and not was_well:
                page.look_again()

        end = self._health.watch(lambda: next_turn(document, show))
        document.on_session_destroyed(lambda _: end())
        show()

    def _condition(self, page: Page) -> Condition:
        condition = self._health.condition
        return condition.without_reason() if page.is_shared else condition
