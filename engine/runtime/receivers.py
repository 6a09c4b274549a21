"""What couriers bring notices to: Python listeners, webhooks, publishers of EVENT sinks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from ..core.notices import NOTICE_TYPES, StatusNotice
from ..listeners import Listener, StatusListener, Webhook, receiver_name
from ..models.codec import dumps
from ..publishers import EventMessage, EventPublisher
from ..workers.address_guard import AddressGuard
from ..workers.http import HttpWorker
from .couriers import Receiver

logger = logging.getLogger(__name__)

_DAY_SECONDS: Final = 86_400.0


class ListenerReceiver:
    """A Python listener. It is told once: what it raises is logged, and the notice given up."""

    hears_all = False
    threads = 1
    give_up_after_seconds = 0.0
    max_waiting = 100_000

    def __init__(self, listener: StatusListener) -> None:
        """Tell ``listener``."""
        self.name = receiver_name(listener)
        self.heard_types = listener.heard_types()
        self._listener = listener

    def deliver(self, notice: StatusNotice) -> None:
        """Call its method; raises what that raises."""
        try:
            self._listener.tell(notice)
        except Exception:
            logger.exception("The listener %s failed at %s.", self.name, notice.id)
            raise

    def close(self) -> None:
        """Nothing is open."""


class WebhookReceiver:
    """A webhook: one POST for each notice."""

    threads = 4

    def __init__(self, webhook: Webhook, guard: AddressGuard) -> None:
        """Post to ``webhook``, as far as ``guard`` lets its address be reached."""
        self.name = webhook.name
        self.heard_types = webhook.heard_types()
        self.hears_all = webhook.all_workflows
        self.give_up_after_seconds = webhook.give_up_after_seconds
        self.max_waiting = webhook.max_waiting
        self._webhook = webhook
        self._key = webhook.key()
        self._http = HttpWorker(guard)

    def deliver(self, notice: StatusNotice) -> None:
        """Post it; raises unless the answer is 2xx."""
        body = dumps(notice.wire()).decode()
        timeout_ms = int(self._webhook.timeout_seconds * 1000)
        request = {
            "uri": self._webhook.url,
            "method": "POST",
            "headers": {**self._webhook.headers, **self._signature(notice.id, body)},
            "body": body,
            "connectionTimeOut": timeout_ms,
            "readTimeOut": timeout_ms,
        }
        outcome = self._http.execute(request).result()
        if outcome.status != "COMPLETED":
            raise ConnectionError((outcome.reason or "no answer")[:300])

    def _signature(self, notice_id: str, body: str) -> dict[str, str]:
        stamp = str(int(time.time()))
        headers = {"webhook-id": notice_id, "webhook-timestamp": stamp}
        if self._key:
            digest = hmac.digest(self._key, f"{notice_id}.{stamp}.{body}".encode(), hashlib.sha256)
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers

    def close(self) -> None:
        """Drop the requests under way."""
        self._http.close()


class SinkReceiver:
    """The publisher of a queue type, for definitions whose sink is ``<type>:<address>``."""

    heard_types = frozenset(kind for kind in NOTICE_TYPES if kind.startswith("workflow."))
    hears_all = False
    threads = 2
    give_up_after_seconds = 3 * _DAY_SECONDS
    max_waiting = 10_000

    def __init__(self, queue_type: str, publisher: EventPublisher) -> None:
        """Publish with ``publisher``, which is closed by its owner."""
        self.name = f"{queue_type}:"
        self._publisher = publisher

    def deliver(self, notice: StatusNotice) -> None:
        """Publish it; raises what the publisher raises."""
        sink = notice.sink or ""
        address = sink.partition(":")[2]
        self._publisher.publish(EventMessage(notice.id, sink, address, notice.wire()))

    def close(self) -> None:
        """Nothing of its own is open."""


def receivers_of(
    listeners: Sequence[Listener], publishers: Mapping[str, EventPublisher], guard: AddressGuard
) -> list[Receiver]:
    """A receiver for each listener, and for each publisher's queue type."""
    told: list[Receiver] = [
        WebhookReceiver(one, guard) if isinstance(one, Webhook) else ListenerReceiver(one)
        for one in listeners
    ]
    return told + [SinkReceiver(kind, one) for kind, one in publishers.items()]
