"""Lines of Python and shell that the empty Board offers to copy."""

from __future__ import annotations

from typing import Any

_SAMPLE = """\
shop = engine.Engine()
studio.samples.start(shop, "{sample}")"""

_WORKER = """\
@engine.task
def price(sku: str) -> float: ..."""

_RUN = """\
import engine, json
flow = json.load(open("flow.json"))
engine.Engine().run(flow["name"], workflow_def=flow)"""

_IN_PROCESS = """\
import engine

@engine.task
def price(sku: str) -> dict:
    return {{"total": 12.5}}

# save as workers.py, then:  conductor-studio --workers workers.py"""

_SDK = """\
# pip install conductor-python
from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.worker.worker_task import worker_task

@worker_task(task_definition_name="price")
def price(sku: str) -> dict:
    return {{"total": 12.5}}

if __name__ == "__main__":
    settings = Configuration(server_api_url="{address}/api")
    with TaskHandler(configuration=settings, scan_for_annotated_workers=True) as handler:
        handler.start_processes()
        handler.join_processes()"""

_CURL = """\
# take a task …
curl -s '{address}/api/tasks/poll/price?workerid=me'
# … and finish it with the two ids of the answer
curl -s -X POST '{address}/api/tasks' -H 'Content-Type: application/json' -d '{{
  "workflowInstanceId": "…", "taskId": "…", "status": "COMPLETED",
  "outputData": {{"total": 12.5}}}}'"""


def snippets(address: str, sample: str) -> dict[str, Any]:
    """Texts by what they are for.

    Args:
        address: Where this studio is reached, without a trailing slash.
        sample: Name of the sample that fails.
    """
    return {
        "sample": _SAMPLE.format(sample=sample),
        "worker": _WORKER,
        "run": _RUN,
        "workers": [
            {"title": "Python, in this process", "text": _IN_PROCESS.format()},
            {
                "title": "Any Conductor SDK, here conductor-python",
                "text": _SDK.format(address=address),
            },
            {"title": "curl", "text": _CURL.format(address=address)},
        ],
    }
