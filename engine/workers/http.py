"""The HTTP task: one request of a workflow, made in this process (semantics reference §5.3).

Rules of this file
  1. Whatever happens to a request is an outcome of the task, never an exception of the worker.
  2. No address is connected that the guard has not seen, redirects included.
  3. Nothing is read without a limit: time in total, bytes after decompression, redirects.
  4. The environment's proxies and cookies of earlier requests have no influence.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import aiohttp
from yarl import URL

from ..errors import ForbiddenError, InvalidRequestError
from ..models.codec import JsonValue, loads_untrusted
from .address_guard import AddressGuard
from .http_request import HttpRequest, RequestFailedError, read_request
from .loop_thread import LoopThread, cancel_others
from .outcome import TaskOutcome

__all__ = ["HttpTaskWorker", "HttpWorker", "TaskOutcome"]

MAX_RESPONSE_BYTES: Final = 10 * 1024 * 1024
MAX_REDIRECTS: Final = 5
_CHUNK_BYTES: Final = 64 * 1024
_REASON_LENGTH: Final = 2000
_MISSING_URI: Final = (
    "Missing HTTP URI.  See documentation for HttpTask for required input parameters"
)
_MISSING_METHOD: Final = "No HTTP method specified"
_NO_HOST: Final = "Target host is not specified"
_NO_RESPONSE: Final = "No response from the remote service"
# The wording is Conductor's, whose client wraps what went wrong in a plain Java exception.
_FAILED_PREFIX: Final = "Failed to invoke HTTP task due to: "
_EXCEPTION: Final = "java.lang.Exception: "
_END_OF_LINE: Final = re.compile(r"\r\n|\r|\n")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PERSONAL: Final = ("Authorization", "Cookie", "Proxy-Authorization")


class _Answer(NamedTuple):
    status: int
    phrase: str
    headers: dict[str, list[str]]
    text: str


class HttpWorker:
    """Makes HTTP requests on an event loop of its own. Callable from any thread."""

    def __init__(
        self,
        guard: AddressGuard | None = None,
        *,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        connections_per_host: int = 20,
    ) -> None:
        """Make a worker; its thread starts with the first request.

        Args:
            guard: Which addresses may be reached; by default all but metadata services,
                link-local and multicast ones.
            max_response_bytes: Longest answer that is read, after decompression.
            connections_per_host: Open connections to one host.
        """
        self._guard = guard or AddressGuard()
        self._max_response_bytes = max_response_bytes
        self._per_host = connections_per_host
        self._session: aiohttp.ClientSession | None = None
        self._thread = LoopThread("http-tasks", "The HTTP worker", self._end)

    def execute(
        self, input_data: Mapping[str, Any], async_complete: bool = False
    ) -> Future[TaskOutcome]:
        """Make the request of an HTTP task.

        Args:
            input_data: The task's input with secrets filled in: ``http_request`` or its keys at
                the top level. Its own ``asyncComplete`` counts more than the argument.
            async_complete: Whether success leaves the task IN_PROGRESS for somebody else.

        Returns:
            Resolves to the outcome; never to an exception. ``cancel()`` drops the request.

        Raises:
            RuntimeError: The worker is closed.
        """
        waits = bool(input_data.get("asyncComplete", async_complete))
        return self._thread.submit(self._execute, dict(input_data), waits)

    def close(self) -> None:
        """Drop requests in flight and end the thread. Closing twice is harmless."""
        self._thread.close()

    def __enter__(self) -> HttpWorker:
        """Return the worker itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the worker."""
        self.close()

    # -- the loop ----------------------------------------------------------------------------

    async def _end(self) -> None:
        await cancel_others()
        if self._session is not None:
            await self._session.close()
            # aiohttp finishes closing transports in the next rounds of the loop.
            await asyncio.sleep(0.01)
        await asyncio.get_running_loop().shutdown_default_executor()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                socket_factory=self._guard.socket_factory,
                resolver=aiohttp.ThreadedResolver(),
                limit_per_host=self._per_host,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_field_size=16 * 1024,
                headers={"User-Agent": "conductor-studio"},
            )
        return self._session

    # -- one task ----------------------------------------------------------------------------

    async def _execute(self, input_data: dict[str, Any], waits: bool) -> TaskOutcome:
        given = input_data.get("http_request", input_data)
        if not isinstance(given, Mapping) or given.get("uri") is None:
            return TaskOutcome(status="FAILED", output={}, reason=_MISSING_URI)
        if not given.get("method"):
            return TaskOutcome(status="FAILED", output={}, reason=_MISSING_METHOD)
        try:
            request = read_request(given)
            answer = await self._send(request)
        except RequestFailedError as failure:
            return _failed(str(failure))
        except Exception as error:  # a worker must answer for every task it was given
            return _failed(f"{type(error).__name__}: {error}")
        return _outcome(answer, waits, request)

    async def _send(self, request: HttpRequest) -> _Answer:
        """The answer after redirects.

        Raises:
            RequestFailedError: There is none.
        """
        method, url = request.method, request.url
        try:
            async with asyncio.timeout(request.timeout.total):
                for _ in range(MAX_REDIRECTS + 1):
                    answer, target = await self._exchange(method, url, request)
                    if target is None:
                        return answer
                    if target.origin() != url.origin():
                        for name in _PERSONAL:
                            request.headers.popall(name, None)
                    url = target
        except TimeoutError as error:
            what = "Connect timed out" if "onnect" in str(error) else "Read timed out"
            raise RequestFailedError(_io_error(request, what)) from None
        except ForbiddenError as error:
            raise RequestFailedError(_io_error(request, str(error))) from None
        except aiohttp.ClientConnectorError as error:
            raise RequestFailedError(_io_error(request, _refused(error))) from None
        except (aiohttp.ClientError, OSError) as error:
            raise RequestFailedError(
                _io_error(request, str(error) or type(error).__name__)
            ) from None
        raise RequestFailedError(_io_error(request, f"more than {MAX_REDIRECTS} redirects"))

    async def _exchange(
        self, method: str, url: URL, request: HttpRequest
    ) -> tuple[_Answer, URL | None]:
        """One request and its answer, with the address of a redirect to follow."""
        if url.scheme not in ("http", "https") or not url.host:
            what = f"Unroutable protocol scheme: {url.origin()}" if url.host else _NO_HOST
            raise RequestFailedError(_io_error(request, what))
        self._check_literal(url)
        async with self._opened().request(
            method,
            url,
            data=request.body,
            headers=request.headers,
            timeout=request.timeout,
            allow_redirects=False,
        ) as response:
            # Only what changes nothing is followed, as Java's client does.
            if response.status in _REDIRECTS and method in ("GET", "HEAD"):
                location = response.headers.get("Location")
                if location:
                    return _Answer(response.status, "", {}, ""), url.join(URL(location))
            return await self._read(response), None

    def _check_literal(self, url: URL) -> None:
        """Refuse a literal address before anything is connected or pooled."""
        try:
            refusal = self._guard.refusal(url.host or "", url.port or 0)
        except ValueError:  # a name: its addresses are judged by the socket factory
            return
        if refusal:
            raise ForbiddenError(refusal)

    async def _read(self, response: aiohttp.ClientResponse) -> _Answer:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > self._max_response_bytes:
                raise RequestFailedError(
                    f"the answer is longer than {self._max_response_bytes} bytes"
                )
        headers: dict[str, list[str]] = {}
        for name, value in response.headers.items():
            headers.setdefault(name, []).append(value)
        phrase = response.reason or _phrase(response.status)
        return _Answer(response.status, phrase, headers, _decoded(bytes(body), response.charset))


class HttpTaskWorker:
    """The HTTP worker as the engine's worker for tasks of type HTTP."""

    task_type = "HTTP"

    def __init__(self, worker: HttpWorker) -> None:
        """Serve with ``worker``, which is closed with this."""
        self._worker = worker

    def execute(self, task: dict[str, Any]) -> Future[TaskOutcome]:
        """Make the request of a task; resolves to the outcome, never to an exception."""
        given = task["inputData"]
        return self._worker.execute(given, bool(given.get("asyncComplete")))

    def close(self) -> None:
        """Drop requests in flight."""
        self._worker.close()


def _outcome(answer: _Answer, waits: bool, request: HttpRequest) -> TaskOutcome:
    phrase = answer.phrase
    if answer.status >= 400:
        where = f"{request.method} request for {_shown(request.url)}"
        said = f'"{_END_OF_LINE.sub("<EOL>", answer.text)}"' if answer.text else "[no body]"
        return _failed(f"{answer.status} {phrase} on {where}: {said}")
    output = {
        "response": {
            "statusCode": answer.status,
            "reasonPhrase": phrase,
            "headers": answer.headers,
            "body": body_value(answer.text),
        }
    }
    if 200 <= answer.status < 300:
        if waits:
            return TaskOutcome(status="IN_PROGRESS", output=output, fields={"begun": True})
        return TaskOutcome(status="COMPLETED", output=output)
    return TaskOutcome(
        status="FAILED", output=output, reason=answer.text[:_REASON_LENGTH] or _NO_RESPONSE
    )


def body_value(text: str) -> JsonValue:
    """An answer's body as the output holds it.

    JSON objects and lists are structures, a JSON number is a decimal, other JSON scalars are
    their text; what is not JSON stays as it is, and nothing is None.
    """
    if not text:
        return None
    try:
        value = loads_untrusted(text.encode("utf-8", "surrogatepass"))
    except InvalidRequestError:
        return text
    if isinstance(value, dict | list | str):
        return value
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    try:
        return float(value)
    except OverflowError:
        return text


def _failed(reason: str) -> TaskOutcome:
    text = (_EXCEPTION + reason)[:_REASON_LENGTH]
    return TaskOutcome(status="FAILED", output={"response": text}, reason=_FAILED_PREFIX + text)


def _io_error(request: HttpRequest, what: str) -> str:
    return f"I/O error on {request.method} request for {_shown(request.url)}: {what}"


def _shown(url: URL) -> str:
    """A URL without user, password and query: they may hold secrets."""
    if url.absolute:
        return f'"{url.with_user(None).with_query(None).with_fragment(None)}"'
    path = url.raw_path.removeprefix("/")
    return f'"/{path}"' if path else '""'


def _refused(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error.os_error, ConnectionRefusedError):
        return "Connection refused"
    text = error.os_error.strerror or str(error.os_error)
    return f"{error.host}: {text}" if isinstance(error, aiohttp.ClientConnectorDNSError) else text


def _decoded(body: bytes, charset: str | None) -> str:
    try:
        return body.decode(charset or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
