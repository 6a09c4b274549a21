"""The client of a server over HTTP: a Conductor cluster, or another Conductor Studio."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Self

import httpx

from .connection import ANSWER_SECONDS, Connection, Credentials
from .remote_service import RemoteService
from .service_client import ServiceClient


class RemoteClient(ServiceClient):
    """``Client`` over HTTP. Safe to share between threads; ``close`` it when done.

    Example:
        >>> client = RemoteClient("http://localhost:8080/api")
        >>> client.search("workflowType='order_flow' AND status='FAILED'").total_hits
        3
    """

    _service: RemoteService

    def __init__(
        self,
        url: str,
        key: str | None = None,
        secret: str | None = None,
        token: str | None = None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        capabilities: frozenset[str] | None = None,
        environment: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare; nothing is asked before the first call.

        Args:
            url: Root of the API: ``http://host:8080/api``.
            key: Key of an application, exchanged for a token together with ``secret``. With no
                log-in given, CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET (or
                CONDUCTOR_AUTH_TOKEN) of the environment are taken, as by the SDKs.
            secret: Its secret.
            token: A token instead of both, sent as it is.
            answer_seconds: How long an answer may take before the call fails.
            capabilities: What to use of the server; None: what it says it has. An empty set
                treats another studio like a plain Conductor.
            environment: In place of the process's own.
            transport: What sends the requests; by default sockets.

        Raises:
            InvalidRequestError: ``url`` is no address, or a key came without its secret.
        """
        if key or secret or token:
            credentials = Credentials(key, secret, token)
        else:
            credentials = Credentials.of_environment(
                os.environ if environment is None else environment
            )
        connection = Connection(
            url, credentials, answer_seconds=answer_seconds, transport=transport
        )
        super().__init__(RemoteService(connection, capabilities))
        self._on_close: Callable[[], None] = self._service.close

    @classmethod
    def over(cls, service: Any, on_close: Callable[[], None]) -> Self:
        """A client over a service that is there already.

        Args:
            service: A ``RemoteService``.
            on_close: Called by ``close`` in place of closing the service.
        """
        client = cls.__new__(cls)
        ServiceClient.__init__(client, service)
        client._on_close = on_close
        return client

    def __repr__(self) -> str:
        """Says only where it leads to: asking could block."""
        return f"<RemoteClient of {self._service.url}>"

    @property
    def service(self) -> RemoteService:
        """The server's service."""
        return self._service

    @property
    def url(self) -> str:
        """Root of the server's API."""
        return self._service.url

    @property
    def capabilities(self) -> frozenset[str]:
        """Names of ``Capability`` that the server has; asked once, at the first use."""
        return self._service.capabilities

    def close(self) -> None:
        """Give up the connection; the server goes on. Safe to call twice."""
        self._on_close()
