"""From records to rows of the history, and into DuckDB in bulk.

Rows go in as one JSON text that DuckDB parses by itself, without Python's lock: of the ways
measured (executemany, DataFrame, appender, JSON) this one holds up other threads least.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..core.events import PAYLOAD_KEYS, HistoryEvent
from ..core.rows import ExecutionRow, TaskRow

if TYPE_CHECKING:
    import duckdb

SLICE_BYTES: Final = 4 << 20
"""Text handed to DuckDB at once; a single longer row goes alone."""
RECENT_PAYLOADS: Final = 50_000

_encoder: Final = msgspec.json.Encoder(enc_hook=str)
_decoder: Final = msgspec.json.Decoder()

Row = dict[str, Any]

_ROW_PAYLOADS: Final = {
    "input": "input_hash",
    "output": "output_hash",
    "variables": "variables_hash",
    "input_data": "input_hash",
    "output_data": "output_hash",
}


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
            yield {"hash": address, "size": len(body), "body": body.decode()}


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
    return {
        "position": position,
        "workflow_id": event.workflow_id,
        "number": event.number,
        "kind": event.kind,
        "wall_ms": event.wall_ms,
        "monotonic_ns": event.monotonic_ns,
        "parent": event.parent,
        "actor": event.actor,
        "task_id": event.task_id,
        "reference": event.reference,
        "attempt": event.attempt,
        "iteration": event.iteration,
        "path": event.path,
        "data": _encoder.encode(data).decode(),
        "payload_key": key,
        "payload_hash": address,
    }


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


def projection_row(position: int, row: TaskRow | ExecutionRow, payloads: Payloads) -> Row:
    """A row of ``tasks_log`` or ``executions_log``."""
    values: Row = {"position": position}
    for name in row.__struct_fields__:
        value = getattr(row, name)
        stored = _ROW_PAYLOADS.get(name)
        if stored is not None:
            values[stored] = payloads.address(value)
        elif name == "task_to_domain":
            values[name] = _encoder.encode(value).decode()
        else:
            values[name] = value
    return values


class BulkTable:
    """The way into one table: its columns, and one statement that takes many rows."""

    def __init__(self, name: str, columns: Mapping[str, str], condition: str = "") -> None:
        """``columns`` are DuckDB types by name; ``condition`` leaves out rows ``r``."""
        shapes = {column: _json_shape(kind) for column, kind in columns.items()}
        shape = _encoder.encode([shapes]).decode().replace("'", "''")
        picked = ", ".join(f"r.{column}" for column in columns)
        self._statement = (
            f"INSERT INTO {name} ({', '.join(columns)}) SELECT {picked} "
            f"FROM (SELECT unnest(from_json(?::VARCHAR, '{shape}')) AS r) {condition}"
        )

    def insert(self, connection: duckdb.DuckDBPyConnection, rows: Iterable[Row]) -> None:
        """Add rows, in slices of some megabytes."""
        parts: list[bytes] = []
        size = 0
        for row in rows:
            part = _encoder.encode(row)
            if parts and size + len(part) > SLICE_BYTES:
                self._run(connection, parts)
                parts, size = [], 0
            parts.append(part)
            size += len(part)
        if parts:
            self._run(connection, parts)

    def _run(self, connection: duckdb.DuckDBPyConnection, parts: list[bytes]) -> None:
        connection.execute(self._statement, [(b"[" + b",".join(parts) + b"]").decode()])


def _json_shape(kind: str) -> Any:
    if kind.endswith("[]"):
        return [kind.removesuffix("[]")]
    # Taken as text, a JSON value keeps every digit and escape it was written with.
    return "VARCHAR" if kind == "JSON" else kind
