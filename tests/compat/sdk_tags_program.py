"""Tags as the official Python SDK sets and reads them; prints the keys it read as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from conductor.client.configuration.configuration import Configuration
from conductor.client.http.models import SaveScheduleRequest, StartWorkflowRequest
from conductor.client.http.models.task_def import TaskDef
from conductor.client.http.models.workflow_def import WorkflowDef
from conductor.client.http.models.workflow_task import WorkflowTask
from conductor.client.orkes.models.metadata_tag import MetadataTag
from conductor.client.orkes_clients import OrkesClients


def _key(tag: Any) -> str:
    return str(tag["key"] if isinstance(tag, dict) else tag.key)


def main(url: str) -> None:
    """Tag a workflow, a task and a schedule; change the tags; read them."""
    clients = OrkesClients(configuration=Configuration(server_api_url=url))
    metadata, scheduler = clients.get_metadata_client(), clients.get_scheduler_client()
    team, owner = MetadataTag("team", "payments"), MetadataTag("owner", "anna")
    task = WorkflowTask(name="a", task_reference_name="a", type="NOOP")
    metadata.register_workflow_def(WorkflowDef(name="w", version=1, tasks=[task]), overwrite=True)
    metadata.register_task_def(TaskDef(name="t"))
    start = StartWorkflowRequest(name="w", input={})
    scheduler.save_schedule(
        SaveScheduleRequest(name="s", cron_expression="0 0 0 1 1 ?", start_workflow_request=start)
    )
    metadata.add_workflow_tag(team, "w")
    metadata.set_workflow_tags([team, owner], "w")
    metadata.delete_workflow_tag(team, "w")
    metadata.addTaskTag(team, "t")
    scheduler.set_scheduler_tags([team, owner], "s")
    scheduler.delete_scheduler_tags([owner], "s")
    read = {
        "workflow": metadata.get_workflow_tags("w"),
        "task": metadata.getTaskTags("t"),
        "schedule": scheduler.get_scheduler_tags("s"),
    }
    # The SDK gives objects from one client and plain dictionaries from another.
    keys = {what: [_key(tag) for tag in tags] for what, tags in read.items()}
    print(json.dumps(keys))


if __name__ == "__main__":
    main(sys.argv[1])
