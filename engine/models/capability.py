"""What a back end can do beyond Conductor's own API, and the words for when it can't."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Capability(StrEnum):
    """What goes beyond Conductor's own API. Ask ``client.capabilities`` before using it."""

    EVENTS = "events"
    """The exact history. Without it ``events``, ``state`` and ``subscribe`` work from the times
    of tasks."""
    ORIGIN = "origin"
    BRANCH = "branch"
    QUERY = "query"
    """SQL over the history: ``query`` and ``query_frame``."""
    IMPORT = "import"
    """Taking over executions of another server: ``import_executions``."""


EVERY_CAPABILITY: Final = frozenset(str(capability) for capability in Capability)

MISSING: Final[dict[Capability, str]] = {
    Capability.EVENTS: (
        "This server keeps no history of events; what is shown is made from the times of its "
        "tasks and is approximate."
    ),
    Capability.ORIGIN: "This server does not record where the values of a task came from.",
    Capability.BRANCH: (
        "This server can't branch an execution; copy it to an engine of your own to step, edit "
        "and replay it there."
    ),
    Capability.QUERY: "This server answers searches only, no SQL.",
    Capability.IMPORT: "This server takes no executions of others.",
}
"""One sentence for a person, by what is missing."""
