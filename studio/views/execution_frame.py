"""The frame around one execution's view."""

from __future__ import annotations

import param
from panel.custom import Child

from .browser_view import BrowserView, module, sheets


class ExecutionFrame(BrowserView):
    """Title bar with status and actions, the execution's view below it."""

    head = param.Dict(
        default={},
        doc="found, id, name, version, status, start_ms, end_ms, parent, correlation_id, "
        "capabilities; or ``{found: False, id, known}``, or ``{found: False, error}``.",
    )
    notice = param.Dict(default={}, doc="``{seq, text}``: why an action was refused; empty: done.")
    request = param.Dict(default={}, doc="Asked by the browser: ``{seq, action, reason}``.")
    view = Child(doc="The execution's view; empty while unknown.")

    _bundle = module("execution.js")
    _stylesheets = sheets("kit.css", "execution.css")
