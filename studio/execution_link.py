"""Ties an execution's feed to its view: loads, pushes and answers off the event loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

from bokeh.document import Document

from engine.errors import EngineError
from engine.models.codec import dumps

from .execution_feed import ExecutionFeed
from .live import Refresh
from .views.execution_view import ExecutionView

if TYPE_CHECKING:
    from engine.service import Service

logger = logging.getLogger(__name__)


class ExecutionLink:
    """Feeds one ``ExecutionView`` until closed. Made and opened on the event loop."""

    def __init__(
        self,
        service: Service,
        workflow_id: str,
        view: ExecutionView,
        document: Document | None,
        executor: Executor,
        mode: str = "page",
    ) -> None:
        """Prepare; nothing is read before ``open``.

        Args:
            service: Where the execution is read.
            workflow_id: The execution.
            view: What shows it.
            document: The view's document; None: everything happens in the caller.
            executor: Runs what blocks.
            mode: ``page`` or ``cell``.
        """
        self._view, self._document, self._executor = view, document, executor
        self._feed = ExecutionFeed(service, workflow_id, mode)
        self._closed = False
        self._news = Refresh(document, executor, self._next_patch, self._push)
        view.on_ask(self._asked)

    def open(
        self, opened: Callable[[dict[str, Any]], None], failed: Callable[[Exception], None]
    ) -> None:
        """Load the execution, show it and keep it fresh.

        Args:
            opened: Told the opening data before the view has it.
            failed: Told why there is nothing to show.
        """

        def load() -> tuple[dict[str, Any], str]:
            data = self._feed.open()
            return data, dumps(data).decode()

        def show(loaded: tuple[dict[str, Any], str]) -> None:
            data, text = loaded
            opened(data)
            self._view.opening = text
            self._feed.on_news(self._news.request)
            self._news.request()

        Refresh(self._document, self._executor, load, show, failed).request()

    def close(self) -> None:
        """Push and answer nothing more. Safe to call twice."""
        self._closed = True
        self._news.close()
        self._feed.close()

    def _next_patch(self) -> dict[str, Any] | None:
        patch = self._feed.news()
        return None if patch is None else {"seq": patch["seq"], "text": dumps(patch).decode()}

    def _push(self, patch: dict[str, Any] | None) -> None:
        if patch is not None:
            self._view.patch = patch

    def _asked(self, question: dict[str, Any]) -> None:
        future = self._executor.submit(self._answer, question)
        future.add_done_callback(self._answered)

    def _answer(self, question: dict[str, Any]) -> str:
        answer: dict[str, Any] = {"id": question["id"]}
        try:
            answer["value"] = self._feed.answer(question)
        except Exception as error:
            if not isinstance(error, EngineError):
                logger.exception("A question of an execution's view failed.")
            answer["error"] = str(error) or type(error).__name__
        return dumps(answer).decode()

    def _answered(self, done: Future[str]) -> None:
        if done.cancelled():
            return
        answer = done.result()
        if self._document is None:
            self._view.reply(answer)
        elif not self._closed:
            self._document.add_next_tick_callback(lambda: self._view.reply(answer))
