"""``rateLimitConfig``: executions beyond the limit wait in order, across crashes and actions."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.events import HistoryEvent
from engine.errors import ConflictError, UnavailableError
from engine.store.memory import MemoryStore
from engine.testing.histories import Recording, replay
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


def flow(limit: int = 1, key: str = "${workflow.input.k}", **more: Any) -> Wire:
    work = {"name": "work", "taskReferenceName": "work", "type": "SIMPLE"}
    config = {"rateLimitKey": key, "concurrentExecLimit": limit, **more.pop("config", {})}
    return {"name": "flow", "version": 1, "tasks": [work], "rateLimitConfig": config, **more}


def queued(engine: InlineEngine) -> int:
    return engine.desk.queues.size("work")


def test_executions_beyond_the_limit_run_without_tasks_until_a_slot_is_free() -> None:
    with InlineEngine(flow(2)) as engine:
        ids = [engine.start("flow", {"k": "a"}) for _ in range(4)]

        assert [len(engine.state(i).tasks) for i in ids] == [1, 1, 0, 0]
        assert {str(engine.state(i).status) for i in ids} == {"RUNNING"}
        wire = engine.service.workflow(ids[2]).result(5)
        assert (wire["rateLimited"], wire["rateLimitKey"]) == (True, "a")

        for _ in range(4):
            engine.complete("work")
        assert {str(engine.state(i).status) for i in ids} == {"COMPLETED"}


def test_slots_are_given_in_order_of_start() -> None:
    with InlineEngine(flow()) as engine:
        ids = [engine.start("flow", {"k": 1, "n": n}) for n in range(4)]
        order = [engine.complete("work")["workflowInstanceId"] for _ in ids]
        assert order == ids


class FarStore(MemoryStore):
    """Can't give the events of one execution, whose payloads lie in a bucket that is away."""

    away = ""

    def events(self, workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        if workflow_id == self.away:
            raise UnavailableError("The bucket can't be reached.")
        return super().events(workflow_id, after)


def page_out_all(engine: InlineEngine) -> None:
    engine.desk.executions.resident_limit = 0
    for _ in range(3):
        engine.decider.submit(lambda desk: None).result(0)
    assert engine.desk.executions.paged_count == len(engine.desk.executions)


def test_an_execution_that_ends_needs_nothing_of_those_that_wait_behind_it() -> None:
    store = FarStore()
    with InlineEngine(flow(), store=store) as engine:
        first, second, third = [engine.start("flow", {"k": 1}) for _ in range(3)]
        page_out_all(engine)
        store.away = second
        engine.complete("work")
        assert str(engine.state(first).status) == "COMPLETED"
        assert store.open_executions() == [second, third]
        store.away = ""
        engine.service.terminate(second, "can't be read").result(5)
        engine.complete("work")
        assert str(engine.state(third).status) == "COMPLETED"


def test_a_slot_passes_by_what_is_paused_and_not_in_memory() -> None:
    with InlineEngine(flow()) as engine:
        _, second, third = [engine.start("flow", {"k": 1}) for _ in range(3)]
        engine.service.pause(second).result(5)
        page_out_all(engine)
        engine.complete("work")
        assert [len(engine.state(i).tasks) for i in (second, third)] == [0, 1]


def test_each_value_of_the_key_has_its_own_limit() -> None:
    with InlineEngine(flow()) as engine:
        for key in ("a", "b", None, "a"):
            engine.start("flow", {"k": key})
        assert queued(engine) == 3


def test_key_without_an_expression_limits_the_workflow_as_a_whole() -> None:
    with InlineEngine(flow(key="fixed"), {**flow(key="fixed"), "name": "other"}) as engine:
        for name in ("flow", "flow", "other"):
            engine.start(name)
        assert queued(engine) == 2


@pytest.mark.parametrize("config", [{"concurrentExecLimit": 0}, {"rateLimitKey": ""}])
def test_limit_of_nothing_limits_nothing(config: Wire) -> None:
    with InlineEngine(flow(config=config)) as engine:
        for _ in range(3):
            engine.start("flow", {"k": "a"})
        assert queued(engine) == 3


@pytest.mark.parametrize("ending", ["fail", "terminate", "remove"])
def test_slot_is_passed_on_however_its_holder_ends(ending: str) -> None:
    with InlineEngine(flow(), task_defs=[{"name": "work", "retryCount": 0}]) as engine:
        first, second = engine.start("flow", {"k": 1}), engine.start("flow", {"k": 1})
        if ending == "fail":
            engine.fail("work")
        elif ending == "terminate":
            engine.service.terminate(first).result(5)
        else:
            engine.service.remove(first, archive=False).result(5)
        assert engine.complete("work")["workflowInstanceId"] == second
        assert engine.state(second).status == "COMPLETED"


def test_slots_that_become_free_at_once_are_all_given() -> None:
    with InlineEngine(flow(2)) as engine:
        first, second, third, fourth = (engine.start("flow", {"k": 1}) for _ in range(4))
        for holder in (first, second):
            engine.service.terminate(holder)
        engine.run_until_idle()
        assert [len(engine.state(i).tasks) for i in (third, fourth)] == [1, 1]


@pytest.mark.parametrize("action", ["restart", "rerun"])
def test_execution_that_ends_as_it_is_opened_again_keeps_no_slot(action: str) -> None:
    at_once = {"name": "set", "taskReferenceName": "set", "type": "SET_VARIABLE"}
    body = {**flow(), "tasks": [{**at_once, "inputParameters": {"x": 1}}]}
    with InlineEngine(body) as engine:
        first = engine.start("flow", {"k": 1})
        getattr(engine.service, action)(first, *([{}] if action == "rerun" else ())).result(5)
        assert engine.state(first).status == "COMPLETED"
        assert engine.state(engine.start("flow", {"k": 1})).status == "COMPLETED"


def test_waiting_execution_that_is_terminated_never_begins() -> None:
    with InlineEngine(flow()) as engine:
        _, second, third = (engine.start("flow", {"k": 1}) for _ in range(3))
        engine.service.terminate(second).result(5)
        engine.complete("work")
        assert (engine.state(second).status, engine.state(second).tasks) == ("TERMINATED", {})
        assert engine.complete("work")["workflowInstanceId"] == third


def test_paused_execution_lets_those_behind_it_pass() -> None:
    with InlineEngine(flow()) as engine:
        _, second, third = (engine.start("flow", {"k": 1}) for _ in range(3))
        engine.service.pause(second).result(5)
        engine.complete("work")
        engine.service.resume(second).result(5)
        assert engine.state(second).tasks == {}
        assert engine.complete("work")["workflowInstanceId"] == third
        assert engine.complete("work")["workflowInstanceId"] == second


def test_workflow_that_times_out_while_it_waits_ends() -> None:
    body = flow(timeoutSeconds=10, timeoutPolicy="TIME_OUT_WF")
    with InlineEngine(body) as engine:
        _, second = engine.start("flow", {"k": 1}), engine.start("flow", {"k": 1})
        engine.clock.move(seconds=11)
        assert engine.state(second).status == "TIMED_OUT"


def test_holders_and_those_who_wait_are_the_same_after_a_restart() -> None:
    engine = InlineEngine(flow(2))
    ids = [engine.start("flow", {"k": "a"}) for _ in range(5)]
    engine.complete("work")
    engine.reopen()

    assert queued(engine) == 2
    late = engine.start("flow", {"k": "a"})
    assert engine.state(late).rate_limited
    order = [engine.complete("work")["workflowInstanceId"] for _ in range(5)]
    assert order == [*ids[1:], late]
    engine.close()


def test_rejecting_policy_refuses_the_start_and_leaves_nothing() -> None:
    with InlineEngine(flow(config={"policy": "REJECT"})) as engine:
        engine.start("flow", {"k": 1})
        with pytest.raises(ConflictError, match="may have 1 running executions with the rate"):
            engine.start("flow", {"k": 1})
        assert len(engine.desk.executions) == 1
        engine.complete("work")
        assert engine.start("flow", {"k": 1})


def test_child_that_the_policy_rejects_fails_its_task() -> None:
    node = {
        "name": "sub",
        "taskReferenceName": "sub",
        "type": "SUB_WORKFLOW",
        "inputParameters": {"k": 1},
        "subWorkflowParam": {"name": "flow", "version": 1},
    }
    parent = {"name": "parent", "version": 1, "tasks": [node]}
    with InlineEngine(parent, flow(config={"policy": "REJECT"})) as engine:
        engine.start("flow", {"k": 1})
        execution = engine.start("parent")
        task = engine.state(execution).task("sub")
        assert task is not None
        assert (task.status, task.sub_workflow_id) == ("FAILED", None)
        assert "may have 1 running executions" in str(task.reason_for_incompletion)


def test_child_below_the_holder_of_the_slot_does_not_wait_for_it() -> None:
    node = {
        "name": "sub",
        "taskReferenceName": "sub",
        "type": "SUB_WORKFLOW",
        "inputParameters": {"k": 1, "deep": True},
        "subWorkflowParam": {"name": "flow", "version": 1},
    }
    choose = {
        "name": "s",
        "taskReferenceName": "s",
        "type": "SWITCH",
        "evaluatorType": "value-param",
        "expression": "deep",
        "inputParameters": {"deep": "${workflow.input.deep}"},
        "decisionCases": {"true": [{"name": "n", "taskReferenceName": "n", "type": "NOOP"}]},
        "defaultCase": [node],
    }
    with InlineEngine(flow(tasks=[choose])) as engine:
        execution, other = engine.start("flow", {"k": 1}), engine.start("flow", {"k": 1})
        assert engine.state(execution).status == "COMPLETED"
        assert engine.state(other).status == "COMPLETED"


def test_restarted_execution_waits_for_a_slot_again() -> None:
    with InlineEngine(flow()) as engine:
        first, second = engine.start("flow", {"k": 1}), engine.start("flow", {"k": 1})
        engine.complete("work")
        engine.service.restart(first).result(5)
        assert engine.state(first).rate_limited
        assert engine.complete("work")["workflowInstanceId"] == second
        assert engine.complete("work")["workflowInstanceId"] == first


def test_retried_execution_goes_on_at_once_and_holds_its_slot_again() -> None:
    with InlineEngine(flow(), task_defs=[{"name": "work", "retryCount": 0}]) as engine:
        first = engine.start("flow", {"k": 1})
        engine.fail("work")
        engine.service.retry(first).result(5)
        second = engine.start("flow", {"k": 1})
        assert engine.complete("work")["workflowInstanceId"] == first
        assert engine.complete("work")["workflowInstanceId"] == second


def test_limited_history_replays_to_the_same_decisions() -> None:
    with InlineEngine(flow()) as engine:
        ids = [engine.start("flow", {"k": 1}) for _ in range(2)]
        engine.complete("work")
        engine.complete("work")
        definitions = {engine.state(i).definition_hash: engine.state(i).definition for i in ids}
        recording = Recording(title="", definitions={}, executions=[engine.events(i) for i in ids])
        for events in recording.executions:
            state = replay(events, definitions.__getitem__)
            assert (state.status, state.rate_limited) == ("COMPLETED", False)
