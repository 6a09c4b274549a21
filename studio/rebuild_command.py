"""``conductor-studio rebuild``: tables from events."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.errors import InvalidRequestError

from .settings import MEMORY, Settings


def rebuild(settings: Settings) -> int:
    """Recompute executions and tasks of a database from its events, and say how many.

    Raises:
        InvalidRequestError: There is no such database.
        StoreLockedError: A running studio owns it.
    """
    database = settings.database()
    if database == MEMORY or not Path(database).exists():
        raise InvalidRequestError(f"There is no database {database} to rebuild; name it with --db.")
    from engine.facade import rebuild_history

    count = rebuild_history(database)
    sys.stdout.write(f"{count} execution{'' if count == 1 else 's'} rebuilt in {database}\n")
    return 0
