"""The Board as a view."""

from __future__ import annotations

import param
from panel.custom import Child

from .browser_view import BrowserView, module, sheets


class BoardView(BrowserView):
    """What fails now, how much goes through, who waits; three ways to start when all is empty."""

    data = param.Dict(default={}, doc="What ``load_board`` returned, or ``{error: text}``.")
    start = param.Dict(default={}, doc="For the empty Board: samples, snippets, address.")
    started = param.Dict(default={}, doc="``{seq, id}`` of an execution started from here.")
    notice = param.Dict(default={}, doc="``{seq, text}``: a line for the person.")
    request = param.Dict(default={}, doc="Asked by the browser: ``{seq, what, …}``.")
    plot = Child(doc="Throughput, a Bokeh figure.")

    _bundle = module("board.js")
    _stylesheets = sheets("kit.css", "board.css")
