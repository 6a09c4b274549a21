"""The page around one execution's view."""

from __future__ import annotations

import param
from panel.custom import Child

from .browser_view import BrowserView, module, sheets


class ExecutionFrame(BrowserView):
    """Shows the execution's view once there is one, else says why not and where to go."""

    head = param.Dict(
        default={}, doc="``{found: True, title}``, or ``{found: False, id, known | error}``."
    )
    view = Child(doc="The execution's view; empty while unknown.")

    _bundle = module("execution.js")
    _stylesheets = sheets("kit.css", "execution.css")
