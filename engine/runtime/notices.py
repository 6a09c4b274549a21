"""The outbox of status notices: recorded with what they tell, struck out when delivered.

Rules of this file
  1. Decider thread only, but for ``done``, which couriers call, and ``figures``.
  2. A notice's row is in the commit of its event; it leaves for its courier after that commit.
  3. Rows of receivers that are not there any more are deleted at the start, with a warning.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..core.events import HistoryEvent
from ..core.notices import StatusNotice, notices
from ..core.state import WorkflowState
from ..store.base import MetadataRow
from ..store.faults import fault_point
from .couriers import Courier, CourierFigures, Receiver
from .faults import STRUCK_OUT

if TYPE_CHECKING:
    from .desk import Desk

logger = logging.getLogger(__name__)

COLLECTION: Final = "status_notices"
"""Of metadata rows: the key is ``<receiver>/<notice id>``, the body the notice."""


class NoticeBoard:
    """Writes down who is to be told what, and hands it to the couriers."""

    def __init__(
        self, receivers: Sequence[Receiver], post: Callable[[Callable[[Desk], None]], None]
    ) -> None:
        """Tell ``receivers``; ``post`` queues a command for the decider."""
        self._post = post
        self._couriers = {one.name: Courier(one, self._done_for(one.name)) for one in receivers}
        everything = [one.heard_types for one in receivers if one.hears_all]
        self._heard = frozenset[str]().union(*(one.heard_types for one in receivers))
        self._heard_always = frozenset[str]().union(*everything)
        self._lock = threading.Lock()
        self._finished: list[str] = []
        self._striking: dict[str, None] = {}
        """Rows whose deletion has been decided and may not be durable yet."""
        self._unknown_sinks: set[str] = set()

    def note(self, desk: Desk, state: WorkflowState, events: Sequence[HistoryEvent]) -> None:
        """Record the notices of new events in the commit at hand."""
        for event in events:
            for notice, is_enabled in notices(state, event, self._wants):
                self._record(desk, notice, is_enabled)

    def recover(self, desk: Desk) -> None:
        """After a start: go on with what was not delivered."""
        gone: list[str] = []
        waiting = []
        for row in desk.store.metadata(COLLECTION):
            if row.body is None:
                continue
            name = row.body["receiver"]
            if name in self._couriers:
                waiting.append((row.wall_ms, row.body["number"], name, row.body["notice"]))
            else:
                gone.append(row.key)
        for _, _, name, wire in sorted(waiting, key=lambda one: one[:3]):
            notice = StatusNotice(**wire)
            desk.outbox.after.append(partial(self._couriers[name].offer, notice))
        if gone:
            logger.warning("%d status notices are for listeners that are not there.", len(gone))
            self._strike(desk, gone)

    def strike_again(self, desk: Desk) -> None:
        """After a commit that was refused: rows that were to go are still there."""
        with self._lock:
            keys = [*self._striking, *self._finished]
            self._finished = []
        if keys:
            self._strike(desk, keys)

    def figures(self) -> dict[str, CourierFigures]:
        """What became of the notices since the start, by receiver. Any thread."""
        return {name: courier.figures() for name, courier in self._couriers.items()}

    def close(self) -> None:
        """End the couriers; what they have not delivered stays recorded."""
        for courier in self._couriers.values():
            courier.close()

    # -- inside --------------------------------------------------------------------------

    def _wants(self, notice_type: str, is_enabled: bool) -> bool:
        return notice_type in (self._heard if is_enabled else self._heard_always)

    def _record(self, desk: Desk, notice: StatusNotice, is_enabled: bool) -> None:
        for name, courier in self._addressed(notice):
            receiver = courier.receiver
            if notice.type not in receiver.heard_types:
                continue
            if not (is_enabled or receiver.hears_all):
                continue
            body: dict[str, Any] = {
                "receiver": name,
                "number": int(notice.id.split(":")[1]),
                "notice": notice._asdict(),
            }
            desk.outbox.commit.metadata.append(_row(name, notice.id, body, notice.wall_ms))
            desk.outbox.after.append(partial(courier.offer, notice))

    def _addressed(self, notice: StatusNotice) -> list[tuple[str, Courier]]:
        """The couriers a notice is for: all that aren't for sinks, or the one its sink names."""
        sink = notice.sink
        if not sink:
            return [(n, courier) for n, courier in self._couriers.items() if ":" not in n]
        name = sink if ":" not in sink else f"{sink.partition(':')[0]}:"
        courier = self._couriers.get(name)
        if courier is not None:
            return [(name, courier)]
        if sink not in self._unknown_sinks:
            self._unknown_sinks.add(sink)
            logger.warning("No listener is named '%s', a workflowStatusListenerSink.", sink)
        return []

    def _done_for(self, name: str) -> Callable[[str], None]:
        return lambda notice_id: self._done(f"{name}/{notice_id}")

    def _done(self, key: str) -> None:
        """Strike a row out; several that are done meanwhile share a command."""
        with self._lock:
            self._finished.append(key)
            if len(self._finished) > 1:
                return
        self._post(self._strike_finished)

    def _strike_finished(self, desk: Desk) -> None:
        with self._lock:
            keys, self._finished = self._finished, []
        self._strike(desk, keys)
        fault_point(STRUCK_OUT)

    def _strike(self, desk: Desk, keys: Sequence[str]) -> None:
        now_ms = desk.clock.now().wall_ms
        self._striking.update(dict.fromkeys(keys))
        desk.outbox.after.append(partial(self._struck, keys))
        desk.outbox.commit.metadata += [
            MetadataRow(collection=COLLECTION, key=key, version=0, body=None, wall_ms=now_ms)
            for key in keys
        ]

    def _struck(self, keys: Sequence[str]) -> None:
        """They are gone, durably. Called by the writer's thread."""
        for key in keys:
            self._striking.pop(key, None)


def _row(name: str, notice_id: str, body: dict[str, Any], wall_ms: int) -> MetadataRow:
    return MetadataRow(
        collection=COLLECTION, key=f"{name}/{notice_id}", version=0, body=body, wall_ms=wall_ms
    )
