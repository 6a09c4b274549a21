"""``conductor-studio run``: one workflow, start to end, in this process."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engine.core.events import EventKind, HistoryEvent
from engine.errors import InvalidRequestError
from engine.models.codec import dumps, loads_untrusted

from .definition_hints import hints_of
from .local_engine import open_engine
from .settings import MEMORY, Settings

if TYPE_CHECKING:
    from engine.client import Client

QUIET_SECONDS = 3.0
"""When nothing has happened for so long, the person is told what the execution waits for."""
_ENDED = (
    EventKind.TASK_COMPLETED,
    EventKind.TASK_FAILED,
    EventKind.TASK_TIMED_OUT,
    EventKind.TASK_CANCELED,
)


def run(settings: Settings, definition_file: str, input_text: str) -> int:
    """Run a definition and print its output as JSON; 1 when the execution failed.

    Progress, hints and the cause of a failure go to stderr, so that stdout can be piped on. Without
    ``--db`` nothing is kept.

    Raises:
        EngineError: The definition, the input or the database can't be used; nothing ran.
    """
    definition = _json_file(definition_file)
    if not isinstance(definition, dict) or not isinstance(definition.get("name"), str):
        raise InvalidRequestError(f"{definition_file} holds no workflow definition.")
    workflow_input = (
        _json_file(input_text[1:]) if input_text.startswith("@") else _json(input_text, "--input")
    )
    if not isinstance(workflow_input, dict):
        raise InvalidRequestError("--input is not a JSON object.")
    for hint in hints_of(definition):
        sys.stderr.write(f"hint: {hint['path']}: {hint['message']}\n")
    with open_engine(_kept_or_not(settings)) as engine:
        client = engine.client
        workflow_id = _run(client, definition, workflow_input)
        workflow = client.workflow(workflow_id)
        if str(workflow.status) == "COMPLETED":
            sys.stdout.write(dumps(workflow.output).decode() + "\n")
            return 0
        sys.stderr.write(_failure_words(client, workflow_id, str(workflow.status)) + "\n")
        return 1


def _kept_or_not(settings: Settings) -> Settings:
    if settings.db:
        return settings
    kept = ("workers", "payloads", "webhook_url", "webhook_events", "webhook_secret")
    return Settings(db=MEMORY, **{name: getattr(settings, name) for name in kept})


def _run(client: Client, definition: dict[str, Any], workflow_input: dict[str, Any]) -> str:
    """Start the execution, show its progress until it ends, return its id."""
    news, finished = threading.Event(), set[str]()
    counts = {"scheduled": 0, "done": 0}
    with _progress() as progress:
        bar = progress.add_task(definition["name"], total=None)

        def heard(events: list[HistoryEvent]) -> None:
            for event in events:
                counts["scheduled"] += event.kind is EventKind.TASK_SCHEDULED
                counts["done"] += event.kind in _ENDED
                if event.kind is EventKind.WORKFLOW_ENDED:
                    finished.add(event.workflow_id)
            progress.update(bar, total=counts["scheduled"] or None, completed=counts["done"])
            news.set()

        # Before the start: a short execution may have ended by the time its id comes back.
        subscription = client.subscribe(heard)
        try:
            workflow_id = client.start_workflow(
                definition["name"], workflow_input, workflow_def=definition
            )
            told = ""
            while workflow_id not in finished:
                if not news.wait(QUIET_SECONDS):
                    words = _waits_for_workers(client, workflow_id)
                    if words and words != told:
                        progress.console.print(words, markup=False, highlight=False)
                    told = words
                news.clear()
        finally:
            subscription.close()
    return workflow_id


def _waits_for_workers(client: Client, workflow_id: str) -> str:
    """Which tasks nobody has asked for, and what to do about it; empty when there are none."""
    waiting = [
        task
        for task in client.workflow(workflow_id).tasks
        if str(task.status) == "SCHEDULED" and task.task_type == task.task_def_name
    ]
    asked = {data.queue_name for data in client.poll_data()}
    names = sorted({task.task_def_name for task in waiting} - asked)
    if not names:
        return ""
    return (
        f"{', '.join(names)}: waits for a worker, and none has asked. Give one with "
        "--workers FILE.py (functions with @engine.task), or press Ctrl+C."
    )


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("tasks"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _failure_words(client: Client, workflow_id: str, status: str) -> str:
    report = client.failure(workflow_id)
    if not report.chains:
        reason = client.workflow(workflow_id, False).reason_for_incompletion or "no reason given"
        return f"{status}: {reason}"
    cause = report.chains[0].cause
    lines = [f"{cause.type}: {cause.message}" if cause.type else cause.message]
    lines.append(f"  in {cause.path}, attempt {cause.attempt} of {cause.attempts}, {cause.status}")
    if cause.frames:
        frame = cause.frames[-1]
        lines.append(f"  {frame.get('file')}:{frame.get('line')} in {frame.get('function')}")
    more = len(report.chains) - 1
    if more > 0:
        lines.append(f"  and {more} independent failure{'s' * (more > 1)}")
    return "\n".join(lines)


def _json_file(name: str) -> Any:
    try:
        text = Path(name).expanduser().read_bytes()
    except FileNotFoundError:
        raise InvalidRequestError(f"{name}: there is no such file.") from None
    return _json(text, name)


def _json(text: str | bytes, where: str) -> Any:
    try:
        return loads_untrusted(text.encode() if isinstance(text, str) else text)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{where}: {error}") from None
