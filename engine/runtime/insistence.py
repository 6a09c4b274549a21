"""Asking again what is refused for a while only: the disk is full, a studio is being restarted.

What a worker of this process has done must not be lost because the result could not be recorded
at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from ..errors import UnavailableError

FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 10.0


def insistently(
    ask: Callable[[], Future[Any]],
    is_over: Callable[[], bool] | None = None,
    settled: Callable[[BaseException | None], None] | None = None,
) -> None:
    """Have something done, asked for again with growing pauses while it is ``UnavailableError``.

    Never raises.

    Args:
        ask: Called once at once on this thread, then on others.
        is_over: Whether nobody cares any more: the error is then the last one.
        settled: Called once, on any thread: with whatever else ``ask`` raised or resolved to, or
            None when it has been done (or given up by whoever held its future).
    """

    def attempt(pause_seconds: float) -> None:
        try:
            asked = ask()
        except Exception as error:
            came_to(error, pause_seconds)
        else:
            asked.add_done_callback(lambda finished: came_to(_error_of(finished), pause_seconds))

    def came_to(error: BaseException | None, pause_seconds: float) -> None:
        if isinstance(error, UnavailableError) and not (is_over is not None and is_over()):
            following = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
            again = threading.Timer(pause_seconds, attempt, [following])
            again.daemon = True
            again.start()
        elif settled is not None:
            settled(error)

    attempt(FIRST_PAUSE_SECONDS)


def _error_of(finished: Future[Any]) -> BaseException | None:
    return None if finished.cancelled() else finished.exception()
