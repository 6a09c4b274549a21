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
    refused: UnavailableError | None = None,
) -> Future[Any]:
    """What ``ask`` resolves to, asked again with growing pauses while that is ``UnavailableError``.

    Args:
        ask: Called once at once on this thread, then on others.
        is_over: Whether nobody cares any more: the error is then passed on.
        refused: What the caller's own first asking came to: it is then asked after a pause only.

    Raises:
        Exception: (from the future) whatever else ``ask`` raises or resolves to.
    """
    answer: Future[Any] = Future()

    def attempt(pause_seconds: float) -> None:
        try:
            asked = ask()
        except Exception as error:
            tell(error, None, pause_seconds)
            return
        asked.add_done_callback(lambda finished: heard(finished, pause_seconds))

    def heard(finished: Future[Any], pause_seconds: float) -> None:
        if finished.cancelled():
            answer.cancel()
            return
        error = finished.exception()
        tell(error, None if error is not None else finished.result(), pause_seconds)

    def tell(error: BaseException | None, value: Any, pause_seconds: float) -> None:
        if isinstance(error, UnavailableError) and not (is_over is not None and is_over()):
            following = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
            again = threading.Timer(pause_seconds, attempt, [following])
            again.daemon = True
            again.start()
        elif error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(value)

    if refused is None:
        attempt(FIRST_PAUSE_SECONDS)
    else:
        tell(refused, None, FIRST_PAUSE_SECONDS)
    return answer
