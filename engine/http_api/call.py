"""One request as an endpoint sees it: its query, its body, and how to wait without blocking."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from ..errors import InvalidRequestError, UnavailableError
from ..models.codec import loads_untrusted
from ..models.problems import did_you_mean
from .arrivals import arrival

if TYPE_CHECKING:
    from ..service import Service

P = ParamSpec("P")
T = TypeVar("T")

_WORDS: Final = {
    "true": True, "on": True, "yes": True, "1": True,
    "false": False, "off": False, "no": False, "0": False,
}  # fmt: skip
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_LARGE_BODY_BYTES: Final = 64 * 1024
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Call:
    """One request: what was asked, and the service that can do it.

    Lives on the event loop. ``waiting`` is the future the request waits for, so that a poll
    can be given up when its client goes away. ``service`` is what the sender may use of it: the
    door sets it once it knows who that is.
    """

    __slots__ = (
        "_body",
        "_query",
        "address",
        "has_pages",
        "headers",
        "prefix",
        "scheme",
        "service",
        "waiting",
    )

    service: Service

    def __init__(
        self,
        query: Mapping[str, Sequence[bytes]],
        body: bytes,
        headers: Mapping[str, str] = _NO_HEADERS,
        address: str = "",
    ) -> None:
        """A request with its query (decoded keys, raw values), its whole body and its headers."""
        self._query = query
        self._body = body
        self.headers = headers
        self.address = address
        self.scheme = "http"
        self.prefix = ""
        self.has_pages = False
        self.waiting: Future[Any] | None = None

    def text(self, name: str, default: str | None = None) -> str | None:
        """First value of a query parameter, or the default."""
        values = self._query.get(name)
        return values[0].decode("utf-8", "replace") if values else default

    def required_text(self, name: str) -> str:
        """First value of a query parameter that must be there."""
        value = self.text(name)
        if value is None:
            raise InvalidRequestError(f"The query parameter {name!r} is missing.")
        return value

    def texts(self, name: str) -> list[str]:
        """All values of a list parameter: repeated keys and comma-separated ones."""
        return [
            part.strip()
            for value in self._query.get(name, ())
            for part in value.decode("utf-8", "replace").split(",")
            if part.strip()
        ]

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean parameter, in any spelling that Conductor takes (``True``, ``on``, ``1``…)."""
        text = self.text(name)
        if not text:
            return default
        value = _WORDS.get(text.lower())
        if value is None:
            raise InvalidRequestError(f"{name}={text[:80]!r} is neither true nor false.")
        return value

    def number(self, name: str, default: int) -> int:
        """A whole number of the query, or the default."""
        value = self.optional_number(name)
        return default if value is None else value

    def optional_number(self, name: str) -> int | None:
        """A whole number of the query, or None when the parameter is absent or empty."""
        text = self.text(name)
        return int(path_number(name, text)) if text else None

    @property
    def has_body(self) -> bool:
        """Whether there is a body with anything in it."""
        return bool(self._body.strip())

    def header(self, name: str) -> str | None:
        """A header of the request, or None."""
        return self.headers.get(name)

    def origin(self) -> str:
        """Scheme, host and mounted path of this door as the client used them."""
        is_https = self.scheme == "https" or self.header("X-Forwarded-Proto") == "https"
        return f"{'https' if is_https else 'http'}://{self.header('Host')}{self.prefix}"

    def raw_body(self) -> bytes:
        """The body as it came; at least one byte."""
        if not self._body:
            raise InvalidRequestError("Required request body is missing.")
        return self._body

    async def body(self) -> Any:
        """The JSON value of the body, checked as untrusted input."""
        raw = self.raw_body()
        if len(raw) > _LARGE_BODY_BYTES:
            return await self.query(loads_untrusted, raw)
        return loads_untrusted(raw)

    async def body_object(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        value = await self.body()
        if not isinstance(value, dict):
            raise InvalidRequestError("The body must be a JSON object.")
        return value

    async def body_of(self, *known: str) -> dict[str, Any]:
        """The body, a JSON object with no other fields than these: for routes of ours, where a
        field that is passed over would grant or change something else than was meant."""
        body = await self.body_object()
        unknown = [key for key in body if key not in known]
        if unknown:
            hint = did_you_mean(unknown[0], known)
            raise InvalidRequestError(
                f"This request has no field {unknown[0][:80]!r}. {hint}{hint and ' '}"
                f"Its fields are {', '.join(known)}."
            )
        return body

    async def optional_object(self) -> dict[str, Any]:
        """The body if it is a JSON object, else nothing: for endpoints where it is optional."""
        value = await self.body() if self._body.strip() else None
        return value if isinstance(value, dict) else {}

    def names(self) -> list[str]:
        """Names of the query parameters that were given."""
        return list(self._query)

    async def body_list(self) -> list[Any]:
        """The body, which must be a JSON array."""
        value = await self.body()
        if not isinstance(value, list):
            raise InvalidRequestError("The body must be a JSON array.")
        return value

    async def body_objects(self) -> list[dict[str, Any]]:
        """The body, which must be a JSON array of objects."""
        value = await self.body_list()
        if not all(isinstance(item, dict) for item in value):
            raise InvalidRequestError("The body must be a JSON array of objects.")
        return value

    async def body_texts(self) -> list[str]:
        """The body, which must be a JSON array of strings."""
        value = await self.body_list()
        if not all(isinstance(item, str) for item in value):
            raise InvalidRequestError("The body must be a JSON array of strings.")
        return value

    async def wait(self, future: Future[T]) -> T:
        """The result of a command, without blocking the loop.

        Raises:
            UnavailableError: The command was cancelled: the client is gone, or the engine closes.
        """
        if future.done() and not future.cancelled():
            return future.result()  # spares a round through the loop's wake-up pipe
        self.waiting = future
        try:
            await arrival(future)
        except asyncio.CancelledError:
            future.cancel()
            raise
        finally:
            self.waiting = None
        if future.cancelled():
            raise UnavailableError("The engine gave up the request; it may be closing.")
        return future.result()

    async def checked(
        self, function: Callable[P, Future[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The result of a command that checks a definition first, which is kept off the loop."""
        return await self.wait(await self.query(function, *args, **kwargs))

    async def query(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a blocking query, run in the loop's executor."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, partial(function, *args, **kwargs))


def path_number(name: str, text: str) -> int:
    """A whole number that stands in a path or a query."""
    if not _INTEGER.fullmatch(text):
        raise InvalidRequestError(f"{name} must be a whole number, not {text[:80]!r}.")
    return int(text)
