"""The page around one execution's view."""

from __future__ import annotations

from typing import ClassVar

import param
from panel.custom import Child

from .browser_view import BrowserView, module, sheets
from .execution_view import ExecutionView


class ServedExecutionView(BrowserView, ExecutionView):
    """The execution's view with its module sent as a cached file, already compiled."""

    whole: ClassVar = ExecutionView.whole

    _bundle: ClassVar = ExecutionView._esm
    # Styles are in the module; Panel would load the file beside it a second time.
    _bundle_css: ClassVar[list[str]] = []


class ExecutionFrame(BrowserView):
    """Shows the execution's view once there is one, else says why not and where to go."""

    whole: ClassVar = "head"

    head = param.Dict(
        default={},
        doc="``{found: True, title, badge, notice, copies, there}``: a notice stands above the "
        "view; ``copies``: it can be copied here; ``there``: it is a copy; ``share``: offer "
        "links, or say the ``share_words`` why not. Or "
        "``{found: False, id, known | error}``.",
    )
    request = param.Dict(default={}, doc="Asked by the browser: ``{seq, what: copy}``.")
    copied = param.Dict(default={}, doc="Answer: ``{seq, id}``, or ``{seq, error}``.")
    share = param.Dict(
        default={}, doc="``{seq, what: list | make | revoke, days, id}``: asked by the browser."
    )
    shared = param.Dict(
        default={},
        doc="``{seq, links, made: {id, token, expireTime}}``, or ``{seq, error}``.",
    )
    goto = param.String(default="", doc="Execution to show in place of this one.")
    view = Child(doc="The execution's view.")

    _bundle = module("execution.js")
    _stylesheets = sheets("kit.css", "execution.css")
