"""What the engine asks of task queues, put to those in memory."""

from __future__ import annotations

import random
from typing import Any

import pytest

from engine.runtime.answers import Answer
from engine.runtime.embedded_queues import EmbeddedQueues
from engine.runtime.queues import Entry, PollWaiter, TaskQueues, queue_name


@pytest.fixture
def queues() -> TaskQueues:
    return EmbeddedQueues()


def entry(task_id: str, priority: int = 0, visible_ms: int = 0, queue: str = "job") -> Entry:
    return Entry(f"execution of {task_id}", task_id, queue, priority, visible_ms)


def ids(entries: list[Entry]) -> list[str]:
    return [each.task_id for each in entries]


def test_priority_first_then_what_could_be_handed_out_first(queues: TaskQueues) -> None:
    for each in (entry("b", 0, 20), entry("a", 0, 10), entry("urgent", 9, 30), entry("c", 0, 20)):
        queues.push(each, 100)
    assert ids(queues.ahead("job", 9, 100)) == ["urgent", "a", "b", "c"]
    assert ids(queues.take("job", 2, 100)) == ["urgent", "a"]
    assert ids(queues.take("job", 9, 100)) == ["b", "c"]


def test_a_delayed_task_counts_and_is_taken_in_its_time(queues: TaskQueues) -> None:
    queues.push(entry("later", 9, 50), 0)
    queues.push(entry("now"), 0)
    assert (queues.size("job"), queues.sizes()) == (2, {"job": 2})
    assert ids(queues.take("job", 9, 49)) == ["now"]
    assert ids(queues.ahead("job", 9, 50)) == ids(queues.take("job", 9, 50)) == ["later"]


def test_a_task_is_in_one_queue_once(queues: TaskQueues) -> None:
    queues.push(entry("a"), 0)
    queues.push(entry("a", queue=queue_name("job", "eu")), 0)
    assert queues.sizes() == {"eu:job": 1, "job": 0}
    assert queues.take("job", 9, 0) == []
    assert ids(queues.take("eu:job", 9, 0)) == ["a"]
    queues.push(entry("a"), 0)  # given back
    queues.remove("a")
    queues.remove("a")
    assert (queues.take("job", 9, 0), queues.size("job")) == ([], 0)


def test_what_is_held_counts_and_comes_back_in_order(queues: TaskQueues) -> None:
    for name in ("a", "b"):
        queues.push(entry(name), 0)
    for each in queues.take("job", 2, 0):
        queues.hold(each, "limit")
    assert queues.size("job") == 2
    assert queues.contains("a")
    assert queues.take("job", 9, 0) == []
    queues.remove("a")
    queues.release("limit", 0)
    assert ids(queues.take("job", 9, 0)) == ["b"]


def test_polls_that_wait_are_served_oldest_first_and_end_in_time(queues: TaskQueues) -> None:
    first, second, other = (waiter(name) for name in ("job", "job", "another"))
    for each in (first, second, other):
        queues.wait(each)
    assert (queues.waiting_polls(), queues.next_moment_ms()) == (3, 1_000)
    queues.push(entry("a"), 0)
    queues.push(entry("soon", 0, 500), 0)
    assert [(w, ids(found)) for w, found in queues.match(0)] == [(first, ["a"])]
    assert queues.next_moment_ms() == 500
    assert [(w, ids(found)) for w, found in queues.match(500)] == [(second, ["soon"])]
    assert list(queues.expired(999)) == []
    assert list(queues.expired(1_000)) == [other]
    assert queues.next_moment_ms() == 0


def test_ages_are_those_of_what_waits_longest(queues: TaskQueues) -> None:
    queues.push(entry("a", 0, 30), 100)
    queues.push(entry("b", 5, 20), 100)
    queues.push(entry("c", 0, 7, "another"), 100)
    assert queues.oldest() == {"job": 20, "another": 7}
    assert ids(queues.entries(lambda each: each.visible_ms > 10)) == ["a", "b"]
    found = queues.entry("b")
    assert found is not None
    assert found.priority == 5
    assert queues.entry("gone") is None


def test_what_lies_ahead_is_what_will_be_taken(queues: TaskQueues) -> None:
    draw = random.Random(7)
    for number in range(500):
        queues.push(entry(f"t{number}", draw.randrange(5), draw.randrange(50)), 25)
    for number in range(0, 500, 7):
        queues.remove(f"t{number}")
    for _ in range(60):
        ahead = ids(queues.ahead("job", 8, 40))
        assert ids(queues.take("job", 8, 40)) == ahead
    assert ids(queues.ahead("job", 8, 40)) == []


def waiter(name: str) -> PollWaiter:
    answer: Answer[Any] = Answer()
    return PollWaiter(name, "w", 1, 1_000, answer)


def test_a_poll_that_was_given_up_gets_nothing(
    queues: TaskQueues,
) -> None:
    gone, stays = waiter("job"), waiter("job")
    queues.wait(gone)
    queues.wait(stays)
    assert not gone.future.is_given_up
    assert gone.future.cancel()
    assert gone.future.is_given_up
    queues.push(entry("t1"), 0)
    assert [(one, ids(found)) for one, found in queues.match(0)] == [(stays, ["t1"])]

    answered = waiter("job")
    answered.future.set_result([])
    assert not answered.future.cancel()
    assert not answered.future.is_given_up
