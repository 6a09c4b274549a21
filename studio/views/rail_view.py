"""Numbers of the rail and theme of the page, kept in step with the browser."""

from __future__ import annotations

from typing import ClassVar

import param

from .browser_view import BrowserView, module


class RailView(BrowserView):
    """Draws nothing itself: writes counts into the rail, reads the theme."""

    whole: ClassVar = "counts"

    counts = param.Dict(default={}, doc="known, live, failing: executions, open ones, causes.")
    theme = param.String(default="light", doc="light or dark, as the page shows it now.")

    _bundle = module("rail.js")
