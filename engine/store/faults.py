"""Named points at which a test may have the process die, as a power cut would.

``CONDUCTOR_STUDIO_FAULT=name`` kills the process the first time it passes that point,
``name:3`` the third time. Read once, when this module is loaded: a running engine can't be
armed, and an unarmed point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from typing import Final

VARIABLE: Final = "CONDUCTOR_STUDIO_FAULT"
STORE_FAULT_POINTS: Final = (
    "journal.events_written",
    "journal.rest_written",
    "journal.before_commit",
    "journal.after_commit",
    "feeder.before_batch",
    "feeder.events_written",
    "feeder.rows_written",
    "feeder.before_history_commit",
    "feeder.after_history_commit",
    "journal.before_prune",
    "journal.after_prune",
)
"""The points inside a store at work; other areas add their own names."""
STORE_RARE_POINTS: Final = (
    "feeder.execution_removed",
    "journal.execution_pruned",
    "journal.idle_noted",
    "journal.before_checkpoint",
    "journal.after_checkpoint",
    "payloads.file_written",
    "payloads.stored",
    "payloads.before_deletion",
)
"""The points that need a removal, an idle execution, many bytes or a large payload."""
STORE_OPENING_POINTS: Final = (
    "lock.taken",
    "journal.step_written",
    "journal.step_done",
    "store.journal_opened",
    "history.step_written",
    "history.step_done",
    "store.history_opened",
)
"""The points on the way to a new store, in their order: each step of its schemas has its two."""
STORE_RECOVERY_POINTS: Final = ("store.before_adoption", "store.adopted")
"""The points at which a journal that was lost is made anew from the history."""
STORE_CLOSING_POINTS: Final = (
    "store.before_close",
    "store.fed_at_close",
    "store.history_closed",
    "store.journal_closed",
)
"""The points that only a store passes which is being closed."""

_name, _, _count = os.environ.get(VARIABLE, "").partition(":")
_armed: Final = _name
_passes_left = int(_count) if _count.isdigit() else 1


def fault_point(name: str) -> None:
    """Do nothing, unless the environment names this point: then the process dies here."""
    if _armed and name == _armed:
        _pass()


def _pass() -> None:
    global _passes_left
    _passes_left -= 1
    if _passes_left <= 0:
        if hasattr(signal, "SIGKILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(137)
