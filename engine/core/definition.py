"""A workflow definition made ready for deciding: nodes by reference, successors computed once.

Rules of this file
  1. A compiled definition is immutable and shared by all executions of the same snapshot.
  2. It is compiled from the *snapshot*: the definition as it was when the execution started,
     with the task definition of every static node embedded (semantics reference §3.1).
  3. Graph navigation is Conductor's (§1.2): the successor of the last task of a fork branch is
     the JOIN, of a loop body the loop itself, of a switch case whatever follows the switch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from ..models.enums import RetryLogic, TaskTimeoutPolicy, WorkflowTimeoutPolicy
from .schemas import SchemaCheck, enforced_schema

FORK_TYPES: Final = frozenset({"FORK_JOIN", "FORK_JOIN_DYNAMIC", "FORK"})
SWITCH_TYPES: Final = frozenset({"SWITCH", "DECISION"})
SCRIPT_TYPES: Final = frozenset({"INLINE", "LAMBDA", "JSON_JQ_TRANSFORM"})
"""Their open records are moved on by one script of their own, and by nothing else."""


class TaskSettings(msgspec.Struct, frozen=True):
    """What the decider reads of a task definition."""

    retry_count: int = 3
    retry_logic: str = RetryLogic.FIXED
    retry_delay_seconds: int = 60
    backoff_scale_factor: int = 1
    max_retry_delay_seconds: int = 0
    backoff_jitter_ms: int = 0
    timeout_seconds: int = 0
    timeout_policy: str = TaskTimeoutPolicy.TIME_OUT_WF
    response_timeout_seconds: int = 3600
    poll_timeout_seconds: int = 0
    total_timeout_seconds: int = 0
    concurrent_exec_limit: int = 0
    rate_limit_per_frequency: int = 0
    rate_limit_frequency_in_seconds: int = 1
    input_template: Mapping[str, Any] = {}
    input_schema: SchemaCheck | None = None
    output_schema: SchemaCheck | None = None

    @property
    def has_timeout(self) -> bool:
        """Whether any of the four timers can run."""
        return bool(
            self.timeout_seconds > 0
            or self.response_timeout_seconds > 0
            or self.poll_timeout_seconds > 0
            or self.total_timeout_seconds > 0
        )


def task_settings(wire: Mapping[str, Any] | None) -> TaskSettings | None:
    """The settings of a TaskDef in wire form; None stays None (no retries, no timers)."""
    if wire is None:
        return None

    def number(key: str, default: int) -> int:
        value = wire.get(key, default)
        return default if value is None else int(value)

    return TaskSettings(
        retry_count=number("retryCount", 3),
        retry_logic=wire.get("retryLogic") or RetryLogic.FIXED,
        retry_delay_seconds=number("retryDelaySeconds", 60),
        backoff_scale_factor=number("backoffScaleFactor", 1),
        max_retry_delay_seconds=number("maxRetryDelaySeconds", 0),
        backoff_jitter_ms=number("backoffJitterMs", 0),
        timeout_seconds=number("timeoutSeconds", 0),
        timeout_policy=wire.get("timeoutPolicy") or TaskTimeoutPolicy.TIME_OUT_WF,
        response_timeout_seconds=number("responseTimeoutSeconds", 3600),
        poll_timeout_seconds=number("pollTimeoutSeconds", 0),
        total_timeout_seconds=number("totalTimeoutSeconds", 0),
        concurrent_exec_limit=number("concurrentExecLimit", 0),
        rate_limit_per_frequency=number("rateLimitPerFrequency", 0),
        rate_limit_frequency_in_seconds=number("rateLimitFrequencyInSeconds", 1),
        input_template=wire.get("inputTemplate") or {},
        input_schema=enforced_schema(wire, "inputSchema", by_default=False),
        output_schema=enforced_schema(wire, "outputSchema", by_default=False),
    )


class Node:
    """One workflow task of a definition, with its place in the graph."""

    __slots__ = (
        "async_complete",
        "body_references",
        "branches",
        "cases",
        "default_case",
        "input_parameters",
        "join_on",
        "loop_over",
        "name",
        "optional",
        "parent",
        "permissive",
        "reference",
        "retry_count",
        "settings",
        "start_delay",
        "successor",
        "type",
        "wire",
    )

    def __init__(self, wire: dict[str, Any], parent: Node | None) -> None:
        """Read one workflow task in wire form; ``successor`` is set by the compiler."""
        self.wire = wire
        self.parent = parent
        self.reference: str = wire.get("taskReferenceName") or ""
        self.name: str = wire.get("name") or self.reference
        self.type: str = wire.get("type") or "SIMPLE"
        self.input_parameters: dict[str, Any] = wire.get("inputParameters") or {}
        self.optional = bool(wire.get("optional"))
        self.permissive = bool(wire.get("permissive"))
        self.async_complete = bool(wire.get("asyncComplete"))
        self.start_delay = int(wire.get("startDelay") or 0)
        retry_count = wire.get("retryCount")
        self.retry_count: int | None = None if retry_count is None else int(retry_count)
        self.settings = task_settings(wire.get("taskDefinition"))
        self.join_on: list[str] = list(wire.get("joinOn") or ())
        self.successor: Node | None = None
        self.branches: list[list[Node]] = []
        self.cases: dict[str, list[Node]] = {}
        self.default_case: list[Node] = []
        self.loop_over: list[Node] = []
        self.body_references: tuple[str, ...] = ()

    @property
    def allowed_retries(self) -> int:
        """Attempts beyond the first (semantics reference §6.1, rule 1)."""
        if self.retry_count is not None:
            return self.retry_count
        return 0 if self.settings is None else self.settings.retry_count

    def lists(self) -> Iterator[list[Node]]:
        """The lists of tasks directly inside this one."""
        yield from self.branches
        yield from self.cases.values()
        if self.default_case:
            yield self.default_case
        if self.loop_over:
            yield self.loop_over

    def inside(self) -> Iterator[Node]:
        """Every task inside this one, at any depth, in order of definition."""
        for tasks in self.lists():
            for node in tasks:
                yield node
                yield from node.inside()

    def loop(self) -> Node | None:
        """The innermost DO_WHILE around this task, or None."""
        node = self.parent
        while node is not None and node.type != "DO_WHILE":
            node = node.parent
        return node


class CompiledDefinition:
    """A definition snapshot with its graph. Build it with ``compile_definition``."""

    __slots__ = (
        "concurrent_exec_limit",
        "dynamic_forks",
        "failure_workflow",
        "failure_workflow_version",
        "hash",
        "input_schema",
        "name",
        "nodes",
        "output_parameters",
        "output_schema",
        "rate_limit_key",
        "rejects_beyond_limit",
        "restartable",
        "tasks",
        "timeout_policy",
        "timeout_seconds",
        "version",
        "wire",
    )

    def __init__(self, wire: dict[str, Any], definition_hash: str) -> None:
        """Compile a snapshot in wire form."""
        self.wire = wire
        self.hash = definition_hash
        self.name: str = wire.get("name") or ""
        self.version = int(wire.get("version") or 1)
        self.output_parameters: dict[str, Any] = wire.get("outputParameters") or {}
        self.timeout_seconds = int(wire.get("timeoutSeconds") or 0)
        self.timeout_policy: str = wire.get("timeoutPolicy") or WorkflowTimeoutPolicy.ALERT_ONLY
        self.failure_workflow: str | None = wire.get("failureWorkflow")
        self.failure_workflow_version: int | None = wire.get("failureWorkflowVersion")
        self.input_schema = enforced_schema(wire, "inputSchema", by_default=True)
        self.output_schema = enforced_schema(wire, "outputSchema", by_default=True)
        self.restartable = wire.get("restartable") is not False
        limits = wire.get("rateLimitConfig") or {}
        self.rate_limit_key: str = limits.get("rateLimitKey") or ""
        self.concurrent_exec_limit = int(limits.get("concurrentExecLimit") or 0)
        """Executions with the same rate limit key that may run at once; 0: any number."""
        self.rejects_beyond_limit = limits.get("policy") == "REJECT"
        self.nodes: dict[str, Node] = {}
        self.tasks = _read(wire.get("tasks") or (), None, self.nodes)
        _link(self.tasks, None)
        self.dynamic_forks = [n for n in self.nodes.values() if n.type == "FORK_JOIN_DYNAMIC"]
        for node in self.nodes.values():
            if node.type == "DO_WHILE":
                node.body_references = tuple(inner.reference for inner in node.inside())

    def node_wire(self, reference: str) -> dict[str, Any] | None:
        """The workflow task of a reference in wire form, or None."""
        node = self.nodes.get(reference)
        return None if node is None else node.wire


def make_node(wire: dict[str, Any], parent: Node | None = None) -> Node:
    """A node that no definition holds, with everything inside it linked."""
    (node,) = _read([wire], parent, {})
    _link([node], None)
    if node.type == "DO_WHILE":
        node.body_references = tuple(inner.reference for inner in node.inside())
    return node


def compile_definition(wire: dict[str, Any], definition_hash: str = "") -> CompiledDefinition:
    """The compiled form of a definition snapshot."""
    return CompiledDefinition(wire, definition_hash)


def _read(
    tasks: Sequence[dict[str, Any]], parent: Node | None, nodes: dict[str, Node]
) -> list[Node]:
    result = []
    for wire in tasks:
        node = Node(wire, parent)
        nodes.setdefault(node.reference, node)
        result.append(node)
        if node.type in SWITCH_TYPES:
            for case, inner in (wire.get("decisionCases") or {}).items():
                node.cases[case] = _read(inner or (), node, nodes)
            node.default_case = _read(wire.get("defaultCase") or (), node, nodes)
        elif node.type == "FORK_JOIN":
            node.branches = [_read(b or (), node, nodes) for b in wire.get("forkTasks") or ()]
        elif node.type == "DO_WHILE":
            node.loop_over = _read(wire.get("loopOver") or (), node, nodes)
    return result


def _link(tasks: list[Node], after: Node | None) -> None:
    """Set successors; ``after`` follows the last task of the list."""
    for position, node in enumerate(tasks):
        following = tasks[position + 1] if position + 1 < len(tasks) else after
        node.successor = following  # of a TERMINATE too: it may be skipped, or optional and fail
        # Inside a loop the body's last task leads back to the loop; elsewhere to what follows.
        inner_after = node if node.type == "DO_WHILE" else following
        for inner in node.lists():
            _link(inner, inner_after)
