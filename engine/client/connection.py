"""One HTTP connection to a Conductor-compatible server: paths, log-in, errors, second attempts.

Rules of this file
  1. A refusal of the server becomes the same ``EngineError`` that an engine in this process
     raises; a server that can't be reached becomes ``UnavailableError``.
  2. A request is sent again only when that can't do its work twice: it never left this machine,
     the server refused it for its rate, or it is marked ``repeatable``.
  3. Segments of a path are encoded one by one: a slash inside a name stays inside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

import httpx

from ..errors import EngineError, InvalidRequestError, UnavailableError, UnsupportedError
from ..models.codec import dumps, loads
from .answers import body_of, error_of, is_stale_token

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 60.0
"""How long a server may take for an answer, beyond what it was asked to wait."""
REPORT_SECONDS: Final = 10.0
"""How long it may take to say how it is."""
ATTEMPTS: Final = 4
_FIRST_REST_SECONDS: Final = 0.2
_LONGEST_REST_SECONDS: Final = 5.0
_BUSY: Final = frozenset({502, 503, 504})
_TOO_MANY: Final = 429
_NOT_FOUND: Final = 404
_Query = Mapping[str, Any]


class Credentials:
    """How to log in: a token, or a key with its secret that are exchanged for one."""

    __slots__ = ("key", "secret", "token")

    def __init__(
        self, key: str | None = None, secret: str | None = None, token: str | None = None
    ) -> None:
        """All None: the server asks nobody who they are."""
        if bool(key) != bool(secret):
            raise InvalidRequestError("A key needs its secret, and a secret its key.")
        self.key, self.secret, self.token = key or None, secret or None, token or None

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Credentials:
        """Those that the SDKs read: CONDUCTOR_AUTH_KEY with CONDUCTOR_AUTH_SECRET, or
        CONDUCTOR_AUTH_TOKEN."""
        return cls(
            environment.get("CONDUCTOR_AUTH_KEY"),
            environment.get("CONDUCTOR_AUTH_SECRET"),
            environment.get("CONDUCTOR_AUTH_TOKEN"),
        )


class Connection:
    """Sends requests and returns what their answers hold. Any thread; safe to share."""

    def __init__(
        self,
        url: str,
        credentials: Credentials | None = None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare; nothing is sent before the first call.

        Args:
            url: Root of the API, ``http://host:8080/api``; ``/api`` is added when it is missing.
            credentials: How to log in; None: not at all.
            answer_seconds: How long an answer may take.
            transport: What sends the requests; by default sockets.

        Raises:
            InvalidRequestError: ``url`` is no address.
        """
        self.url = api_root(url)
        self._credentials = credentials or Credentials()
        self._answer_seconds = answer_seconds
        self._token = self._credentials.token
        self._asks_nobody = self._credentials.key is None
        self._login = threading.Lock()
        self._http = httpx.Client(
            transport=transport,
            timeout=_timeout(answer_seconds),
            # The address given is the address meant: a proxy of the environment is for the Web.
            trust_env=not _is_local(self.url),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
            headers={"Accept": "application/json, text/plain;q=0.9"},
        )

    def close(self) -> None:
        """Close the sockets; calls under way fail. Safe to call twice."""
        self._http.close()

    def get(self, *segments: str, **query: Any) -> Any:
        """The value of a GET: JSON, text, or None for an empty answer."""
        return self.call("GET", *segments, query=query, repeatable=True)

    def call(
        self,
        method: str,
        *segments: str,
        query: _Query | None = None,
        body: Any = None,
        repeatable: bool = False,
        wait_seconds: float = 0,
    ) -> Any:
        """Send one request and return what its answer holds.

        Args:
            method: HTTP method.
            segments: Path below the root, one piece per segment, not encoded.
            query: Parameters; None values are left out.
            body: Sent as JSON; bytes are sent as they are.
            repeatable: Doing it twice is doing it once.
            wait_seconds: How long the server was asked to wait on purpose.

        Raises:
            EngineError: The server refused; the class says why.
            UnavailableError: No server, no answer in time, or a proxy without a server behind it.
        """
        path = "/".join(quote(segment, safe="") for segment in segments)
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                response = self._send(method, path, query, body, wait_seconds)
            except httpx.ConnectError as error:
                if last:
                    raise self._unreachable(error) from None
            except httpx.TransportError as error:
                if last or not repeatable:
                    raise self._unreachable(error) from None
            else:
                again = response.status_code == _TOO_MANY or (
                    repeatable and response.status_code in _BUSY
                )
                if last or not again:
                    return self._value(response)
                self._rest(attempt, response)
                continue
            self._rest(attempt)
        raise AssertionError("the last attempt returns or raises")

    def report(self, *segments: str, mark: str) -> dict[str, Any]:
        """The JSON object of a GET that a server which is unwell answers with 503. Asked once.

        Args:
            segments: Path below the root.
            mark: A field by which the report is known from an error's body.

        Raises:
            UnavailableError: Nobody answers, or a proxy without a server behind it.
            UnsupportedError: The server is there and has no such report.
        """
        path = "/".join(quote(segment, safe="") for segment in segments)
        try:
            response = self._http.get(
                f"{self.url}/{path}", headers=self._headers(), timeout=_timeout(REPORT_SECONDS)
            )
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        report = body_of(response)
        if mark in report and response.status_code in (200, 503):
            return report
        if response.status_code in _BUSY:
            raise error_of(response, self.url)
        raise UnsupportedError(f"{response.request.url} answers {response.status_code}, no report.")

    @contextmanager
    def stream(self, *segments: str, **query: Any) -> Iterator[Iterator[str]]:
        """Lines of an answer that has no end (server-sent events).

        Raises:
            EngineError: As for ``call``; also while the lines are read.
        """
        path = "/".join(quote(segment, safe="") for segment in segments)
        headers = {"Accept": "text/event-stream", **self._headers()}
        # A server sends a sign of life now and then; three times its silence is an end.
        timeout = httpx.Timeout(self._answer_seconds, connect=CONNECT_SECONDS)
        try:
            with self._http.stream(
                "GET", f"{self.url}/{path}", params=_given(query), headers=headers, timeout=timeout
            ) as response:
                if response.status_code >= 400:
                    response.read()
                    self._value(response)
                yield response.iter_lines()
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    # -- sending -------------------------------------------------------------------------

    def _send(
        self, method: str, path: str, query: _Query | None, body: Any, wait_seconds: float
    ) -> httpx.Response:
        response = self._send_once(method, path, query, body, wait_seconds)
        if self._credentials.key is not None and is_stale_token(response):
            self._forget(response.request.headers.get("X-Authorization"))
            response = self._send_once(method, path, query, body, wait_seconds)
        return response

    def _send_once(
        self, method: str, path: str, query: _Query | None, body: Any, wait_seconds: float
    ) -> httpx.Response:
        headers = self._headers()
        content: bytes | None = None
        if body is not None:
            content = body if isinstance(body, bytes) else dumps(body)
            headers["Content-Type"] = "application/json"
        return self._http.request(
            method,
            f"{self.url}/{path}",
            params=_given(query or {}),
            content=content,
            headers=headers,
            timeout=_timeout(self._answer_seconds + wait_seconds),
        )

    def _value(self, response: httpx.Response) -> Any:
        if response.status_code >= 400:
            raise error_of(response, self.url)
        if not response.content:
            return None
        kind = response.headers.get("Content-Type", "")
        if "json" not in kind:
            if "html" in kind:
                raise UnavailableError(
                    f"{response.request.url} answers with a web page: is {self.url} the root of "
                    "a Conductor API?"
                )
            return response.text
        try:
            return loads(response.content)
        except ValueError as error:
            raise EngineError(f"{response.request.url} answers with broken JSON: {error}") from None

    def _unreachable(self, error: httpx.TransportError) -> UnavailableError:
        if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
            return UnavailableError(f"No server answers at {self.url}: {error}")
        if isinstance(error, httpx.TimeoutException):
            return UnavailableError(f"{self.url} did not answer in time.")
        return UnavailableError(f"The connection to {self.url} broke: {error or 'no reason given'}")

    @staticmethod
    def _rest(attempt: int, response: httpx.Response | None = None) -> None:
        rest = _FIRST_REST_SECONDS * 2 ** (attempt - 1)
        asked = response.headers.get("Retry-After", "") if response is not None else ""
        if asked.isdigit():
            rest = max(rest, float(asked))
        time.sleep(min(rest, _LONGEST_REST_SECONDS))

    # -- log-in --------------------------------------------------------------------------

    def _headers(self) -> dict[str, str]:
        token = self._token or self._exchanged()
        return {"X-Authorization": token} if token else {}

    def _exchanged(self) -> str | None:
        """A token for the key, or None from a server that asks nobody."""
        if self._asks_nobody:
            return None
        with self._login:
            if self._token is None and not self._asks_nobody:
                given = self._credentials
                response = self._http.post(
                    f"{self.url}/token", json={"keyId": given.key, "keySecret": given.secret}
                )
                if response.status_code == _NOT_FOUND:
                    # Conductor's open-source server has no log-in; its SDKs conclude the same.
                    self._asks_nobody = True
                else:
                    answer = self._value(response)
                    self._token = answer.get("token") if isinstance(answer, dict) else None
                    if not self._token:
                        raise EngineError(f"{self.url}/token answers without a token.")
            return self._token

    def _forget(self, token: str | None) -> None:
        with self._login:
            if self._token == token:  # another thread may have got a new one by now
                self._token = None


def api_root(url: str) -> str:
    """The root of the API for an address as people write it.

    Raises:
        InvalidRequestError: It is no HTTP address.
    """
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise InvalidRequestError(f"{url!r} is no address: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidRequestError(f"{url!r} is no address; write http://HOST:8080/api.")
    if parsed.userinfo:
        raise InvalidRequestError(
            "Names and passwords don't belong into an address; see CONDUCTOR_AUTH_KEY."
        )
    root = str(parsed.copy_with(query=None, fragment=None)).rstrip("/")
    return root if root.endswith("/api") else f"{root}/api"


def _is_local(url: str) -> bool:
    host = httpx.URL(url).host
    return host in ("localhost", "::1") or host.startswith("127.")


def _timeout(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=CONNECT_SECONDS)


def _given(query: _Query) -> dict[str, Any]:
    """Parameters that have a value, booleans in JSON's spelling."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in query.items()
        if value is not None
    }
