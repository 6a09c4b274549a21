"""What the tests of clients share: names, a worker's step, patience."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from engine.client import Client


class Names(NamedTuple):
    flow: str
    first: str
    second: str

    @property
    def definition(self) -> dict[str, Any]:
        return {
            "name": self.flow,
            "version": 1,
            "ownerEmail": "tests@example.com",
            "schemaVersion": 2,
            "tasks": [
                {"name": self.first, "taskReferenceName": "first_ref", "type": "SIMPLE"},
                {"name": self.second, "taskReferenceName": "second_ref", "type": "SIMPLE"},
            ],
        }


def done(client: Client, task_type: str, status: str = "COMPLETED") -> str:
    task = client.poll(task_type, worker_id="w", timeout_ms=1000)[0]
    return client.update_task(
        {
            "workflowInstanceId": task.workflow_instance_id,
            "taskId": task.task_id,
            "status": status,
            "outputData": {"y": 2},
        }
    )


def soon(ask: Callable[[], Any], enough: Callable[[Any], Any]) -> Any:
    """The first answer that is enough; a cluster's index runs a moment behind."""
    deadline = time.monotonic() + 20
    while not enough(found := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found
