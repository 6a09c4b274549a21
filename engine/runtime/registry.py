"""Registered definitions, and the snapshots that executions are started with.

Written by the decider thread only; read from any thread (whole entries are replaced, never
changed in place).
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from ..core.definition import CompiledDefinition, compile_definition
from ..core.turn import Terminate
from ..errors import NotFoundError
from ..models.codec import dumps, loads, payload_hash
from ..models.definitions import TaskDef
from ..store.base import MetadataRow, Store
from .collection import Collection
from .schema_registry import COLLECTION, SchemaRegistry

Wire = dict[str, Any]
_CACHED_DEFINITIONS = 2000


class Registry:
    """Workflow and task definitions by name, and compiled snapshots by hash."""

    def __init__(self, store: Store) -> None:
        """Read what the store has."""
        self._store = store
        self._compiled: OrderedDict[str, CompiledDefinition] = OrderedDict()
        self._plain_task_def = TaskDef.from_wire({"name": "plain"}).to_wire()
        self.reload()

    def reload(self) -> None:
        """Read again what the store has, and forget what it has not."""
        store = self._store
        workflow_defs: dict[str, dict[int, Wire]] = {}
        task_defs: dict[str, Wire] = {}
        self.event_handlers: dict[str, Wire] = {
            row.key: row.body for row in store.metadata("event_handlers") if row.body is not None
        }
        self.tags = Collection(store, "tags")
        """By ``kind/name`` of what they hang on."""
        self.environment = Collection(store, "environment", is_protected=True)
        """Written variables of ``workflow.env``: ``{"value": text}``."""
        self.schemas = SchemaRegistry(store.metadata(COLLECTION))
        self._run_time_task_defs: dict[str, Wire] | None = None
        self._snapshots: dict[tuple[str, int], CompiledDefinition] = {}
        self._stored: set[str] = set()
        for row in store.metadata("workflow_defs"):
            if row.body is not None:
                workflow_defs.setdefault(row.key, {})[row.version] = row.body
        for row in store.metadata("task_defs"):
            if row.body is not None:
                task_defs[row.key] = row.body
        self.workflow_defs, self.task_defs = workflow_defs, task_defs

    # -- reading -------------------------------------------------------------------------

    def workflow_def(self, name: str, version: int | None = None) -> Wire | None:
        """A registered definition; the highest version without one. None if unknown."""
        versions = self.workflow_defs.get(name)
        if not versions:
            return None
        return versions.get(max(versions) if version is None else version)

    def all_workflow_defs(self) -> list[Wire]:
        """Every version of every definition, by name and version."""
        return [
            versions[number]
            for _, versions in sorted(self.workflow_defs.items())
            for number in sorted(versions)
        ]

    # -- writing (decider thread) --------------------------------------------------------

    def put_workflow_def(self, body: Wire, wall_ms: int) -> MetadataRow:
        """Register or replace one version."""
        name, version = body["name"], int(body["version"])
        self.workflow_defs[name] = {**self.workflow_defs.get(name, {}), version: body}
        self._snapshots.clear()
        return MetadataRow(
            collection="workflow_defs", key=name, version=version, body=body, wall_ms=wall_ms
        )

    def drop_workflow_def(self, name: str, version: int, wall_ms: int) -> MetadataRow:
        """Take one version out."""
        versions = {k: v for k, v in self.workflow_defs.get(name, {}).items() if k != version}
        if versions:
            self.workflow_defs[name] = versions
        else:
            self.workflow_defs.pop(name, None)
        self._snapshots.clear()
        return MetadataRow(
            collection="workflow_defs", key=name, version=version, body=None, wall_ms=wall_ms
        )

    def put_task_def(self, body: Wire, wall_ms: int) -> MetadataRow:
        """Register or replace a task definition."""
        self.task_defs[body["name"]] = body
        self._forget_snapshots()
        return MetadataRow(
            collection="task_defs", key=body["name"], version=0, body=body, wall_ms=wall_ms
        )

    def drop_task_def(self, name: str, wall_ms: int) -> MetadataRow:
        """Take a task definition out."""
        self.task_defs.pop(name, None)
        self._forget_snapshots()
        return MetadataRow(collection="task_defs", key=name, version=0, body=None, wall_ms=wall_ms)

    def put_event_handler(self, body: Wire, wall_ms: int) -> MetadataRow:
        """Register or replace an event handler."""
        name = body["name"]
        self.event_handlers = {**self.event_handlers, name: body}
        return MetadataRow(
            collection="event_handlers", key=name, version=0, body=body, wall_ms=wall_ms
        )

    def drop_event_handler(self, name: str, wall_ms: int) -> MetadataRow:
        """Take an event handler out."""
        self.event_handlers = {k: v for k, v in self.event_handlers.items() if k != name}
        return MetadataRow(
            collection="event_handlers", key=name, version=0, body=None, wall_ms=wall_ms
        )

    def put_schema(self, body: Wire, wall_ms: int) -> MetadataRow:
        """Register or replace one version of a schema."""
        self._forget_snapshots()
        return self.schemas.put(body, wall_ms)

    def drop_schema(self, name: str, version: int, wall_ms: int) -> MetadataRow:
        """Take one version of a schema out."""
        self._forget_snapshots()
        return self.schemas.drop(name, version, wall_ms)

    def _forget_snapshots(self) -> None:
        self._snapshots.clear()
        self._run_time_task_defs = None

    # -- snapshots -----------------------------------------------------------------------

    def snapshot(self, name: str, version: int | None) -> CompiledDefinition:
        """The definition as an execution that starts now will keep it.

        Raises:
            NotFoundError: Not registered.
            Terminate: A child that it names has no definition (semantics reference §3.1).
        """
        body = self.workflow_def(name, version)
        if body is None:
            shown = "null" if version is None else version
            raise NotFoundError(f"No such workflow defined. name={name}, version={shown}")
        key = (name, int(body["version"]))
        known = self._snapshots.get(key)
        if known is None:
            known = self._snapshots[key] = self.snapshot_of(body)
        return known

    def snapshot_of(self, body: Wire) -> CompiledDefinition:
        """The snapshot of a definition that need not be registered."""
        wire = self.schemas.filled(copy.deepcopy(body))
        self._populate(wire.get("tasks") or ())
        definition_hash = payload_hash(wire)
        known = self._compiled.get(definition_hash)
        if known is None:
            known = self._remember(compile_definition(wire, definition_hash))
        return known

    def _populate(self, tasks: Iterable[Wire]) -> None:
        """Embed the task definition of every static node."""
        for task in tasks:
            if not task.get("taskDefinition"):
                task["taskDefinition"] = self.task_def_for(task)
            task["taskDefinition"] = self.schemas.filled(task["taskDefinition"])
            if task.get("type") == "SUB_WORKFLOW":
                self._pin_child(task)
            for inner in (task.get("decisionCases") or {}).values():
                self._populate(inner or ())
            for inner in task.get("forkTasks") or ():
                self._populate(inner or ())
            self._populate(task.get("defaultCase") or ())
            self._populate(task.get("loopOver") or ())

    def task_def_for(self, task: Mapping[str, Any]) -> Wire:
        """Registered definition, plain defaults for a worker's task, or one without limits."""
        name = task.get("name") or ""
        registered = self.task_defs.get(name)
        if registered is not None:
            return registered
        if task.get("type", "SIMPLE") == "SIMPLE":
            return {**self._plain_task_def, "name": name}
        return {
            **self._plain_task_def,
            "name": name,
            "retryCount": 0,
            "responseTimeoutSeconds": 0,
        }

    def run_time_task_defs(self) -> dict[str, Wire]:
        """The registered task definitions with their schemas, for tasks made at run time."""
        if self._run_time_task_defs is None:
            filled = self.schemas.filled
            self._run_time_task_defs = {name: filled(d) for name, d in self.task_defs.items()}
        return self._run_time_task_defs

    def latest_version_of(self, name: str) -> int | None:
        """The newest registered version of a workflow definition; None: there is none."""
        latest = self.workflow_def(name, None)
        return None if latest is None else int(latest["version"])

    def _pin_child(self, task: Wire) -> None:
        """A child without a version is the latest one at the start of its parent."""
        param = task.get("subWorkflowParam") or {}
        if param.get("version") is not None or param.get("workflowDefinition"):
            return
        name = param.get("name") or ""
        latest = self.workflow_def(name)
        if latest is None:
            raise Terminate(
                f"The Task {name} defined as a sub-workflow has no workflow definition available "
            )
        task["subWorkflowParam"] = {**param, "version": int(latest["version"])}

    def definition_of(self, definition_hash: str) -> CompiledDefinition:
        """The compiled snapshot of a hash. Callable from any thread."""
        known = self._compiled.get(definition_hash)
        if known is None:
            wire = loads(self._store.definition(definition_hash))
            self._stored.add(definition_hash)
            known = self._remember(compile_definition(wire, definition_hash))
        return known

    def _remember(self, definition: CompiledDefinition) -> CompiledDefinition:
        self._compiled[definition.hash] = definition
        while len(self._compiled) > _CACHED_DEFINITIONS:
            self._compiled.popitem(last=False)
        return definition

    def text_if_new(self, definition: CompiledDefinition) -> bytes | None:
        """The snapshot's JSON the first time an execution uses it in this process, else None."""
        if definition.hash in self._stored:
            return None
        self._stored.add(definition.hash)
        return dumps(definition.wire)
