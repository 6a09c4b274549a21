"""What a user of the clients of the official Python SDK writes.

python sdk_clients_program.py API_URL     prints what it saw as one line of JSON
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from conductor.client.configuration.configuration import Configuration
from conductor.client.http.api.event_resource_api import EventResourceApi
from conductor.client.http.api_client import ApiClient
from conductor.client.http.models import (
    EventHandler,
    RerunWorkflowRequest,
    SaveScheduleRequest,
    StartWorkflowRequest,
    TaskDef,
    TaskResult,
    WorkflowDef,
    WorkflowTask,
)
from conductor.client.http.models.action import Action
from conductor.client.http.models.start_workflow import StartWorkflow
from conductor.client.http.rest import ApiException
from conductor.client.orkes_clients import OrkesClients


def flow(name: str, *tasks: WorkflowTask) -> WorkflowDef:
    return WorkflowDef(
        name=name, version=1, tasks=list(tasks), owner_email="tests@example.com", schema_version=2
    )


def step(kind: str, name: str, **inputs: Any) -> WorkflowTask:
    return WorkflowTask(name=name, task_reference_name=name, type=kind, input_parameters=inputs)


def status_of(call: Callable[[], Any]) -> int:
    """The HTTP status a call is refused with, 0 when it is not."""
    try:
        call()
    except ApiException as error:
        return int(error.status)
    return 0


def soon(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def definitions(clients: OrkesClients) -> dict[str, Any]:
    metadata = clients.get_metadata_client()
    metadata.register_task_def(TaskDef(name="cl_pay", retry_count=0, owner_email="a@b.c"))
    metadata.update_task_def(TaskDef(name="cl_pay", retry_count=2, owner_email="a@b.c"))
    metadata.register_workflow_def(flow("cl_flow", step("SIMPLE", "cl_pay")), overwrite=True)
    metadata.register_workflow_def(flow("cl_gone", step("SIMPLE", "cl_pay")), overwrite=True)
    metadata.unregister_workflow_def("cl_gone", 1)
    return {
        "retries": metadata.get_task_def("cl_pay").retry_count,
        "tasks": [task.name for task in metadata.get_workflow_def("cl_flow", 1).tasks],
        "all": sorted(one.name for one in metadata.get_all_workflow_defs()),
        "gone": status_of(lambda: metadata.get_workflow_def("cl_gone")),
        "never": status_of(lambda: metadata.unregister_workflow_def("cl_never", 1)),
        "invalid": status_of(lambda: metadata.register_workflow_def(flow("cl_empty"))),
        "twice": status_of(
            lambda: metadata.register_workflow_def(
                flow("cl_flow", step("SIMPLE", "cl_pay")), overwrite=False
            )
        ),
    }


def executions(clients: OrkesClients) -> dict[str, Any]:
    workflows, tasks = clients.get_workflow_client(), clients.get_task_client()
    request = StartWorkflowRequest(name="cl_flow", version=1, input={"n": 1}, correlation_id="cl")
    workflow_id = workflows.start_workflow(request)
    workflows.pause_workflow(workflow_id)
    paused = workflows.get_workflow_status(workflow_id).status
    workflows.resume_workflow(workflow_id)
    waiting = tasks.get_queue_size_for_task("cl_pay")
    task = tasks.poll_task("cl_pay", worker_id="cl-worker")
    tasks.add_task_log(task.task_id, "half way")
    done = TaskResult(workflow_instance_id=workflow_id, task_id=task.task_id, status="COMPLETED")
    done.add_output_data("receipt", 7)
    tasks.update_task(done)
    completed = workflows.get_workflow(workflow_id)
    logs = [line.log for line in tasks.get_task_logs(task.task_id)]
    found = soon(lambda: workflows.search(query="correlationId='cl'").results)
    workflows.restart_workflow(workflow_id)
    workflows.terminate_workflow(workflow_id, reason="enough")
    terminated = workflows.get_workflow_status(workflow_id).status
    workflows.rerun_workflow(workflow_id, RerunWorkflowRequest(workflow_input={"n": 2}))
    again = workflows.get_workflow(workflow_id)
    tasks.update_task_by_ref_name(workflow_id, "cl_pay", "COMPLETED", {"receipt": 8})
    by_reference = workflows.get_workflow(workflow_id)
    related = workflows.get_by_correlation_ids("cl_flow", ["cl"], include_completed=True)
    workflows.delete_workflow(workflow_id)
    return {
        "paused": paused,
        "waiting": waiting,
        "completed": [completed.status, completed.tasks[0].output_data],
        "logs": logs,
        "polled_by": [one.worker_id for one in tasks.get_task_poll_data("cl_pay")],
        "found": [line.workflow_id == workflow_id for line in found],
        "terminated": terminated,
        "again": [again.status, again.input],
        "by_reference": [by_reference.status, by_reference.tasks[-1].output_data],
        "related": {key: len(value) for key, value in related.items()},
        "deleted": status_of(lambda: workflows.get_workflow(workflow_id)),
        "nothing": getattr(tasks.poll_task("cl_nothing"), "task_id", None),
    }


def schedules(clients: OrkesClients) -> dict[str, Any]:
    scheduler = clients.get_scheduler_client()
    request = SaveScheduleRequest(
        name="cl_daily",
        cron_expression="0 0 6 * * *",
        start_workflow_request=StartWorkflowRequest(name="cl_flow", version=1, input={}),
        paused=False,
    )
    scheduler.save_schedule(request)
    saved = scheduler.get_schedule("cl_daily")
    scheduler.pause_schedule("cl_daily")
    paused = scheduler.get_schedule("cl_daily").paused
    scheduler.resume_schedule("cl_daily")
    times = scheduler.get_next_few_schedule_execution_times("0 0 6 * * *", limit=3)
    known = [one.name for one in scheduler.get_all_schedules()]
    resumed = scheduler.get_schedule("cl_daily").paused
    scheduler.delete_schedule("cl_daily")
    return {
        "cron": saved.cron_expression,
        "known": known,
        "paused": paused,
        "resumed": resumed,
        "times": [later - sooner for sooner, later in zip(times, times[1:], strict=False)],
        "deleted": status_of(lambda: scheduler.get_schedule("cl_daily")),
    }


def events(clients: OrkesClients, configuration: Configuration) -> dict[str, Any]:
    metadata, workflows = clients.get_metadata_client(), clients.get_workflow_client()
    metadata.register_workflow_def(flow("cl_heard", step("SET_VARIABLE", "cl_set", v=1)))
    publisher = WorkflowTask(
        name="cl_tell", task_reference_name="cl_tell", type="EVENT", sink="conductor"
    )
    metadata.register_workflow_def(flow("cl_teller", publisher))
    handlers = EventResourceApi(ApiClient(configuration))
    action = Action(action="start_workflow", start_workflow=StartWorkflow(name="cl_heard"))
    handler = EventHandler(
        name="cl_handler", event="conductor:cl_teller:cl_tell", actions=[action], active=True
    )
    handlers.add_event_handler(handler)
    known = handlers.get_event_handlers_for_event("conductor:cl_teller:cl_tell")
    workflows.start_workflow(StartWorkflowRequest(name="cl_teller", version=1, input={}))
    heard = soon(lambda: workflows.search(query="workflowType='cl_heard'").results)
    handlers.remove_event_handler_status("cl_handler")
    return {
        "known": [one.name for one in known],
        "heard": [line.status for line in heard],
        "left": len(handlers.get_event_handlers()),
    }


if __name__ == "__main__":
    settings = Configuration(server_api_url=sys.argv[1])
    orkes = OrkesClients(configuration=settings)
    print(
        json.dumps(
            {
                "definitions": definitions(orkes),
                "executions": executions(orkes),
                "schedules": schedules(orkes),
                "events": events(orkes, settings),
            }
        )
    )
