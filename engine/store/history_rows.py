"""From records to rows of the history and back: payloads out, payloads in.

Rows are tuples in the order of the columns that ``history_bulk`` names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, Final

import msgspec

from ..core.events import PAYLOAD_KEYS, HistoryEvent
from ..core.rows import ExecutionRow, TaskRow

RECENT_PAYLOADS: Final = 50_000

_encoder: Final = msgspec.json.Encoder(enc_hook=str)
_decoder: Final = msgspec.json.Decoder()

Row = tuple[Any, ...]

_STORED_AS: Final = {
    "input": "input_hash",
    "output": "output_hash",
    "variables": "variables_hash",
    "input_data": "input_hash",
    "output_data": "output_hash",
}
TASK_COLUMNS: Final = ("position", *(_STORED_AS.get(f, f) for f in TaskRow.__struct_fields__))
EXECUTION_COLUMNS: Final = (
    "position",
    *(_STORED_AS.get(f, f) for f in ExecutionRow.__struct_fields__),
)


class Payloads:
    """Values met while rows are made: each gets an address, new ones are to be stored.

    The address is a hash of the text as it is, key order included: what comes back from the
    history folds and prints exactly as what went in.
    """

    def __init__(self, recent: Mapping[str, None]) -> None:
        """``recent`` are addresses known to be stored."""
        self.new: dict[str, bytes] = {}
        self.seen: dict[str, None] = {}
        self._recent = recent

    def address(self, value: Any) -> str | None:
        """The address of a value, None for an empty one."""
        if not value:
            return None
        body = _encoder.encode(value)
        address = hashlib.blake2b(body, digest_size=16).hexdigest()
        if address not in self._recent:
            self.new.setdefault(address, body)
        self.seen[address] = None
        return address

    def rows(self) -> Iterator[Row]:
        """Rows of the values that may be new."""
        for address, body in self.new.items():
            yield address, len(body), body.decode()


def event_row(position: int, event: HistoryEvent, payloads: Payloads) -> Row:
    """A row of ``events``; its payload is taken out of ``data``."""
    data = event.data
    address = key = None
    for key in PAYLOAD_KEYS:
        if key in data:
            address = payloads.address(data[key])
            break
    if address is None:
        key = None
    else:
        data = {name: value for name, value in data.items() if name != key}
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
        _encoder.encode(data).decode(),
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
    return position, *(read(row, payloads) for read in _TASK_READERS)


def execution_line(position: int, row: ExecutionRow, payloads: Payloads) -> Row:
    """A row of ``executions_log``, in the order of ``EXECUTION_COLUMNS``."""
    return position, *(read(row, payloads) for read in _EXECUTION_READERS)


def _reader(field: str) -> Callable[[Any, Payloads], Any]:
    """How a column is filled from a record's field."""
    get = attrgetter(field)
    if field in _STORED_AS:
        return lambda row, payloads: payloads.address(get(row))
    if field == "task_to_domain":
        return lambda row, payloads: _encoder.encode(get(row)).decode()
    return lambda row, payloads: get(row)


_TASK_READERS: Final = tuple(_reader(field) for field in TaskRow.__struct_fields__)
_EXECUTION_READERS: Final = tuple(_reader(field) for field in ExecutionRow.__struct_fields__)
