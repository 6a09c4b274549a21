"""An engine, and the service as callers of every role have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from engine import Engine
from engine.functions import FunctionRegistry
from engine.service import Service
from engine.service.access import Caller, CallerKind, Role


@pytest.fixture
def service() -> Iterator[Service]:
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        yield engine.service


@pytest.fixture
def acting(service: Service) -> Callable[[Role], Service]:
    """The service as a user of a role has it."""
    return lambda role: service.acting_as(Caller("ann", CallerKind.USER, role, "10.0.0.7"))
