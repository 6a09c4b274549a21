"""Locks are taken in one order: no two threads can wait for each other.

Every lock that the engine makes is watched while stores and an engine are at work. Which lock was
asked for while which other was held makes a graph; a circle in it is a dead lock that waits for
its day, whether or not it happened in this run.
"""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.facade import Engine
from engine.store.base import Store
from engine.store.local import LocalStore
from engine.store.memory import MemoryStore
from engine.testing.definitions import workflow
from engine.testing.store_records import commit_of, ending, history

_make_lock, _make_rlock = threading.Lock, threading.RLock


class LockWatch:
    """Names locks by the line that made them and remembers the order of taking."""

    def __init__(self) -> None:
        self.after: dict[str, set[str]] = defaultdict(set)
        self._held = threading.local()

    def lock(self, make: Callable[[], Any]) -> Any:
        """What ``threading.Lock()`` or ``RLock()`` gives while the watch is on."""
        frame = sys._getframe(2)
        file = Path(frame.f_code.co_filename)
        name = f"{file.name}:{frame.f_lineno}"
        return WatchedLock(self, name, make()) if "engine" in file.parts else make()

    def taking(self, name: str) -> None:
        held: list[str] = self._held.__dict__.setdefault("names", [])
        for other in held:
            if other != name:
                self.after[other].add(name)
        held.append(name)

    def released(self, name: str) -> None:
        held: list[str] = self._held.__dict__.setdefault("names", [])
        if name in held:
            held.remove(name)

    def circle(self) -> list[str]:
        """Locks that are taken in a circle; empty when there is none."""
        done: set[str] = set()

        def follow(name: str, trail: list[str]) -> list[str]:
            if name in trail:
                return [*trail[trail.index(name) :], name]
            if name in done:
                return []
            for following in sorted(self.after[name]):
                found = follow(following, [*trail, name])
                if found:
                    return found
            done.add(name)
            return []

        for name in sorted(self.after):
            if found := follow(name, []):
                return found
        return []


class WatchedLock:
    """A lock that tells when it is taken."""

    def __init__(self, watch: LockWatch, name: str, lock: Any) -> None:
        self._watch = watch
        self._name = name
        self._lock = lock

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        taken: bool = self._lock.acquire(blocking, timeout)
        if taken:
            self._watch.taking(self._name)
        return taken

    def release(self) -> None:
        self._watch.released(self._name)
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[LockWatch]:
    watch = LockWatch()
    monkeypatch.setattr(threading, "Lock", lambda: watch.lock(_make_lock))
    monkeypatch.setattr(threading, "RLock", lambda: watch.lock(_make_rlock))
    yield watch
    assert watch.circle() == []


def _use(store: Store) -> None:
    store.commit(commit_of(history("a"), history("b", ended=False)))
    store.query("SELECT count(*) FROM events")
    store.commit(commit_of([ending("b", len(store.events("b")) + 1)]))
    store.catch_up()
    store.rebuild(lambda events: ([], []))
    store.health()
    store.close()


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_a_store_takes_its_locks_in_one_order(watch: LockWatch, kind: str, tmp_path: Path) -> None:
    make: dict[str, Callable[[], Store]] = {
        "memory": MemoryStore,
        "local": lambda: LocalStore(tmp_path / "a.duckdb"),
    }
    _use(make[kind]())
    assert watch.after, "no lock was taken within another: the watch sees nothing"


def test_an_engine_at_work_takes_its_locks_in_one_order(watch: LockWatch, tmp_path: Path) -> None:
    with Engine(tmp_path / "a.duckdb", threads=0, http_tasks=False) as engine:
        service = engine.service
        news: list[Any] = []
        subscription = (
            engine.client.subscribe(news.extend) if hasattr(engine.client, "subscribe") else None
        )
        service.create_workflow_def(workflow("plain", "work"), overwrite=True).result(10)
        ids = [service.start_workflow({"name": "plain", "input": {}}).result(10) for _ in range(5)]
        for task in service.poll("work", "w", None, 5, 100).result(10):
            result = {key: task[key] for key in ("workflowInstanceId", "taskId")}
            service.update_task({**result, "status": "COMPLETED"}).result(10)
        service.terminate(ids[0]).exception(10)
        service.restart(ids[0]).exception(10)
        engine.client.query("SELECT count(*) AS n FROM executions")
        if subscription is not None:
            subscription.close()
