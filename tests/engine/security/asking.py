"""Plain HTTP requests, each on a connection of its own, with nothing sent that is not given."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """One answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Asker:
    """Sends requests to one port, by default with the headers of one caller."""

    def __init__(self, port: int, headers: dict[str, str] | None = None) -> None:
        self.port = port
        self.headers = headers or {}

    def having(self, headers: dict[str, str]) -> Asker:
        """The same for a caller with more headers."""
        return Asker(self.port, {**self.headers, **headers})

    def __call__(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            data = json.dumps(body) if isinstance(body, dict | list) else body
            connection.request(method, path, data, {**self.headers, **(headers or {})})
            response = connection.getresponse()
            names = {key.lower(): value for key, value in response.getheaders()}
            return Reply(response.status, names, response.read())
        finally:
            connection.close()
