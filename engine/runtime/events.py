"""Messages for event handlers: the queue inside this process (semantics reference §10.1, §10.2).

Rules of this file
  1. A message is recorded in the commit of the EVENT task that sent it, and taken out of the
     waiting ones in the commit of what its handlers did: a crash loses none and repeats none.
  2. A message id counts once. Ids that were dealt with stay known, across restarts, until
     ``KEPT_MESSAGES`` newer ones have come.
  3. Conditions are scripts: they run outside, and their outcome comes back as a command.
  4. A message that nobody listens to is dropped; handlers hear what is sent while they are there.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..core.turn import EvaluationRequest
from ..evaluators import wants_truth
from ..models.codec import loads
from ..models.event_handlers import EventHandler
from ..store.base import MetadataRow
from ..store.faults import fault_point
from .event_actions import Occasion, run_action
from .faults import MESSAGE_HANDLED, MESSAGE_KEPT

if TYPE_CHECKING:
    from .desk import Desk

logger = logging.getLogger(__name__)

Wire = dict[str, Any]

COLLECTION: Final = "event_messages"
KEPT_MESSAGES: Final = 10_000
EVALUATION_PREFIX: Final = "event-message/"
"""Begins the id under which conditions are evaluated; no execution's id looks like it."""


class EventQueue:
    """Messages that wait, and those that were dealt with. Decider thread only."""

    def __init__(self) -> None:
        """Nothing has been sent."""
        self._messages: OrderedDict[str, Wire] = OrderedDict()
        self._outcomes: dict[str, dict[str, Any]] = {}

    # -- sending -------------------------------------------------------------------------

    def accept(
        self, desk: Desk, queue: str, message_id: str, payload: Wire, cause: Wire | None = None
    ) -> bool:
        """Record a message in the commit at hand; False when it is known or nobody listens.

        ``deliver`` has to follow. ``cause`` names the execution and event that sent it.
        """
        if message_id in self._messages or not _handlers(desk, queue):
            return False
        message: Wire = {"queue": queue, "state": "WAITING", "payload": payload}
        if cause:
            message["cause"] = cause
        self._keep(desk, message_id, message)
        return True

    def deliver(self, desk: Desk, message_id: str) -> None:
        """Ask for the conditions of a waiting message; without any, let its handlers act now."""
        message = self._messages.get(message_id)
        if message is None or message["state"] != "WAITING" or message_id in self._outcomes:
            return
        conditions = self._outcomes.setdefault(message_id, {})
        document = expanded(message["payload"])
        asked = []
        for handler in _handlers(desk, message["queue"]):
            condition = (handler.condition or "").strip()
            if not condition:
                continue
            if handler.evaluator_type == "value-param":
                value = document.get(condition) if isinstance(document, Mapping) else None
                conditions[handler.name] = {"result": wants_truth(value)}
                continue
            conditions[handler.name] = None
            asked.append(EvaluationRequest(handler.name, "condition", condition, document))
        for request in asked:
            desk.evaluate_apart(f"{EVALUATION_PREFIX}{message_id}", request)
        if not asked:
            self._act(desk, message_id)

    def evaluated(self, desk: Desk, message_id: str, handler: str, outcome: Wire) -> None:
        """Take the outcome of a condition; with the last one, let the handlers act."""
        conditions = self._outcomes.get(message_id)
        if conditions is None:
            return
        conditions[handler] = outcome
        if None not in conditions.values():
            self._act(desk, message_id)

    def read(self, desk: Desk) -> None:
        """Know the messages of the store."""
        rows = sorted(desk.store.metadata(COLLECTION), key=lambda row: row.wall_ms)
        for row in rows:
            if row.body is not None:
                self._messages[row.key] = row.body

    def deliver_waiting(self, desk: Desk) -> None:
        """Go on with the messages whose handlers have not acted yet."""
        for message_id in self.waiting():
            self.deliver(desk, message_id)

    # -- questions -----------------------------------------------------------------------

    def waiting(self) -> list[str]:
        """Ids of the messages whose handlers have not acted yet."""
        return [key for key, message in self._messages.items() if message["state"] == "WAITING"]

    def sizes(self) -> dict[str, int]:
        """Waiting messages by queue."""
        counts: dict[str, int] = {}
        for key in self.waiting():
            queue = self._messages[key]["queue"]
            counts[queue] = counts.get(queue, 0) + 1
        return counts

    def executions(self, message_id: str) -> list[Wire]:
        """What each action of each handler came to; empty for a message that is not known."""
        return list(self._messages.get(message_id, {}).get("executions") or ())

    # -- acting --------------------------------------------------------------------------

    def _act(self, desk: Desk, message_id: str) -> None:
        message = self._messages[message_id]
        outcomes = self._outcomes.pop(message_id, {})
        executions: list[Wire] = []
        for handler in _handlers(desk, message["queue"]):
            executions += self._handle(desk, message_id, message, handler, outcomes)
        fault_point(MESSAGE_HANDLED)
        done = {key: value for key, value in message.items() if key not in ("payload", "state")}
        self._keep(desk, message_id, {**done, "state": "DONE", "executions": executions})

    def _handle(
        self, desk: Desk, message_id: str, message: Wire, handler: EventHandler, outcomes: Wire
    ) -> list[Wire]:
        base = {"name": handler.name, "event": message["queue"], "messageId": message_id}
        outcome = outcomes.get(handler.name) or {"result": not (handler.condition or "").strip()}
        if not outcome.get("result"):
            failed = outcome.get("error")
            said = {"condition": handler.condition}
            if failed:
                logger.warning(
                    "The condition of event handler %s failed: %s", handler.name, failed["message"]
                )
                said["error"] = failed["message"]
            status = "FAILED" if failed else "SKIPPED"
            return [{**base, "id": f"{message_id}_0", "status": status, "output": said}]
        executions = []
        for index, action in enumerate(handler.actions):
            payload = message["payload"]
            occasion = Occasion(
                handler=handler.name,
                queue=message["queue"],
                message_id=message_id,
                payload=expanded(payload) if action.expand_inline_json else payload,
                cause=message.get("cause"),
            )
            status, output = run_action(desk, action, occasion)
            if status == "FAILED":
                logger.warning("Event handler %s failed: %s", handler.name, output.get("error"))
            identity = {"id": f"{message_id}_{index}", "action": str(action.action)}
            executions.append({**base, **identity, "status": status, "output": output})
        return executions

    def _keep(self, desk: Desk, message_id: str, message: Wire) -> None:
        self._messages[message_id] = message
        self._record(desk, message_id, message)
        fault_point(MESSAGE_KEPT)
        while len(self._messages) > KEPT_MESSAGES:
            oldest = next(iter(self._messages))
            if self._messages[oldest]["state"] == "WAITING":
                return
            del self._messages[oldest]
            self._record(desk, oldest, None)

    def _record(self, desk: Desk, message_id: str, body: Wire | None) -> None:
        rows = desk.outbox.commit.metadata
        now_ms = desk.clock.now().wall_ms
        row = MetadataRow(
            collection=COLLECTION, key=message_id, version=0, body=body, wall_ms=now_ms
        )
        if rows and rows[-1].collection == COLLECTION and rows[-1].key == message_id:
            rows[-1] = row  # recorded a moment ago, in this very commit
        else:
            rows.append(row)


def publish(
    desk: Desk, queue: str, message_id: str, payload: Wire, cause: Wire | None = None
) -> None:
    """Send a message to the handlers of a queue, once per message id. Decider thread only."""
    if desk.event_queue.accept(desk, queue, message_id, payload, cause):
        desk.event_queue.deliver(desk, message_id)


def expanded(value: Any) -> Any:
    """A payload in which texts that are JSON objects or lists have become those."""
    if isinstance(value, dict):
        return {key: expanded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [expanded(item) for item in value]
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return loads(value)
        except ValueError:
            return value
    return value


def _handlers(desk: Desk, queue: str) -> list[EventHandler]:
    """Active handlers of a queue, by name."""
    return [
        EventHandler.from_wire(body)
        for _, body in sorted(desk.registry.event_handlers.items())
        if body.get("active") and body["event"] == queue
    ]
