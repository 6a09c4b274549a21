"""The Executions page as a view."""

from __future__ import annotations

from typing import ClassVar

import param

from .browser_view import module, sheets
from .starting_view import StartingView


class ExecutionsView(StartingView):
    """Table of executions with filters; asks for pages, holds none but the one shown.

    ``request`` is ``{seq, filter, start}`` for a search.
    """

    whole: ClassVar = "page"

    page = param.Dict(default={}, doc="What ``load_executions`` returned, or ``{error: text}``.")

    _bundle = module("executions.js")
    _stylesheets = sheets("kit.css", "start.css", "executions.css")
