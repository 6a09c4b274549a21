"""The Workers page as a view."""

from __future__ import annotations

from typing import ClassVar

import param

from .browser_view import BrowserView, module, sheets


class WorkersView(BrowserView):
    """Table of task types with what waits for a worker and who polls."""

    whole: ClassVar = "data"

    data = param.Dict(default={}, doc="What ``load_workers`` returned, or ``{error: text}``.")
    snippets = param.List(default=[], doc="How to connect a worker, for the empty page.")
    request = param.Dict(default={}, doc="``{seq}``: the browser wants to know how it stands now.")

    _bundle = module("workers.js")
    _stylesheets = sheets("kit.css", "catalogue.css")
