"""What a user of the official Python SDK writes, as programs of their own.

python sdk_program.py API_URL work     polls and works until it is ended
python sdk_program.py API_URL run      registers, starts, waits, prints the execution as JSON
python sdk_program.py API_URL run_sync the same without async workers
"""

# No postponed annotations here: the SDK converts a worker's inputs by its annotations as they are.
import json
import sys
import time
from typing import Any

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.context.task_context import get_task_context
from conductor.client.http.models import StartWorkflowRequest, TaskDef
from conductor.client.orkes_clients import OrkesClients
from conductor.client.worker.worker_task import worker_task
from conductor.client.workflow.conductor_workflow import ConductorWorkflow
from conductor.client.workflow.task.fork_task import ForkTask
from conductor.client.workflow.task.join_task import JoinTask
from conductor.client.workflow.task.simple_task import SimpleTask


@worker_task(task_definition_name="sdk_reserve", poll_interval_millis=20)
def reserve(order: str) -> dict[str, Any]:
    """Fails at its first attempt."""
    if get_task_context().get_retry_count() == 0:
        raise RuntimeError("the warehouse is busy")
    return {"reservation": f"{order}-1"}


@worker_task(task_definition_name="sdk_price", poll_interval_millis=20, thread_count=2)
async def price(item: str) -> dict[str, Any]:
    """An async worker."""
    return {"item": item, "price": len(item)}


@worker_task(task_definition_name="sdk_ship", poll_interval_millis=20)
def ship(reservation: str) -> str:
    """Its plain result is the output's ``result``."""
    return f"shipped {reservation}"


@worker_task(task_definition_name="sdk_weigh", poll_interval_millis=20, lease_extend_enabled=True)
def weigh(reservation: str) -> dict[str, Any]:
    """Takes longer than its response time-out: only extended leases keep the task its own."""
    time.sleep(9)
    return {"grams": len(reservation)}


def work(url: str) -> None:
    handler = TaskHandler(configuration=Configuration(server_api_url=url))
    handler.start_processes()
    handler.join_processes()


def _task(name: str, reference: str, **inputs: str) -> SimpleTask:
    task = SimpleTask(name, reference)
    task.input_parameters.update(inputs)
    return task


def run(url: str, with_async: bool = True) -> None:
    configuration = Configuration(server_api_url=url)
    clients = OrkesClients(configuration=configuration)
    metadata, workflows = clients.get_metadata_client(), clients.get_workflow_client()
    for name in ("sdk_reserve", "sdk_price", "sdk_ship"):
        metadata.register_task_def(TaskDef(name=name, retry_count=1, retry_delay_seconds=0))
    metadata.register_task_def(
        TaskDef(name="sdk_weigh", retry_count=0, response_timeout_seconds=7, timeout_seconds=60)
    )
    flow = ConductorWorkflow(clients.get_workflow_executor(), "sdk_order", 1)
    reserved = _task("sdk_reserve", "reserve", order="${workflow.input.order}")
    prices = [[_task("sdk_price", f"price_{item}", item=item)] for item in ("pen", "ink")]
    shipped = _task("sdk_ship", "ship", reservation="${reserve.output.reservation}")
    again = _task("sdk_ship", "ship_again", reservation="${ship.output.result}")
    weighed = _task("sdk_weigh", "weigh", reservation="${reserve.output.reservation}")
    priced = [ForkTask("prices", prices), JoinTask("priced")] if with_async else []
    steps = (reserved, *priced, weighed, shipped, again)
    for task in steps:
        flow.add(task)
    flow.output_parameters({"shipped": "${ship_again.output.result}"})
    metadata.register_workflow_def(flow.to_workflow_def(), overwrite=True)

    request = StartWorkflowRequest(name="sdk_order", version=1, input={"order": "A7"})
    workflow_id = workflows.start_workflow(request)
    deadline = time.monotonic() + 60
    found = workflows.get_workflow(workflow_id, include_tasks=True)
    while found.status == "RUNNING" and time.monotonic() < deadline:
        time.sleep(0.1)
        found = workflows.get_workflow(workflow_id, include_tasks=True)
    tasks = [[task.reference_task_name, task.status, task.retry_count] for task in found.tasks]
    print(json.dumps({"status": found.status, "output": found.output, "tasks": tasks}))


if __name__ == "__main__":
    commands = {"work": work, "run": run, "run_sync": lambda url: run(url, False)}
    commands[sys.argv[2]](sys.argv[1])
