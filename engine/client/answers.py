"""Error answers of a server as the errors an engine in this process raises. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ..errors import (
    ConflictError,
    EngineError,
    ForbiddenError,
    IllegalStateError,
    InvalidDefinitionError,
    InvalidRequestError,
    NotFoundError,
    Problem,
    UnauthorizedError,
    UnavailableError,
    UnsupportedError,
)
from ..models.codec import loads

if TYPE_CHECKING:
    import httpx

_OF_STATUS: Final[dict[int, type[EngineError]]] = {
    400: InvalidRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: UnsupportedError,
    409: ConflictError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    429: UnavailableError,
    500: IllegalStateError,
    501: UnsupportedError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}
_STALE: Final = (b"EXPIRED_TOKEN", b"INVALID_TOKEN")
_ARGUMENT: Final = re.compile(r"^[A-Za-z]+\.[A-Za-z]+\d*(?:\[\d+\])?\.?")
"""``registerWorkflowDef.arg0.``: what Conductor's paths begin with, a method and its argument."""
_NO_ROUTE: Final = ("No static resource", "No endpoint ")
_NO_SUCH: Final = re.compile(r"^(?:\w+(?:\.\w+)+: )?No such ")
_LONGEST: Final = 500


def error_of(response: httpx.Response, url: str) -> EngineError:
    """The error that an answer with a status from 400 on stands for.

    Args:
        response: The answer, read to its end.
        url: Root of the API, for the message.
    """
    body = body_of(response)
    message = str(body.get("message") or "").strip()
    status = response.status_code
    if not message:
        message = f"{url} answers {status} {response.reason_phrase}".strip()
        if response.text and not body:
            message += f": {' '.join(response.text.split())[:_LONGEST]}"
    entries = body.get("validationErrors")
    if status == 400 and isinstance(entries, list) and entries:
        path = response.request.url.path
        kind = InvalidDefinitionError if "/metadata/workflow" in path else InvalidRequestError
        return kind(message, [_problem(entry) for entry in entries if isinstance(entry, dict)])
    if status == 404 and message.startswith(_NO_ROUTE):
        return UnsupportedError(f"The server at {url} has no such route: {message}")
    if status == 500:
        return _of_500(message, bool(body.get("retryable")))
    kind_of_status = _OF_STATUS.get(status, IllegalStateError if status >= 500 else EngineError)
    return kind_of_status(message)


def is_stale_token(response: httpx.Response) -> bool:
    """Whether the server refuses the token alone, so that a new one may help."""
    if response.status_code not in (401, 403):
        return False
    return any(word in response.content for word in _STALE)


def _of_500(message: str, retryable: bool) -> EngineError:
    """What a 500 means: Conductor answers it for a wrong state, and some stores for more.

    With SQLite it wraps "not found" of a deletion into a 500; its SDKs expect 404.
    """
    if _NO_SUCH.match(message):
        return NotFoundError(message)
    return UnavailableError(message) if retryable else IllegalStateError(message)


def body_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON object that an answer holds; empty when it holds something else."""
    try:
        body = loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _problem(entry: dict[str, Any]) -> Problem:
    value = entry.get("invalidValue")
    return Problem(
        path=_ARGUMENT.sub("", str(entry.get("path") or "")),
        message=str(entry.get("message") or ""),
        suggestion=str(entry.get("suggestion") or ""),
        invalid_value=None if value is None else str(value),
    )
