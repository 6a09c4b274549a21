"""Which sizes are refused in which words, and which payloads leave the history and come back."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.events import EventKind, HistoryEvent
from engine.core.limits import (
    SizeLimits,
    check_definition,
    check_workflow_input,
    input_refusal,
    least_size,
    output_refusal,
    output_too_large,
    workflow_output_refusal,
)
from engine.core.payloads import external_names, places, put_back, taken_out
from engine.core.updates import write_variables
from engine.errors import ConflictError, InvalidRequestError, TooLargeError
from engine.models.codec import dumps
from engine.testing.definitions import limited, workflow
from engine.testing.inline import InlineEngine

SMALL = SizeLimits(
    definition_bytes=40,
    definition_tasks=2,
    workflow_input_bytes=10,
    workflow_output_bytes=11,
    task_input_bytes=12,
    task_output_bytes=13,
    workflow_threshold_bytes=20,
    task_threshold_bytes=8,
)


@pytest.mark.parametrize(
    ("body", "tasks", "refusal"),
    [
        ({"name": "w"}, 2, None),
        ({"name": "w"}, 3, "The workflow definition 'w' has 3 tasks; the limit is 2."),
        ({"x": "y" * 32}, 0, None),
        ({"x": "y" * 33}, 0, "The workflow definition 'w' has 41 bytes; the limit is 40."),
    ],
)
def test_definitions_are_measured(body: Any, tasks: int, refusal: str | None) -> None:
    if refusal is None:
        check_definition("w", body, range(tasks), SMALL)
        return
    with pytest.raises(TooLargeError) as caught:
        check_definition("w", body, range(tasks), SMALL)
    assert str(caught.value) == refusal


def test_the_input_of_a_start_is_measured() -> None:
    check_workflow_input("w", {"a": "12"}, SMALL)
    with pytest.raises(InvalidRequestError, match="has 13 bytes; the limit is 10"):
        check_workflow_input("w", {"a": "12345"}, SMALL)


def test_the_largest_that_fits_is_accepted_and_one_byte_more_is_not() -> None:
    def of(size: int) -> dict[str, str]:
        return {"a": "x" * (size - len(dumps({"a": ""})))}

    assert workflow_output_refusal("i", of(11), SMALL) is None
    assert input_refusal("i", "t", of(12), SMALL) is None
    assert output_refusal("i", "t", of(13), SMALL) is None
    task = "The payload size: {} of task: t in workflow: i  is greater than the permissible limit: "
    assert workflow_output_refusal("i", of(12), SMALL) == (
        "The payload size: 12 of workflow: i is greater than the permissible limit: 11 bytes"
    )
    assert input_refusal("i", "t", of(13), SMALL) == task.format(13) + "12 bytes"
    assert output_refusal("i", "t", of(14), SMALL) == task.format(14) + "13 bytes"
    assert output_too_large("i", "t", 99, SMALL) == task.format(99) + "13 bytes"


@pytest.mark.parametrize(
    "value",
    [None, True, 1, "text", [], [1, [2, "x"]], {"a": {"b": [None, "c"]}}, {"é": "ü"}, [{}] * 5],
)
def test_the_least_size_is_never_above_the_real_one(value: Any) -> None:
    assert 0 < least_size(value, 10**6) <= len(dumps(value))


def test_counting_stops_above_enough() -> None:
    assert 10 < least_size(["x" * 100] * 1000, 10) < 2000


LONG = "x" * 30


@pytest.mark.parametrize(
    ("kind", "data", "names"),
    [
        (EventKind.WORKFLOW_STARTED, {"input": {"a": LONG}}, {"input": "workflow/input/i/7.json"}),
        (EventKind.WORKFLOW_STARTED, {"input": {"a": "x" * 9}}, None),
        (EventKind.OUTPUT_SET, {"output": {"a": LONG}}, {"output": "workflow/output/i/7.json"}),
        (EventKind.TASK_COMPLETED, {"output": {"a": "x" * 9}}, {"output": "task/output/i/7.json"}),
        (EventKind.TASK_COMPLETED, {"input": {"a": LONG}}, None),
        (
            EventKind.TASK_SCHEDULED,
            {"input": {"a": LONG}, "output": {"b": LONG}},
            {"input": "task/input/i/7.json", "output": "task/output/i/7.json"},
        ),
        (EventKind.EXPRESSION_EVALUATED, {"result": LONG}, {"result": "script/result/i/7.json"}),
        (EventKind.EXPRESSION_EVALUATED, {"result": None}, None),
        (EventKind.VARIABLES_SET, {"variables": {"a": LONG}}, None),
    ],
)
def test_large_payloads_get_names_of_what_the_event_is(
    kind: EventKind, data: dict[str, Any], names: dict[str, str] | None
) -> None:
    assert external_names(kind, data, "i", 7, SMALL) == names


def completed(data: dict[str, Any]) -> HistoryEvent:
    return HistoryEvent(
        workflow_id="i",
        number=7,
        kind=EventKind.TASK_COMPLETED,
        wall_ms=1,
        parent=3,
        actor="worker:a",
        task_id="t",
        reference="r",
        attempt=1,
        iteration=2,
        path="w/r",
        data=data,
    )


def test_an_event_comes_back_as_it_was_made() -> None:
    name = "task/output/i/7.json"
    made = completed({"status": "COMPLETED", "output": {"a": LONG}, "external": {"output": name}})
    written = taken_out(made, {"output": "d1"})
    assert written.data == {"status": "COMPLETED", "external": {"output": [name, "d1"]}}
    assert places(written) == {"output": (name, "d1")}
    assert put_back(written, {"output": {"a": LONG}}) == made
    # What has been put back lacks nothing, and nor does an event that never was large.
    assert places(made) == places(completed({"status": "COMPLETED"})) == {}
    assert put_back(made, {}) == made


def test_variables_written_from_outside_are_merged_measured_and_refused_after_the_end() -> None:
    engine = InlineEngine(workflow("w", limited("a"), variables={"kept": 1}))
    workflow_id = engine.start("w")
    number = engine.state(workflow_id).last_event

    def write(variables: dict[str, Any]) -> None:
        engine.decider.submit(
            lambda desk: desk.act(workflow_id, lambda turn: write_variables(turn, variables))
        ).result(0)

    write({"n": 2})
    write({})
    assert engine.state(workflow_id).variables == {"kept": 1, "n": 2}
    kinds = [event.kind for event in engine.events(workflow_id)[number:]]
    assert kinds == [EventKind.VARIABLES_SET]

    with pytest.raises(InvalidRequestError, match="256 KB are allowed"):
        write({"n": "x" * (256 * 1024)})
    assert engine.state(workflow_id).variables["n"] == 2

    engine.complete("a")
    with pytest.raises(ConflictError, match="terminal state"):
        write({"n": 3})
