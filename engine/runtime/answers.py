"""What a caller of the engine waits on."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Answer(Future[T]):
    """A future that tells without taking its lock whether its caller has given it up.

    The decider asks that of every command, and of every poll that waits whenever one of them ends.
    """

    is_given_up = False
    """Whether ``cancel`` has succeeded. Any thread; a moment late on another than the caller's."""

    def cancel(self) -> bool:
        """Give the answer up; False when it has been given or is being given."""
        given_up = super().cancel()
        if given_up:
            self.is_given_up = True
        return given_up
