"""A few evaluator processes that share the work of running scripts.

Rules of this package
  1. A script runs in a process made for it, never in the engine's: nothing it does can stop the
     engine or read its memory.
  2. Inside, CPU time and heap are limited; outside, a watchdog kills by wall clock: half a second
     behind its limit a script has ended, whatever it does.
  3. A process that died is replaced and its job tried once more: it may have been innocent.
  4. Python scripts run in the processes of their own interpreter (``python_scripts``).
  5. Every process is waited for. ``close``, garbage collection and the end of the interpreter
     all end them; a forked child starts its own.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from .crew import Crew
from .job import Job, Limits
from .python_scripts import PythonScripts


class EvaluatorPool:
    """Runs scripts outside the engine's process. Callable from any thread.

    Processes start when first needed, one thread each. Futures resolve on those threads, so
    callbacks have to be short.
    """

    def __init__(
        self,
        size: int = 2,
        wall_seconds: float = 4.0,
        heap_bytes: int = 64 * 1024 * 1024,
        max_input_bytes: int = 5 * 1024 * 1024,
        max_output_bytes: int = 16 * 1024 * 1024,
        max_uses: int = 5_000,
    ) -> None:
        """A pool that has started nothing yet.

        Args:
            size: Most processes at once.
            wall_seconds: How long one script may take from when it starts: as CPU time inside
                its process, and as wall-clock time (a fifth of a second later) outside.
            heap_bytes: Most memory of one script.
            max_input_bytes: Longest input, as JSON.
            max_output_bytes: Longest result, as JSON.
            max_uses: Scripts after which a process is replaced by a fresh one.
        """
        self._limits = Limits(
            size, wall_seconds, heap_bytes, max_input_bytes, max_output_bytes, max_uses
        )
        self._begin()
        _pools.add(self)

    def submit(self, evaluator: str, source: str, input_value: Any) -> Future[Any]:
        """Evaluate one script.

        Args:
            evaluator: ``javascript`` (also as ``graaljs``), ``jq``, ``python`` or ``json-schema``.
            source: The script. JavaScript sees the input as ``$`` and gives its completion value.
                Python is the body of a function: it sees every key of the input as a global and
                gives what it returns. A schema is JSON text.
            input_value: A JSON value; copied before this returns.

        Returns:
            Resolves to a JSON value; of jq to the list of all results, of a schema to the list
            of problems as [path, keyword, parameters].

        Raises:
            ExpressionError: (from the future) the script's own fault.
            ExpressionTimeout: (from the future) it took longer than allowed.
            EvaluatorCrashed: (from the future) its process died, twice, or the pool was closed.
            UnsupportedError: (from the future) no such evaluator is installed.
            UnavailableError: The pool is closed.
        """
        return self.submit_many(evaluator, [(source, input_value)])[0]

    def submit_many(self, evaluator: str, scripts: Iterable[tuple[str, Any]]) -> list[Future[Any]]:
        """Evaluate pairs of source and input in one round trip, one after the other.

        Each has a realm, a time limit and a future of its own, in the order given.
        """
        if evaluator == "python":
            return [self._python.submit(source, value) for source, value in scripts]
        jobs = [Job(evaluator, source, value, self._limits) for source, value in scripts]
        waiting = [job for job in jobs if not job.future.done()]
        if waiting:
            self._crew.dispatch(waiting)
        return [job.future for job in jobs]

    def prewarm(self) -> None:
        """Start the first process in the background, so that the first script need not wait.

        Raises:
            UnavailableError: The pool is closed.
        """
        self._crew.prewarm()

    def close(self) -> None:
        """End all processes. Scripts still running or waiting fail. Repeatable."""
        self._end()

    def _begin(self) -> None:
        self._crew, self._python = Crew(self._limits), PythonScripts(self._limits)
        # Held by the threads and this finalizer, the two never keep the pool itself alive.
        self._end = weakref.finalize(self, _close, self._crew, self._python)

    def _start_over(self) -> None:
        """Begin again in a forked child, which has none of the threads."""
        self._end.detach()
        self._crew.disown()
        self._python.disown()
        self._begin()


def _close(crew: Crew, python: PythonScripts) -> None:
    crew.close()
    python.close()


_pools: weakref.WeakSet[EvaluatorPool] = weakref.WeakSet()


def _start_over_after_fork() -> None:
    for pool in list(_pools):
        pool._start_over()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_over_after_fork)
