"""Base of views that can start an execution: the form is ``browser/start.js``."""

from __future__ import annotations

import param

from .browser_view import BrowserView


class StartingView(BrowserView):
    """A view with a *Run…* button."""

    __abstract = True

    offers = param.Dict(default={}, doc="What ``start_form.startable`` returned, and ``seq``.")
    newest = param.Dict(default={}, doc="``{seq, name, input, left_out}``, or ``{seq, error}``.")
    started = param.Dict(default={}, doc="``{seq, id}`` of an execution started from here.")
    notice = param.Dict(default={}, doc="``{seq, text}``: a line for the person.")
    request = param.Dict(default={}, doc="Asked by the browser: ``{seq, what, …}``.")
