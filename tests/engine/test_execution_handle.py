"""The handle of one execution, and the answers it gives."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from engine import Engine, Execution, WorkflowDef, WorkflowTask, task
from engine.functions import FunctionRegistry
from engine.testing.definitions import workflow

FUNCTIONS = FunctionRegistry()


@task(registry=FUNCTIONS)
def add_one(number: int) -> dict:
    return {"number": number + 1}


@task(registry=FUNCTIONS)
def refuse(number: int, card_token: str) -> dict:
    if number > 5:
        raise ValueError(f"{number} is too many")
    return {"kept": number}


def step(name: str, reference: str, **inputs: object) -> WorkflowTask:
    return WorkflowTask(name=name, task_reference_name=reference, input_parameters=inputs)


@pytest.fixture(scope="module")
def shop() -> Iterator[Engine]:
    loop = WorkflowTask(
        name="again",
        task_reference_name="again",
        type="DO_WHILE",
        loop_condition="$.again['iteration'] < 3",
        loop_over=[step("add_one", "count", number="${workflow.input.number}")],
    )
    last = step("refuse", "refuse_many", number="${count.output.number}", card_token="tok_1234")
    person = WorkflowTask(name="ask", task_reference_name="ask", type="HUMAN")
    with Engine(functions=FUNCTIONS) as engine:
        engine.client.register_workflow_def(WorkflowDef(name="counting", tasks=[loop, last]))
        engine.client.register_workflow_def(WorkflowDef(name="asking", tasks=[person]))
        yield engine


@pytest.fixture(scope="module")
def failed(shop: Engine) -> Execution:
    return shop.execution(shop.start("counting", {"number": 9})).wait(20)


def test_task_of_an_iteration_is_found_by_its_number(failed):
    assert failed["count", 2].task.reference_task_name == "count__2"
    assert failed["count"].task.reference_task_name == "count__3"
    assert failed["count", 2].output == {"number": 10}


def test_unknown_task_is_refused_with_those_there_are(failed):
    with pytest.raises(KeyError, match="No task nothing so far; there are again, count, refuse"):
        failed["nothing"]


def test_why_names_the_error_and_fits_a_table(failed):
    why = failed.why()
    assert why
    assert why.title.endswith("ValueError: 10 is too many")
    assert why.rows[0]["role"] == "cause"
    assert list(why.to_frame().columns) == list(why.columns)
    assert "ValueError: 10 is too many" in repr(why)
    assert len(list(why.__rich__().columns)) == len(why.columns)


def test_why_of_a_good_execution_is_false(shop):
    run = shop.execution(shop.start("counting", {"number": 1})).wait(20)
    assert not run.why()
    assert repr(run.why()) == "Nothing failed."


def test_text_of_a_task_masks_what_is_secret(failed):
    words = repr(failed["refuse_many"])
    assert "number = 10" in words
    assert "tok_1234" not in words
    assert failed["refuse_many"].input["card_token"] == "tok_1234"


def test_origin_ends_at_the_start_input(failed):
    hops = list(failed["refuse_many"].origin("number"))
    assert hops[0]["value"] == 10
    assert hops[-1]["what"] == "start input, number"


def test_replay_runs_only_when_told_and_leaves_the_original(shop, failed):
    before = shop.client.counts()
    plan = failed.replay_from("refuse_many", set={"number": 4})
    assert shop.client.counts() == before
    assert "number: 10 → 4" in plan.title
    branch = plan.go().wait(20)
    assert branch.output == {"kept": 4}
    assert failed.status == "FAILED"
    assert failed.branches() == [failed, branch]


def test_an_input_that_a_task_does_not_have_is_named_beside_those_it_has(failed):
    with pytest.raises(KeyError, match="refuse_many has no input nmber; there are number"):
        failed.replay_from("refuse_many", set={"nmber": 4})
    with pytest.raises(KeyError, match="Did you mean 'number'"):
        failed["refuse_many"].origin("nmber")
    with pytest.raises(KeyError, match="has no input number.digits"):
        failed["refuse_many"].origin("number.digits")
    task = failed["refuse_many"].task
    told = failed.client.origin(task.workflow_instance_id, task.task_id, "nmber")
    assert told[0]["note"] == "not among the inputs"


def test_a_new_input_is_added_on_purpose(failed):
    plan = failed.replay_from("refuse_many", set={"number": 4}, add={"note": "by hand"})
    assert "Edited number: 10 → 4." in plan.title
    assert 'Added note: "by hand".' in plan.title
    branch = plan.go().wait(20)
    assert branch["refuse_many"].input["note"] == "by hand"
    assert next(iter(branch["refuse_many"].origin("note")))["note"] == "edited when branching"


def test_waiting_gives_up_in_time_and_the_execution_goes_on(shop):
    run = shop.execution(shop.start("asking"))
    with pytest.raises(TimeoutError, match="still RUNNING after 0.1 seconds"):
        run.wait(0.1)
    shop.client.update_task_by_reference(run.workflow_id, "ask", "COMPLETED")
    assert run.wait(10).status == "COMPLETED"


def test_sql_gives_a_frame_of_the_history(shop, failed):
    frame = shop.sql("select status from executions where workflow_id = ?", [failed.workflow_id])
    assert list(frame["status"]) == ["FAILED"]


def test_handle_of_a_closed_engine_still_has_a_text():
    with Engine(functions=FUNCTIONS) as engine:
        engine.client.register_workflow_def(
            WorkflowDef(name="one", tasks=[step("add_one", "only", number=1)])
        )
        run = engine.execution(engine.start("one")).wait(20)
    assert repr(run).startswith(f"Execution {run.workflow_id[:8]}: ")


def test_own_empty_registry_is_not_replaced_by_the_default_one():
    own = FunctionRegistry()
    with Engine(functions=own, http_tasks=False) as engine:
        assert engine.functions is own


def test_what_waits_for_a_worker_is_found_as_the_documentation_says():
    example = Engine.sql.__doc__.split("engine.sql('''")[1].split("'''")[0]
    question = re.sub(r"^\s*\.\.\. ?", "", example, flags=re.M)
    with Engine(threads=0, http_tasks=False) as engine:
        engine.client.register_workflow_def(workflow("two", "a", "b"))
        executions = [engine.start("two") for _ in range(3)]
        for _ in range(2):
            complete_one(engine, "a")
        complete_one(engine, "b")
        assert engine.sql(question).values.tolist() == [["two", "a", 1], ["two", "b", 1]]
        # What a rerun takes back is not waited for any more.
        halfway = [e for e in executions if len(engine.client.workflow(e).tasks) == 2]
        halfway = [e for e in halfway if engine.client.workflow(e).status == "RUNNING"]
        first = engine.client.workflow(halfway[0]).tasks[0]
        engine.service.terminate(halfway[0], "").result(10)
        engine.service.rerun(halfway[0], {"reRunFromTaskId": first.task_id}).result(10)
        assert engine.sql(question).values.tolist() == [["two", "a", 2]]


def complete_one(engine: Engine, task_type: str) -> None:
    (task,) = engine.service.poll(task_type, "w", None, 1, 0).result(10)
    ids = {key: task[key] for key in ("workflowInstanceId", "taskId")}
    engine.service.update_task({**ids, "status": "COMPLETED"}).result(10)
