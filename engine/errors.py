"""Every error the engine raises on purpose.

::

    EngineError                      500  ENGINE_ERROR
    ├─ InvalidRequestError           400  also a ValueError
    │  ├─ InvalidDefinitionError     400  carries ``problems``
    │  │  └─ UnknownTaskTypeError    400
    │  ├─ TooLargeError              413  a body, a definition
    │  └─ TooDeepError               422  JSON inside JSON inside JSON …
    ├─ UnauthorizedError             401  who is asking?
    ├─ ForbiddenError                403
    ├─ NotFoundError                 404  also a LookupError
    ├─ ConflictError                 409
    │  └─ HistoryConflictError       409  retryable
    ├─ QueueFullError                429  retryable
    ├─ IllegalStateError             500  Conductor answers 500 here; its SDKs rely on it
    ├─ TooManyRequestsError          429  retryable, after ``retry_after_seconds``
    ├─ UnsupportedError              501  names the missing capability
    ├─ UnavailableError              503  retryable
    ├─ StoreError                    500
    │  ├─ StoreLockedError           500  names the owner of the file
    │  ├─ StoreCorruptError          500  never answered from
    │  └─ StoreClosedError           500
    └─ ReplayMismatchError           500  first differing event

A failing task is not an exception of the engine: it is a ``TaskFailed`` event. Worker code
raises; ``NonRetryableError`` there means FAILED_WITH_TERMINAL_ERROR.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple


class Problem(NamedTuple):
    """One thing wrong with a definition or request: where, what, and what to do about it."""

    path: str
    message: str
    suggestion: str = ""
    invalid_value: str | None = None
    wire_path: str | None = None
    """Conductor's own path where it is coarser than ``path``; None: the same."""


class EngineError(Exception):
    """Base of all errors the engine raises on purpose.

    ``status`` is the HTTP status a door answers with, ``code`` a stable word for scripts,
    ``retryable`` whether the same call may succeed later without a change.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "ENGINE_ERROR"
    retryable: ClassVar[bool] = False


class InvalidRequestError(EngineError, ValueError):
    """The request can't be carried out as it stands; nothing was changed.

    ``problems`` says where and why, when single parts of the request are at fault.
    """

    status = 400
    code = "INVALID_REQUEST"

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems: tuple[Problem, ...] = tuple(problems)


class InvalidDefinitionError(InvalidRequestError):
    """A definition was refused; ``problems`` says where and why."""

    code = "INVALID_DEFINITION"


class UnknownTaskTypeError(InvalidDefinitionError):
    """A definition names a task type that is not registered."""

    code = "UNKNOWN_TASK_TYPE"


class TooLargeError(InvalidRequestError):
    """What was sent is larger than it may be; the message has both sizes."""

    status = 413
    code = "TOO_LARGE"


class TooDeepError(InvalidRequestError):
    """The JSON sent is nested deeper than it may be."""

    status = 422
    code = "TOO_DEEP"


class UnauthorizedError(EngineError):
    """It is not known who is asking: no log-in, or one that has run out."""

    status = 401
    code = "UNAUTHORIZED"

    def __init__(self, message: str, token_error: str = "") -> None:
        """``token_error``: ``EXPIRED_TOKEN`` or ``INVALID_TOKEN``; SDKs then ask for a new one."""
        super().__init__(message)
        self.token_error = token_error


class ForbiddenError(EngineError):
    """The caller may not do this."""

    status = 403
    code = "FORBIDDEN"


class NotFoundError(EngineError, LookupError):
    """What the request names does not exist."""

    status = 404
    code = "NOT_FOUND"


class ConflictError(EngineError):
    """The object is in a state that does not allow this."""

    status = 409
    code = "CONFLICT"


class HistoryConflictError(ConflictError):
    """Another event already has that number."""

    code = "HISTORY_CONFLICT"
    retryable = True


class QueueFullError(EngineError):
    """As many wait as may; the same call succeeds once some have been taken."""

    status = 429
    code = "QUEUE_FULL"
    retryable = True


class IllegalStateError(EngineError):
    """Conductor's ``IllegalStateException``: answered with 500, as its SDKs expect."""

    code = "ILLEGAL_STATE"


class TooManyRequestsError(EngineError):
    """More than this server lets one caller do at a time."""

    status = 429
    code = "TOO_MANY_REQUESTS"
    retryable = True

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        """``retry_after_seconds``: when the same call may succeed."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class UnsupportedError(EngineError):
    """This back end can't do that; the message names the missing capability."""

    status = 501
    code = "UNSUPPORTED"


class UnavailableError(EngineError):
    """The back end can't be reached right now."""

    status = 503
    code = "UNAVAILABLE"
    retryable = True


class StoreError(EngineError):
    """The store can't do its work."""

    code = "STORE_ERROR"


class StoreLockedError(StoreError):
    """Another process owns the database file; the message names it and what to do.

    ``address`` is the root of the owner's API (``http://localhost:8080/api``), empty when the
    owner serves none or is this very process.
    """

    code = "STORE_LOCKED"

    def __init__(self, message: str, address: str = "") -> None:
        super().__init__(message)
        self.address = address


class StoreCorruptError(StoreError):
    """The store is damaged. It is never answered from; the message says how to go on."""

    code = "STORE_CORRUPT"


class StoreClosedError(StoreError):
    """The store is closed; nothing was written."""

    code = "STORE_CLOSED"


class ReplayMismatchError(EngineError):
    """A recorded history decides otherwise today: the first event that differs."""

    code = "REPLAY_MISMATCH"


class NonRetryableError(Exception):
    """Raised by worker code: fail the task for good (FAILED_WITH_TERMINAL_ERROR)."""
