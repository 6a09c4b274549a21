"""Rounds of start, work, kill over one store; clients work over HTTP meanwhile."""

from __future__ import annotations

import dataclasses
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crash_child import FINISH, WORK
from crash_clients import Clients
from fork_server import ForkedProcess, ForkServer, WardenLostError

_START_SECONDS = 30.0
_DIE_SECONDS = 20.0
_FINISH_SECONDS = 90.0
_AT_START = "recovery."
"""Points that a process passes before it says that it is ready, if it has something to take up."""
_TRIES = 5
_WORK_SECONDS = 0.3
"""So long works a process that had nothing to take up, for the next one to have something."""
_NUMBERS_PER_ROUND = 1000
_FEED_SECONDS = (0.02, 0.05, 0.2, 0.5)
"""Rounds differ in how often the history is fed: much is fed when they die, or little."""
_CHECKPOINT_BYTES = 200_000
"""Small, so that checkpoints are among what is under way."""


@dataclasses.dataclass
class Rounds:
    """What happened in all rounds."""

    named: list[str] = dataclasses.field(default_factory=list)
    """Fault points at which the process died by itself."""
    random_kills: int = 0
    journalled: dict[tuple[str, int], bytes] = dataclasses.field(default_factory=dict)
    """Every event that a journal held when its process was dead."""
    cpu_seconds: float = 0.0
    """Processor time of the processes that died."""
    events_unfed: int = 0
    """Events that were only in the journal, summed over all kills."""


class CrashRounds:
    """One store, many processes one after the other. Use as a context manager."""

    def __init__(
        self,
        server: ForkServer,
        folder: Path,
        seed: int,
        flows: Sequence[str] = (),
        workers: int = 1,
        starters: int = 0,
    ) -> None:
        """Prepare to run processes over files in ``folder``; ``seed`` chooses the moments.

        Args:
            server: Makes the processes.
            folder: Where store, notes and log are.
            seed: Of the moments of death, and of what clients do.
            flows: The workflows that processes start, in this order; all without any.
            workers: Clients that work.
            starters: Clients that start.
        """
        self.folder = folder
        self.seen = Rounds()
        self._server = server
        self._flows = flows
        self._random = random.Random(seed)
        self._next_number = 0
        self._clients = Clients(folder, seed, workers, starters)

    def __enter__(self) -> CrashRounds:
        """Start the clients."""
        self._clients.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the clients."""
        self._clients.__exit__()

    def die_at(self, point: str, passes: int, mode: str = WORK) -> None:
        """Run a process until it passes a fault point for the given time, where it dies."""
        for _ in range(_TRIES):
            process = self._run(mode, fault=f"{point}:{passes}")
            is_too_late = False
            try:
                is_too_late = bool(process.said(_DIE_SECONDS)) and point.startswith(_AT_START)
                if not is_too_late:
                    process.wait(_DIE_SECONDS)
            except TimeoutError:
                process.kill()
                raise AssertionError(f"{point} was not passed {passes} times.") from None
            except WardenLostError:  # seen once: nobody knows where it died, another is tried
                process.give_up()
                self._bury(process)
                continue
            if is_too_late:  # what it does now is there for the next one's start
                time.sleep(_WORK_SECONDS)
            process.kill()
            self._bury(process)
            status = process.exit_status
            assert status == -signal.SIGKILL, f"{point}: exit {status}; see {self._log}"
            if not is_too_late:
                self.seen.named.append(point)
                return
        raise AssertionError(f"{point} was not passed in {_TRIES} processes.")

    def kill(self) -> None:
        """Run a process and kill it at a random moment, mostly at work, at times at its start."""
        process = self._run(WORK)
        if self._random.random() < 0.8:
            said = process.said(_START_SECONDS)
            assert said == "ready", f"It died at its start; see {self._log}"
            time.sleep(self._random.uniform(0.0, 0.4))
        else:
            time.sleep(self._random.uniform(0.0, 0.15))
        process.kill()
        self._bury(process)
        assert process.exit_status == -signal.SIGKILL, f"exit {process.exit_status}: {self._log}"
        self.seen.random_kills += 1

    def finish(self) -> None:
        """Run a last process until every execution has ended and the store is closed."""
        self._clients.stop_starting()
        process = self._run(FINISH)
        said: list[str] = []
        deadline = time.monotonic() + _FINISH_SECONDS
        try:
            while line := process.said(deadline - time.monotonic()):
                said.append(line)
        except TimeoutError:
            process.kill()
            raise AssertionError("The last process did not come to an end.") from None
        assert process.exit_status == 0, f"exit {process.exit_status}: {said}; see {self._log}"

    @property
    def _log(self) -> Path:
        return self.folder / "child.log"

    def _run(self, mode: str, fault: str = "") -> ForkedProcess:
        (self.folder / "url").unlink(missing_ok=True)
        first, self._next_number = self._next_number, self._next_number + _NUMBERS_PER_ROUND
        orders: dict[str, Any] = {
            "folder": str(self.folder),
            "first": first,
            "mode": mode,
            "flows": self._flows,
            "feed_seconds": _FEED_SECONDS[0] if fault else self._random.choice(_FEED_SECONDS),
            "checkpoint_bytes": _CHECKPOINT_BYTES,
        }
        return self._server.run(orders, self._log, fault)

    def _bury(self, process: ForkedProcess) -> None:
        """Look at the journal that a dead process left."""
        self.seen.cpu_seconds += process.cpu_seconds
        events, fed = _journal_events(self.folder / "crash.duckdb.journal")
        self.seen.journalled.update({key: body for key, (_, body) in events.items()})
        self.seen.events_unfed += sum(1 for position, _ in events.values() if position > fed)


def _journal_events(path: Path) -> tuple[dict[tuple[str, int], tuple[int, bytes]], int]:
    """Events of a dead process's journal, read from a copy: the next start recovers the file."""
    if not path.exists():
        return {}, 0
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("", "-wal"):
            source = path.with_name(path.name + suffix)
            if source.exists():
                shutil.copy(source, Path(folder) / f"copy{suffix}")
        connection = sqlite3.connect(Path(folder) / "copy")
        try:
            rows = connection.execute(
                "SELECT workflow_id, number, position, body FROM events JOIN journalled "
                "USING (execution)"
            )
            events = {(row[0], row[1]): (row[2], row[3]) for row in rows}
            fed = connection.execute("SELECT value FROM info WHERE key = 'fed_position'").fetchone()
        except sqlite3.OperationalError:  # killed before the first schema was written
            return {}, 0
        finally:
            connection.close()
    return events, int(fed[0]) if fed else 0
