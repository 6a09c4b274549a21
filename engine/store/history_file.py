"""The DuckDB file of the history: opening it, its schema, its errors in our words."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb

from ..errors import StoreCorruptError, StoreError, StoreLockedError
from .faults import fault_point
from .migrations import Step, migrate
from .migrations.history_steps import HISTORY_STEPS
from .private_files import make_private

logger = logging.getLogger(__name__)

MEMORY: Final = ":memory:"
_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    # A SELECT from outside must reach nothing but the history itself.
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "lock_configuration": "true",
}
_OWNER: Final = re.compile(r"\(PID (\d+)\)")
_DAMAGE: Final = re.compile(
    r"corrupt|checksum|not a valid DuckDB database|could not read enough bytes|deserializ|"
    r"failure while replaying WAL|invalidated because of a previous fatal",
    re.I,
)
_FULL: Final = re.compile(r"no space left|disk quota exceeded|file too large|ENOSPC", re.I)


def connect(path: str, steps: Sequence[Step] = HISTORY_STEPS) -> duckdb.DuckDBPyConnection:
    """Open or create a history and bring it to the newest schema.

    Raises:
        StoreLockedError: Another process has the file open.
        StoreCorruptError: The file is damaged.
        StoreError: It is another program's or a later version's, or can't be opened.
    """
    name = Path(path).name
    try:
        connection = duckdb.connect(path, config=_SETTINGS)
    except duckdb.Error as error:
        raise _opening_error(name, error) from None
    try:
        migrate(name, _schema_version(name, connection), steps, _applier(connection))
    except duckdb.Error as error:
        connection.close()
        raise _opening_error(name, error) from None
    except BaseException:
        connection.close()
        raise
    keep_private(path)
    return connection


def connect_or_set_aside(
    path: Path, ours: bool, steps: Sequence[Step] = HISTORY_STEPS
) -> duckdb.DuckDBPyConnection:
    """Open a history; a damaged one is renamed aside, and a new one begun.

    Args:
        path: The file.
        ours: Whether a journal beside it proves that it is a store: nothing else is renamed.
        steps: Its migrations.

    Raises:
        StoreError: It can't be opened for another reason than damage.
    """
    for aside in (_set_wal_aside, _set_aside):
        try:
            return connect(str(path), steps)
        except StoreCorruptError:
            if not ours:
                raise
            aside(path)
    return connect(str(path), steps)


def keep_private(path: str) -> None:
    """See that nobody but their owner may read a history and its write-ahead file."""
    if path != MEMORY:
        make_private(Path(path), Path(f"{path}.wal"))


def is_damage(error: Exception) -> bool:
    """Whether DuckDB reports that the file itself is broken."""
    return _DAMAGE.search(str(error)) is not None


def is_full(error: Exception) -> bool:
    """Whether DuckDB found no room to write."""
    return _FULL.search(str(error)) is not None


def damaged(name: str, error: Exception) -> StoreCorruptError:
    """The error of a history that can't be trusted, with what to do about it."""
    return StoreCorruptError(
        f"The history {name} is damaged: {_first_line(error)} Stop the engine, put {name} and "
        f"its journal back from one backup, or move {name} away: open executions go on without "
        "it, ended ones are lost."
    )


def _set_wal_aside(path: Path) -> None:
    """Most damage hits what was written last; the rest of the file may be whole."""
    wal = path.with_name(path.name + ".wal")
    if wal.exists():
        _rename(wal)


def _set_aside(path: Path) -> None:
    _set_wal_aside(path)
    _rename(path)


def _rename(path: Path) -> None:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    path.rename(aside)
    logger.warning(
        "%s is damaged and was renamed to %s. Open executions go on; ended ones that only it "
        "knew are missing.",
        path.name,
        aside.name,
    )


def _opening_error(name: str, error: duckdb.Error) -> StoreError:
    text = _first_line(error)
    if "Could not set lock" in text or "Conflicting lock" in text or "already open" in text:
        owner = _OWNER.search(text)
        who = f"process {owner[1]}" if owner else "another process"
        return StoreLockedError(f"{name} is open in {who}: close it there, or use another file.")
    if is_damage(error):
        return damaged(name, error)
    return StoreError(f"{name} can't be opened: {text}")


def _first_line(error: Exception) -> str:
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return line if line.endswith((".", "!")) else line + "."


def _schema_version(name: str, connection: duckdb.DuckDBPyConnection) -> int:
    query = "SELECT table_name FROM duckdb_tables() WHERE NOT internal"
    tables = {row[0] for row in connection.execute(query).fetchall()}
    if not tables:
        return 0
    found = None
    if "store_info" in tables:
        connection.execute("SELECT value FROM store_info WHERE key = 'schema_version'")
        found = connection.fetchone()
    if found is None:
        raise StoreError(f"{name} is a DuckDB file of another program; choose another --db name.")
    return int(found[0])


def _applier(connection: duckdb.DuckDBPyConnection) -> Callable[[Step], None]:
    def apply(step: Step) -> None:
        run = connection.execute
        run("BEGIN")
        try:
            run("; ".join(step.statements))
            run("DELETE FROM store_info WHERE key = 'schema_version'")
            run("INSERT INTO store_info VALUES ('schema_version', ?)", [str(step.number)])
            fault_point("history.step_written")
            run("COMMIT")
            fault_point("history.step_done")
        except BaseException:
            run("ROLLBACK")
            raise

    return apply
