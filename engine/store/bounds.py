"""How long a question may run and how much it may bring; and a way to give it up."""

from __future__ import annotations

import threading
from typing import Final, Protocol

from ..errors import InvalidRequestError

AGAIN_SECONDS: Final = 0.1


class Interruptible(Protocol):
    """A cursor at work."""

    def interrupt(self) -> None:
        """Stop what it runs; from any thread."""
        ...


class QuestionBounds:
    """Bounds of one question. ``stop`` from any thread, at any time."""

    def __init__(self, seconds: float, most_rows: int) -> None:
        """The clock starts when the question does."""
        self.seconds = seconds
        self.most_rows = most_rows
        self._guard = threading.Lock()
        self._cursor: Interruptible | None = None
        self._timer: threading.Timer | None = None
        self._is_stopped = self._is_late = False

    def begin(self, cursor: Interruptible) -> None:
        """The question runs on this cursor from now on.

        Raises:
            InvalidRequestError: It was given up before it began.
        """
        with self._guard:
            if self._is_stopped:
                raise self.refusal()
            self._cursor = cursor
            self._timer = threading.Timer(self.seconds, self._run_out)
            self._timer.daemon = True
            self._timer.start()

    def end(self) -> None:
        """The question is over."""
        with self._guard:
            self._cursor = None
            if self._timer is not None:
                self._timer.cancel()

    def stop(self) -> None:
        """Give the question up; its thread is free soon."""
        with self._guard:
            self._is_stopped = True
            if self._cursor is None:
                return
            self._cursor.interrupt()
            # DuckDB forgets an interrupt that comes just before it begins to run.
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(AGAIN_SECONDS, self.stop)
            self._timer.daemon = True
            self._timer.start()

    @property
    def is_stopped(self) -> bool:
        """Whether it was given up or ran out of time."""
        return self._is_stopped

    def refusal(self) -> InvalidRequestError:
        """Why there is no answer."""
        if self._is_late:
            return InvalidRequestError(
                f"The SELECT took longer than {self.seconds:g} s and was stopped; ask for less."
            )
        return InvalidRequestError("The SELECT was given up before it had an answer.")

    def check_rows(self, count: int) -> None:
        """Let so many rows pass.

        Raises:
            InvalidRequestError: They are more than may be.
        """
        if count > self.most_rows:
            raise InvalidRequestError(
                f"The SELECT gives more than {self.most_rows} rows, which are allowed: add a LIMIT."
            )

    def _run_out(self) -> None:
        self._is_late = True
        self.stop()
