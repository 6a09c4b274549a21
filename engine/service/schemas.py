"""The schema registry, and the checks of schemas that stand in definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

from ..errors import InvalidDefinitionError, InvalidRequestError, NotFoundError, Problem
from ..evaluators.syntax import check_json_schema
from ..models.definitions import SchemaDef, SchemaType, TaskDef, WorkflowDef
from ..models.problems import VALIDATION_FAILED, child
from ..runtime.desk import Desk
from .base import ServiceBase, Wire

_SHORT: Final = ("name", "version")


class SchemaService(ServiceBase):
    """Schemas of inputs and outputs, registered under a name and a version."""

    def save_schemas(self, bodies: Sequence[Wire], new_version: bool = False) -> Future[None]:
        """Register or replace schemas; all are checked before any is stored.

        Args:
            bodies: SchemaDefs in wire form.
            new_version: Store each one past the highest version of its name, whatever version
                it has itself.

        Raises:
            InvalidDefinitionError: One has no name or type, or is no JSON Schema.
        """
        if not bodies:
            raise InvalidRequestError("The list of schemas is empty.")
        schemas = SchemaDef.list_from_wire(bodies)
        problems: list[Problem] = []
        for index, schema in enumerate(schemas):
            at = f"[{index}]" if len(schemas) > 1 else ""
            problems += _problems(schema, at)
        if problems:
            raise InvalidDefinitionError(VALIDATION_FAILED, problems)

        def put(desk: Desk) -> None:
            now_ms = desk.clock.now().wall_ms
            registry = desk.registry
            for schema in schemas:
                body: Wire = schema.to_wire()
                if new_version:
                    body["version"] = max(registry.schemas.schemas.get(schema.name, {0: {}})) + 1
                known = registry.schemas.schema(schema.name, body["version"])
                body["createTime"] = now_ms if known is None else known.get("createTime", now_ms)
                body["updateTime"] = 0 if known is None else now_ms
                desk.outbox.commit.metadata.append(registry.put_schema(body, now_ms))

        return self._submit(put)

    def schema(self, name: str, version: int | None = None) -> Wire:
        """A registered schema; the latest without a version.

        Raises:
            NotFoundError: No such name or version.
        """
        body = self._registry.schemas.schema(name, version)
        if body is None:
            raise NotFoundError(_unknown(name, version))
        return body

    def schemas(self, short: bool = False) -> list[Wire]:
        """Every version of every schema; ``short``: names and versions only."""
        bodies = self._registry.schemas.all_schemas()
        if not short:
            return bodies
        return [
            {"createTime": 0, "updateTime": 0, **{key: body[key] for key in _SHORT}}
            for body in bodies
        ]

    def delete_schema(self, name: str, version: int | None = None) -> Future[None]:
        """Take one version out, or all of them without a version.

        Executions that began with it keep it.

        Raises:
            NotFoundError: (from the future) no such name or version.
        """

        def drop(desk: Desk) -> None:
            versions = list(desk.registry.schemas.schemas.get(name, {}))
            doomed = versions if version is None else [v for v in versions if v == version]
            if not doomed:
                raise NotFoundError(_unknown(name, version))
            now_ms = desk.clock.now().wall_ms
            for number in doomed:
                row = desk.registry.drop_schema(name, number, now_ms)
                desk.outbox.commit.metadata.append(row)

        return self._submit(drop)


def schema_problems(definition: WorkflowDef | TaskDef, at: str = "") -> list[Problem]:
    """What is wrong with the schemas that stand in a definition, task definitions included."""
    problems: list[Problem] = []
    for key, schema in (
        ("inputSchema", definition.input_schema),
        ("outputSchema", definition.output_schema),
    ):
        if schema is not None and schema.data:
            problems += _data_problems(schema, child(at, key))
    if isinstance(definition, WorkflowDef):
        for path, task in definition.walk():
            if task.task_definition is not None:
                problems += schema_problems(task.task_definition, f"{path}.taskDefinition")
    return problems


def refuse_schemas(definition: WorkflowDef | TaskDef, at: str = "") -> None:
    """Accept the schemas of a definition silently.

    Raises:
        InvalidDefinitionError: One is no JSON Schema, or refers to another document.
    """
    problems = schema_problems(definition, at)
    if problems:
        raise InvalidDefinitionError(VALIDATION_FAILED, problems)


def _problems(schema: SchemaDef, at: str) -> list[Problem]:
    problems = []
    if not schema.name:
        problems.append(Problem(child(at, "name"), "SchemaDef name cannot be null or empty"))
    if schema.type is None:
        known = ", ".join(SchemaType)
        problems.append(Problem(child(at, "type"), f"SchemaDef type must be one of {known}"))
    if schema.version < 1:
        problems.append(Problem(child(at, "version"), "SchemaDef version must be at least 1"))
    if not schema.data and not schema.external_ref:
        text = "SchemaDef data cannot be empty unless externalRef is given"
        problems.append(Problem(child(at, "data"), text))
    return problems + _data_problems(schema, at)


def _data_problems(schema: SchemaDef, at: str) -> list[Problem]:
    data: Mapping[str, Any] | None = schema.data
    if schema.type is not SchemaType.JSON or not data:
        return []
    fault = check_json_schema(data)
    if fault is None:
        return []
    return [Problem(child(at, "data"), f"This is no JSON Schema that can be used: {fault}")]


def _unknown(name: str, version: int | None) -> str:
    suffix = "" if version is None else f" and version {version}"
    return f"No such schema found by name {name}{suffix}"
