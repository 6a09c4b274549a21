"""Python functions as worker tasks: ``@task`` and the registry it writes to.

::

    @task(retry_count=2, timeout_seconds=30)
    def charge_card(order_id: str, amount: float, context: TaskContext) -> dict:
        context.log(f"charging {amount}")
        return {"receipt": pay(order_id, amount)}

The function stays an ordinary function. Its arguments are the task's inputs by name, checked
and converted by their annotations; what it returns is the task's output; what it raises is the
task's failure, and ``NonRetryableError`` one that is not tried again.
"""

from __future__ import annotations

import hashlib
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Final, TypeVar, overload

from .binding import Binder
from .errors import InvalidRequestError
from .models.codec import whole_characters
from .models.enums import RetryLogic, TaskTimeoutPolicy

__all__ = ["DEFAULT_REGISTRY", "FunctionRegistry", "TaskContext", "TaskFunction", "task"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_RESPONSE_TIMEOUT_SECONDS: Final = 3600
ATTRIBUTE: Final = "task_function"
"""Attribute of a decorated function that holds its ``TaskFunction``."""


class TaskContext:
    """What a task function can know and say about the task it runs as.

    A parameter annotated ``TaskContext`` gets one. Callable from any thread.
    """

    __slots__ = ("_logs", "_send_heartbeat", "attempt", "input_data", "wire")

    def __init__(
        self, wire: dict[str, Any], send_heartbeat: Callable[[], None] | None = None
    ) -> None:
        """A context over a task in wire form."""
        self.wire = wire
        self.attempt: int = int(wire.get("retryCount") or 0) + 1
        self.input_data: dict[str, Any] = wire.get("inputData") or {}
        self._logs: list[tuple[int, str]] = []
        self._send_heartbeat = send_heartbeat

    @property
    def task_id(self) -> str:
        """Id of this attempt."""
        return str(self.wire.get("taskId", ""))

    @property
    def workflow_id(self) -> str:
        """Id of the execution the task belongs to."""
        return str(self.wire.get("workflowInstanceId", ""))

    @property
    def reference(self) -> str:
        """Reference name of the task, with its ``__N`` suffix inside a loop."""
        return str(self.wire.get("referenceTaskName", ""))

    @property
    def iteration(self) -> int:
        """Iteration of the loop around the task, from 1; 0 outside loops."""
        return int(self.wire.get("iteration") or 0)

    def log(self, text: object) -> None:
        """Add a line to the task's log; it is stored with the task's result."""
        self._logs.append((time.time_ns() // 1_000_000, str(text)))

    def heartbeat(self) -> None:
        """Say that the task is alive: its response time-out starts anew."""
        if self._send_heartbeat is not None:
            self._send_heartbeat()

    def take_logs(self) -> list[dict[str, Any]]:
        """The lines logged so far in wire form, oldest first; they are handed out once."""
        lines, self._logs = self._logs, []
        task_id = self.task_id
        return [
            {"log": whole_characters(text), "taskId": task_id, "createdTime": at}
            for at, text in lines
        ]


class TaskFunction:
    """A registered function: how to call it, and its task definition."""

    def __init__(self, function: Callable[..., Any], name: str, settings: dict[str, Any]) -> None:
        """Read the signature of ``function``; ``settings`` are task definition keys."""
        self.function = function
        self.name = name
        self.is_async = inspect.iscoroutinefunction(function)
        self.binder = Binder(function, TaskContext)
        self._settings = settings

    def __repr__(self) -> str:
        """``TaskFunction('charge_card')``."""
        return f"TaskFunction({self.name!r})"

    @cached_property
    def source_hash(self) -> str:
        """Content address of the function's source: 32 hex digits, the same for equal text."""
        try:
            text = inspect.getsource(self.function)
        except (OSError, TypeError):  # typed at a prompt, or made at run time
            code = getattr(self.function, "__code__", None)
            text = repr((code.co_code, code.co_consts, code.co_names)) if code else self.name
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    @cached_property
    def definition(self) -> dict[str, Any]:
        """The task definition in wire form, with ``sourceHash`` besides Conductor's keys."""
        wire: dict[str, Any] = {"name": self.name, **self._settings}
        description = inspect.getdoc(self.function)
        if description:
            wire["description"] = description
        wire["inputKeys"] = self.binder.input_keys
        schema = self.binder.json_schema()
        if schema is not None:
            wire["inputSchema"] = {
                "name": f"{self.name}_input",
                "version": 1,
                "type": "JSON",
                "data": schema,
            }
        wire["sourceHash"] = self.source_hash
        return wire


class FunctionRegistry:
    """Task functions by name. Safe to use from several threads.

    Registering a name again replaces the function: running workers take the new one for the
    next task.
    """

    def __init__(self) -> None:
        """An empty registry."""
        self._functions: dict[str, TaskFunction] = {}
        self._listeners: list[Callable[[TaskFunction], None]] = []
        self._lock = threading.Lock()

    def register(self, function: TaskFunction) -> None:
        """Add or replace a function and tell the listeners."""
        with self._lock:
            self._functions[function.name] = function
            listeners = list(self._listeners)
        for listener in listeners:
            listener(function)

    def get(self, name: str) -> TaskFunction | None:
        """The function of a task type, or None."""
        return self._functions.get(name)

    def names(self) -> list[str]:
        """Task types with a function, in order of first registration."""
        with self._lock:
            return list(self._functions)

    def definitions(self) -> list[dict[str, Any]]:
        """The task definitions in wire form."""
        with self._lock:
            functions = list(self._functions.values())
        return [function.definition for function in functions]

    def remove(self, name: str) -> None:
        """Forget a function; tasks of its type wait for another worker."""
        with self._lock:
            self._functions.pop(name, None)

    def subscribe(self, listener: Callable[[TaskFunction], None]) -> Callable[[], None]:
        """Call ``listener`` with every function registered from now on, on its thread.

        Returns:
            Ends the subscription when called.
        """
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end

    def __iter__(self) -> Iterator[TaskFunction]:
        """The functions, in order of first registration."""
        with self._lock:
            return iter(list(self._functions.values()))

    def __len__(self) -> int:
        """Number of functions."""
        return len(self._functions)

    def __contains__(self, name: object) -> bool:
        """Whether a task type has a function."""
        return name in self._functions


DEFAULT_REGISTRY: Final = FunctionRegistry()
"""Where ``@task`` registers unless told otherwise."""


@overload
def task(name: _Function) -> _Function: ...
@overload
def task(
    name: str | None = None,
    *,
    retry_count: int = 0,
    retry_delay_seconds: int = 1,
    retry_logic: str = RetryLogic.FIXED,
    backoff_scale_factor: int = 1,
    max_retry_delay_seconds: int = 0,
    timeout_seconds: int = 0,
    timeout_policy: str = TaskTimeoutPolicy.TIME_OUT_WF,
    response_timeout_seconds: int | None = None,
    poll_timeout_seconds: int = 0,
    total_timeout_seconds: int = 0,
    concurrent_exec_limit: int | None = None,
    rate_limit_per_frequency: int = 0,
    rate_limit_frequency_in_seconds: int = 1,
    registry: FunctionRegistry | None = None,
) -> Callable[[_Function], _Function]: ...
def task(
    name: Any = None,
    *,
    retry_count: int = 0,
    retry_delay_seconds: int = 1,
    retry_logic: str = RetryLogic.FIXED,
    backoff_scale_factor: int = 1,
    max_retry_delay_seconds: int = 0,
    timeout_seconds: int = 0,
    timeout_policy: str = TaskTimeoutPolicy.TIME_OUT_WF,
    response_timeout_seconds: int | None = None,
    poll_timeout_seconds: int = 0,
    total_timeout_seconds: int = 0,
    concurrent_exec_limit: int | None = None,
    rate_limit_per_frequency: int = 0,
    rate_limit_frequency_in_seconds: int = 1,
    registry: FunctionRegistry | None = None,
) -> Any:
    """Return the function, registered as a worker task; use bare or with settings.

    Args:
        name: Task type; the function's name by default.
        retry_count: Attempts after the first. None by default: code that failed once in this
            process mostly fails again.
        retry_delay_seconds: Pause before the next attempt.
        retry_logic: FIXED, LINEAR_BACKOFF or EXPONENTIAL_BACKOFF.
        backoff_scale_factor: For LINEAR_BACKOFF.
        max_retry_delay_seconds: Cap of the pause; 0 = none.
        timeout_seconds: Longest time one attempt may take; 0 = any.
        timeout_policy: RETRY, TIME_OUT_WF or ALERT_ONLY.
        response_timeout_seconds: Longest silence of a running task; an hour by default, never
            more than ``timeout_seconds``.
        poll_timeout_seconds: Longest wait for a worker; 0 = any.
        total_timeout_seconds: Longest time over all attempts; 0 = any.
        concurrent_exec_limit: How many may run at once.
        rate_limit_per_frequency: How many may start per period; 0 = any.
        rate_limit_frequency_in_seconds: That period.
        registry: Where to register instead of the default registry.

    Raises:
        TypeError: The function has a parameter that can't be given by name.
        InvalidRequestError: The time-outs contradict each other.
    """
    if response_timeout_seconds is None:
        limit = timeout_seconds or _RESPONSE_TIMEOUT_SECONDS
        response_timeout_seconds = min(limit, _RESPONSE_TIMEOUT_SECONDS)
    if 0 < timeout_seconds < response_timeout_seconds:
        raise InvalidRequestError(
            f"response_timeout_seconds ({response_timeout_seconds}) is more than "
            f"timeout_seconds ({timeout_seconds})."
        )
    settings: dict[str, Any] = {
        "retryCount": retry_count,
        "retryDelaySeconds": retry_delay_seconds,
        "retryLogic": str(retry_logic),
        "backoffScaleFactor": backoff_scale_factor,
        "maxRetryDelaySeconds": max_retry_delay_seconds,
        "timeoutSeconds": timeout_seconds,
        "timeoutPolicy": str(timeout_policy),
        "responseTimeoutSeconds": response_timeout_seconds,
        "pollTimeoutSeconds": poll_timeout_seconds,
        "totalTimeoutSeconds": total_timeout_seconds,
        "rateLimitPerFrequency": rate_limit_per_frequency,
        "rateLimitFrequencyInSeconds": rate_limit_frequency_in_seconds,
    }
    if concurrent_exec_limit is not None:
        settings["concurrentExecLimit"] = concurrent_exec_limit

    def register(function: _Function) -> _Function:
        given = name if isinstance(name, str) else None
        entry = TaskFunction(function, given or function.__name__, settings)
        setattr(function, ATTRIBUTE, entry)
        (DEFAULT_REGISTRY if registry is None else registry).register(entry)
        return function

    return register(name) if callable(name) else register
