"""``conductor-studio publish``: definitions from here to a server, with a diff and a question."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from engine.errors import InvalidRequestError, NotFoundError
from engine.models.codec import loads_untrusted
from engine.models.definitions import TaskDef, WorkflowDef
from engine.publishing import Change, plan_publication, publish, task_names

from .settings import Settings

if TYPE_CHECKING:
    from engine.client.base import Client

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def publish_definitions(settings: Settings, what: Sequence[str], yes: bool) -> int:
    """Show what would change on the server, ask, and write it; 1 when the person declines.

    Args:
        settings: ``connect`` is the server, ``db`` where names are looked up.
        what: Files of definitions (``*.json``), or names of definitions in the database.
        yes: Write without asking.

    Raises:
        EngineError: Something can't be read or is refused.
    """
    if not settings.connect:
        raise InvalidRequestError("Where to? Name the server: --connect http://HOST:8080/api.")
    from engine import connect

    flows, tasks = definitions_of(settings, what)
    target = connect(settings.connect)
    try:
        changes = plan_publication(target, flows, tasks)
        console = Console()
        for change in changes:
            _show(console, change)
        if all(change.is_empty for change in changes):
            console.print(f"{settings.connect} has all of that already.")
            return 0
        if not (yes or _agreed(console, settings.connect)):
            console.print("Nothing was changed.")
            return 1
        written = publish(target, changes)
    finally:
        target.close()
    count = len(written)
    console.print(f"{count} definition{'' if count == 1 else 's'} published.")
    return 0


def definitions_of(
    settings: Settings, what: Sequence[str]
) -> tuple[list[WorkflowDef], list[TaskDef]]:
    """Definitions of files and of names in the database, with the task definitions they use."""
    flows: list[WorkflowDef] = []
    tasks: list[TaskDef] = []
    names = [one for one in what if not one.endswith(".json")]
    for file in what:
        if file.endswith(".json"):
            flows += _read(file)
    if names:
        from engine import Engine

        with Engine(settings.database(), threads=0, http_tasks=False) as engine:
            client = engine.client
            flows += [client.workflow_def(name) for name in names]
            wanted = dict.fromkeys(name for flow in flows for name in task_names(flow))
            tasks = [task for name in wanted if (task := _task_def(client, name)) is not None]
    return flows, tasks


def _task_def(client: Client, name: str) -> TaskDef | None:
    try:
        return client.task_def(name)
    except NotFoundError:
        return None


def _read(file: str) -> list[WorkflowDef]:
    try:
        body: Any = loads_untrusted(Path(file).expanduser().read_bytes())
    except FileNotFoundError:
        raise InvalidRequestError(f"{file}: there is no such file.") from None
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{file}: {error}") from None
    items = body if isinstance(body, list) else [body]
    if not all(isinstance(one, dict) and one.get("name") and "tasks" in one for one in items):
        raise InvalidRequestError(f"{file} holds no workflow definitions.")
    return [WorkflowDef.from_wire(one) for one in items]


def _show(console: Console, change: Change) -> None:
    state = "new" if change.is_new else "the same" if change.is_empty else "changes"
    if change.newest is not None:
        state = f"new, version {change.newest.version} stays"
    console.print(Text.assemble((change.title, "bold"), f": {state}"))
    for line in change.diff if not change.is_new or change.newest else ():
        console.print(Text(f"  {line}", style=_COLOURS.get(line[:1], "")))


def _agreed(console: Console, where: str) -> bool:
    if not sys.stdin.isatty():
        raise InvalidRequestError("Nobody is there to say yes; add --yes to publish unasked.")
    answer = console.input(f"Publish this to {where}? [y/N] ")
    return answer.strip().lower() in ("y", "yes")
