"""YIELD: open until a signal or a worker answers it."""

from __future__ import annotations

from .base import WorkerTaskType


class YieldTask(WorkerTaskType):
    """A place where a synchronous caller gets its answer and from where a signal goes on.

    The open-source server does not know the type: to it, and so here, the record is that of a
    worker's task of type YIELD. The signal routes and synchronous execute treat it like a WAIT
    besides, as the SDKs that speak of it expect.
    """

    name = "YIELD"
    summary = "Hand back to a synchronous caller and wait for its signal."
