"""``conductor-studio import``: executions of another server, or of a file, into a database."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engine.copying import Copied, copy_execution, import_all, outermost
from engine.errors import InvalidRequestError
from engine.models.codec import loads_untrusted
from engine.models.execution import Workflow

from .settings import Settings

if TYPE_CHECKING:
    from engine import Engine
    from engine.client.base import Client

PAGE: Final = 100
MOST_BYTES: Final = 1 << 30
_LISTS: Final = ("workflows", "results", "bulkSuccessfulResults")
"""Keys under which servers answer several executions."""


def import_executions(settings: Settings, source: str, query: str, limit: int) -> int:
    """Import and say what became of each execution; 1 when some were skipped.

    Args:
        settings: Whose database they go to; a running studio that owns it takes them.
        source: Address of a server, or a JSON file of executions with their tasks.
        query: Which executions of the server, in Conductor's search grammar; empty: all.
        limit: At most so many, the newest; their sub-workflows are not counted.

    Raises:
        EngineError: The source or the database can't be read; nothing was imported.
    """
    from engine import connect

    if source.startswith(("http://", "https://")):
        remote = connect(source)
        total = min(limit, remote.search(query, size=1).total_hits)
        with _engine(settings) as engine:
            copied = _shown(_from_server(remote, engine.client, query, limit), total)
        remote.close()
        return _told(copied, settings.database())
    if query:
        raise InvalidRequestError("--query asks a server; a file is imported as a whole.")
    workflows = read_executions(source)[:limit]
    with _engine(settings) as engine:
        found = ([one] for one in import_all(engine.client, workflows, Path(source).name))
        copied = _shown(found, len(workflows))
    return _told(copied, settings.database())


def read_executions(file: str) -> list[Workflow]:
    """The executions of a JSON file: one, a list, or an answer that holds several.

    Raises:
        InvalidRequestError: There is no such file, or it holds none.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise InvalidRequestError(f"{file}: there is no such file.")
    size = path.stat().st_size
    if size > MOST_BYTES:  # before a byte of it is read
        raise InvalidRequestError(f"{file} has {size:,} bytes; {MOST_BYTES:,} are the limit.")
    text = path.read_bytes()
    try:
        body: Any = loads_untrusted(text, MOST_BYTES)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"{file}: {error}") from None
    if isinstance(body, dict):
        body = next((body[key] for key in _LISTS if isinstance(body.get(key), list)), [body])
    found = [one for one in body if isinstance(one, dict) and one.get("workflowId")]
    if not found or len(found) != len(body):
        raise InvalidRequestError(
            f"{file} holds no executions; it takes what GET /workflow/{{id}} answers, one or many."
        )
    return [Workflow.from_wire(one) for one in found]


def _from_server(source: Client, target: Client, query: str, limit: int) -> Iterator[list[Copied]]:
    """Trees of executions, each with what became of it; found page by page."""
    seen: set[str] = set()
    taken = start = 0
    while taken < limit:
        page = source.search(query, start=start, size=PAGE, sort="startTime:DESC")
        for line in page.results:
            if taken >= limit:
                return
            taken += 1
            if line.workflow_id in seen:  # came with its parent
                yield []
                continue
            # A sub-workflow is taken with what it is part of, or its place would be unknown.
            root = outermost(source, line.workflow_id)
            copied = copy_execution(source, target, root)
            seen.update(one.workflow_id for one in copied)
            yield copied
        if len(page.results) < PAGE:
            return
        start += PAGE


def _shown(found: Iterator[list[Copied]], total: int) -> list[Copied]:
    """All that was copied, with a bar on the way."""
    copied: list[Copied] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("Importing", total=total)
        for group in found:
            copied += group
            progress.advance(bar)
            if group:
                progress.update(bar, description=f"Importing {group[0].name[:30]}")
    return copied


def _told(copied: list[Copied], database: str) -> int:
    outcomes = Counter(one.outcome for one in copied)
    for one in copied:
        if one.note:
            sys.stderr.write(f"  {one.workflow_id}: {one.note}\n")
    words = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    count = len(copied)
    what = f"{count} execution{'' if count == 1 else 's'}"
    sys.stdout.write(f"{what} into {database}: {words or 'nothing found'}\n")
    return 1 if outcomes["skipped"] else 0


def _engine(settings: Settings) -> Engine:
    """Records only: nothing is worked on here."""
    from engine import Engine

    payloads = settings.payloads or None
    return Engine(settings.database(), threads=0, http_tasks=False, payloads=payloads)
