"""Payloads that are too large to travel inside a request: where they go, and how they come in."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, NamedTuple

from ..core.limits import SIZE_LIMITS
from ..errors import ForbiddenError, InvalidRequestError, NotFoundError
from ..models.codec import loads_untrusted
from ..store.payload_storage import UPLOADS, PayloadStorage, checked_name, payload_too_large
from .base import ServiceBase, Wire, chain

ADDRESS_SECONDS: Final = 300
"""How long an address that was given out is good."""
MAX_UPLOAD_BYTES: Final = SIZE_LIMITS.task_output_bytes
_SIGNING_KEY: Final = secrets.token_bytes(32)
"""Of this process: addresses of an earlier one are not good any more."""


class PayloadPlace(NamedTuple):
    """Where a client may read or write a payload."""

    path: str
    address: str | None
    """Of the storage itself; None: through this server, with ``signature`` and ``expires``."""
    signature: str = ""
    expires: int = 0


class PayloadService(ServiceBase):
    """External payloads as clients handle them."""

    def payload_to_write(self, kind: str) -> PayloadPlace:
        """A place for one upload; ``kind`` is ``input`` or ``output``."""
        return self._place(f"{UPLOADS}/{kind}/{uuid.uuid4()}/payload.json", "WRITE")

    def payload_to_read(self, path: str) -> PayloadPlace:
        """Where a payload can be read whose path an execution, a task or an upload has.

        Raises:
            InvalidRequestError: The path is none of the engine's.
        """
        return self._place(checked_name(path), "READ")

    def _place(self, path: str, operation: str) -> PayloadPlace:
        address = self._storage.address(path, operation)
        if address is not None:
            return PayloadPlace(path, address)
        expires = int(time.time()) + ADDRESS_SECONDS
        return PayloadPlace(path, None, _signature(path, operation, expires), expires)

    def read_payload(self, path: str, signature: str, expires: int) -> Future[bytes]:
        """The bytes of a payload, for who has its address.

        Raises:
            ForbiddenError: The address is not one that was given out, or too old.
            NotFoundError: (from the future) there is no such payload.
        """
        _check(path, "READ", signature, expires)
        answer: Future[bytes] = Future()
        self._read(lambda: self._storage.get(path), answer.set_result, answer)
        return answer

    def write_payload(self, path: str, body: bytes, signature: str, expires: int) -> Future[None]:
        """Keep what a client uploads, for who has the address.

        Raises:
            ForbiddenError: The address is not one that was given out, or too old.
            TooLargeError: It has more bytes than a task's output may have.
            InvalidRequestError: It is no JSON object.
        """
        _check(path, "WRITE", signature, expires)
        _object(body, path)
        answer: Future[None] = Future()
        self._read(lambda: self._storage.put(path, body), answer.set_result, answer)
        return answer

    @property
    def _storage(self) -> PayloadStorage:
        storage = getattr(self._runtime.store, "storage", None)
        if storage is None:
            raise NotFoundError("This engine keeps no payloads outside its history.")
        return storage  # type: ignore[no-any-return]

    def _with_upload(
        self, request: Wire, path_key: str, payload_key: str, use: Callable[[Wire], Future[Any]]
    ) -> Future[Any]:
        """Call ``use`` with a request whose payload may have been uploaded before.

        The upload is read on a reader thread, and deleted once ``use`` has succeeded: by then it
        belongs to the execution.
        """
        path = request.get(path_key)
        if not path:
            return use(request)
        if not isinstance(path, str) or not checked_name(path).startswith(f"{UPLOADS}/"):
            raise InvalidRequestError(
                f"{path_key} must be a path that externalstoragelocation has given for WRITE."
            )
        answer: Future[Any] = Future()
        storage = self._storage

        def with_payload(body: bytes) -> None:
            whole = {key: value for key, value in request.items() if key != path_key}
            whole[payload_key] = _object(body, path)
            used = use(whole)
            used.add_done_callback(taken)
            chain(used, answer)

        def taken(done: Future[Any]) -> None:
            if done.exception() is None:
                self._forget(path)

        # An upload to a bucket does not pass through here: its size is known only now.
        self._read(lambda: storage.get(path, MAX_UPLOAD_BYTES), with_payload, answer)
        return answer

    def _forget(self, path: str) -> None:
        storage = self._storage
        self._read(lambda: storage.delete(path), lambda _: None, Future())


def _object(body: bytes, path: str) -> Wire:
    if len(body) > MAX_UPLOAD_BYTES:
        raise payload_too_large(path, len(body), MAX_UPLOAD_BYTES)
    value = loads_untrusted(body)
    if not isinstance(value, dict):
        raise InvalidRequestError(f"The payload '{path}' must be a JSON object.")
    return value


def _signature(path: str, operation: str, expires: int) -> str:
    text = f"{operation} {path} {expires}".encode()
    return hmac.new(_SIGNING_KEY, text, hashlib.sha256).hexdigest()


def _check(path: str, operation: str, signature: str, expires: int) -> None:
    checked_name(path)
    right = hmac.compare_digest(_signature(path, operation, expires), signature)
    if not right or expires < time.time():
        raise ForbiddenError(
            "This address of a payload is not good, or not any more; ask for a new one at "
            "externalstoragelocation."
        )
