"""Why did it fail? Causes, chains, consequences."""

from __future__ import annotations

import json
from typing import Any

import pytest
from execution_tree import Execution, node, tree

from engine.core.events import EventKind
from engine.core.failure import FailureReport, explain_failure, place_of

RETRY_2 = {"retryCount": 2}


def why(*executions: Execution, histories: bool = True) -> FailureReport:
    states, events = tree(*executions)
    return explain_failure(executions[0].workflow_id, states, events if histories else {})


def labels(report: FailureReport, chain: int = 0) -> list[tuple[str, str]]:
    return [(chip.label, chip.note) for chip in report.chains[chain].chips]


def what(report: FailureReport, chain: int = 0) -> list[tuple[str, str]]:
    return [(c.path, c.what) for c in report.chains[chain].consequences]


def order_flow() -> tuple[Execution, Execution]:
    """The story of the design: a sub-workflow's loop fails in iteration 37 of 120."""
    child = Execution(
        "c1",
        [
            node(
                "line_items",
                "DO_WHILE",
                items="${workflow.input.lines}",
                loopOver=[node("discount"), node("charge_card", **RETRY_2), node("record_line")],
            ),
            node("pack"),
        ],
        name="fulfil_flow",
        path="order_flow/fulfil",
        actor="workflow:r1",
        parent=("r1", "fulfil@r1"),
    )
    child.started({"lines": [{} for _ in range(120)]})
    loop = child.scheduled("line_items", status="IN_PROGRESS", iteration=0, loop_over_task=True)
    child.run("discount", iteration=37, inside="line_items[37]")
    for attempt in range(3):
        task = child.scheduled(
            "charge_card", iteration=37, inside="line_items[37]", attempt=attempt
        )
        child.after(5).begun(task)
        child.after(0.4).failed(task)
    child.canceled(loop)
    child.ended("FAILED", "Task failed", task)

    root = Execution(
        "r1",
        [node("fulfil", "SUB_WORKFLOW"), node("parcel_sent")],
        name="order_flow",
    )
    root.started({"coupon": "SPRING140"})
    sub = root.scheduled("fulfil", status="IN_PROGRESS")
    root.emit(EventKind.SUB_WORKFLOW_STARTED, sub, sub_workflow_id="c1")
    root.after(20).failed(sub, "Sub workflow fulfil_flow.1/c1 failure reason: x", type="")
    root.ended("FAILED", "Task failed", sub)
    return root, child


def test_the_chain_leads_from_the_outermost_execution_to_the_deepest_cause() -> None:
    report = why(*order_flow())
    assert labels(report) == [
        ("order_flow", ""),
        ("fulfil", "sub-workflow"),
        ("iteration 37", "of 120"),
        ("charge_card", "attempt 3 of 3"),
        ("ValueError: amount is negative", ""),
    ]
    chain = report.chains[0]
    assert [chip.path for chip in chain.chips] == [
        "order_flow",
        "order_flow/fulfil",
        "order_flow/fulfil/line_items[37]",
        "order_flow/fulfil/line_items[37]/charge_card",
        "order_flow/fulfil/line_items[37]/charge_card",
    ]
    assert chain.role == "cause"
    assert chain.cause.workflow_id == "c1"
    assert (chain.cause.type, chain.cause.message) == ("ValueError", "amount is negative")
    assert chain.cause.worker_id == "w-3"
    assert chain.cause.seconds == pytest.approx(0.4)
    assert chain.cause.frames == [{"file": "a.py", "line": 3}]
    assert chain.cause.event_number > 0
    assert report.independent == 0
    assert place_of(chain.cause.path) == "order_flow/fulfil/line_items/charge_card"


def test_consequences_are_what_failed_with_it_and_what_never_began() -> None:
    assert what(why(*order_flow())) == [
        ("order_flow/fulfil/line_items", "canceled"),
        ("order_flow/fulfil/line_items[37]/record_line", "never scheduled"),
        ("order_flow/fulfil/pack", "never scheduled"),
        ("order_flow/fulfil", "failed because of it"),
        ("order_flow/parcel_sent", "never scheduled"),
    ]


def test_records_alone_give_the_same_chain() -> None:
    assert labels(why(*order_flow(), histories=False)) == labels(why(*order_flow()))


def test_a_child_that_is_not_at_hand_makes_the_sub_workflow_task_the_cause() -> None:
    report = why(order_flow()[0])
    assert labels(report)[-1][0].startswith("Sub workflow fulfil_flow.1/c1")
    assert report.chains[0].cause.task_id == "fulfil@r1"


def test_the_report_is_json_in_the_shape_of_the_view() -> None:
    shape = why(*order_flow()).to_json(lambda workflow_id, number: number + 100)
    shape = json.loads(json.dumps(shape))
    assert set(shape) == {"chains", "independent", "optional"}
    chain = shape["chains"][0]
    assert {"chips", "cause", "consequences", "fingerprint", "role"} <= set(chain)
    assert chain["cause"]["event_n"] > 100
    assert chain["chips"][0] == {"label": "order_flow", "path": "order_flow", "kind": "workflow"}
    assert "same_error_count" not in chain


def forked(*branches: dict[str, Any], **keys: Any) -> Execution:
    return Execution(
        "w",
        [
            node("fork", "FORK_JOIN", forkTasks=[[branch] for branch in branches]),
            node("join", "JOIN", joinOn=[b["taskReferenceName"] for b in branches], **keys),
            node("done"),
        ],
        name="flow",
    ).started()


def test_cancelled_branches_and_joins_are_consequences() -> None:
    flow = forked(node("a"), node("b"))
    a, b, join = (flow.scheduled(name) for name in ("a", "b", "join"))
    flow.begun(a)
    flow.failed(a)
    flow.canceled(b, join)
    flow.ended("FAILED", failed=a)
    report = why(flow)
    assert len(report.chains) == 1
    assert what(report) == [
        ("flow/b", "canceled"),
        ("flow/join", "canceled"),
        ("flow/done", "never scheduled"),
    ]


def test_what_a_box_that_never_began_would_have_held_never_began_either() -> None:
    choose = node("choose", "SWITCH", decisionCases={"yes": [node("y")]}, defaultCase=[node("n")])
    split = node("split", "FORK_JOIN", forkTasks=[[node("p")], [node("q")]])
    flow = Execution(
        "w", [node("a"), choose, split, node("meet", "JOIN", joinOn=["p", "q"])], name="flow"
    ).started()
    flow.failed(flow.scheduled("a"))
    flow.ended("FAILED", failed="a@w")
    never = [path for path, told in what(why(flow)) if told == "never scheduled"]
    assert never == [f"flow/{name}" for name in ("choose", "y", "n", "split", "p", "q", "meet")]


@pytest.mark.parametrize("deep", [False, True])
def test_tasks_of_children_that_were_cancelled_along_are_consequences(deep: bool) -> None:
    flow = forked(node("a"), node("sub", "SUB_WORKFLOW"))
    a = flow.scheduled("a")
    sub = flow.scheduled("sub", sub_workflow_id="c")
    child = Execution(
        "c", [node("x"), node("inner", "SUB_WORKFLOW")], name="child", path="flow/sub",
        parent=("w", sub),
    ).started()  # fmt: skip
    grandchild = Execution("g", [node("y")], name="grandchild", path="flow/sub/inner").started()
    x = child.scheduled("x")
    inner = child.scheduled("inner", sub_workflow_id="g")
    y = grandchild.scheduled("y")
    flow.failed(a)
    flow.canceled(sub)
    flow.ended("FAILED", failed=a)
    for execution, tasks in ((child, [x, inner]), (grandchild, [y])):
        execution.canceled(*tasks)
        execution.ended("TERMINATED", "Parent workflow has been terminated with reason: no")
    found = what(why(flow, child, *([grandchild] if deep else [])))
    told = [path for path, said in found if said == "canceled"]
    assert told == ["flow/sub", "flow/sub/x", "flow/sub/inner"] + ["flow/sub/inner/y"] * deep
    assert len({path for path, _ in found}) == len(found)


def test_while_it_runs_only_what_failed_with_it_is_told() -> None:
    flow = Execution("w", [node("sub", "SUB_WORKFLOW"), node("after")], name="flow").started()
    sub = flow.scheduled("sub", sub_workflow_id="c")
    child = Execution("c", [node("x")], name="child", path="flow/sub", parent=("w", sub)).started()
    x = child.scheduled("x")
    child.failed(x)
    child.ended("FAILED", failed=x)
    flow.failed(sub, "child failed", type="")
    (chain,) = why(flow, child).chains
    assert chain.cause.task_id == "x@c"
    assert [(c.path, c.what) for c in chain.consequences] == [("flow/sub", "failed because of it")]


def test_a_failed_join_over_permissive_failures_is_no_cause() -> None:
    flow = forked(node("a", permissive=True), node("b", permissive=True))
    a, b = (flow.scheduled(name, permissive=True) for name in ("a", "b"))
    join = flow.scheduled("join", status="IN_PROGRESS", input={"joinOn": ["a", "b"]})
    flow.after(1).failed(a, "timeout of host 10")
    flow.after(1).failed(b, "no route", type="OSError")
    flow.after(1).failed(join, "timeout no route", type="")
    flow.ended("FAILED", failed=join)
    report = why(flow)
    assert [chain.chips[-1].label for chain in report.chains] == [
        "ValueError: timeout of host 10",
        "OSError: no route",
    ]
    assert report.independent == 1
    assert ("flow/join", "failed because of it") in what(report)
    assert what(report, 1) == []


def test_a_failure_after_a_failure_on_the_same_path_is_a_consequence() -> None:
    flow = Execution("w", [node("a", permissive=True), node("b")], name="flow").started()
    a = flow.scheduled("a", permissive=True)
    number = flow.failed(a, "first")
    b = flow.scheduled("b", parent=number)
    flow.begun(b)
    flow.failed(b, "second")
    flow.ended("FAILED", failed=b)
    report = why(flow)
    assert [chain.chips[-1].label for chain in report.chains] == ["ValueError: first"]


def test_equal_errors_are_one_strip_with_a_count() -> None:
    flow = Execution(
        "w", [node("loop", "DO_WHILE", loopOver=[node("call", permissive=True)])], name="flow"
    ).started()
    flow.scheduled("loop", status="IN_PROGRESS")
    for iteration in range(1, 13):
        task = flow.scheduled(
            "call", iteration=iteration, inside=f"loop[{iteration}]", permissive=True
        )
        flow.failed(task, f"code {iteration}")
    flow.ended("FAILED")
    report = why(flow)
    assert [chain.same_error_count for chain in report.chains] == [12]
    assert report.to_json()["chains"][0]["same_error_count"] == 12


def test_an_optional_failure_is_amber_and_no_cause() -> None:
    flow = Execution("w", [node("geo", optional=True), node("b")], name="flow").started()
    geo = flow.scheduled("geo")
    number = flow.failed(geo, "HTTP 504", type="")
    flow.emit(EventKind.TASK_COMPLETED, geo, status="COMPLETED_WITH_ERRORS")
    flow.run("b", parent=number)
    flow.ended("COMPLETED")
    report = why(flow)
    assert not report
    assert [chain.role for chain in report.optional] == ["optional"]
    assert report.optional[0].consequences == []


def test_a_failure_behind_an_optional_one_is_a_cause_itself() -> None:
    flow = Execution("w", [node("geo", optional=True), node("b")], name="flow").started()
    geo = flow.scheduled("geo")
    flow.failed(geo, "HTTP 504", type="")
    flow.emit(EventKind.TASK_COMPLETED, geo, status="COMPLETED_WITH_ERRORS")
    b = flow.scheduled("b", parent=flow.last[geo])
    flow.failed(b)
    flow.ended("FAILED", failed=b)
    report = why(flow)
    assert [chain.cause.task_id for chain in report.chains] == [b]


def test_a_running_execution_tells_what_it_is_retrying() -> None:
    flow = Execution("w", [node("a", **RETRY_2), node("b")], name="flow").started()
    first = flow.scheduled("a")
    flow.begun(first)
    flow.failed(first)
    flow.scheduled("a", attempt=1)
    report = why(flow)
    assert report.chains[0].role == "failing"
    assert labels(report)[1] == ("a", "attempt 1 of 3")
    assert report.chains[0].consequences == []


def test_a_retry_that_worked_leaves_nothing_to_tell() -> None:
    flow = Execution("w", [node("a", **RETRY_2)], name="flow").started()
    flow.failed(flow.scheduled("a"))
    flow.run("a", attempt=1)
    assert not why(flow)
    flow.ended("COMPLETED")
    assert not why(flow)


def test_a_vanished_worker_is_told_by_its_silence() -> None:
    flow = Execution("w", [node("pack_parcel")], name="flow").started()
    task = flow.scheduled("pack_parcel")
    flow.begun(task, "w-3")
    flow.after(3).emit(EventKind.LEASE_EXTENDED, task, worker_id="w-3")
    flow.after(61).emit(
        EventKind.TASK_TIMED_OUT, task, status="TIMED_OUT", reason="…", timeout="response"
    )
    flow.ended("TIMED_OUT", failed=task)
    report = why(flow)
    chain = report.chains[0]
    assert chain.cause.message == "no update for 61 s, last poll 64 s ago by worker w-3"
    assert labels(report)[-1] == ("No update for 61 s", "last poll 64 s ago by w-3")
    assert chain.cause.type == "Timeout"
    assert chain.cause.status == "TIMED_OUT"


@pytest.mark.parametrize(
    ("timeout", "reason", "message"),
    [
        ("poll", "", "no worker took it for 90 s"),
        ("", "Task poll timed out after 90 seconds. …", "no worker took it for 90 s"),
        ("total", "", "used up its 90 s over all attempts, by worker w-3"),
        ("task", "", "ran for 60 s, by worker w-3"),
        ("", "Task timed out after 60 seconds. …", "ran for 60 s, by worker w-3"),
    ],
)
def test_each_time_out_has_its_sentence(timeout: str, reason: str, message: str) -> None:
    flow = Execution("w", [node("a")], name="flow").started()
    task = flow.scheduled("a")
    if "poll" not in timeout + reason:
        flow.after(30).begun(task)
        flow.after(60)
    else:
        flow.after(90)
    flow.emit(EventKind.TASK_TIMED_OUT, task, status="TIMED_OUT", reason=reason, timeout=timeout)
    flow.ended("TIMED_OUT", failed=task)
    assert why(flow).chains[0].cause.message == message


def test_an_execution_that_timed_out_points_to_the_task_that_held_the_time() -> None:
    child = Execution(
        "c", [node("crawl")], name="inner", path="flow/sub", parent=("w", "sub@w")
    ).started()
    crawl = child.scheduled("crawl")
    child.after(2).begun(crawl, "w-9")
    child.after(58).canceled(crawl)
    child.ended("TERMINATED", "Parent workflow has been terminated", actor="workflow:w")
    flow = Execution("w", [node("sub", "SUB_WORKFLOW")], name="flow", timeoutSeconds=60).started()
    sub = flow.scheduled("sub", status="IN_PROGRESS", sub_workflow_id="c")
    flow.after(60).canceled(sub)
    flow.ended("TIMED_OUT", "Workflow timed out after 60 seconds. …")
    report = why(flow, child)
    assert labels(report) == [
        ("flow", ""),
        ("sub", "sub-workflow"),
        ("crawl", "attempt 1 of 1"),
        (
            "The execution ran for 60 s, its limit is 60 s",
            "crawl was in work for 58 s by w-9",
        ),
    ]
    assert report.chains[0].cause.task_id == crawl
    assert report.chains[0].cause.message == (
        "the execution ran for 60 s, its limit is 60 s; crawl was in work for 58 s by worker w-9"
    )


def test_a_person_who_terminated_is_named_with_the_reason() -> None:
    flow = Execution("w", [node("pull_levels"), node("b")], name="stock_sync").started()
    task = flow.scheduled("pull_levels")
    flow.begun(task)
    flow.canceled(task)
    flow.ended("TERMINATED", "wrong warehouse", actor="user:ana")
    report = why(flow)
    assert report.chains[0].role == "terminated"
    assert labels(report) == [
        ("stock_sync", ""),
        ("pull_levels", "running"),
        ("by ana: wrong warehouse", ""),
    ]
    assert what(report) == [("stock_sync/b", "never scheduled")]


def test_a_child_terminated_by_a_person_is_the_cause_of_its_parent() -> None:
    child = Execution("c", [node("x")], name="inner", path="flow/sub").started()
    x = child.scheduled("x")
    child.canceled(x)
    child.ended("TERMINATED", "enough", actor="user:bo")
    flow = Execution("w", [node("sub", "SUB_WORKFLOW")], name="flow").started()
    sub = flow.scheduled("sub", status="IN_PROGRESS", sub_workflow_id="c")
    flow.emit(EventKind.TASK_FAILED, sub, status="CANCELED", reason="…")
    flow.ended("TERMINATED", failed=sub)
    report = why(flow, child)
    assert [chain.role for chain in report.chains] == ["terminated"]
    assert labels(report)[-1] == ("by bo: enough", "")
    assert labels(report)[1] == ("sub", "sub-workflow")


def test_a_terminate_task_is_the_cause_of_the_end_it_made() -> None:
    flow = Execution("w", [node("stop", "TERMINATE")], name="flow").started()
    flow.run("stop", input={"terminationStatus": "FAILED", "terminationReason": "no stock"})
    flow.ended("FAILED", "no stock")
    report = why(flow)
    assert labels(report)[-2:] == [("stop", "attempt 1 of 1"), ("no stock", "")]


def test_an_execution_without_a_failed_task_still_says_why() -> None:
    flow = Execution("w", [node("a")], name="flow").started()
    flow.ended("FAILED", "Fork task definition is not followed by a join task.")
    report = why(flow)
    assert labels(report)[-1][0].startswith("Fork task definition")
    assert report.chains[0].cause.task_id == ""
    assert report.chains[0].cause.path == "flow"


def test_a_failed_failure_workflow_is_a_second_strip() -> None:
    flow = Execution("w", [node("a")], name="order_flow").started()
    a = flow.scheduled("a")
    flow.failed(a)
    flow.ended("FAILED", failed=a, output={"conductor.failure_workflow": "u"})
    undo = Execution("u", [node("refund_card")], name="undo_order").started()
    refund = undo.scheduled("refund_card")
    undo.failed(refund, "gateway closed", type="ConnectionError")
    undo.ended("FAILED", failed=refund)
    report = why(flow, undo)
    assert [chain.role for chain in report.chains] == ["cause", "compensating"]
    assert labels(report, 1) == [
        ("order_flow", ""),
        ("undo_order", "failure workflow"),
        ("refund_card", "attempt 1 of 1"),
        ("ConnectionError: gateway closed", ""),
    ]


def test_a_reason_text_with_a_type_is_taken_apart() -> None:
    flow = Execution("w", [node("a")], name="flow").started()
    a = flow.scheduled("a")
    flow.emit(EventKind.TASK_FAILED, a, status="FAILED", reason="requests.ReadTimeoutError: 3 s")
    flow.ended("FAILED", failed=a)
    cause = why(flow).chains[0].cause
    assert (cause.type, cause.message) == ("ReadTimeoutError", "3 s")


def test_a_failure_without_a_reason_has_words_too() -> None:
    flow = Execution("w", [node("a")], name="flow").started()
    a = flow.scheduled("a")
    flow.emit(EventKind.TASK_FAILED, a, status="FAILED")
    flow.ended("FAILED", failed=a)
    assert labels(why(flow))[-1] == ("Failed without a reason", "")


def test_a_long_loop_is_explained_quickly() -> None:
    flow = Execution(
        "w", [node("loop", "DO_WHILE", loopOver=[node("call")]), node("z")], name="flow"
    ).started()
    loop = flow.scheduled("loop", status="IN_PROGRESS")
    parent = 0
    for iteration in range(1, 5001):
        task = flow.scheduled(
            "call", iteration=iteration, inside=f"loop[{iteration}]", parent=parent
        )
        flow.completed(task)
        parent = flow.last[task]
    last = flow.scheduled("call", iteration=5001, inside="loop[5001]", parent=parent)
    flow.failed(last)
    flow.canceled(loop)
    flow.ended("FAILED", failed=last)
    report = why(flow)
    assert report.chains[0].cause.task_id == last
    assert what(report) == [("flow/loop", "canceled"), ("flow/z", "never scheduled")]
