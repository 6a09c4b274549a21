"""Work for the event loop, with a document's lock, from any thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bokeh.document import Document
from panel.io.state import set_curdoc

Work = Callable[[], Any]


def next_turn(document: Document, work: Work) -> None:
    """Run ``work`` on the event loop soon, with the document's lock. Any thread; never lost.

    Not ``document.add_next_tick_callback`` once the session is there: that announces the callback
    as an event of the document, and Panel holds the document's events back while it sends an
    update. It empties that list in two steps, so that what another thread adds between them is
    lost and never runs. Work for a session that has ended is dropped.
    """
    context = getattr(document, "session_context", None)
    session = getattr(context, "session", None)
    if context is None or session is None:
        document.add_next_tick_callback(work)
        return

    def with_document() -> None:
        with set_curdoc(document):
            work()

    loop = context.server_context.application_context.io_loop
    loop.add_callback(session.with_document_locked, with_document)
