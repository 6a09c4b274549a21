"""The Audit page as a view."""

from __future__ import annotations

from typing import ClassVar

import param

from .browser_view import BrowserView, module, sheets


class AuditView(BrowserView):
    """Table of changes with filters; asks for pages and differences, holds one page."""

    whole: ClassVar = "data"

    data = param.Dict(default={}, doc="What ``load_audit`` returned, or ``{error, filter}``.")
    difference = param.Dict(
        default={}, doc="``{seq, number, lines, left_out}``, or ``{seq, error}``."
    )
    request = param.Dict(
        default={}, doc="``{seq, filter}`` for a page, ``{seq, what: difference, number}``."
    )

    _bundle = module("audit.js")
    _stylesheets = sheets("kit.css", "catalogue.css", "audit.css")
