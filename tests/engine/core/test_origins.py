"""Where a value came from, and where it went."""

from __future__ import annotations

import pytest
from execution_tree import Execution, moved, node, tree

from engine.core.events import EventKind
from engine.core.leaf_path import MISSING, format_leaf, parse_leaf, read_leaf
from engine.core.origins import Hop, destinations, origin


def trace(
    task_id: str, leaf: str, *executions: Execution, side: str = "input"
) -> list[tuple[str, object, str]]:
    states, events = tree(*executions)
    hops = origin(states, executions[0].workflow_id, task_id, leaf, side, events)  # type: ignore[arg-type]
    return [(hop.what, hop.value, hop.expression) for hop in hops]


def last(task_id: str, leaf: str, *executions: Execution) -> Hop:
    states, events = tree(*executions)
    return origin(states, executions[0].workflow_id, task_id, leaf, events=events)[-1]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ("amount", ("amount",)),
        ("line.items[2].sku", ("line", "items", 2, "sku")),
        ("$.a['b.c']", ("a", "b.c")),
        ('a["it\'s"]', ("a", "it's")),
        ("$['a'][0]", ("a", 0)),
    ],
)
def test_leaf_paths_read_back_what_they_write(text: str, path: tuple[str | int, ...]) -> None:
    assert parse_leaf(text) == path
    assert parse_leaf(format_leaf(path)) == path


def test_a_leaf_that_is_not_there_is_missing() -> None:
    assert read_leaf({"a": [{"b": None}]}, ("a", 0, "b")) is None
    assert read_leaf({"a": [1]}, ("a", 1)) is MISSING
    assert read_leaf({"a": 1}, ("a", "b")) is MISSING


def order() -> Execution:
    """charge_card.amount ⟵ price.total ⟵ discount.rate ⟵ start input."""
    flow = Execution("w", [node("discount"), node("price"), node("charge_card")], name="order_flow")
    flow.started({"coupon": "SPRING140"})
    discount = flow.run(
        "discount",
        {"rate": 1.4},
        input={"coupon": "SPRING140"},
        origins=[moved("coupon", "${workflow.input.coupon}")],
    )
    price = flow.run(
        "price",
        {"total": -12.5, "rate_used": 1.4},
        input={"rate": 1.4},
        origins=[moved("rate", "${discount.output.rate}", discount)],
    )
    flow.scheduled(
        "charge_card",
        input={"amount": -12.5, "currency": "EUR"},
        origins=[moved("amount", "${price.output.total}", price)],
    )
    return flow


def test_a_value_is_followed_to_the_start_form() -> None:
    assert trace("charge_card@w", "amount", order()) == [
        ("charge_card input.amount", -12.5, "${price.output.total}"),
        ("price returned total", -12.5, "${discount.output.rate}"),
        ("discount returned rate", 1.4, "${workflow.input.coupon}"),
        ("start input, coupon", "SPRING140", ""),
    ]
    hop = last("charge_card@w", "amount", order())
    assert hop.note == "given by ana at the start"
    assert hop.path == "order_flow"


def test_hops_are_json_in_the_shape_of_the_view() -> None:
    states, events = tree(order())
    hops = [hop.to_json() for hop in origin(states, "w", "charge_card@w", "amount", events=events)]
    assert hops[0] == {
        "path": "order_flow/charge_card",
        "task_id": "charge_card@w",
        "workflow_id": "w",
        "what": "charge_card input.amount",
        "expression": "${price.output.total}",
        "value": -12.5,
    }
    assert hops[-1]["note"] == "given by ana at the start"


def test_an_output_can_be_asked_about_too() -> None:
    assert trace("price@w", "total", order(), side="output")[0][0] == "price returned total"


def test_a_constant_ends_in_the_definition() -> None:
    flow = Execution("w", [node("a", inputParameters={"k": {"c": "EUR"}})], name="f").started()
    flow.scheduled("a", input={"k": {"c": "EUR"}})
    assert last("a@w", "k.c", flow).note == "constant in the definition, a.inputParameters.k.c"


def test_what_the_engine_added_says_so() -> None:
    flow = Execution("w", [node("a", "HTTP")], name="f").started()
    flow.scheduled("a", input={"asyncComplete": False})
    assert last("a@w", "asyncComplete", flow).note == "set by the engine"


def test_an_input_template_is_named() -> None:
    definition = node("a", taskDefinition={"name": "a", "inputTemplate": {"limit": 5}})
    flow = Execution("w", [definition], name="f").started()
    flow.scheduled("a", input={"limit": 5})
    assert "inputTemplate" in last("a@w", "limit", flow).note


def test_a_missing_path_is_a_fallback_hop() -> None:
    flow = Execution("w", [node("a")], name="f").started({})
    flow.scheduled("a", input={"x": None}, origins=[moved("x", "${workflow.input.x}", "", True)])
    states, events = tree(flow)
    hops = origin(states, "w", "a@w", "x", events=events)
    assert hops[0].fallback is True
    assert hops[0].note == "path not found, null used"


def test_a_secret_is_masked() -> None:
    flow = Execution("w", [node("a")], name="f").started({})
    flow.scheduled("a", input={"token": "Bearer ${workflow.secrets.KEY}"})
    hop = last("a@w", "token", flow)
    assert (hop.value, hop.note) == ("••••••", "secret")


def test_a_leaf_inside_a_moved_object_is_followed_into_it() -> None:
    flow = Execution("w", [node("a"), node("b")], name="f").started({"order": {"id": 7}})
    a = flow.run(
        "a",
        {"order": {"id": 7}},
        input={"o": {"id": 7}},
        origins=[moved("o", "${workflow.input.order}")],
    )
    flow.scheduled(
        "b", input={"order": {"id": 7}}, origins=[moved("order", "${a.output.order}", a)]
    )
    assert trace("b@w", "order.id", flow) == [
        ("b input.order.id", 7, "${a.output.order}"),
        ("a returned order.id", 7, "${workflow.input.order}"),
        ("start input, order", {"id": 7}, ""),
    ]


def test_a_function_with_unrelated_inputs_names_the_candidates() -> None:
    flow = Execution("w", [node("a")], name="f").started({"p": 2, "q": 3})
    flow.run(
        "a",
        {"total": 6},
        input={"p": 2, "q": 3},
        origins=[moved("p", "${workflow.input.p}"), moved("q", "${workflow.input.q}")],
    )
    states, events = tree(flow)
    hops = origin(states, "w", "a@w", "total", "output", events)
    assert [hop.note for hop in hops] == ["it read p, q"]


@pytest.mark.parametrize(
    ("leaf", "output", "expected"),
    [
        ("q", {"q": "tell"}, "start input, q"),
        ("other", {"other": "told"}, "start input, p"),
        ("unitPrice", {"unitPrice": 9}, "start input, price"),
    ],
)
def test_the_most_plausible_input_is_followed(
    leaf: str, output: dict[str, object], expected: str
) -> None:
    given = {"p": "told", "q": "tell", "price": 3}
    flow = Execution("w", [node("a")], name="f").started(given)
    flow.run(
        "a", output, input=given, origins=[moved(k, f"${{workflow.input.{k}}}") for k in given]
    )
    assert trace("a@w", leaf, flow, side="output")[-1][0] == expected


def test_a_script_is_followed_along_the_input_it_names() -> None:
    flow = Execution("w", [node("calc", "INLINE")], name="f").started({"a": 2, "b": 3})
    flow.run(
        "calc",
        {"result": 4},
        input={"a": 2, "b": 3, "expression": "$.b + 1"},
        origins=[moved("a", "${workflow.input.a}"), moved("b", "${workflow.input.b}")],
    )
    states, _ = tree(flow)
    hops = origin(states, "w", "calc@w", "result", "output")
    assert hops[0].note == "computed by $.b + 1"
    assert hops[-1].what == "start input, b"


def parent_and_child(prefix: str = "workflowInput.") -> tuple[Execution, Execution]:
    flow = Execution("w", [node("sub", "SUB_WORKFLOW"), node("after")], name="outer")
    flow.started({"n": 5})
    sub = flow.scheduled(
        "sub",
        input={"workflowInput": {"m": 5}, "subWorkflowName": "inner"},
        origins=[moved(f"{prefix}m", "${workflow.input.n}")],
        sub_workflow_id="c",
    )
    child = Execution(
        "c",
        [node("x")],
        name="inner",
        path="outer/sub",
        actor="workflow:w",
        parent=("w", sub),
        outputParameters={"answer": "${x.output.y}"},
    ).started({"m": 5})
    x = child.run("x", {"y": 42}, input={"m": 5}, origins=[moved("m", "${workflow.input.m}")])
    assert x
    child.ended("COMPLETED", output={"answer": 42})
    flow.completed(sub, {"answer": 42, "subWorkflowId": "c"})
    flow.scheduled("after", input={"v": 42}, origins=[moved("v", "${sub.output.answer}", sub)])
    return flow, child


@pytest.mark.parametrize("prefix", ["workflowInput.", ""])
def test_a_value_is_followed_through_a_sub_workflow(prefix: str) -> None:
    assert trace("after@w", "v", *parent_and_child(prefix)) == [
        ("after input.v", 42, "${sub.output.answer}"),
        ("sub returned answer", 42, "${x.output.y}"),
        ("x returned y", 42, "${workflow.input.m}"),
        ("sub input.m", 5, "${workflow.input.n}"),
        ("start input, n", 5, ""),
    ]


def test_the_winning_write_of_a_variable_is_followed() -> None:
    flow = Execution(
        "w", [node("one", "SET_VARIABLE"), node("two", "SET_VARIABLE"), node("a")], name="f"
    )
    flow.started({"x": 1, "y": 2})
    for name, leaf, value in (("one", "x", 1), ("two", "y", 2)):
        task = flow.run(
            name, {}, input={"v": value}, origins=[moved("v", f"${{workflow.input.{leaf}}}")]
        )
        flow.emit("VariablesSet", task, variables={"v": value})  # type: ignore[arg-type]
    flow.scheduled("a", input={"v": 2}, origins=[moved("v", "${workflow.variables.v}")])
    states, _ = tree(flow)
    hops = origin(states, "w", "a@w", "v")
    assert [hop.what for hop in hops] == ["a input.v", "two input.v", "start input, y"]
    assert hops[0].note == "variable v, last written by two (before that by one)"


def test_joins_and_loops_hand_on_what_they_collected() -> None:
    flow = Execution(
        "w",
        [node("loop", "DO_WHILE", loopOver=[node("b")]), node("j", "JOIN"), node("a")],
        name="f",
    ).started({"n": 9})
    loop = flow.scheduled("loop", status="IN_PROGRESS")
    flow.run(
        "b", {"v": 9}, iteration=2, inside="loop[2]", input={"n": 9},
        origins=[moved("n", "${workflow.input.n}")],
    )  # fmt: skip
    flow.completed(loop, {"2": {"b": {"v": 9}}, "iteration": 2})
    flow.scheduled("a", input={"v": 9}, origins=[moved("v", "${loop.output['2'].b.v}", loop)])
    assert [what for what, _, _ in trace("a@w", "v", flow)] == [
        "a input.v",
        "loop returned 2.b.v",
        "b returned v",
        "start input, n",
    ]


def test_an_answer_from_outside_ends_the_route() -> None:
    flow = Execution("w", [node("h", "HTTP")], name="f").started()
    flow.run(
        "h", {"response": {"body": 1}}, input={"http_request": {"uri": "http://x/"}},
        origins=[moved("http_request.uri", "${workflow.input.uri}")],
    )  # fmt: skip
    states, _ = tree(flow)
    hops = origin(states, "w", "h@w", "response.body", "output")
    assert [hop.note for hop in hops] == ["answer of http://x/"]


def test_other_fields_of_a_task_are_the_engines() -> None:
    flow = Execution("w", [node("a"), node("b")], name="f").started()
    a = flow.run("a")
    flow.scheduled("b", input={"s": "COMPLETED"}, origins=[moved("s", "${a.status}", a)])
    assert last("b@w", "s", flow).note == "status of a, kept by the engine"


def test_an_edit_of_a_branch_is_named() -> None:
    branch = {"workflow_id": "old", "reference": "a", "edits": {"a": {"amount": 3}}}
    flow = Execution("w", [node("a")], name="f").started({}, branch=branch)
    flow.scheduled(
        "a", input={"amount": 3, "k": 1}, origins=[moved("amount", "${workflow.input.x}")]
    )
    assert last("a@w", "amount", flow).note == "edited when branching"
    assert last("a@w", "k", flow).note == "set by the engine"


def test_unknown_tasks_are_key_errors() -> None:
    states, _ = tree(order())
    with pytest.raises(KeyError):
        origin(states, "w", "nobody", "x")


def hops(task_id: str, leaf: str, *executions: Execution, side: str = "output") -> list[Hop]:
    states, events = tree(*executions)
    return origin(states, executions[0].workflow_id, task_id, leaf, side, events)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expression", "value", "note"),
    [
        ("${workflow.secrets.KEY}", "••••••", "secret KEY"),
        ("${workflow.env.REGION}", "eu", "environment value REGION"),
        ("${workflow.workflowId}", "eu", "workflowId of the execution, kept by the engine"),
        ("${workflow.variables.v}", "eu", "variable v, as the definition sets it"),
        ("${nobody.output.x}", "eu", ""),
    ],
)
def test_a_route_ends_where_the_engine_kept_the_value(
    expression: str, value: str, note: str
) -> None:
    flow = Execution("w", [node("a")], name="f").started()
    flow.scheduled("a", input={"x": "eu"}, origins=[moved("x", expression)])
    (hop,) = hops("a@w", "x", flow, side="input")
    assert (hop.value, hop.note, hop.expression) == (value, note, expression)


def test_a_text_of_several_expressions_follows_the_first() -> None:
    flow = Execution("w", [node("a")], name="f").started({"p": "x", "q": "y"})
    origins = [moved("t", "${workflow.input.p}"), moved("t", "${workflow.input.q}")]
    flow.scheduled("a", input={"t": "x-y"}, origins=origins)
    found = hops("a@w", "t", flow, side="input")
    assert found[0].note == "made of 2 expressions, the first is followed"
    assert found[-1].what == "start input, p"


@pytest.mark.parametrize(
    ("actor", "data", "note"),
    [
        ("user:ana", {}, "given by ana at the start"),
        ("user:", {}, "given at the start"),
        ("user", {}, "given at the start"),
        ("form", {}, "given in the start form"),
        ("sample:order_flow", {}, "from the sample order_flow"),
        ("event:orders", {}, "given by event:orders"),
        ("user:ana", {"branch": {"workflow_id": "old"}}, "input of a branch of old"),
    ],
)
def test_the_start_input_says_who_gave_it(actor: str, data: dict[str, object], note: str) -> None:
    flow = Execution("w", [node("a")], name="f", actor=actor).started({"p": 1}, **data)
    flow.scheduled("a", input={"x": 1}, origins=[moved("x", "${workflow.input.p}")])
    assert last("a@w", "x", flow).note == note


@pytest.mark.parametrize(("created_by", "note"), [("bob", "given by bob at the start"), (None, "")])
def test_without_a_history_the_execution_says_who_made_it(
    created_by: str | None, note: str
) -> None:
    flow = Execution("w", [node("a")], name="f").started({"p": 1}, created_by=created_by)
    flow.scheduled("a", input={"x": 1}, origins=[moved("x", "${workflow.input.p}")])
    states, _ = tree(flow)
    assert origin(states, "w", "a@w", "x")[-1].note == note


@pytest.mark.parametrize(
    ("kind", "data", "note"),
    [
        ("WAIT", {}, "given by w-3"),
        ("HUMAN", {}, "given by w-3"),
        ("HTTP", {}, "from outside"),
        ("SIMPLE", {}, "made by the function from nothing recorded"),
    ],
)
def test_an_output_without_expressions_says_where_it_is_from(
    kind: str, data: dict[str, object], note: str
) -> None:
    flow = Execution("w", [node("a", kind)], name="f").started()
    flow.run("a", {"x": 1}, **data)
    (hop,) = hops("a@w", "x", flow)
    assert (hop.value, hop.note) == (1, note)


@pytest.mark.parametrize(
    ("reused", "what"),
    [
        ({"workflow_id": "old"}, "a returned x (reused from old)"),
        ({"event": 3}, "a returned x (reused)"),
    ],
)
def test_a_reused_result_names_its_execution(reused: dict[str, object], what: str) -> None:
    flow = Execution("w", [node("a")], name="f").started()
    flow.run("a", {"x": 1}, reused_from=reused)
    assert hops("a@w", "x", flow)[0].what == what


def test_a_join_hands_on_what_its_branches_returned() -> None:
    flow = Execution(
        "w",
        [node("fork", "FORK_JOIN", forkTasks=[[node("a")]]), node("j", "JOIN", joinOn=["a"])],
        name="f",
    ).started({"n": 9})
    flow.run("a", {"v": 9}, input={"n": 9}, origins=[moved("n", "${workflow.input.n}")])
    flow.run("j", {"a": {"v": 9}, "elsewhere": 1})
    assert trace("j@w", "a.v", flow, side="output") == [
        ("j returned a.v", 9, ""),
        ("a returned v", 9, "${workflow.input.n}"),
        ("start input, n", 9, ""),
    ]
    assert [hop.what for hop in hops("j@w", "elsewhere", flow)] == ["j returned elsewhere"]


def test_a_switch_was_decided_by_what_it_read() -> None:
    flow = Execution("w", [node("s", "SWITCH")], name="f").started({"size": "big"})
    flow.run(
        "s", {"selectedCase": "big"}, input={"v": "big"},
        origins=[moved("v", "${workflow.input.size}")],
    )  # fmt: skip
    found = hops("s@w", "selectedCase", flow)
    assert [hop.what for hop in found] == ["s returned selectedCase", "start input, size"]
    assert found[0].note == "chosen by its case"


def child_output(templates: dict[str, object] | None, leaf: str, at_hand: bool = True) -> list[Hop]:
    """The route of a leaf of a sub-workflow's output, by the child's output parameters."""
    flow = Execution("w", [node("sub", "SUB_WORKFLOW")], name="outer").started({"n": 5})
    sub = flow.scheduled("sub", input={"workflowInput": {"m": 5}}, sub_workflow_id="c")
    child = Execution(
        "c",
        [node("set", "SET_VARIABLE"), node("x")],
        name="inner",
        path="outer/sub",
        parent=("w", sub),
        **({} if templates is None else {"outputParameters": templates}),
    ).started({"m": 5})
    task = child.run("set", {}, input={"v": 7})
    child.emit(EventKind.VARIABLES_SET, task, variables={"v": 7})
    child.run("x", {"y": 42})
    child.ended("COMPLETED", output={"k": 1, "list": [1]})
    flow.completed(sub, {"k": 1, "y": 42, "list": [1]})
    return hops("sub@w", leaf, *([flow, child] if at_hand else [flow]))


@pytest.mark.parametrize(
    ("templates", "leaf", "route"),
    [
        ({"k": "${x.output.y}"}, "k", ["sub returned k", "x returned y"]),
        ({"k": "${workflow.input.m}"}, "k", ["sub returned k", "sub input.m"]),
        ({"k": "${workflow.variables.v}"}, "k", ["sub returned k", "set input.v"]),
        ({"k": "${workflow.variables.none}"}, "k", ["sub returned k"]),
        ({"k": "${workflow.workflowId}"}, "k", ["sub returned k"]),
        ({"list": ["${x.output.y}"]}, "list[0]", ["sub returned list[0]", "x returned y"]),
        ({"z": "${x.output.z}", "k": 1}, "k", ["sub returned k"]),
        (None, "y", ["sub returned y", "x returned y"]),
        ({"k": "${x.output.y}"}, "", ["sub returned its output"]),
    ],
)
def test_the_output_of_a_child_is_followed_by_its_templates(
    templates: dict[str, object] | None, leaf: str, route: list[str]
) -> None:
    assert [hop.what for hop in child_output(templates, leaf)] == route


def test_a_child_s_constant_and_a_child_out_of_reach_end_the_route() -> None:
    (constant,) = child_output({"k": 1}, "k")
    assert constant.note == "output of inner, a constant of the definition"
    (unknown,) = child_output({"k": "${x.output.y}"}, "k", at_hand=False)
    assert (unknown.what, unknown.note) == ("sub returned k", "")


def test_a_value_that_is_fed_back_to_itself_is_shown_once() -> None:
    flow = Execution("w", [node("a")], name="f").started()
    flow.run("a", {"x": 5}, input={"x": 5}, origins=[moved("x", "${a.output.x}", "a@w")])
    assert [hop.what for hop in hops("a@w", "x", flow)] == ["a returned x"]


def where(
    *executions: Execution, task_id: str = "", leaf: str = "", side: str = "output"
) -> list[str]:
    states, _ = tree(*executions)
    hops = destinations(states, executions[0].workflow_id, task_id, leaf, side)  # type: ignore[arg-type]
    return [hop.what for hop in hops]


def test_destinations_are_the_later_inputs_that_used_the_value() -> None:
    assert where(order(), task_id="discount@w", leaf="rate") == ["price input.rate"]
    assert where(order(), leaf="coupon") == ["discount input.coupon"]
    assert where(order(), task_id="charge_card@w", leaf="x") == []


def test_destinations_lead_into_children_and_out_again() -> None:
    flow, child = parent_and_child()
    assert where(flow, child, leaf="n") == ["sub input.m", "x input.m"]
    states, _ = tree(flow, child)
    hops = destinations(states, "c", "x@c", "y")
    assert [hop.what for hop in hops] == ["inner output.answer", "after input.v"]


def test_destinations_follow_variables_to_their_readers() -> None:
    flow = Execution("w", [node("s", "SET_VARIABLE"), node("a")], name="f").started({"x": 1})
    task = flow.run("s", {}, input={"v": 1}, origins=[moved("v", "${workflow.input.x}")])
    flow.emit("VariablesSet", task, variables={"v": 1})  # type: ignore[arg-type]
    flow.scheduled("a", input={"k": 1}, origins=[moved("k", "${workflow.variables.v}")])
    assert where(flow, leaf="x") == ["s input.v", "a input.k"]


def test_destinations_see_a_value_through_a_join() -> None:
    flow = Execution("w", [node("p"), node("j", "JOIN"), node("a")], name="f").started()
    p = flow.run("p", {"v": 1})
    j = flow.scheduled("j", status="IN_PROGRESS")
    flow.completed(j, {"p": {"v": 1}})
    flow.scheduled("a", input={"k": 1}, origins=[moved("k", "${j.output.p.v}", j)])
    assert where(flow, task_id=p, leaf="v") == ["a input.k"]
