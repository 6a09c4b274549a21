"""From records to rows of the history and back: payloads out, payloads in.

Rows are tuples in the order of the columns that ``history_bulk`` names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from ..core.events import PAYLOAD_KEYS, HistoryEvent
from ..core.rows import ExecutionRow, TaskRow

RECENT_PAYLOADS: Final = 50_000
INLINE_BYTES: Final = 1024
"""Shorter values lie beside what they belong to: repeating them costs less than looking them up."""

_encoder: Final = msgspec.json.Encoder(enc_hook=str)
_decoder: Final = msgspec.json.Decoder()

Row = tuple[Any, ...]

_PAYLOAD_FIELDS: Final = {
    "input": "input_hash",
    "output": "output_hash",
    "variables": "variables_hash",
    "input_data": "input_hash",
    "output_data": "output_hash",
}


def _columns(fields: Iterable[str]) -> tuple[str, ...]:
    """Column names for the fields of a row: a payload has a second one, for its address."""
    names = ["position"]
    for field in fields:
        names.append(field)
        if field in _PAYLOAD_FIELDS:
            names.append(_PAYLOAD_FIELDS[field])
    return tuple(names)


TASK_COLUMNS: Final = _columns(TaskRow.__struct_fields__)
EXECUTION_COLUMNS: Final = _columns(ExecutionRow.__struct_fields__)


class Payloads:
    """Long values met while rows are made: each gets an address, new ones are to be stored.

    The address is a hash of the text as it is, key order included: what comes back from the
    history folds and prints exactly as what went in.
    """

    def __init__(self, recent: Mapping[str, None]) -> None:
        """``recent`` are addresses known to be stored."""
        self.new: dict[str, bytes] = {}
        self.seen: dict[str, None] = {}
        self._recent = recent

    def place(self, value: Any) -> tuple[str | None, str | None]:
        """A value's text if it is short, its address if it is long; neither if it is empty."""
        if not value:
            return None, None
        body = _encoder.encode(value)
        if len(body) <= INLINE_BYTES:
            return body.decode(), None
        address = hashlib.blake2b(body, digest_size=16).hexdigest()
        if address not in self._recent:
            self.new.setdefault(address, body)
        self.seen[address] = None
        return None, address

    def rows(self) -> Iterator[Row]:
        """Rows of the values that may be new."""
        for address, body in self.new.items():
            yield address, len(body), body.decode()


def event_row(position: int, event: HistoryEvent, payloads: Payloads) -> Row:
    """A row of ``events``; a long payload is taken out of ``data``."""
    data = _encoder.encode(event.data)
    address = key = None
    if len(data) > INLINE_BYTES:
        key = next((name for name in PAYLOAD_KEYS if name in event.data), None)
        _, address = payloads.place(event.data[key]) if key is not None else (None, None)
        if address is None:
            key = None
        else:
            data = _encoder.encode({k: value for k, value in event.data.items() if k != key})
    return (
        position,
        event.workflow_id,
        event.number,
        event.kind.value,
        event.wall_ms,
        event.monotonic_ns,
        event.parent,
        event.actor,
        event.task_id,
        event.reference,
        event.attempt,
        event.iteration,
        event.path,
        data.decode(),
        key,
        address,
    )


EVENT_COLUMNS: Final = (
    "position, workflow_id, number, kind, wall_ms, monotonic_ns, parent, actor, task_id, "
    "reference, attempt, iteration, path, data, payload_key, body"
)


def event_of(row: tuple[Any, ...]) -> tuple[int, HistoryEvent]:
    """The numbered event of a row of ``EVENT_COLUMNS``."""
    position, workflow_id, number, kind, wall_ms, monotonic_ns, parent, actor = row[:8]
    task_id, reference, attempt, iteration, path, data, payload_key, body = row[8:]
    values = _decoder.decode(data)
    if payload_key is not None:
        values[payload_key] = _decoder.decode(body)
    fields = {
        "workflow_id": workflow_id,
        "number": number,
        "kind": kind,
        "wall_ms": wall_ms,
        "monotonic_ns": monotonic_ns,
        "parent": parent,
        "actor": actor,
        "task_id": task_id,
        "reference": reference,
        "attempt": attempt,
        "iteration": iteration,
        "path": path,
        "data": values,
    }
    return position, msgspec.convert(fields, HistoryEvent)


def task_line(position: int, row: TaskRow, payloads: Payloads) -> Row:
    """A row of ``tasks_log``, in the order of ``TASK_COLUMNS``."""
    return _line(position, row, payloads)


def execution_line(position: int, row: ExecutionRow, payloads: Payloads) -> Row:
    """A row of ``executions_log``, in the order of ``EXECUTION_COLUMNS``."""
    return _line(position, row, payloads)


def _line(position: int, row: TaskRow | ExecutionRow, payloads: Payloads) -> Row:
    values: list[Any] = [position]
    for field in row.__struct_fields__:
        value = getattr(row, field)
        if field in _PAYLOAD_FIELDS:
            values += payloads.place(value)
        elif field == "task_to_domain":
            values.append(_encoder.encode(value).decode())
        else:
            values.append(value)
    return tuple(values)
