"""The running engine: threads, store, queues and evaluators, started and ended together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

from ..core.schemas import EVALUATOR
from ..core.tasks.base import TaskType
from ..core.tasks.registry import TASK_TYPES
from ..core.turn import EvaluationRequest
from ..errors import StoreClosedError
from ..evaluators import EvaluatorPool
from ..store.base import Store
from .accounts import Accounts, PasswordChecks
from .clock import Clock, SystemClock
from .couriers import Receiver
from .daemon_threads import DaemonThreads
from .decider import Decider
from .desk import Desk
from .effects import carry_out
from .encoded import EncodedExecutions
from .evaluations import Evaluations
from .notices import NoticeBoard
from .polling import Polling
from .recovery import recover
from .registry import Registry
from .retrieval import Use
from .subscriptions import Subscriptions
from .throttle import LoginThrottle
from .vault import SecretVault
from .writer import Writer

STORE_READERS: Final = 4
"""Threads that read what the decider needs: a payload in a bucket may take its time."""


class Runtime:
    """Everything that runs, wired. ``start`` takes up the open executions."""

    def __init__(
        self,
        store: Store,
        clock: Clock | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        secrets_key: bytes | None = None,
        evaluators: EvaluatorPool | None = None,
        task_types: Mapping[str, TaskType] = TASK_TYPES,
        receivers: Sequence[Receiver] = (),
    ) -> None:
        """Wire the parts.

        Args:
            store: Open store; closed with the runtime.
            clock: The machine's by default.
            environment: ``${workflow.env.NAME}``; by default what ``CONDUCTOR_ENV_NAME`` says.
            secrets: ``${workflow.secrets.NAME}``; by default what ``CONDUCTOR_SECRET_NAME`` says.
            secrets_key: Opens and seals stored secrets (``vault``); None: there are none.
            evaluators: Where scripts run.
            task_types: What each task type does.
            receivers: Who is told of changes of status.
        """
        self.store = store
        self.clock = clock or SystemClock()
        self.registry = Registry(store)
        self.accounts = Accounts(store)
        self.login_throttle = LoginThrottle()
        self.password_checks = PasswordChecks()
        self.subscriptions = Subscriptions()
        self.encoded = EncodedExecutions()
        self.writer = Writer(store, self.subscriptions, self.encoded)
        self.evaluators = evaluators or EvaluatorPool()
        given = _prefixed("CONDUCTOR_SECRET_") if secrets is None else secrets
        self.vault = SecretVault(store, given, secrets_key)
        self.polling = Polling(self.vault)
        self._evaluations = Evaluations(self.evaluators, self._report, self.vault)
        self.desk = Desk(
            store,
            self.registry,
            self.clock,
            _prefixed("CONDUCTOR_ENV_") if environment is None else environment,
            self._evaluate,
            carry_out,
            self._read_apart,
            task_types,
        )
        self._readers = DaemonThreads(STORE_READERS, "store-reader")
        self.decider = Decider(self.desk, self.writer, self.polling.hand_out, self._reload)
        self.writer.on_writable = self.decider.writable
        if receivers:
            self.desk.notices = NoticeBoard(receivers, self.decider.post)

    def start(self) -> int:
        """Begin; returns how many open executions were taken up."""
        self.evaluators.prewarm()
        self.decider.start()
        on_move = getattr(self.clock, "on_move", None)
        if on_move is not None:  # a clock moved by hand: the decider may sleep for long
            on_move(self._look_at_clock)
        taken: Future[int] = self.decider.submit(recover)
        return taken.result()

    def close(self) -> None:
        """Finish what was accepted, then end all threads and close the store."""
        if self.desk.notices is not None:
            self.desk.notices.close()
        self.decider.close()
        self._readers.close()
        self.encoded.close()
        self.writer.close()
        self.subscriptions.close()
        self.password_checks.close()
        self.evaluators.close()
        self.store.close()

    def _reload(self) -> None:
        """Read again what else is kept in memory of the store."""
        self.accounts.reload()
        self.vault.reload()

    def _look_at_clock(self) -> None:
        """Return once what became due by a move of the clock is durable."""

        looked = self.decider.submit(lambda desk: desk.due_window.open(desk), reads=True)
        while not isinstance(looked.exception(), StoreClosedError):
            looked.result()
            looked = self.decider.submit(_is_reading, reads=True)
            if looked.exception() is None and not looked.result():
                return
            time.sleep(0.001)

    def check(self, schema: str, value: Any) -> Future[Any]:
        """Apply a JSON Schema to a payload that belongs to no execution yet.

        Returns:
            Resolves to the problems, as ``core.schemas.refusal`` reads them.

        Raises:
            EvaluationError: (from the future) the schema can't be applied.
        """
        return self.evaluators.submit(EVALUATOR, schema, value)

    def _read_apart(self, read: Callable[[], Any], use: Use) -> None:
        def done(found: Future[Any]) -> None:
            self.decider.post(lambda desk: use(desk, found), reads=True)

        self._readers.submit(read).add_done_callback(done)

    def _evaluate(self, workflow_id: str, request: EvaluationRequest) -> None:
        self._evaluations.begin(workflow_id, request)

    def _report(
        self, workflow_id: str, request: EvaluationRequest, outcome: dict[str, Any]
    ) -> None:
        self.decider.post(lambda desk: desk.evaluated(workflow_id, request, outcome))


def _is_reading(desk: Desk) -> bool:
    """Whether something that may have become due is still on its way into memory."""
    return desk.due_window.is_reading or desk.retrieval.is_busy


def _prefixed(prefix: str) -> dict[str, str]:
    return {k[len(prefix) :]: v for k, v in os.environ.items() if k.startswith(prefix)}
