"""A client of an engine in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Engine
from engine.client import Client


@pytest.fixture
def client() -> Iterator[Client]:
    with Engine(threads=0, http_tasks=False) as engine:
        yield engine.client
