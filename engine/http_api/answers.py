"""What goes back over HTTP: one small value per answer, and one function for every error."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from ..errors import (
    EngineError,
    InvalidRequestError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
)
from ..models.codec import dumps
from ..models.problems import VALIDATION_FAILED, validation_errors

JSON: Final = "application/json"
TEXT: Final = "text/plain;charset=UTF-8"

INSTANCE: Final = "conductor-studio"
"""``instance`` of every error body. Conductor writes its host name; ours is nobody's business."""

SAFE_HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
"""On every answer: a browser shows it as data, to nobody else's page, and keeps no copy."""

_log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """One HTTP answer: status, body, and its content type (None: no such header)."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    allow: str | None = None
    """Methods the path has, for ``Allow`` on 405 and OPTIONS."""
    headers: tuple[tuple[str, str], ...] = ()
    """More headers, few answers need any; they come in place of ``SAFE_HEADERS``' own."""


class Stream(NamedTuple):
    """An answer without an end: 200, its chunks written as they come.

    The next chunk is asked for when the last one has left, so a slow reader holds back nothing
    but itself; one that takes longer than ``patience_seconds`` for a chunk is cut off.
    """

    chunks: AsyncGenerator[bytes, None]
    content_type: str
    patience_seconds: float = 30.0


UNAVAILABLE_SECONDS: Final = 5
"""When a 503 says to come again: about as often as a full disk is looked at."""

EMPTY: Final = Answer(200)
"""Conductor's "done": 200, ``Content-Length: 0``, no content type."""

NO_CONTENT: Final = Answer(204)
"""204 without content type: the JavaScript SDK would parse a body otherwise."""


def json_answer(value: Any) -> Answer:
    """A 200 with the value as JSON."""
    return Answer(200, dumps(value), JSON)


def text_answer(text: str) -> Answer:
    """A 200 with bare text: ids travel unquoted and never as JSON."""
    return Answer(200, text.encode(), TEXT)


def status_answer(status: int, message: str, allow: str | None = None) -> Answer:
    """An error in Conductor's shape that no exception stands for (404 and 405 of the router)."""
    body = {"status": status, "message": message, "instance": INSTANCE, "retryable": False}
    return Answer(status, dumps(body), JSON, allow)


def error_answer(error: BaseException, argument: str = "") -> Answer:
    """Any error as Conductor's error body.

    The engine's own errors keep their text. Of any other only the class is told: it is a fault
    of ours, and its text and traceback go to the log.

    Args:
        error: What the request ended with.
        argument: What the paths of its problems are relative to: ``registerWorkflowDef.arg0``.
    """
    if not isinstance(error, EngineError):
        _log.error("A request failed unexpectedly", exc_info=error)
        name = type(error).__name__
        return status_answer(500, f"The server failed to answer ({name}); its log says more.")
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("A request failed: %s", error)
    body: dict[str, Any] = {"status": error.status}
    if isinstance(error, InvalidRequestError) and error.problems:
        body["message"] = VALIDATION_FAILED
        body["validationErrors"] = _validation_errors(error, argument)
    else:
        if text := str(error):
            body["message"] = text
        body["instance"] = INSTANCE
    body["retryable"] = error.retryable
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(error, TooManyRequestsError):
        headers = (("Retry-After", str(math.ceil(error.retry_after_seconds))),)
    elif isinstance(error, UnavailableError):
        headers = (("Retry-After", str(UNAVAILABLE_SECONDS)),)
    elif isinstance(error, UnauthorizedError):
        headers = (("WWW-Authenticate", "Bearer"),)
        if error.token_error:  # what SDKs look for before they ask for another token
            body["error"] = error.token_error
    return Answer(error.status, dumps(body), JSON, headers=headers)


def _validation_errors(error: InvalidRequestError, argument: str) -> list[dict[str, str]]:
    """Conductor's entries, each with our advice beside them where there is some."""
    entries = validation_errors(error, argument)
    advice = {problem.message: problem.suggestion for problem in error.problems}
    for entry in entries:
        if suggestion := advice.get(entry["message"]):
            entry["suggestion"] = suggestion
    return entries
