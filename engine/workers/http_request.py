"""The request that the input of an HTTP task asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ..models.codec import dumps

_DEFAULT_TIMEOUT_MS: Final = 3000
_TOTAL_SECONDS: Final = 60.0
_FORM: Final = "application/x-www-form-urlencoded"
_OURS: Final = frozenset({"content-length", "transfer-encoding", "connection"})
"""Headers that only the client itself can set right."""


class HttpRequest(NamedTuple):
    """What to send."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes | None
    timeout: aiohttp.ClientTimeout


class RequestFailedError(Exception):
    """The request came to nothing; the text says why."""


def read_request(given: Mapping[str, Any]) -> HttpRequest:
    """The request an input asks for.

    Raises:
        RequestFailedError: A key has a value that makes no request.
    """
    method = str(given["method"]).strip().upper()
    try:
        url = URL(str(given["uri"]).strip())
        port_is_valid = url.port is None or url.port > 0
    except ValueError as error:
        raise RequestFailedError(f"the URI is not valid: {error}") from None
    if not port_is_valid:
        raise RequestFailedError("the URI is not valid: port 0")
    content_type = str(given.get("contentType") or "application/json")
    accept = given.get("accept") or "application/json"
    headers: CIMultiDict[str] = CIMultiDict()
    headers["Accept"] = ", ".join(map(str, accept)) if isinstance(accept, list) else str(accept)
    headers["Content-Type"] = content_type
    own = given.get("headers") or {}
    if not isinstance(own, Mapping):
        raise RequestFailedError("headers is not an object")
    for name, value in own.items():
        headers.popall(name, None)
        for item in value if isinstance(value, list) else [value]:
            if item is not None and name.lower() not in _OURS:
                headers.add(str(name), _header_text(item))
    body = _encoded(given.get("body"), headers.get("Content-Type", content_type))
    return HttpRequest(method, url, headers, body, _timeout(given))


def _timeout(given: Mapping[str, Any]) -> aiohttp.ClientTimeout:
    connect = _milliseconds(given, "connectionTimeOut") / 1000
    read = _milliseconds(given, "readTimeOut") / 1000
    # Conductor's read time-out runs between bytes; the total keeps a dripping answer in bounds.
    total = max(_TOTAL_SECONDS, connect + read)
    return aiohttp.ClientTimeout(total=total, sock_connect=connect or None, sock_read=read or None)


def _milliseconds(given: Mapping[str, Any], key: str) -> float:
    value = given.get(key)
    if value is None:
        return _DEFAULT_TIMEOUT_MS
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        raise RequestFailedError(f"{key} is not a number of milliseconds: {value!r}") from None


def _header_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else dumps(value).decode()


def _encoded(body: Any, content_type: str) -> bytes | None:
    """The bytes of a body: texts as they are, forms encoded, everything else as JSON."""
    if body is None:
        return None
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    if isinstance(body, Mapping) and content_type.partition(";")[0].strip().lower() == _FORM:
        return urlencode(
            {k: v if isinstance(v, list) else _header_text(v) for k, v in body.items()}, doseq=True
        ).encode()
    return dumps(body)
