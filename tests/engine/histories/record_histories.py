"""Records the golden histories of the present engine version.

    python tests/engine/histories/record_histories.py tests/engine/histories/v3 [STORY …]

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
    steps,
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


def paused_and_resumed() -> InlineEngine:
    """Joins that end while all is paused, one that waits for a retry, a time-out that is held."""
    once = {"retryCount": 0}
    inner = fork("inner", [limited("b", **once)], [limited("c", **once)])
    outer = fork("outer", ["a", *inner], [{**limited("d", **once), "optional": True}])
    tried = fork("tried", [limited("e", retryCount=1, retryDelaySeconds=5)], [wait("p")])
    silent = limited("g", retryCount=1, responseTimeoutSeconds=20)
    failing = fork("failing", [limited("h")], [limited("i", **once)])
    engine = InlineEngine(workflow("w", *outer, *tried, silent, *failing))
    workflow_id = engine.start("w")
    pause, resume = engine.service.pause, engine.service.resume
    engine.complete("a", {"k": 1})
    pause(workflow_id).result(0)
    engine.fail("d", "broken")
    engine.complete("c", {"k": 3})
    engine.complete("b", {"k": 2})
    resume(workflow_id).result(0)
    pause(workflow_id).result(0)
    engine.fail("e", "busy")
    engine.service.signal(workflow_id, "COMPLETED", {}).result(0)
    resume(workflow_id).result(0)
    engine.clock.move(seconds=5)
    engine.complete("e")
    engine.take("g")
    pause(workflow_id).result(0)
    engine.clock.move(seconds=60)
    resume(workflow_id).result(0)
    engine.complete("g")
    pause(workflow_id).result(0)
    engine.fail("i", "broken")
    engine.complete("h")
    resume(workflow_id).result(0)
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


def older_choices() -> InlineEngine:
    """DECISION by value and by script, a join of one of two, LAMBDA, jq, and nothing at all."""
    by_value = node(
        "by_value",
        "DECISION",
        inputParameters={"kind": "${workflow.input.kind}"},
        caseValueParam="kind",
        decisionCases={"small": [node("nothing", "NOOP")], "empty": []},
        defaultCase=steps(["big"]),
    )
    by_script = node(
        "by_script",
        "DECISION",
        inputParameters={"n": "${workflow.input.n}"},
        caseExpression="$.n > 5 ? 'many' : 'few'",
        decisionCases={"many": steps(["left"]), "few": steps(["right"])},
    )
    one_of = node(
        "one_of", "EXCLUSIVE_JOIN", joinOn=["left", "right"], defaultExclusiveJoinTask=["big"]
    )
    doubled = node(
        "doubled",
        "LAMBDA",
        inputParameters={"n": "${one_of.output.n}", "scriptExpression": "return $.n * 2;"},
    )
    shaped = node(
        "shaped",
        "JSON_JQ_TRANSFORM",
        inputParameters={"n": "${doubled.output.result}", "queryExpression": "[.n, .n + 1][]"},
    )
    engine = InlineEngine(workflow("w", by_value, by_script, one_of, doubled, shaped))
    engine.start("w", {"kind": "small", "n": 7})
    engine.complete("left", {"n": 21})
    engine.start("w", {"kind": "empty", "n": 1})
    engine.complete("big")
    engine.complete("right", {"n": 4})
    return engine


def forks_made_at_run_time() -> InlineEngine:
    """A dynamic fork in each of its forms, a task whose name is data, and a person in between."""
    inputs = {"one": {"n": 1}, "two": {"n": 2}}
    listed = node(
        "listed",
        "FORK_JOIN_DYNAMIC",
        inputParameters={"tasks": "${workflow.input.tasks}", "inputs": inputs},
        dynamicForkTasksParam="tasks",
        dynamicForkTasksInputParamName="inputs",
    )
    each = node(
        "each",
        "FORK_JOIN_DYNAMIC",
        inputParameters={"forkTaskName": "item", "forkTaskInputs": [{"n": 1}, 2]},
    )
    named = node(
        "named",
        "DYNAMIC",
        inputParameters={"which": "${ask.output.worker}", "n": "${joined.output.one.n}"},
        dynamicTaskNameParam="which",
    )
    child = workflow("child", "inner")
    engine = InlineEngine(
        workflow(
            "w",
            listed,
            node("joined", "JOIN"),
            node("ask", "HUMAN"),
            named,
            each,
            node("all_joined", "JOIN"),
            outputParameters={"all": "${all_joined.output}"},
        ),
        child,
        task_defs=[task_def("one", retryCount=1, retryDelaySeconds=5)],
    )
    workflow_id = engine.start("w", {"tasks": [simple("one"), sub("two", "child")]})
    engine.fail("one", "once")
    engine.complete("inner", {"k": 2})
    engine.clock.move(seconds=5)
    engine.complete("one", {"n": 11})
    engine.service.update_task_by_reference(
        workflow_id, "ask", "COMPLETED", {"worker": "anybody"}
    ).result(0)
    engine.complete("anybody")
    engine.drive(workflow_id)
    return engine


def started_beside_and_signalled() -> InlineEngine:
    """Another execution started unlinked, a pause for a caller, and a record for Kafka."""
    request = {"name": "other", "input": {"n": "${workflow.input.n}"}}
    record = {"bootStrapServers": "127.0.0.1:1", "topic": "t", "value": {"n": 1}}
    engine = InlineEngine(
        workflow(
            "w",
            node("start", "START_WORKFLOW", inputParameters={"startWorkflow": request}),
            node("turn", "YIELD"),
            node("send", "KAFKA_PUBLISH", inputParameters={"kafka_request": record}),
        ),
        workflow("other", "a"),
    )
    workflow_id = engine.start("w", {"n": 3})
    engine.service.signal(workflow_id, "COMPLETED", {"went": "on"}).result(0)
    told(engine, engine.take("KAFKA_PUBLISH"), "COMPLETED", outputData={"offset": 1})
    engine.complete("a")
    return engine


def checked_by_schemas() -> InlineEngine:
    """Inputs and outputs with schemas: right ones, a wrong one, and a check over a crash."""
    amount = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
    schema = {"name": "amount", "version": 1, "type": "JSON", "data": amount}
    checks = {"enforceSchema": True, "inputSchema": schema, "outputSchema": schema}
    engine = InlineEngine(
        workflow(
            "w",
            simple("a", {"n": "${workflow.input.n}"}),
            inline("i", "({n: $.n})", n="${a.output.n}"),
            outputParameters={"n": "${a.output.n}"},
            inputSchema=schema,
            outputSchema=schema,
        ),
        task_defs=[task_def("a", retryCount=0, **checks)],
        hold_scripts=True,
    )
    first = engine.start("w", {"n": 1})
    engine.reopen()
    engine.hold_scripts = False
    engine.run_until_idle()
    engine.complete("a", {"n": 2})
    engine.start("w", {"n": 1})
    engine.complete("a", {"n": "two"})
    assert engine.state(first).status == "COMPLETED"
    return engine


def one_at_a_time() -> InlineEngine:
    """Three starts with one slot: two wait; one is stopped, the other admitted after a crash."""
    engine = InlineEngine(
        workflow(
            "w",
            "a",
            rateLimitConfig={"rateLimitKey": "${workflow.input.k}", "concurrentExecLimit": 1},
        )
    )
    _, second, _ = (engine.start("w", {"k": "x"}) for _ in range(3))
    engine.service.terminate(second, "no more").result(0)
    engine.reopen()
    engine.complete("a")
    engine.complete("a")
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
    older_choices,
    forks_made_at_run_time,
    started_beside_and_signalled,
    checked_by_schemas,
    one_at_a_time,
    paused_and_resumed,
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


def main(folder: Path, names: list[str]) -> None:
    """Record the stories that have no file yet, or the named ones of them."""
    for story in STORIES:
        path = folder / f"{story.__name__}.json"
        if not path.exists() and (not names or story.__name__ in names):
            save(recording_of(story), path)
            print(f"recorded {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
