"""History events as they are committed, as server-sent events (ours, not Conductor's).

Contract
  ``GET /api/executions/{workflowId}/events``   the history of one execution, then what follows
  ``GET /api/executions/events``                what is committed in any execution from now on

  - 200 ``text/event-stream``. An unknown execution is a 404 before anything is streamed, and so
    is every other mistake of the request (400); too many streams at once: 503, retryable.
  - Each event is ``id:`` and one line ``data:``, without ``event:`` (``EventSource.onmessage``
    gets it). The data is the history event as it is recorded: JSON with ``workflow_id``,
    ``number``, ``kind``, ``wall_ms`` and the other fields of ``engine.core.events.HistoryEvent``
    that differ from their defaults, so a client can decode it with msgspec and fold it.
  - Events are durable before they are sent, in order, without gap or repetition:
    by one execution's ``number`` (1, 2, 3, …) or, tenant-wide, by journal position.
  - ``id`` is that number or that position. Positions only grow and have gaps. After a break send
    the last id as header ``Last-Event-ID`` (``EventSource`` does so by itself) or as the query
    parameter ``after``; the header wins. The stream goes on right behind it.
    Without both, one execution begins at its first event, the tenant-wide stream with what comes
    next; ``after=0`` there sends everything ever recorded.
  - ``kinds=WorkflowStarted,WorkflowEnded`` (repeated or with commas) sends only these kinds.
  - ``untilEnd=true`` (one execution) ends the stream when the execution has ended and everything
    is sent, with a last ``event: end`` whose data is ``{"status": …, "number": …}``. Otherwise
    the stream stays open: an ended execution can be retried.
  - Every 15 seconds of silence a comment ``: heartbeat`` and the present ``id:`` (which
    ``EventSource`` takes up without an event). ``retry: 1000`` comes first.
  - A stream reads the store when its last chunk has left: what waits for a slow reader is never
    more than one page of events (or, for one execution, its history so far). One that does not
    take a chunk within 30 seconds is cut off and resumes from its last id.
  - A key or session that is taken back ends its streams with the next heartbeat.
  - Events of an execution that is removed meanwhile are not sent any more; nothing tells of it,
    but a stream with ``untilEnd`` ends with the next heartbeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from ..core.events import EventKind, HistoryEvent
from ..errors import InvalidRequestError, NotFoundError, StoreClosedError, UnavailableError
from .answers import Stream
from .call import Call
from .routing import Route

HEARTBEAT_SECONDS: Final = 15.0
PAGE_EVENTS: Final = 500
_CHUNK_BYTES: Final = 256 * 1024
_REST_SECONDS: Final = 0.02
"""Between two readings of the store: a busy engine's commits are taken together."""
MOST_STREAMS: Final = 200

_CONTENT_TYPE: Final = "text/event-stream"
_TERMINAL: Final = frozenset({"COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED"})
_encoder: Final = msgspec.json.Encoder(enc_hook=str)

Numbered = tuple[int, HistoryEvent]
Page = Callable[[int], "list[Numbered]"]
"""Events behind an id, each with its own id; blocks."""


async def execution_events(call: Call, workflow_id: str) -> Stream:
    """The history of one execution as server-sent events, then its news; see the module text."""
    kinds, after = _kinds(call), _after(call)
    until_end = call.flag("untilEnd")
    await call.wait(call.service.workflow_status(workflow_id))  # 404 for an unknown one

    def page(number: int) -> list[Numbered]:
        return [(e.number, e) for e in call.service.committed_events(workflow_id, number)]

    async def ending() -> bytes | None:
        status = await call.wait(call.service.workflow_status(workflow_id))
        return None if status["status"] not in _TERMINAL else _encoder.encode(status["status"])

    _check_room()
    given = ending if until_end else None
    return Stream(_stream(call, workflow_id, page, after or 0, kinds, given), _CONTENT_TYPE)


async def all_events(call: Call) -> Stream:
    """Events of every execution as server-sent events, from now on or behind an id."""
    kinds, after = _kinds(call), _after(call)
    _check_room()
    start = call.service.last_position() if after is None else after

    def page(position: int) -> list[Numbered]:
        return call.service.committed_since(position, PAGE_EVENTS)

    return Stream(_stream(call, None, page, start, kinds, None), _CONTENT_TYPE)


_open: Final[set[_News]] = set()
"""The streams of this process."""


def open_stream_count() -> int:
    """How many streams this process serves."""
    return len(_open)


def _check_room() -> None:
    if len(_open) >= MOST_STREAMS:
        raise UnavailableError(
            f"{MOST_STREAMS} event streams are open, which is the most at a time; "
            "close one or try again later."
        )


class _News:
    """Wakes a stream when something it shows was committed."""

    def __init__(self, call: Call, workflow_id: str | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._arrived.set()
        self._told = False
        self._subscription = call.service.subscribe(self._hear, workflow_id)
        _open.add(self)

    def _hear(self, events: Sequence[HistoryEvent]) -> None:
        """On the notifier thread."""
        if not self._told:
            self._told = True
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._arrived.set)

    async def wait(self) -> bool:
        """Whether there may be something new; False when it is time for a heartbeat."""
        try:
            await asyncio.wait_for(self._arrived.wait(), HEARTBEAT_SECONDS)
        except TimeoutError:
            return False
        self._arrived.clear()
        self._told = False
        return True

    def again(self) -> None:
        """There is more already: do not wait next time."""
        self._arrived.set()

    def close(self) -> None:
        self._subscription.close()
        _open.discard(self)


async def _stream(
    call: Call,
    workflow_id: str | None,
    page: Page,
    last: int,
    kinds: frozenset[str] | None,
    ending: Callable[[], Any] | None,
) -> AsyncGenerator[bytes, None]:
    news = _News(call, workflow_id)
    try:
        yield b"retry: 1000\n\n"
        while True:
            if not await news.wait():
                if ending is not None:
                    await ending()  # whether it is still there: a removal is no event
                yield b": heartbeat\nid: %d\n\n" % last
                continue
            end = await ending() if ending is not None else None
            found = await call.query(page, last)
            at = 0
            while at < len(found):
                at, last, chunk = await call.query(_chunk, found, at, kinds)
                if chunk:
                    yield chunk
            if end is not None:
                yield b'event: end\ndata: {"status":%b,"number":%d}\n\n' % (end, last)
                return
            if found:
                if len(found) >= PAGE_EVENTS:
                    news.again()
                await asyncio.sleep(_REST_SECONDS)
    except (StoreClosedError, NotFoundError):
        return  # the engine ends, or the execution was removed: nothing more will come
    finally:
        news.close()


def _chunk(
    found: Sequence[Numbered], at: int, kinds: frozenset[str] | None
) -> tuple[int, int, bytes]:
    """Events from an index on that make one chunk: where the next begins, its last id, its text.

    Off the event loop: payloads may have megabytes.
    """
    chunk = bytearray()
    while at < len(found) and len(chunk) < _CHUNK_BYTES:
        number, event = found[at]
        at += 1
        if kinds is None or event.kind in kinds:
            chunk += b"id: %d\ndata: %b\n\n" % (number, _encoder.encode(event))
    return at, number, bytes(chunk)


def _after(call: Call) -> int | None:
    """The id to go on behind, from the header or the query; None when neither is given."""
    header = call.header("Last-Event-ID")
    if header:
        if not (header.isascii() and header.isdigit() and len(header) <= 18):
            raise InvalidRequestError(f"Last-Event-ID must be a number, not {header[:80]!r}.")
        return int(header)
    after = call.optional_number("after")
    if after is not None and after < 0:
        raise InvalidRequestError("after must not be negative.")
    return after


def _kinds(call: Call) -> frozenset[str] | None:
    wanted = call.texts("kinds")
    unknown = [kind for kind in wanted if kind not in EventKind.__members__.values()]
    if unknown:
        raise InvalidRequestError(
            f"{unknown[0][:80]!r} is no kind of event; it is one of {', '.join(EventKind)}."
        )
    return frozenset(wanted) or None


_BASE: Final = "/api/executions"

ROUTES: Final = (
    Route("GET", f"{_BASE}/{{workflowId}}/events", execution_events, is_endless=True),
    Route("GET", f"{_BASE}/events", all_events, is_endless=True),
)
