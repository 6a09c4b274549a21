"""Work for the event loop: it runs with the document's lock, whatever becomes of held events."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import panel as pn
from bokeh.document import Document
from bokeh.server.session import ServerSession
from tornado.ioloop import IOLoop

from studio.turns import next_turn


def test_work_runs_though_the_events_of_its_document_are_held_and_lost():
    with ThreadPoolExecutor(1) as pool:  # a thread without a loop: browser tests leave theirs here
        pool.submit(_hold_and_lose).result(20)


def _hold_and_lose() -> None:
    loop, document = IOLoop(make_current=False), Document()
    session = ServerSession("one", document, io_loop=loop)
    server = SimpleNamespace(application_context=SimpleNamespace(io_loop=loop))
    context = SimpleNamespace(session=session, server_context=server, id="one")
    document._session_context = lambda: context
    ran: list[object] = []

    def work() -> None:
        ran.append(pn.state.curdoc)
        document.title = "changed"  # raises without the document's lock

    document.hold("combine")
    next_turn(document, work)
    # What Panel does when it has sent an update: a callback that was announced as an event of
    # the document between the copy and this is gone.
    document.callbacks._held_events = []
    document.unhold()
    loop.add_callback(lambda: loop.call_later(0.05, loop.stop))
    loop.start()
    loop.close()
    assert ran == [document]
    assert document.title == "changed"
