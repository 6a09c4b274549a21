"""The execution view as a Panel component: parameters down, parameters up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

import param

from ..graph.picture import DIST
from .greeted_view import GreetedView

AskHandler = Callable[[dict[str, Any]], None]
_REMEMBERED_QUESTIONS = 4096


class ExecutionView(GreetedView):
    """Draws one execution: failure strip, graph, time cursor, tabs, inspector.

    Everything is folded and drawn in the browser. Python gives the opening data once, pushes
    news of a live execution and answers questions. All of that travels in parameters, since
    notebook front ends with ipywidgets comms lose messages. What may be large travels as JSON text
    that is made off the event loop: Bokeh would walk a dict value by value, on the loop and again
    in the browser (4,000 events: 100 ms against 2). Change parameters only with the document's
    lock (``pn.state.execute`` or a next-tick callback).
    """

    whole: ClassVar = "opening"

    opening = param.Dict(
        default={},
        doc="``{version, text}``: ``ViewData`` of protocol.ts as JSON text; a new version opens "
        "anew. Use ``show``.",
    )
    patch = param.Dict(
        default={},
        doc="Newest push: ``{version, seq, text}``, a ``Patch`` as JSON text. It follows on number "
        "``seq`` - 1 of the opening of this version; a view that lacks that says hello.",
    )
    answer = param.Dict(
        default={}, doc="``{seq, items}``: answers of one turn as JSON texts. Use ``reply``."
    )
    ask = param.Dict(default={}, doc="``{items}``: the newest questions, set by the browser.")
    theme = param.Selector(
        default="auto", objects=["auto", "light", "dark"], doc="Look; auto: as its surroundings."
    )
    goto = param.String(default="", doc="Execution a person wants to see, set by the browser.")
    url = param.Dict(
        default={}, doc="Selection and cursor (``task``, ``event``), set by the browser."
    )

    _esm = DIST / "execution_view.js"
    _stylesheets: ClassVar[list[str]] = [":host { display: block; }"]

    def __init__(self, **params: Any) -> None:
        """Create a view; ``opening`` may come later."""
        super().__init__(**params)
        self._handlers: list[AskHandler] = []
        self._seen: deque[int] = deque(maxlen=_REMEMBERED_QUESTIONS)
        self._answers = 0
        self.param.watch(self._asked, "ask")

    def on_ask(self, handler: AskHandler) -> None:
        """Call ``handler`` with each question once (``Ask`` of protocol.ts), on the event loop.

        It must not block: start the work elsewhere and call ``reply`` when it is done.
        """
        self._handlers.append(handler)

    def reply(self, *answers: str) -> None:
        """Answer questions: a JSON text each, with ``id`` and either ``value`` or ``error``."""
        self._answers += 1
        self.answer = {"seq": self._answers, "items": list(answers)}

    def _asked(self, event: param.parameterized.Event) -> None:
        for question in event.new.get("items", ()):
            number = question.get("id") if isinstance(question, dict) else None
            if not isinstance(number, int) or number in self._seen:
                continue
            self._seen.append(number)
            for handler in self._handlers:
                handler(question)
