"""Every task type the engine knows, by name. One line a type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .base import TaskType
from .do_while import DoWhileTask
from .event import EventTask
from .fork import ForkTask
from .fork_dynamic import DynamicForkTask, DynamicTask
from .http import HttpTask
from .inline import InlineTask, LambdaTask
from .join import ExclusiveJoinTask, JoinTask
from .jq import JsonJqTransformTask
from .kafka import KafkaPublishTask
from .pull_messages import PullWorkflowMessagesTask
from .set_variable import SetVariableTask
from .simple import SimpleTask, UserDefinedTask
from .sub_workflow import StartWorkflowTask, SubWorkflowTask
from .switch import DecisionTask, SwitchTask
from .terminate import TerminateTask
from .wait import HumanTask, NoopTask, WaitTask
from .yield_task import YieldTask


class TaskTypes(Mapping[str, TaskType]):
    """Task types by name; an unknown name is a worker's own type (semantics reference §5.1)."""

    def __init__(self, types: Iterable[TaskType]) -> None:
        """A registry of ``types``; of two with one name the later counts."""
        self._types = {task_type.name: task_type for task_type in types}
        self._unknown = UserDefinedTask()

    def __getitem__(self, name: str) -> TaskType:
        """The type of that name, or the one for workers' own types."""
        return self._types.get(name, self._unknown)

    def extended(self, types: Iterable[TaskType]) -> TaskTypes:
        """A registry that knows ``types`` besides; one with a known name takes its place."""
        return TaskTypes([*self._types.values(), *types])

    def __iter__(self) -> Iterator[str]:
        """The names the engine knows."""
        return iter(self._types)

    def __len__(self) -> int:
        """How many types the engine knows."""
        return len(self._types)


TASK_TYPES = TaskTypes(
    [
        SimpleTask(),
        HttpTask(),
        SwitchTask(),
        DecisionTask(),
        ForkTask(),
        DynamicForkTask(),
        DynamicTask(),
        JoinTask(),
        ExclusiveJoinTask(),
        DoWhileTask(),
        SubWorkflowTask(),
        StartWorkflowTask(),
        InlineTask(),
        LambdaTask(),
        JsonJqTransformTask(),
        SetVariableTask(),
        TerminateTask(),
        WaitTask(),
        EventTask(),
        HumanTask(),
        NoopTask(),
        YieldTask(),
        PullWorkflowMessagesTask(),
        KafkaPublishTask(),
    ]
)
