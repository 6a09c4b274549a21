"""The Executions page as a view."""

from __future__ import annotations

import param

from .browser_view import BrowserView, module, sheets


class ExecutionsView(BrowserView):
    """Table of executions with filters; asks for pages, holds none but the one shown."""

    page = param.Dict(default={}, doc="What ``load_executions`` returned, or ``{error: text}``.")
    request = param.Dict(default={}, doc="Asked by the browser: ``{seq, filter, start}``.")

    _bundle = module("executions.js")
    _stylesheets = sheets("kit.css", "executions.css")
