"""A store that keeps large payloads elsewhere: they leave on their way in and are back on reading.

Rules of this file
  1. A payload is durable before the event that names it: an event never names what is not there.
  2. What comes back is what went in: the event holds the payload's digest.
  3. Payloads of removed executions are deleted after the removal is durable; a crash between
     leaves files nobody names, never an event without its payload.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ..core.events import HistoryEvent
from ..core.payloads import EXTERNAL, places, put_back, taken_out
from ..errors import NotFoundError, StoreCorruptError
from ..models.codec import dumps, loads
from .base import Commit, Store
from .faults import fault_point
from .payload_storage import PayloadStorage

logger = logging.getLogger(__name__)

_DIGEST_BYTES: Final = 16


class ExternalPayloads:
    """A ``Store`` over another one and a payload storage; see ``Store`` for its methods."""

    def __init__(self, store: Store, storage: PayloadStorage) -> None:
        """Keep events in ``store`` and what is too large for it in ``storage``."""
        self._store = store
        self.storage = storage

    def __getattr__(self, name: str) -> Any:
        """Whatever needs no payload is the inner store's."""
        return getattr(self._store, name)

    def commit(self, commit: Commit) -> None:
        """Make one group durable, large payloads first. See ``Store.commit``."""
        if any(EXTERNAL in event.data for event in commit.events):
            events = [self._written(event) for event in commit.events]
            fault_point("payloads.stored")
            commit = msgspec.structs.replace(commit, events=events)
        self._store.commit(commit)
        for workflow_id in commit.removed:
            fault_point("payloads.before_deletion")
            self._delete(workflow_id)

    def _delete(self, workflow_id: str) -> None:
        """Once an execution is gone, what is left of its payloads harms nobody."""
        try:
            self.storage.delete_execution(workflow_id)
        except Exception as error:  # whatever a storage raises: the commit itself has succeeded
            logger.warning("Payloads of the removed execution %s are left: %s", workflow_id, error)

    def _written(self, event: HistoryEvent) -> HistoryEvent:
        names = event.data.get(EXTERNAL)
        if not names:
            return event
        digests = {}
        for key, name in names.items():
            body = dumps(event.data.get(key))
            self.storage.put(name, body)
            digests[key] = _digest(body)
        return taken_out(event, digests)

    def events(self, workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        """Committed events of one execution, whole. See ``Store.events``."""
        return list(self._whole(self._store.events(workflow_id, after)))

    def events_after(self, position: int, limit: int) -> list[tuple[int, HistoryEvent]]:
        """Committed events of all executions, whole. See ``Store.events_after``."""
        found = self._store.events_after(position, limit)
        whole = self._whole(event for _, event in found)
        return [(at, event) for (at, _), event in zip(found, whole, strict=True)]

    def _whole(self, events: Iterable[HistoryEvent]) -> Iterable[HistoryEvent]:
        for event in events:
            missing = places(event)
            if not missing:
                yield event
                continue
            payloads = {
                key: self._payload(event, name, digest) for key, (name, digest) in missing.items()
            }
            yield put_back(event, payloads)

    def _payload(self, event: HistoryEvent, name: str, digest: str) -> Any:
        what = f"event {event.number} of execution {event.workflow_id}"
        try:
            body = self.storage.get(name)
        except NotFoundError:
            raise StoreCorruptError(
                f"The payload '{name}' of {what} is missing; put the payload folder back."
            ) from None
        if _digest(body) != digest:
            raise StoreCorruptError(
                f"The payload '{name}' of {what} is not what was written; restore it."
            )
        return loads(body)


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()
