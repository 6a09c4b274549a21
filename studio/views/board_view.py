"""The Board as a view."""

from __future__ import annotations

from typing import ClassVar

import param
from panel.custom import Child

from .browser_view import module, sheets
from .starting_view import StartingView


class BoardView(StartingView):
    """What fails now, how much goes through, who waits; three ways to start when all is empty."""

    whole: ClassVar = "data"

    data = param.Dict(default={}, doc="What ``load_board`` returned, or ``{error: text}``.")
    start = param.Dict(default={}, doc="For the empty Board: samples, snippets, address.")
    sharing = param.Dict(
        default={},
        doc="``{share: True, share_words}``: offer read-only links to the board, or say why not.",
    )
    share = param.Dict(default={}, doc="Asked by the browser; see ``ExecutionFrame.share``.")
    shared = param.Dict(default={}, doc="The answer; see ``ExecutionFrame.shared``.")
    plot = Child(doc="Throughput, a Bokeh figure.")

    _bundle = module("board.js")
    _stylesheets = sheets("kit.css", "start.css", "board.css")
