"""Records the golden histories of the present engine version.

    python tests/engine/histories/record_histories.py tests/engine/histories/v1

Run it once for a version, never to make a failing replay pass: a recorded history that decides
otherwise today is a user's execution that would go wrong after an update. A story that is new
gets a file; files that exist are left alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.core.tasks.registry import TASK_TYPES
from engine.core.tasks.user_system import UserSystemTask
from engine.testing.definitions import (
    fork,
    http,
    inline,
    limited,
    loop,
    node,
    set_variable,
    simple,
    sub,
    switch,
    task_def,
    terminate,
    wait,
    workflow,
)
from engine.testing.histories import Recording, essence, save
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]
Story = Callable[[], InlineEngine]


def fork_with_retries() -> InlineEngine:
    """A fork with a retried and an optional task, variables and computed output."""
    reads = {"x": "${workflow.variables.x}", "k": "${a.output.k}", "n": "${workflow.input.n}"}
    engine = InlineEngine(
        workflow(
            "w",
            set_variable("v", x="${workflow.input.n}"),
            *fork(
                "f",
                [limited("a", retryCount=2, retryDelaySeconds=10), simple("a2", reads)],
                [{**limited("b"), "optional": True}],
            ),
            inline("i", "$.k * 2", k="${a.output.k}"),
            outputParameters={"twice": "${i.output.result}", "status": "${workflow.status}"},
        )
    )
    engine.start("w", {"n": 3})
    engine.fail("a", "busy")
    engine.fail("b", "not there")
    engine.clock.move(seconds=10)
    engine.complete("a", {"k": 21})
    engine.complete("a2")
    return engine


def loop_over_items_with_switch() -> InlineEngine:
    """A loop over items whose first task is chosen by a script; old iterations forgotten."""
    chosen = switch(
        "s",
        {"big": ["ship"]},
        ["store"],
        script="$.value > 9 ? 'big' : 'small'",
        value="${l.output.loopItem}",
    )
    body = [chosen, simple("note", {"item": "${l.output.loopItem}"})]
    definition = workflow(
        "w", loop("l", *body, items="${workflow.input.items}", input={"keepLastN": 2})
    )
    engine = InlineEngine(definition)
    engine.drive(engine.start("w", {"items": [1, 10, 5, 50]}))
    return engine


def loops_in_loops() -> InlineEngine:
    """Three rounds of a loop inside two of another, with a fork in the middle."""
    inner = loop("inner", "a", *fork("f", ["b"], ["c"]), times=3)
    engine = InlineEngine(workflow("w", loop("outer", inner, "d", times=2), "e"))
    engine.drive(engine.start("w"), {"a": {"k": 1}})
    return engine


def sub_workflows_retried() -> InlineEngine:
    """A grandchild fails; it is retried in place, its parents revived; then all completes."""
    inner = workflow("inner", simple("a", {"n": "${workflow.input.n}"}), "b")
    middle = workflow("middle", *fork("f", [sub("t", "inner", {"n": 1})], ["beside"]))
    engine = InlineEngine(workflow("w", sub("s", "middle"), "end"), middle, inner)
    workflow_id = engine.start("w")
    engine.complete("a")
    engine.fail("b", "broken", terminal=True)
    engine.service.retry(workflow_id, True).result(0)
    engine.drive(workflow_id)
    return engine


def time_outs() -> InlineEngine:
    """A silent worker, an unpolled task, and an execution whose time is up."""
    limits = {"responseTimeoutSeconds": 20, "pollTimeoutSeconds": 60, "timeoutPolicy": "RETRY"}
    definition = workflow(
        "w",
        limited("a", retryCount=3, **limits),
        simple("b"),
        timeoutSeconds=300,
        timeoutPolicy="TIME_OUT_WF",
    )
    engine = InlineEngine(definition)
    engine.start("w")
    engine.take("a")
    engine.clock.move(seconds=20)
    engine.clock.move(seconds=60)
    task = engine.take("a")
    engine.clock.move(seconds=15)
    engine.report(task, "IN_PROGRESS", extendLease=True)
    engine.clock.move(seconds=15)
    engine.report(task, "COMPLETED")
    engine.clock.move(seconds=300)
    return engine


def operator_actions() -> InlineEngine:
    """Pause, resume, terminate, retry, rerun inside a loop, restart."""
    engine = InlineEngine(workflow("w", "a", loop("l", "b", "c", times=2), wait("p"), "d"))
    workflow_id = engine.start("w", {"k": 1})
    service = engine.service
    service.pause(workflow_id).result(0)
    engine.complete("a")
    service.resume(workflow_id).result(0)
    engine.complete("b")
    service.terminate(workflow_id, "a mistake").result(0)
    service.retry(workflow_id).result(0)
    engine.drive(workflow_id)
    service.update_task_by_reference(workflow_id, "p", "COMPLETED", {"by": "hand"}).result(0)
    engine.drive(workflow_id)
    task = engine.state(workflow_id).task("c__1")
    assert task is not None
    service.rerun(workflow_id, {"reRunFromTaskId": task.task_id}).result(0)
    engine.drive(workflow_id)
    service.terminate(workflow_id).result(0)
    service.restart(workflow_id).result(0)
    engine.complete("a")
    return engine


def branch_inside_a_sub_workflow() -> InlineEngine:
    """Replay with an edit from a task of a child that runs inside a loop."""
    child = workflow("child", "a", simple("b", {"n": "${workflow.input.n}"}))
    body = [set_variable("v", round="${l.iteration}"), sub("s", "child", {"n": "${l.iteration}"})]
    engine = InlineEngine(workflow("w", loop("l", *body, times=2), "z"), child)
    workflow_id = engine.start("w")
    engine.drive(workflow_id)
    _, second = engine.children(workflow_id)
    task = engine.state(second).task("b")
    assert task is not None
    branch = engine.service.branch(second, task.task_id, {"n": 20}).result(0)
    engine.drive(branch)
    return engine


def wait_http_and_terminate() -> InlineEngine:
    """A timed wait, an HTTP task that fails, and a TERMINATE that ends the other branch."""
    engine = InlineEngine(
        workflow(
            "w",
            wait("p", duration="30s"),
            *fork(
                "f",
                [
                    http("h", "http://127.0.0.1:1/", optional=True),
                    terminate("t", "FAILED", terminationReason="no stock", workflowOutput={"k": 1}),
                ],
                ["forever"],
            ),
            failureWorkflow="clean_up",
        ),
        workflow("clean_up", "c"),
    )
    engine.start("w")
    engine.clock.move(seconds=30)
    engine.fail("HTTP", "refused", terminal=True)
    engine.complete("c")
    return engine


def crash_and_recovery() -> InlineEngine:
    """The process ends while its own worker holds a task and a script runs."""
    definition = workflow(
        "w", *fork("f", ["a"], [inline("i", "$.x + 1", x=1)]), sub("s", workflow("c", "b"))
    )
    engine = InlineEngine(definition, hold_scripts=True)
    workflow_id = engine.start("w")
    engine.poll("a", "in-process/1")
    engine.reopen()
    engine.hold_scripts = False
    engine.run_until_idle()
    engine.complete("a")
    engine.reopen()
    engine.drive(workflow_id)
    return engine


def children_attempted_again() -> InlineEngine:
    """A child fails, is attempted again after its delay, and fails for good."""
    limits = task_def("s", retryCount=1, retryDelaySeconds=30, responseTimeoutSeconds=0)
    child = workflow("child", limited("a"), outputParameters={"why": "${a.reasonForIncompletion}"})
    task = sub("s", "child", taskDefinition=limits, permissive=True)
    engine = InlineEngine(workflow("w", task, "b"), child)
    engine.start("w")
    engine.fail("a", "first")
    engine.clock.move(seconds=30)
    engine.fail("a", "second")
    engine.complete("b")
    return engine


def system_task_of_a_user() -> InlineEngine:
    """A user's system task: begun, offered again, left to somebody else, retried, cancelled."""
    types = TASK_TYPES.extended([UserSystemTask("INVOICE")])
    given = {"order": "${workflow.input.order}"}
    engine = InlineEngine(
        workflow(
            "w",
            node("i", "INVOICE", inputParameters=given, retryCount=1),
            *fork("f", [node("j", "INVOICE")], [terminate("t")]),
        ),
        task_types=types,
    )
    engine.start("w", {"order": 7})
    told(engine, engine.take("INVOICE"), "FAILED", reasonForIncompletion="busy")
    engine.clock.move(seconds=60)
    begun = {"begun": True}
    told(engine, engine.take("INVOICE"), "IN_PROGRESS", begun, callbackAfterSeconds=30)
    engine.clock.move(seconds=30)
    task = engine.take("INVOICE")
    told(engine, task, "IN_PROGRESS", {**begun, "async_complete": True}, outputData={"no": 1})
    engine.reopen()
    engine.report(task, "COMPLETED", outputData={"no": 1, "paid": True})
    return engine


def messages_pulled() -> InlineEngine:
    """Messages before, at and after a pulling task; the last one nobody takes."""
    more = {"batchSize": 2, "blocking": False}
    engine = InlineEngine(
        workflow(
            "w",
            node("first", "PULL_WORKFLOW_MESSAGES"),
            "a",
            node("more", "PULL_WORKFLOW_MESSAGES", inputParameters=more),
            node("none", "PULL_WORKFLOW_MESSAGES", inputParameters={"blocking": False}),
            "b",
            outputParameters={"all": "${more.output.messages[*].payload.n}"},
        )
    )
    workflow_id = engine.start("w")
    for number in (1, 2, 3):
        engine.service.push_message(workflow_id, {"n": number}).result(0)
    engine.reopen()
    engine.complete("a")
    engine.service.push_message(workflow_id, {"n": 4}).result(0)
    engine.complete("b")
    return engine


def event_to_a_publisher() -> InlineEngine:
    """Events to a publisher: published, failed and retried, left to somebody else, and unknown."""
    message = {"n": "${workflow.input.n}"}
    engine = InlineEngine(
        workflow(
            "w",
            node("a", "EVENT", sink="pigeon:home", inputParameters=message, retryCount=1),
            node("b", "EVENT", sink="pigeon:away", asyncComplete=True),
            node("c", "EVENT", sink="raven:north", optional=True),
            node("d", "EVENT", sink="conductor:mine"),
        ),
        event_publishers=["pigeon"],
    )
    engine.start("w", {"n": 5})
    told(engine, engine.take("EVENT"), "FAILED", reasonForIncompletion="fog")
    engine.clock.move(seconds=60)
    task = engine.take("EVENT")
    told(engine, task, "COMPLETED", outputData=task["outputData"])
    task = engine.take("EVENT")
    told(engine, task, "IN_PROGRESS", {"begun": True}, outputData=task["outputData"])
    engine.reopen()
    engine.report(task, "COMPLETED", outputData={"back": True})
    return engine


def told(
    engine: InlineEngine, task: Wire, status: str, fields: Wire | None = None, **more: Any
) -> None:
    """Report as the engine's own worker does."""
    ids = {key: task[key] for key in ("workflowInstanceId", "taskId")}
    result = {**ids, "workerId": "in-process/invoice", "status": status, **more}
    engine.service.update_task(result, None, fields).result(0)


STORIES: tuple[Story, ...] = (
    fork_with_retries,
    loop_over_items_with_switch,
    loops_in_loops,
    sub_workflows_retried,
    time_outs,
    operator_actions,
    branch_inside_a_sub_workflow,
    wait_http_and_terminate,
    crash_and_recovery,
    children_attempted_again,
    system_task_of_a_user,
    messages_pulled,
    event_to_a_publisher,
)


def recording_of(story: Story) -> Recording:
    """Play a story and take down everything that happened."""
    with story() as engine:
        ids = sorted([*engine.desk.executions, *engine.desk.ended], key=_begun(engine))
        histories = [engine.events(workflow_id) for workflow_id in ids]
        hashes = {
            event.data["definition_hash"]
            for events in histories
            for event in events
            if "definition_hash" in event.data
        }
        return Recording(
            title=(story.__doc__ or "").strip(),
            definitions={key: engine.registry.definition_of(key).wire for key in sorted(hashes)},
            event_publishers=sorted(engine.event_publishers),
            executions=histories,
            states=[essence(engine.state(workflow_id)) for workflow_id in ids],
        )


def _begun(engine: InlineEngine) -> Callable[[str], int]:
    return lambda workflow_id: engine.events(workflow_id)[0].monotonic_ns


def main(folder: Path) -> None:
    """Record the stories that have no file yet."""
    for story in STORIES:
        path = folder / f"{story.__name__}.json"
        if not path.exists():
            save(recording_of(story), path)
            print(f"recorded {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
