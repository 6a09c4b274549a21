"""Plain HTTP over one kept-alive connection, for tests of the door."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """One HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


Send = Callable[..., Reply]


@contextmanager
def sender(port: int) -> Iterator[Send]:
    """``send(method, path, body, headers)``: path below the port; dicts and lists go as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def send(
        method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        if isinstance(body, dict | list):
            body = json.dumps(body)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        names = {key.lower(): value for key, value in response.getheaders()}
        return Reply(response.status, names, response.read())

    yield send
    connection.close()
