"""The engine behind the commands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .settings import Settings

if TYPE_CHECKING:
    from engine import Engine, SystemTask, Webhook


@contextlib.contextmanager
def open_engine(settings: Settings, attach: bool = True) -> Iterator[Engine]:
    """Give an engine on the database of the settings, its workers loaded; close it afterwards.

    Args:
        settings: The database and the workers.
        attach: Whether to work through a studio that owns the database.

    Raises:
        InvalidRequestError: The file of workers can't be used.
        StoreLockedError: Another process owns the database; the message names it.
        StoreError: The database can't be read.
    """
    system_tasks: list[SystemTask] = []
    if settings.workers:
        from .worker_file import load_worker_file

        system_tasks = load_worker_file(settings.workers).system_tasks
    from engine import Engine

    with Engine(
        db=settings.database(),
        payloads=settings.payloads or None,
        system_tasks=system_tasks,
        listeners=listeners_of(settings),
        attach=attach,
        allow_private_addresses=settings.private_networks(),
    ) as engine:
        yield engine


def listeners_of(settings: Settings) -> list[Webhook]:
    """The webhook of the settings, if there is one."""
    if not settings.webhook_url:
        return []
    from engine import Webhook

    events = tuple(name.strip() for name in settings.webhook_events.split(",") if name.strip())
    return [Webhook(settings.webhook_url, secret=settings.webhook_secret, events=events)]
