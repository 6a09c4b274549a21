"""Where evaluator processes start, and where one is kept ready once some had to be ended.

A process takes a few tenths of a second to start. As long as scripts behave nobody notices; where
some are killed, the next one finds a process that has started meanwhile.
"""

from __future__ import annotations

import threading

from .errors import EvaluatorCrashed
from .evaluator_process import EvaluatorProcess
from .job import Limits
from .watchdog import Watchdog

_START_SECONDS = 30.0


class Nursery:
    """Starts processes; keeps one spare when told to. Callable from any thread."""

    def __init__(self, limits: Limits, watchdog: Watchdog) -> None:
        """Without a spare process; ``watchdog`` ends one that does not start."""
        self._limits = limits
        self._watchdog = watchdog
        self._lock = threading.Lock()
        self._spare: EvaluatorProcess | None = None
        self._growing: EvaluatorProcess | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def started(self) -> EvaluatorProcess:
        """A new process; ``rear`` waits until it can be asked.

        Raises:
            EvaluatorCrashed: The system would not start it.
        """
        return EvaluatorProcess(self._limits.heap_bytes, self._limits.max_output_bytes)

    def rear(self, process: EvaluatorProcess) -> None:
        """Block until a process can be asked.

        Raises:
            EOFError: It ended before.
        """
        self._watchdog.arm(process, _START_SECONDS)
        process.wait_ready()
        self._watchdog.disarm(process)

    def breed(self) -> None:
        """Have a spare process started in the background, unless there is one. Never waits."""
        with self._lock:
            if self._closed or self._spare is not None or self._thread is not None:
                return
            self._thread = threading.Thread(
                target=self._breed, name="evaluator-nursery", daemon=True
            )
            self._thread.start()

    def take(self) -> EvaluatorProcess | None:
        """The spare process, for the caller to end; one that is starting is waited for."""
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None and not spare.is_alive:
            spare.close()
            return None
        return spare

    def close(self) -> None:
        """End the spare process and one that is about to become it."""
        with self._lock:
            self._closed = True
            thread, growing = self._thread, self._growing
        if growing is not None:
            growing.kill()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        spare = self.take()
        if spare is not None:
            spare.close()

    def disown(self) -> None:
        """Forget the processes without ending them: in a forked child they are the parent's."""
        for process in (self._spare, self._growing):
            if process is not None:
                process.disown()

    def _breed(self) -> None:
        process = None
        try:
            process = self.started()
            with self._lock:
                self._growing = process
                if self._closed:
                    process.kill()
            self.rear(process)
        except (EOFError, EvaluatorCrashed):
            if process is not None:
                self._watchdog.disarm(process)
                process.close()
            process = None
        with self._lock:
            self._growing = self._thread = None
            if not self._closed:
                self._spare, process = process, None
        if process is not None:
            process.close()
