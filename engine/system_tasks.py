"""System tasks of your own: task types that run inside the engine's process.

::

    class SendInvoice(SystemTask):
        task_type = "SEND_INVOICE"
        summary = "Send an invoice and wait until it is paid."

        class Input(BaseModel):
            order_id: str
            amount: float = 0

        def start(self, context):
            number = books.invoice(context.input.order_id, context.input.amount)
            return InProgress({"number": number}, again_after_seconds=60)

        def execute(self, context):
            if books.is_paid(context.output["number"]):
                return {**context.output, "paid": True}
            return InProgress(context.output, again_after_seconds=60)

        def cancel(self, context):
            books.void(context.output["number"])

Hand it over as ``Engine(system_tasks=[SendInvoice()])``, define it in the file named with
``conductor-studio --workers``, or install it as an entry point of the group
``conductor_studio.system_tasks``. Definitions then write ``"type": "SEND_INVOICE"``.

Rules of this file
  1. The methods run on threads of their own, several at once, never on the engine's. One object
     serves all tasks of its type, so what it keeps must be safe to share.
  2. What is returned is recorded before anything follows from it. A process that dies in the
     middle of a call makes that call again at its next start: ``start`` until it has returned
     once, ``execute`` from then on. So calls should be safe to repeat; ``context.task_id`` is
     the same each time and makes a good idempotency key.
  3. What is raised fails the attempt; the task definition of the workflow task's ``name``, or
     its ``retryCount``, says whether there is another. ``NonRetryableError`` is final.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from .errors import InvalidRequestError, NonRetryableError, Problem
from .functions import TaskContext

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .models.definitions import WorkflowTask

__all__ = ["Elsewhere", "InProgress", "SystemTask", "SystemTaskContext"]

ENTRY_POINTS: Final = "conductor_studio.system_tasks"
"""Group of the entry points: each names a ``SystemTask`` class or object."""


@dataclasses.dataclass(frozen=True, slots=True)
class InProgress:
    """Returned by ``start`` or ``execute``: not over, call ``execute`` again later."""

    output: Any = None
    """Output so far; the next call finds it in ``context.output``."""
    again_after_seconds: int = 30
    """When. The task is SCHEDULED meanwhile, as a worker's task that waits for its callback."""


@dataclasses.dataclass(frozen=True, slots=True)
class Elsewhere:
    """Returned by ``start`` or ``execute``: somebody else completes the task, over the API.

    The task stays IN_PROGRESS, whatever happens to this process, and no response time-out runs:
    Conductor's ``asyncComplete``.
    """

    output: Any = None
    """Output so far, say the id that the other system is going to answer with."""


class SystemTaskContext(TaskContext):
    """What a system task knows of the task it is called for. Callable from any thread."""

    __slots__ = ("_is_cancelled", "input", "output")

    def __init__(
        self,
        wire: dict[str, Any],
        input: Any,
        send_heartbeat: Callable[[], None] | None = None,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """A context over a task in wire form, with its checked input."""
        super().__init__(wire, send_heartbeat)
        self.input = input
        """The task's input: an ``Input`` of the class, or a dict where it has none."""
        self.output: dict[str, Any] = dict(wire.get("outputData") or {})
        """What the last call returned. A copy."""
        self._is_cancelled = is_cancelled

    @property
    def is_cancelled(self) -> bool:
        """Whether the task was cancelled while this call runs: its result will not count."""
        return self._is_cancelled is not None and self._is_cancelled()


class SystemTask:
    """Base of system tasks; see the module's text."""

    task_type: ClassVar[str] = ""
    """What definitions write as ``type``: upper case by custom, unlike every built-in one."""
    summary: ClassVar[str] = ""
    """One sentence for the palette and the reference."""
    Input: ClassVar[type[BaseModel] | None] = None
    """pydantic model of the input: the palette's form, and checked before each call."""

    def validate(self, task: WorkflowTask) -> Iterable[str]:
        """What is wrong with a workflow task, one sentence each; none registers it.

        Called when a definition is registered or started. ``task.input_parameters`` may hold
        expressions still. Literal values have been checked against ``Input`` before.
        """
        return ()

    def start(self, context: SystemTaskContext) -> Any:
        """Begin the work of a task.

        Returns:
            The output (a dict, a model, None), which completes the task; or ``InProgress``, or
            ``Elsewhere``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no start.")

    def execute(self, context: SystemTaskContext) -> Any:
        """Go on with a task that ``start`` left ``InProgress``; returns the same as ``start``."""
        raise NotImplementedError(f"{type(self).__name__} leaves tasks InProgress without execute.")

    def cancel(self, context: SystemTaskContext) -> None:
        """The task was cancelled after ``start`` was called: its workflow has ended.

        Called once, after the cancellation is durable; not called if the process dies just then.
        A call that is at work goes on beside it; its result is dropped. Errors are logged.
        """

    # -- what the engine asks -------------------------------------------------------------

    def input_schema(self) -> dict[str, Any]:
        """JSON schema of the input; any object without a model."""
        return {"type": "object"} if self.Input is None else self.Input.model_json_schema()

    def checked_input(self, given: Mapping[str, Any]) -> Any:
        """The input as ``Input``, or as it is without one.

        Raises:
            NonRetryableError: It does not fit; says where and why.
        """
        if self.Input is None:
            return dict(given)
        from pydantic import ValidationError

        try:
            return self.Input.model_validate(given)
        except ValidationError as error:
            said = "; ".join(f"{_place(one['loc'])}: {one['msg']}" for one in error.errors())
            raise NonRetryableError(f"The input of {self.task_type} does not fit. {said}") from None

    def problems(self, task: WorkflowTask) -> list[Problem]:
        """What is wrong with a workflow task: its literal inputs, then what ``validate`` says."""
        found = [
            Problem(f"inputParameters.{where}", f"{why} (taskType: {self.task_type})")
            for where, why in self._literal_problems(task.input_parameters)
        ]
        return found + [Problem("inputParameters", text) for text in self.validate(task)]

    def _literal_problems(self, given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Errors of the model that no expression and no input template can mend."""
        if self.Input is None:
            return
        from pydantic import ValidationError

        try:
            self.Input.model_validate(given)
        except ValidationError as error:
            for one in error.errors():
                key = str(one["loc"][0]) if one["loc"] else ""
                if key in given and not _holds_expression(given[key]):
                    yield _place(one["loc"]), one["msg"]


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "input"


def _holds_expression(value: Any) -> bool:
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, Mapping):
        return any(_holds_expression(item) for item in value.values())
    return isinstance(value, list) and any(_holds_expression(item) for item in value)


def installed_system_tasks() -> list[SystemTask]:
    """The system tasks that installed packages bring, by name of their entry points.

    Raises:
        InvalidRequestError: One of them can't be loaded; names the entry point.
    """
    from importlib.metadata import entry_points

    return [
        _from_entry_point(point)
        for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    ]


def _from_entry_point(point: Any) -> SystemTask:
    try:
        found = point.load()
        made = found() if isinstance(found, type) else found
    except Exception as error:
        raise InvalidRequestError(
            f"The system task '{point.name}' ({point.value}) can't be loaded: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(made, SystemTask):
        raise InvalidRequestError(
            f"The entry point '{point.name}' ({point.value}) is no SystemTask but "
            f"{type(made).__name__}."
        )
    return made


def check_system_tasks(tasks: Iterable[SystemTask], taken: Iterable[str]) -> list[SystemTask]:
    """The tasks, each of a type of its own.

    Args:
        tasks: What was handed over, in order.
        taken: Type names that are the engine's.

    Raises:
        InvalidRequestError: A type is empty, the engine's, or given twice.
    """
    known, checked = set(taken), []
    for task in tasks:
        name = task.task_type
        if not name:
            raise InvalidRequestError(f"{type(task).__name__} has no task_type.")
        if name in known:
            raise InvalidRequestError(
                f"{type(task).__name__} has the task_type '{name}', which is taken; rename it."
            )
        known.add(name)
        checked.append(task)
    return checked
