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
    "journal.before_commit",
    "journal.after_commit",
    "feeder.events_written",
    "feeder.before_history_commit",
    "feeder.after_history_commit",
    "journal.before_prune",
    "journal.after_prune",
)
"""The points inside a store at work; other areas add their own names."""
STORE_CLOSING_POINTS: Final = ("store.before_close", "store.fed_at_close")
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
