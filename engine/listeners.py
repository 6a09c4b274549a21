"""Listeners: who is told when executions and tasks change their status.

::

    class Pager(StatusListener):
        def on_workflow_terminated(self, notice):
            page(f"{notice.data['workflowType']}: {notice.data.get('reasonForIncompletion')}")

    Engine(listeners=[Pager(), Webhook("https://example.org/hook", secret="whsec_…")])

A workflow is told of when its definition says ``workflowStatusListenerEnabled: true``; with
``workflowStatusListenerSink`` only the receiver of that name is told. A task is told of unless
its task definition says ``taskStatusListenerEnabled: false``. Installed packages bring listeners
as entry points of the group ``conductor_studio.listeners``.

Rules of this file
  1. A notice is recorded in the commit of what it tells, and struck out when it was delivered:
     each receiver is told at least once, also over a crash. ``notice.id`` is the same each time.
  2. Delivery runs on threads of its own. What a receiver does, or fails to do, never touches an
     execution.
  3. Notices of one execution come in order; those of different ones may not.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import fnmatch
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from .core.notices import NOTICE_TYPES, StatusNotice
from .errors import InvalidRequestError

__all__ = ["StatusListener", "StatusNotice", "Webhook"]

ENTRY_POINTS: Final = "conductor_studio.listeners"
"""Group of the entry points: each names a ``StatusListener`` class or object, or a ``Webhook``."""
_KEY_PREFIX: Final = "whsec_"


class StatusListener:
    """Base of Python listeners: override what you want to hear of.

    A method that raises is logged and not called again for that notice.
    """

    name: str = ""
    """What ``workflowStatusListenerSink`` may say; the class's name by default."""

    def on_workflow_started(self, notice: StatusNotice) -> None:
        """An execution was started."""

    def on_workflow_rerun(self, notice: StatusNotice) -> None:
        """It goes on from an earlier task."""

    def on_workflow_retried(self, notice: StatusNotice) -> None:
        """Its failed tasks are tried again."""

    def on_workflow_paused(self, notice: StatusNotice) -> None:
        """It was paused."""

    def on_workflow_resumed(self, notice: StatusNotice) -> None:
        """It goes on after a pause."""

    def on_workflow_restarted(self, notice: StatusNotice) -> None:
        """It begins anew under its id."""

    def on_workflow_completed(self, notice: StatusNotice) -> None:
        """It is COMPLETED."""

    def on_workflow_terminated(self, notice: StatusNotice) -> None:
        """It ended FAILED, TIMED_OUT or TERMINATED."""

    def on_workflow_finalized(self, notice: StatusNotice) -> None:
        """It ended, in whatever way."""

    def on_task_scheduled(self, notice: StatusNotice) -> None:
        """A task stands in its queue."""

    def on_task_in_progress(self, notice: StatusNotice) -> None:
        """A worker has it."""

    def on_task_completed(self, notice: StatusNotice) -> None:
        """It is COMPLETED."""

    def on_task_completed_with_errors(self, notice: StatusNotice) -> None:
        """It failed and is optional."""

    def on_task_failed(self, notice: StatusNotice) -> None:
        """This attempt failed."""

    def on_task_failed_with_terminal_error(self, notice: StatusNotice) -> None:
        """It failed for good."""

    def on_task_timed_out(self, notice: StatusNotice) -> None:
        """This attempt timed out."""

    def on_task_canceled(self, notice: StatusNotice) -> None:
        """It was cancelled."""

    def on_task_skipped(self, notice: StatusNotice) -> None:
        """An operator skipped it."""

    def heard_types(self) -> frozenset[str]:
        """The types whose methods are overridden; for the rest nothing is recorded."""
        mine = type(self)
        return frozenset(
            kind
            for kind in NOTICE_TYPES
            if getattr(mine, _method(kind)) is not getattr(StatusListener, _method(kind))
        )

    def tell(self, notice: StatusNotice) -> None:
        """Call the method of a notice."""
        getattr(self, _method(notice.type))(notice)


def _method(notice_type: str) -> str:
    return f"on_{notice_type.replace('.', '_')}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Webhook:
    """A listener over HTTP: each notice is a POST of ``{id, type, timestamp, data}``.

    Signed as https://www.standardwebhooks.com describes, so its libraries verify it: headers
    ``webhook-id``, ``webhook-timestamp`` (epoch seconds of this try) and ``webhook-signature``
    (``v1,`` and the base64 HMAC-SHA256 of ``<id>.<timestamp>.<body>``). Anything but a 2xx answer
    is tried again, with pauses that double from one second to five minutes.
    """

    url: str = dataclasses.field(kw_only=False)
    secret: str = dataclasses.field(default="", repr=False)
    """Key of the signature: ``whsec_<base64>``, or any text. Empty: unsigned."""
    name: str = "webhook"
    """What ``workflowStatusListenerSink`` may say; one name, one receiver."""
    events: tuple[str, ...] = ("workflow.completed", "workflow.terminated")
    """Types to send; ``*`` stands for anything: ``workflow.*``."""
    all_workflows: bool = False
    """Send also what definitions have not enabled."""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Further headers."""
    timeout_seconds: float = 10.0
    """How long one try may take."""
    give_up_after_seconds: float = 3 * 86_400
    """How long one notice is tried; then it is dropped, with a warning."""
    max_waiting: int = 10_000
    """Most notices that wait; then the oldest is dropped, with a warning."""

    def heard_types(self) -> frozenset[str]:
        """The types that are sent.

        Raises:
            InvalidRequestError: One of ``events`` fits no type.
        """
        heard: set[str] = set()
        for pattern in self.events:
            fitting = fnmatch.filter(NOTICE_TYPES, pattern)
            if not fitting:
                raise InvalidRequestError(
                    f"The webhook '{self.name}' wants '{pattern}', which is no status notice; "
                    f"there are {', '.join(NOTICE_TYPES)}."
                )
            heard.update(fitting)
        return frozenset(heard)

    def key(self) -> bytes:
        """The secret's bytes; empty without one.

        Raises:
            InvalidRequestError: It begins with ``whsec_`` and goes on with something else than
                base64.
        """
        if not self.secret.startswith(_KEY_PREFIX):
            return self.secret.encode()
        try:
            return base64.b64decode(self.secret[len(_KEY_PREFIX) :], validate=True)
        except binascii.Error:
            raise InvalidRequestError(
                f"The secret of webhook '{self.name}' is not base64 behind {_KEY_PREFIX}."
            ) from None

    def check(self) -> None:
        """Accept the settings silently.

        Raises:
            InvalidRequestError: One of them makes no webhook.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidRequestError(
                f"The webhook '{self.name}' has the address '{self.url}'; it must be http or https."
            )
        self.heard_types()
        self.key()


Listener = StatusListener | Webhook


def receiver_name(listener: Listener) -> str:
    """The name a sink may say."""
    return listener.name or type(listener).__name__


def all_listeners(given: Iterable[Listener]) -> list[Listener]:
    """Listeners of installed packages and those handed over, checked.

    Raises:
        InvalidRequestError: One can't be loaded or used, or two have one name.
    """
    from importlib.metadata import entry_points

    found: list[Listener] = []
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        try:
            loaded = point.load()
            found.append(loaded() if isinstance(loaded, type) else loaded)
        except Exception as error:
            raise InvalidRequestError(
                f"The listener '{point.name}' ({point.value}) can't be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
    found += given
    names: set[str] = set()
    for one in found:
        if not isinstance(one, StatusListener | Webhook):
            raise InvalidRequestError(f"{type(one).__name__} is no StatusListener and no Webhook.")
        if isinstance(one, Webhook):
            one.check()
        name = receiver_name(one)
        if name in names:
            raise InvalidRequestError(f"Two listeners have the name '{name}'; name one of them.")
        names.add(name)
    return found
