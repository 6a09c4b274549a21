"""A small second opinion: what an execution of steps, forks and waits has to look like.

Written from the semantics reference, without the engine. A definition is a list of steps; a step
is a worker's task with a number of retries, a fork of such tasks with its JOIN, or a wait.
"""

from __future__ import annotations

import dataclasses

SCHEDULED, STARTED, DONE, FAILED, CANCELED = (
    "SCHEDULED", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELED",
)  # fmt: skip
RUNNING, PAUSED, TERMINATED = "RUNNING", "PAUSED", "TERMINATED"
_OPEN = (SCHEDULED, STARTED)


class Refused(Exception):
    """The action may not be done now."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One step: worker's tasks (several: a fork) with their retries, or a wait."""

    references: tuple[str, ...]
    retries: int = 0
    wait_seconds: int | None = None
    """None: no wait; 0: until somebody signals."""

    @property
    def join(self) -> str:
        return f"{self.references[0]}_join" if len(self.references) > 1 else ""


class ModelRun:
    """One execution as it has to be."""

    def __init__(self, steps: list[Step], now: int) -> None:
        self.steps = steps
        self.begin(now)

    def begin(self, now: int) -> None:
        self.status = RUNNING
        self.position = -1
        self.attempts: dict[str, list[str]] = {}
        self.failures: list[str] = []
        """References whose newest attempt has failed and nobody has looked at yet, in order."""
        self.for_good: set[str] = set()
        self.deadlines: dict[str, int] = {}
        self.advance(now)

    @property
    def has_ended(self) -> bool:
        return self.status not in (RUNNING, PAUSED)

    def newest(self, reference: str) -> str:
        return self.attempts[reference][-1] if reference in self.attempts else ""

    # -- deciding ------------------------------------------------------------------------

    def advance(self, now: int) -> None:
        """Go on until only workers, people or the clock can move anything."""
        self._ring(now)
        if self.status == PAUSED:
            self._gather()
        if self.status != RUNNING:
            return
        while self.failures:
            reference = self.failures.pop(0)
            if not self._is_retried(reference):
                self._end(FAILED if self.newest(reference).startswith(FAILED) else TERMINATED)
                return
            self.attempts[reference].append(SCHEDULED)
        while self._is_through():
            self.position += 1
            if self.position == len(self.steps):
                self.status = DONE
                return
            self._schedule(self.steps[self.position], now)

    def _ring(self, now: int) -> None:
        """Waits end at their time, in a paused execution too."""
        for reference, deadline in self.deadlines.items():
            if deadline and now >= deadline and self.newest(reference) == STARTED:
                self.attempts[reference][-1] = DONE

    def _is_retried(self, reference: str) -> bool:
        step = next(s for s in self.steps if reference in s.references)
        return len(self.attempts[reference]) - 1 < step.retries and reference not in self.for_good

    def _gather(self) -> None:
        """A JOIN ends while all is paused; a branch that is to be tried again counts as open."""
        step = self.steps[self.position]
        if self.newest(step.join) != STARTED:
            return
        failed = [name for name in step.references if self.newest(name) not in (DONE, *_OPEN)]
        if not all(map(self._is_retried, failed)):
            self.attempts[step.join][-1] = FAILED
        elif not failed and all(self.newest(name) == DONE for name in step.references):
            self.attempts[step.join][-1] = DONE

    def _is_through(self) -> bool:
        if self.position < 0:
            return True
        step = self.steps[self.position]
        through = all(self.newest(name) in (DONE, "SKIPPED") for name in step.references)
        if through and step.join and self.newest(step.join) == STARTED:
            self.attempts[step.join][-1] = DONE
        return through

    def _schedule(self, step: Step, now: int) -> None:
        for name in step.references:
            if name in self.attempts:
                continue  # skipped
            if step.wait_seconds is None:
                self.attempts[name] = [SCHEDULED]
            else:
                self.attempts[name] = [STARTED]
                self.deadlines[name] = step.wait_seconds and now + step.wait_seconds
        if step.join:
            self.attempts[step.join] = [STARTED]

    def _end(self, status: str) -> None:
        self.status = status
        for attempts in self.attempts.values():
            if attempts[-1] in _OPEN:
                attempts[-1] = CANCELED

    # -- what workers do -----------------------------------------------------------------

    def polled(self, reference: str) -> None:
        assert self.newest(reference) == SCHEDULED, f"{reference} was handed out twice"
        self.attempts[reference][-1] = STARTED

    def result(self, reference: str, attempt: int, status: str, now: int) -> None:
        """A result for an attempt; one that comes late changes nothing."""
        attempts = self.attempts.get(reference, [])
        if self.has_ended or len(attempts) <= attempt or attempts[attempt] not in _OPEN:
            return
        if status == "FAILED_WITH_TERMINAL_ERROR":
            self.for_good.add(reference)
        attempts[attempt] = status
        if status != DONE:
            self.failures.append(reference)
        self.advance(now)

    # -- what operators do ---------------------------------------------------------------

    def pause(self) -> None:
        if self.has_ended:
            raise Refused
        self.status = PAUSED

    def resume(self, now: int) -> None:
        if self.status != PAUSED:
            raise Refused
        self.status = RUNNING
        self.advance(now)

    def terminate(self) -> None:
        if self.status == DONE:
            raise Refused
        self._end(TERMINATED)

    def retry(self, now: int) -> None:
        bad = [r for r in self.attempts if self.newest(r) not in (DONE, "SKIPPED", *_OPEN)]
        if not self.has_ended or not bad:
            raise Refused
        self.status = RUNNING
        self.failures.clear()
        for reference in bad:
            self.for_good.discard(reference)
            if reference.endswith("_join"):
                self.attempts[reference][-1] = STARTED
            elif reference in self.deadlines:
                self.attempts[reference].append(STARTED)
            else:
                self.attempts[reference].append(SCHEDULED)
        self.advance(now)

    def again(self, now: int) -> None:
        """Restart, or rerun from the start."""
        if not self.has_ended:
            raise Refused
        self.begin(now)

    def skip(self, reference: str) -> None:
        if self.status != RUNNING or reference in self.attempts:
            raise Refused
        self.attempts[reference] = ["SKIPPED"]

    def signal(self, now: int) -> None:
        """The step that waits is done."""
        for reference in self.deadlines:
            if self.newest(reference) == STARTED and not self.has_ended:
                self.attempts[reference][-1] = DONE
                self.advance(now)
                return
