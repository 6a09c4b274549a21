"""Definitions of workflows and tasks, as Conductor stores and serves them.

Attributes are the snake_case of the JSON keys; both spellings are understood. The order of
fields is the order of keys on the wire. Times are epoch milliseconds, 0 = not set.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import Discriminator, Field, Tag

from ..errors import InvalidDefinitionError
from .base import WireModel
from .display import Drawn
from .enums import RetryLogic, TaskTimeoutPolicy, WorkflowTimeoutPolicy
from .lenient import (
    Boolean,
    Document,
    Integer,
    Integer32,
    ListOf,
    MapOf,
    OptionalBoolean,
    OptionalInteger,
    OptionalText,
    PositiveInteger,
    Text,
    enum_of,
)
from .problems import child

SWITCHING_TYPES: Final = frozenset({"SWITCH", "DECISION"})


class SchemaType(StrEnum):
    """Language of a schema."""

    JSON = "JSON"
    AVRO = "AVRO"
    PROTOBUF = "PROTOBUF"


class RateLimitPolicy(StrEnum):
    """What happens to a start beyond the limit."""

    QUEUE = "QUEUE"
    REJECT = "REJECT"


class JoinMode(StrEnum):
    """How eagerly a JOIN looks at its branches."""

    SYNC = "SYNC"
    ASYNC = "ASYNC"


class IdempotencyStrategy(StrEnum):
    """What a second start with the same idempotency key does."""

    FAIL = "FAIL"
    RETURN_EXISTING = "RETURN_EXISTING"
    FAIL_ON_RUNNING = "FAIL_ON_RUNNING"


class DefinitionModel(WireModel):
    """A part of a definition; what can't be read raises ``InvalidDefinitionError``."""

    refused_with = InvalidDefinitionError
    wire_title = "definition"


class AuditedModel(DefinitionModel):
    """A definition that remembers who wrote it and when (epoch milliseconds, 0 = never)."""

    owner_app: OptionalText = None
    create_time: Integer = 0
    update_time: Integer = 0
    created_by: OptionalText = None
    updated_by: OptionalText = None


class SchemaDef(AuditedModel):
    """A schema of inputs or outputs, inline (``data``) or elsewhere (``external_ref``)."""

    wire_title: ClassVar[str] = "schema definition"

    name: Text = ""
    version: Integer32 = 1
    type: Annotated[SchemaType | None, enum_of(SchemaType, None)] = None
    data: dict[str, Any] | None = None
    external_ref: OptionalText = None


class RateLimitConfig(DefinitionModel):
    """How many executions with the same key may run at once."""

    rate_limit_key: OptionalText = None
    concurrent_exec_limit: Integer = 0
    policy: Annotated[RateLimitPolicy, enum_of(RateLimitPolicy, RateLimitPolicy.QUEUE)] = (
        RateLimitPolicy.QUEUE
    )


class CacheConfig(DefinitionModel):
    """How long an output may be taken over instead of being computed again."""

    key: OptionalText = None
    ttl_in_second: Integer = 0


class StateChangeEvent(DefinitionModel):
    """What is to be told when a task changes its state."""

    type: OptionalText = None
    payload: Document = Field(default_factory=dict)


class TaskDef(AuditedModel):
    """Registered settings of a worker task: retries, time-outs, limits."""

    wire_title: ClassVar[str] = "task definition"

    name: Text = ""
    description: OptionalText = None
    retry_count: Integer = 3
    timeout_seconds: Integer = 0
    input_keys: ListOf[Text] = Field(default_factory=list)
    output_keys: ListOf[Text] = Field(default_factory=list)
    timeout_policy: Annotated[
        TaskTimeoutPolicy, enum_of(TaskTimeoutPolicy, TaskTimeoutPolicy.TIME_OUT_WF)
    ] = TaskTimeoutPolicy.TIME_OUT_WF
    retry_logic: Annotated[RetryLogic, enum_of(RetryLogic, RetryLogic.FIXED)] = RetryLogic.FIXED
    retry_delay_seconds: Integer = 60
    response_timeout_seconds: Integer = 3600
    concurrent_exec_limit: OptionalInteger = None
    input_template: Document = Field(default_factory=dict)
    rate_limit_per_frequency: Integer = 0
    rate_limit_frequency_in_seconds: PositiveInteger = 1
    isolation_group_id: OptionalText = None
    execution_name_space: OptionalText = None
    owner_email: OptionalText = None
    poll_timeout_seconds: OptionalInteger = None
    backoff_scale_factor: PositiveInteger = 1
    max_retry_delay_seconds: Integer = 0
    backoff_jitter_ms: Integer = 0
    total_timeout_seconds: Integer = 0
    base_type: OptionalText = None
    runtime_metadata: ListOf[Text] = Field(default_factory=list)
    task_status_listener_enabled: Boolean = True
    input_schema: SchemaDef | None = None
    output_schema: SchemaDef | None = None
    enforce_schema: Boolean = False

    def __repr__(self) -> str:
        """``TaskDef('charge_card', 3 retries)``."""
        return f"TaskDef({self.name!r}, {self.retry_count} retries)"


def _definition_kind(value: Any) -> str:
    if isinstance(value, dict | WorkflowDef):
        return "<definition>"
    if isinstance(value, str) and value.startswith("${") and value.endswith("}"):
        return "<expression>"
    return "<neither>"


class SubWorkflowParams(DefinitionModel):
    """Which workflow a SUB_WORKFLOW task starts; an inline definition names itself."""

    name: OptionalText = None
    version: OptionalInteger = None
    task_to_domain: MapOf[Text] | None = None
    workflow_definition: (
        Annotated[
            Annotated[WorkflowDef, Tag("<definition>")] | Annotated[str, Tag("<expression>")],
            Discriminator(
                _definition_kind,
                custom_error_type="wire",
                custom_error_message="expected a workflow definition or an expression ${…}",
            ),
        ]
        | None
    ) = None
    idempotency_key: OptionalText = None
    idempotency_strategy: Annotated[
        IdempotencyStrategy | None, enum_of(IdempotencyStrategy, None)
    ] = None
    priority: Any = None

    def to_wire(self, keep_unknown: bool = True) -> dict[str, Any]:
        """Return the JSON object; name and version are those of an inline definition."""
        wire = super().to_wire(keep_unknown)
        if isinstance(self.workflow_definition, WorkflowDef):
            wire["name"] = self.workflow_definition.name
            wire["version"] = self.workflow_definition.version
        return wire


class WorkflowTask(DefinitionModel):
    """One step in a workflow definition, with the steps nested in it."""

    wire_title: ClassVar[str] = "workflow task"

    name: Text = ""
    task_reference_name: Text = ""
    description: OptionalText = None
    input_parameters: Document = Field(default_factory=dict)
    type: Text = "SIMPLE"
    dynamic_task_name_param: OptionalText = None
    case_value_param: OptionalText = None
    case_expression: OptionalText = None
    script_expression: OptionalText = None
    decision_cases: MapOf[ListOf[WorkflowTask]] = Field(default_factory=dict)
    dynamic_fork_join_tasks_param: OptionalText = None
    dynamic_fork_tasks_param: OptionalText = None
    dynamic_fork_tasks_input_param_name: OptionalText = None
    default_case: ListOf[WorkflowTask] = Field(default_factory=list)
    fork_tasks: ListOf[ListOf[WorkflowTask]] = Field(default_factory=list)
    start_delay: Integer = 0
    sub_workflow_param: SubWorkflowParams | None = None
    join_on: ListOf[Text] = Field(default_factory=list)
    sink: OptionalText = None
    optional: Boolean = False
    task_definition: TaskDef | None = None
    rate_limited: OptionalBoolean = None
    default_exclusive_join_task: ListOf[Text] = Field(default_factory=list)
    async_complete: Boolean = False
    loop_condition: OptionalText = None
    loop_over: ListOf[WorkflowTask] = Field(default_factory=list)
    items: OptionalText = None
    retry_count: OptionalInteger = None
    evaluator_type: OptionalText = None
    expression: OptionalText = None
    on_state_change: MapOf[ListOf[StateChangeEvent]] = Field(default_factory=dict)
    join_status: OptionalText = None
    join_mode: Annotated[JoinMode | None, enum_of(JoinMode, None)] = None
    cache_config: CacheConfig | None = None
    permissive: Boolean = False
    metadata: Document = Field(default_factory=dict)

    @classmethod
    def _read_old_spelling(cls, data: Any) -> Any:
        # Definitions of Conductor 1 name the type so; the server understands it on input only.
        if data.__class__ is dict and "workflowTaskType" in data:
            kept = {key: value for key, value in data.items() if key != "workflowTaskType"}
            return {"type": data["workflowTaskType"], **kept}
        return data

    def branches(self) -> Iterator[tuple[str, list[WorkflowTask]]]:
        """Yield (path below the task, steps) of each list of steps the flow may enter.

        Only lists that the task's type looks at: cases, then the default case, of SWITCH and
        DECISION; branches of FORK_JOIN; the body of DO_WHILE.
        """
        if self.type in SWITCHING_TYPES:
            for case, tasks in self.decision_cases.items():
                yield child("decisionCases", case), tasks
            yield "defaultCase", self.default_case
        elif self.type == "FORK_JOIN":
            for index, tasks in enumerate(self.fork_tasks):
                yield f"forkTasks[{index}]", tasks
        elif self.type == "DO_WHILE":
            yield "loopOver", self.loop_over

    def walk(self, path: str = "") -> Iterator[tuple[str, WorkflowTask]]:
        """Yield (path, task) of this task and all nested in it, parents first."""
        yield path, self
        for below, tasks in self.branches():
            for index, task in enumerate(tasks):
                yield from task.walk(f"{path}.{below}[{index}]")

    def __repr__(self) -> str:
        """``WorkflowTask('charge_ref', SIMPLE 'charge_card')``."""
        return f"WorkflowTask({self.task_reference_name!r}, {self.type} {self.name!r})"


class WorkflowDef(Drawn, AuditedModel):
    """The versioned recipe of a workflow; its identity is name and version."""

    wire_title: ClassVar[str] = "workflow definition"

    name: Text = ""
    description: OptionalText = None
    version: Integer32 = 1
    tasks: ListOf[WorkflowTask] = Field(default_factory=list)
    input_parameters: ListOf[Text] = Field(default_factory=list)
    output_parameters: Document = Field(default_factory=dict)
    failure_workflow: OptionalText = None
    failure_workflow_version: OptionalInteger = None
    schema_version: Integer = 2
    restartable: Boolean = True
    workflow_status_listener_enabled: Boolean = False
    workflow_status_listener_sink: OptionalText = None
    owner_email: OptionalText = None
    timeout_policy: Annotated[
        WorkflowTimeoutPolicy, enum_of(WorkflowTimeoutPolicy, WorkflowTimeoutPolicy.ALERT_ONLY)
    ] = WorkflowTimeoutPolicy.ALERT_ONLY
    timeout_seconds: Integer = 0
    variables: Document = Field(default_factory=dict)
    input_template: Document = Field(default_factory=dict)
    rate_limit_config: RateLimitConfig | None = None
    input_schema: SchemaDef | None = None
    output_schema: SchemaDef | None = None
    enforce_schema: Boolean = True
    metadata: Document = Field(default_factory=dict)
    cache_config: CacheConfig | None = None
    masked_fields: ListOf[Text] = Field(default_factory=list)

    def walk(self) -> Iterator[tuple[str, WorkflowTask]]:
        """Yield (path, task) of all tasks, parents before what is nested in them.

        Paths are like ``tasks[2].decisionCases.yes[0]``. Definitions inlined in SUB_WORKFLOW
        tasks are definitions of their own and not entered.
        """
        for index, task in enumerate(self.tasks):
            yield from task.walk(f"tasks[{index}]")

    def task(self, reference: str) -> WorkflowTask | None:
        """Return the task with a reference name, wherever it is nested, or None."""
        for _, task in self.walk():
            if task.task_reference_name == reference:
                return task
        return None

    def __repr__(self) -> str:
        """``WorkflowDef('order_flow' v3, 12 tasks)``."""
        count = sum(1 for _ in self.walk())
        return f"WorkflowDef({self.name!r} v{self.version}, {count} tasks)"


for _model in (SubWorkflowParams, WorkflowTask, WorkflowDef):
    _model.model_rebuild()
