"""The Definitions page as a view."""

from __future__ import annotations

from typing import ClassVar

import param

from .browser_view import BrowserView, module, sheets


class DefinitionsView(BrowserView):
    """List of definitions, and one of them to read or to change."""

    whole: ClassVar = "data"

    data = param.Dict(default={}, doc="What ``load_definitions`` returned, or ``{error: text}``.")
    about = param.Dict(
        default={}, doc="``{where, locked}``: whose definitions, and why none can be changed."
    )
    request = param.Dict(
        default={},
        doc="Asked by the browser: ``{seq, what: open | picture | check | plan | save | losses | "
        "delete | refresh, kind, name, version, text, agreed}``.",
    )
    answer = param.Dict(
        default={},
        doc="``{seq, what, …}`` with what was found, ``problems``, or ``hints``.",
    )

    _bundle = module("definitions.js")
    _stylesheets = sheets("kit.css", "catalogue.css", "definitions.css")
