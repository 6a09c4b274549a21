"""Registered workflow and task definitions."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from ..core.limits import check_definition
from ..errors import ConflictError, InvalidDefinitionError, InvalidRequestError, NotFoundError
from ..evaluators.syntax import check_javascript
from ..models.definitions import TaskDef, WorkflowDef
from ..models.problems import VALIDATION_FAILED, nested
from ..models.validation import (
    validate_task_def,
    validate_task_defs,
    validate_workflow_def,
    validate_workflow_defs,
)
from ..runtime.desk import Desk
from ..runtime.runtime import Runtime
from .base import Wire
from .schemas import SchemaService, refuse_schemas


class MetadataService(SchemaService):
    """Definitions: validated before they are stored, durable before the answer."""

    def __init__(self, runtime: Runtime) -> None:
        """Definitions of a running engine."""
        super().__init__(runtime)
        self._known_keys: dict[tuple[str, int], tuple[Wire, Wire]] = {}

    # -- workflow definitions ------------------------------------------------------------

    def create_workflow_def(self, body: Wire, overwrite: bool = False) -> Future[None]:
        """Register one version of a definition.

        Raises:
            InvalidDefinitionError: It breaks a rule; ``problems`` says which and where.
            ConflictError: (from the future) the version exists and ``overwrite`` is false.
        """
        definition = self._checked(body)

        def put(desk: Desk) -> None:
            name, version = definition.name, definition.version
            known = desk.registry.workflow_def(name, version)
            if known is not None and not overwrite:
                raise ConflictError(f"Workflow with {name}.{version} already exists!")
            self._put_workflow_def(desk, definition, known, touched=False)

        return self._submit(put)

    def update_workflow_defs(self, bodies: Sequence[Wire]) -> Future[Wire]:
        """Register or replace several; all are checked before any is stored."""
        definitions = WorkflowDef.list_from_wire(bodies)
        for definition, body in zip(definitions, bodies, strict=True):
            check_definition(definition.name, body, definition.walk())
        validate_workflow_defs(definitions, self._task_def_of, check_javascript=check_javascript)
        for index, definition in enumerate(definitions):
            refuse_schemas(definition, f"[{index}]")
            self._check_types(definition, f"[{index}]")

        def put(desk: Desk) -> Wire:
            for definition in definitions:
                known = desk.registry.workflow_def(definition.name, definition.version)
                self._put_workflow_def(desk, definition, known, touched=known is not None)
            names = [definition.name for definition in definitions]
            return {"bulkErrorResults": {}, "bulkSuccessfulResults": names}

        return self._submit(put)

    def validate_workflow_def(self, body: Wire) -> None:
        """Accept a definition silently, or raise ``InvalidDefinitionError``. Nothing is stored."""
        self._checked(body)

    def workflow_def(
        self, name: str, version: int | None = None, keep_unknown: bool = True
    ) -> Wire:
        """A registered definition; the latest without a version.

        Args:
            name: Its name.
            version: Its version; None for the highest.
            keep_unknown: Also give the keys that Conductor does not know.

        Raises:
            NotFoundError: No such name or version.
        """
        body = self._registry.workflow_def(name, version)
        if body is None:
            shown = "null" if version is None else version
            raise NotFoundError(f"No such workflow found by name: {name}, version: {shown}")
        return body if keep_unknown else self._without_unknown(body)

    def workflow_defs(self, keep_unknown: bool = True) -> list[Wire]:
        """All versions of all definitions, by name and version."""
        bodies = self._registry.all_workflow_defs()
        return bodies if keep_unknown else [self._without_unknown(body) for body in bodies]

    def _without_unknown(self, body: Wire) -> Wire:
        """A definition as Conductor would have stored it; worked out once for each."""
        key = (body["name"], int(body["version"]))
        known = self._known_keys.get(key)
        if known is None or known[0] is not body:
            known = body, WorkflowDef.from_wire(body).to_wire(keep_unknown=False)
            self._known_keys[key] = known
        return known[1]

    def delete_workflow_def(self, name: str, version: int) -> Future[None]:
        """Take one version out; running executions keep their snapshot.

        Raises:
            NotFoundError: (from the future) no such name or version.
        """

        def drop(desk: Desk) -> None:
            if desk.registry.workflow_defs.get(name, {}).get(version) is None:
                raise NotFoundError(f"No such workflow definition: {name} version: {version}")
            row = desk.registry.drop_workflow_def(name, version, desk.clock.now().wall_ms)
            self._known_keys.pop((name, version), None)
            desk.outbox.commit.metadata.append(row)

        return self._submit(drop)

    def _checked(self, body: Wire) -> WorkflowDef:
        definition = WorkflowDef.from_wire(body)
        check_definition(definition.name, body, definition.walk())
        validate_workflow_def(definition, self._task_def_of, check_javascript=check_javascript)
        refuse_schemas(definition)
        self._check_types(definition)
        return definition

    def _check_types(self, definition: WorkflowDef, path: str = "") -> None:
        """Ask the task types themselves: users' own may have more rules than Conductor's."""
        types = self._desk.task_types
        problems = [
            problem
            for place, task in definition.walk()
            for problem in nested(place, types[task.type].problems(task))
        ]
        if problems:
            raise InvalidDefinitionError(VALIDATION_FAILED, nested(path, problems))

    def _task_def_of(self, name: str) -> TaskDef | None:
        body = self._registry.task_defs.get(name)
        return None if body is None else TaskDef.from_wire(body)

    def _put_workflow_def(
        self, desk: Desk, definition: WorkflowDef, known: Wire | None, touched: bool
    ) -> None:
        now_ms = desk.clock.now().wall_ms
        body = definition.to_wire()
        body["createTime"] = (known or {}).get("createTime") or now_ms
        if touched:
            body["updateTime"] = now_ms
        desk.outbox.commit.metadata.append(desk.registry.put_workflow_def(body, now_ms))

    def task_types(self) -> list[Wire]:
        """What a palette shows of each task type, by name: the engine's and the user's own.

        ``{name, kind, summary, isRetried, keys, inputSchema, output}``; ``inputSchema`` is a JSON
        schema of the input, from which a form can be made.
        """
        types = self._desk.task_types
        return [types[name].described() for name in sorted(types)]

    # -- task definitions ----------------------------------------------------------------

    def create_task_defs(self, bodies: Sequence[Wire]) -> Future[None]:
        """Register or replace task definitions.

        Raises:
            InvalidDefinitionError: One of them breaks a rule; none is stored.
        """
        definitions = TaskDef.list_from_wire(bodies)
        validate_task_defs(definitions)
        for index, definition in enumerate(definitions):
            refuse_schemas(definition, f"[{index}]")

        def put(desk: Desk) -> None:
            now_ms = desk.clock.now().wall_ms
            for definition in definitions:
                body = definition.to_wire()
                body["createTime"] = now_ms
                body["createdBy"] = ""
                body["updateTime"] = 0
                body.pop("updatedBy", None)
                desk.outbox.commit.metadata.append(desk.registry.put_task_def(body, now_ms))

        return self._submit(put)

    def update_task_def(self, body: Wire) -> Future[None]:
        """Replace a registered task definition.

        Raises:
            NotFoundError: (from the future) it is not registered.
        """
        if not isinstance(body, dict):
            raise InvalidRequestError("The body must be one task definition.")
        definition = TaskDef.from_wire(body)
        validate_task_def(definition)
        refuse_schemas(definition)

        def put(desk: Desk) -> None:
            known = desk.registry.task_defs.get(definition.name)
            if known is None:
                raise NotFoundError(f"No such task by name {definition.name}")
            now_ms = desk.clock.now().wall_ms
            new: dict[str, Any] = definition.to_wire()
            new["createTime"] = known.get("createTime", 0)
            new["createdBy"] = known.get("createdBy", "")
            new["updateTime"] = now_ms
            desk.outbox.commit.metadata.append(desk.registry.put_task_def(new, now_ms))

        return self._submit(put)

    def task_def(self, name: str, keep_unknown: bool = True) -> Wire:
        """A registered task definition; see ``workflow_def`` for ``keep_unknown``.

        Raises:
            NotFoundError: No such name.
        """
        body = self._registry.task_defs.get(name)
        if body is None:
            raise NotFoundError(f"No such taskType found by name: {name}")
        return body if keep_unknown else TaskDef.from_wire(body).to_wire(keep_unknown=False)

    def task_defs(self, keep_unknown: bool = True) -> list[Wire]:
        """All task definitions by name."""
        bodies = [body for _, body in sorted(self._registry.task_defs.items())]
        if keep_unknown:
            return bodies
        return [TaskDef.from_wire(body).to_wire(keep_unknown=False) for body in bodies]

    def delete_task_def(self, name: str) -> Future[None]:
        """Take a task definition out.

        Raises:
            NotFoundError: (from the future) no such name.
        """

        def drop(desk: Desk) -> None:
            if name not in desk.registry.task_defs:
                raise NotFoundError("No such task definition")
            row = desk.registry.drop_task_def(name, desk.clock.now().wall_ms)
            desk.outbox.commit.metadata.append(row)

        return self._submit(drop)
