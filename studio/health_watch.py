"""Asks the engine how it is, once for all open pages, and tells them when that changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from engine.errors import EngineError, UnavailableError

from .condition import WELL, Condition, condition_of, out_of_reach

logger = logging.getLogger(__name__)

EVERY_SECONDS: Final = 3.0
"""So far apart the engine is asked, however many pages are open; not at all while none is."""
_UNTOLD_FACTOR: Final = 10
"""So many times less often a server is asked that does not tell: it may log what it refuses."""
Heard = Callable[[], Any]


class HealthWatch:
    """One thread that asks ``service.health()``. Begins with the first watcher; ``close`` it.

    Safe from any thread; watchers are told on the thread that asks, so they must not block.
    """

    def __init__(
        self, service: Any, server: str = "", every_seconds: float = EVERY_SECONDS
    ) -> None:
        """Nothing is asked before somebody watches.

        Args:
            service: What has ``health``; may block.
            server: Whose service that is, for the words; empty: the engine here.
            every_seconds: From one answer to the next question.
        """
        self._service, self._server, self._every_seconds = service, server, every_seconds
        self._changed = threading.Condition()
        self._watchers: dict[int, Heard] = {}
        self._next_key = 0
        self._is_new = self._closed = False
        self._condition = WELL
        self._thread: threading.Thread | None = None

    @property
    def condition(self) -> Condition:
        """How the engine was when asked last; well while nobody watches. Never blocks long."""
        with self._changed:
            return self._condition

    def watch(self, heard: Heard) -> Callable[[], None]:
        """Be told at every change of ``condition`` from now on.

        Returns:
            Ends it; safe to call twice, from any thread.
        """
        with self._changed:
            self._next_key += 1
            key = self._next_key
            if self._closed:
                return lambda: None
            if not self._watchers:  # nobody has asked for a while
                self._is_new = True
                self._changed.notify_all()
            self._watchers[key] = heard
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="studio-health", daemon=True)
                self._thread.start()

        def end() -> None:
            with self._changed:
                self._watchers.pop(key, None)
                if not self._watchers:
                    self._condition = WELL  # as far as anybody knows then

        return end

    def close(self) -> None:
        """Ask and tell nothing any more. Safe to call twice."""
        with self._changed:
            self._closed = True
            self._watchers.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)  # it may be waiting for a server

    def _run(self) -> None:
        while self._is_wanted():
            found, rest_seconds = self._look()
            with self._changed:
                told = list(self._watchers.values()) if found != self._condition else []
                if self._watchers:
                    self._condition = found
            for heard in told:
                self._tell(heard)
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._is_new, rest_seconds)

    def _is_wanted(self) -> bool:
        """Wait until somebody watches; False when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._watchers))
            self._is_new = False
            return not self._closed

    def _look(self) -> tuple[Condition, float]:
        """How the engine is, and how long to rest then."""
        try:
            return condition_of(self._service.health(), self._server), self._every_seconds
        except UnavailableError as error:
            return out_of_reach(error, self._server), self._every_seconds
        except EngineError as error:
            logger.debug("The health is not told: %s", error)
        except Exception:
            logger.exception("The health could not be asked for.")
        return WELL, self._every_seconds * _UNTOLD_FACTOR

    @staticmethod
    def _tell(heard: Heard) -> None:
        try:
            heard()
        except Exception:  # one page that is going away must not keep it from the others
            logger.exception("A page could not be told how the engine is.")
