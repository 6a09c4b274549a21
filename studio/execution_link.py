"""Ties an execution's feed to its view: loads, pushes and answers off the event loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, NamedTuple

from bokeh.document import Document

from engine.errors import EngineError
from engine.models.codec import dumps

from .execution_feed import ExecutionFeed
from .live import Refresh
from .turns import next_turn
from .views.execution_view import ExecutionView

if TYPE_CHECKING:
    from engine.service import Service

logger = logging.getLogger(__name__)


class _Loaded(NamedTuple):
    """An opening, a push, or nothing new (``seq`` 0)."""

    text: str
    seq: int = 0
    opening: dict[str, Any] | None = None


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
        self._opened: Callable[[dict[str, Any]], None] = lambda data: None
        self._failed: Callable[[Exception], None] = lambda error: None
        self._is_behind = True
        self._news = Refresh(document, executor, self._load, self._show, self._refused)
        view.on_ask(self._asked)
        view.on_hello(lambda: None, self._reopen)

    def open(
        self, opened: Callable[[dict[str, Any]], None], failed: Callable[[Exception], None]
    ) -> None:
        """Load the execution, show it and keep it fresh.

        Args:
            opened: Told the opening data before the view has it.
            failed: Told why there is nothing to show.
        """
        self._opened, self._failed = opened, failed
        self._feed.on_news(self._news.request)
        self._news.request()

    def close(self) -> None:
        """Push and answer nothing more. Safe to call twice."""
        self._closed = True
        self._news.close()
        self._feed.close()

    def _reopen(self) -> None:
        """The view lacks its opening or a push in between: all of it once more."""
        self._is_behind = True
        self._news.request()

    def _load(self) -> _Loaded:
        # One refresh for both, so that the feed is never read twice at the same time.
        if self._is_behind:
            data = self._feed.open()
            self._is_behind = False
            return _Loaded(dumps(data).decode(), opening=data)
        patch = self._feed.news()
        return _Loaded("") if patch is None else _Loaded(dumps(patch).decode(), patch["seq"])

    def _show(self, loaded: _Loaded) -> None:
        view = self._view
        if loaded.opening is not None:
            if not view.version:
                self._opened(loaded.opening)
            view.show({"text": loaded.text})
            self._news.request()
        elif loaded.seq:
            view.patch = {"version": view.version, "seq": loaded.seq, "text": loaded.text}

    def _refused(self, error: Exception) -> None:
        if not self._view.version:
            self._failed(error)

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
            next_turn(self._document, lambda: self._view.reply(answer))
