"""Faults that a tired colleague might write, each with the tests that have to notice.

A fault is a few changes of text in a copy of the source. Its text has to be found exactly once, so
whoever rewrites such a place is told to move the fault along.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_SIMULATE = ("tests/engine/simulation/simulate.py", "--seeds", "150", "--stop-at", "1")
_PYTEST = (
    "-m",
    "pytest",
    "-q",
    "-x",
    "-p",
    "no:cacheprovider",
    "--timeout",
    "60",
    "-m",
    "not long",
)
_CRASHES = ("tests/engine/faults/test_engine_crashes.py", "-k", "at_any_point")
"""The whole way: processes that die, and the audit of what they leave."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """One fault: ``changes`` are (file, what stands there, what shall stand there)."""

    name: str
    changes: tuple[tuple[str, str, str], ...]
    tests: tuple[str, ...] = ()
    """pytest's arguments; empty: the simulation notices."""
    quick: bool = False
    """Planted in ``make test`` too."""

    @property
    def command(self) -> tuple[str, ...]:
        """Arguments of Python that run what has to notice."""
        return (*_PYTEST, *self.tests) if self.tests else _SIMULATE


FAULTS = (
    Fault(
        "a commit does not wait for the disk",
        (("engine/store/journal.py", 'connect(path, "FULL")', 'connect(path, "OFF")'),),
        ("tests/engine/store/test_durability.py",),
        quick=True,
    ),
    Fault(
        "a commit waits for the disk at checkpoints only",
        (("engine/store/journal.py", 'connect(path, "FULL")', 'connect(path, "NORMAL")'),),
        ("tests/engine/store/test_power_loss.py",),
    ),
    Fault(
        "a large payload is not waited for",
        (
            (
                "engine/store/payload_storage.py",
                "                os.fsync(file.fileno())\n",
                "",
            ),
        ),
        ("tests/engine/store/test_durability.py",),
    ),
    Fault(
        "a large payload is written after the event that names it",
        (
            (
                "engine/store/external.py",
                "        self._store.commit(commit)\n",
                "        self._store.commit(commit)\n"
                "        for late in self._late:\n"
                "            self.storage.put(*late)\n"
                "        self._late = []\n",
            ),
            (
                "engine/store/external.py",
                "            self.storage.put(name, body)\n",
                "            self._late.append((name, body))\n",
            ),
            (
                "engine/store/external.py",
                "        self.storage = storage\n",
                "        self.storage = storage\n        self._late = []\n",
            ),
        ),
        ("tests/engine/store/test_durability.py",),
    ),
    Fault(
        "two events may have one number",
        (
            (
                "engine/store/migrations/journal_steps.py",
                "body BLOB NOT NULL,\n                UNIQUE (execution, number)\n",
                "body BLOB NOT NULL\n",
            ),
        ),
        ("tests/engine/store/test_store_contract.py",),
    ),
    Fault(
        "an answer leaves before its commit",
        (
            (
                "engine/runtime/writer.py",
                "        try:\n            if _writes(commit):\n",
                "        for outbox in batch:\n"
                "            for future, value in outbox.answers:\n"
                "                answer(future, value)\n"
                "            outbox.answers = []\n"
                "        try:\n            if _writes(commit):\n",
            ),
        ),
        ("tests/engine/runtime/test_runtime_threads.py", "-k", "an_answer_comes"),
        quick=True,
    ),
    Fault(
        "a second result of an attempt counts again",
        (
            (
                "engine/core/updates.py",
                "if task.status.is_terminal or turn.is_over or task",
                "if turn.is_over or task",
            ),
            (
                "engine/runtime/polling.py",
                "if not task.status.is_terminal and not state.status.is_terminal:",
                "if not state.status.is_terminal:",
            ),
        ),
        quick=True,
    ),
    Fault(
        "a message counts each time it comes",
        (
            (
                "engine/runtime/events.py",
                "if message_id in self._messages or not _handlers(desk, queue):",
                "if not _handlers(desk, queue):",
            ),
        ),
        ("tests/engine/http_api/test_event_handlers.py",),
    ),
    Fault(
        "a second start under a key starts again once the first has left the memory",
        (
            (
                "engine/service/idempotency.py",
                "        latest = known[-1] if known else recorded\n",
                "        latest = known[-1] if known else None\n",
            ),
        ),
        ("tests/engine/service/test_idempotent_starts.py",),
    ),
    Fault(
        "a result that comes after the end of its execution counts",
        (
            (
                "engine/core/updates.py",
                "if task.status.is_terminal or turn.is_over or task",
                "if task",
            ),
            (
                "engine/runtime/polling.py",
                "if not task.status.is_terminal and not state.status.is_terminal:",
                "if True:",
            ),
        ),
    ),
    Fault(
        "a JOIN passes when its first branch has ended",
        (
            (
                "engine/core/tasks/join.py",
                "        if not all_ended:\n",
                "        if all(still_open):\n",
            ),
            (
                "engine/core/tasks/join.py",
                "if record is None or not record.status.is_terminal:",
                "if False:",
            ),
        ),
        quick=True,
    ),
    Fault(
        "an attempt is followed by two",
        (
            (
                "engine/core/retries.py",
                '    data["retried_task_id"] = task.task_id\n',
                '    data["retried_task_id"] = None\n',
            ),
        ),
    ),
    Fault(
        "timers are lost with the process",
        (
            (
                "engine/runtime/recovery.py",
                '    desk.set_timers(state, ["", *state.open_task_ids])\n',
                "",
            ),
        ),
        quick=True,
    ),
    Fault(
        "a deadline that moved is not set again",
        (
            (
                "engine/runtime/decider.py",
                "                self._set_again(workflow_id, task_ids)\n",
                "",
            ),
        ),
        ("tests/engine/core/test_decide_attempts.py",),
    ),
    Fault(
        "a wait ends before its time",
        (
            (
                "engine/core/tasks/wait.py",
                "turn.now.wall_ms >= task.wait_until_ms",
                "turn.now.wall_ms >= task.wait_until_ms - 60_000",
            ),
        ),
    ),
    Fault(
        "one more attempt than allowed",
        (
            (
                "engine/core/retries.py",
                "task_type.auto_retry and task.retry_count < allowed",
                "task_type.auto_retry and task.retry_count <= allowed",
            ),
        ),
    ),
    Fault(
        "a parent is not told of its child's end",
        (
            (
                "engine/core/ending.py",
                "        turn.effects.append(TellParent())\n",
                "        pass\n",
            ),
        ),
    ),
    Fault(
        "ids are drawn instead of derived",
        (
            (
                "engine/core/turn.py",
                "        digest = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()",
                "        digest = hashlib.sha1(os.urandom(9)).hexdigest()",
            ),
            ("engine/core/turn.py", "import hashlib\n", "import hashlib\nimport os\n"),
        ),
    ),
    Fault(
        "two locks are taken in the other order at closing",
        (
            (
                "engine/store/memory.py",
                "with self._feeding, self._guard:",
                "with self._guard, self._feeding:",
            ),
        ),
        ("tests/engine/store/test_lock_order.py",),
    ),
    Fault(
        "the feed drops an event",
        (
            (
                "engine/store/batch.py",
                "            self.events.append((position, event))\n            position += 1\n",
                "            if event.number % 7:\n"
                "                self.events.append((position, event))\n"
                "            position += 1\n",
            ),
        ),
        ("tests/engine/store/test_store_feeding.py", "tests/engine/store/test_store_crashes.py"),
    ),
    Fault(
        "the watermark is not written with what was fed",
        (
            (
                "engine/store/history.py",
                '"UPDATE feed_progress SET watermark = ?, fed_at = now()", [batch.last]',
                '"UPDATE feed_progress SET watermark = ?, fed_at = now()", [self.watermark]',
            ),
        ),
        ("tests/engine/store/test_store_crashes.py", "tests/engine/store/test_store_feeding.py"),
    ),
    Fault(
        "a damaged event is answered from",
        (
            (
                "engine/store/journal_reads.py",
                "        if not isinstance(body, bytes) or zlib.crc32(body) != crc:\n"
                '            raise damaged(self.path, "an event does not match its checksum")\n',
                "",
            ),
        ),
        ("tests/engine/store/test_store_files.py",),
    ),
    Fault(
        "a schedule's run is not recorded with what it started",
        (
            (
                "engine/runtime/scheduler.py",
                "        self._record(desk, RUNS, schedule.name, "
                '{"last": last, "executions": plan.runs})\n',
                "",
            ),
        ),
        _CRASHES,
    ),
    Fault(
        "a notice is struck out before it is delivered",
        (
            (
                "engine/runtime/couriers.py",
                "            try:\n                self.receiver.deliver(notice)\n",
                "            self._done(notice.id)\n"
                "            try:\n                self.receiver.deliver(notice)\n",
            ),
        ),
        ("tests/engine/runtime/test_listeners.py",),
    ),
    Fault(
        "a task of a dead process's worker stays with it",
        (
            (
                "engine/runtime/recovery.py",
                'return (task.worker_id or "").startswith(IN_PROCESS_PREFIX)',
                "return False",
            ),
        ),
        ("tests/engine/runtime/test_runtime_threads.py",),
    ),
    Fault(
        "in a paused execution a failure waits for the branches before it",
        (
            (
                "engine/core/tasks/join.py",
                "if _has_failed_since(turn, task) or not _still_waits(turn, task):",
                "if not _still_waits(turn, task):",
            ),
        ),
        ("tests/engine/core/test_pauses.py",),
    ),
    Fault(
        "a resumed execution forgets the time-outs of its tasks",
        (
            (
                "engine/runtime/filing.py",
                "self.set_timers(state, list(state.open_task_ids))",
                "pass",
            ),
        ),
        ("tests/engine/core/test_pauses.py",),
    ),
    Fault(
        "a pause does not stop scheduling",
        (
            (
                "engine/core/decide.py",
                "while not state.status.is_terminal and state.status is not WorkflowStatus.PAUSED:",
                "while not state.status.is_terminal:",
            ),
        ),
        ("tests/engine/core/test_operations.py",),
    ),
    Fault(
        "what readers hold changes under them",
        (
            (
                "engine/core/state.py",
                "                value = value.copy()\n",
                "                pass\n",
            ),
        ),
        ("tests/engine/properties", "-k", "sound"),
    ),
)


def plant(fault: Fault | None, folder: Path) -> Path:
    """A copy of engine and tests in ``folder`` with the fault in it, or without any."""
    for name in ("engine", "tests"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
        )
    for name in ("pyproject.toml", ".importlinter"):
        shutil.copy(ROOT / name, folder / name)
    for file, old, new in fault.changes if fault is not None else ():
        path = folder / file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(old, new), encoding="utf-8")
    return folder


def run(command: tuple[str, ...], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python over the copy; its ``engine`` is the one that is imported."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
