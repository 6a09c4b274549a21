"""Hypothesis strategies for workflow definitions made of every operator of the first release."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from engine.core.tasks.registry import TASK_TYPES
from engine.core.tasks.user_system import UserSystemTask
from engine.testing import definitions as d

Wire = dict[str, Any]
PUBLISHERS = ("pigeon",)
"""Queue types that the EVENT tasks of these definitions need a publisher for."""
TYPES = TASK_TYPES.extended([UserSystemTask("INVOICE")])
"""Task types of these definitions."""
Make = Callable[["Names"], list[Wire]]


class Names:
    """Gives every task of a definition a reference of its own."""

    def __init__(self) -> None:
        self.count = 0

    def new(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"


_LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "retryCount": st.integers(0, 2),
        "retryDelaySeconds": st.sampled_from([0, 5]),
        "timeoutSeconds": st.just(100),
        "pollTimeoutSeconds": st.just(30),
        "responseTimeoutSeconds": st.just(20),
        "totalTimeoutSeconds": st.just(200),
        "timeoutPolicy": st.sampled_from(["RETRY", "TIME_OUT_WF", "ALERT_ONLY"]),
    },
)
_ANYTHING: Wire = {"type": "object"}
_NUMBERED: Wire = {"type": "object", "required": ["k"], "properties": {"k": {"type": "number"}}}


def _schema(data: Wire) -> Wire:
    return {"name": "s", "version": 1, "type": "JSON", "data": data}


_SCHEMAS = st.fixed_dictionaries(
    {"enforceSchema": st.just(True)},
    optional={
        "inputSchema": st.sampled_from([_schema(_ANYTHING), _schema(_NUMBERED)]),
        "outputSchema": st.sampled_from([_schema(_ANYTHING), _schema(_NUMBERED)]),
    },
)
_FLAGS = st.sampled_from([{}, {}, {}, {}, {"optional": True}, {"permissive": True}])


def _simple(limits: Wire, flags: Wire) -> Make:
    def make(names: Names) -> list[Wire]:
        reference = names.new("t")
        given = {"n": "${v.output.k}", "x": "${workflow.variables.x}"}
        task = d.limited(reference, given, **limits)
        # Few queues, so that workers meet tasks of several places in them.
        return [{**task, "name": "work", **flags}]

    return make


def _inline(script: str) -> Make:
    return lambda names: [d.inline(names.new("i"), script, x="${workflow.input.x}")]


def _plain(make: Callable[[str], Wire], letter: str) -> Make:
    return lambda names: [make(names.new(letter))]


def _pull_if_there(reference: str) -> Wire:
    given = {"blocking": False, "batchSize": 2}
    return d.node(reference, "PULL_WORKFLOW_MESSAGES", inputParameters=given)


_LEAVES = st.one_of(
    st.builds(_simple, _LIMITS, _FLAGS),
    st.builds(_simple, st.just({}), st.just({})),
    st.builds(_simple, _SCHEMAS, _FLAGS),
    st.sampled_from(
        [
            _inline("$.x + 1"),
            _inline("nowhere.x"),
            _plain(lambda r: d.set_variable(r, x=r), "v"),
            _plain(lambda r: d.wait(r, duration="10s"), "w"),
            _plain(lambda r: d.wait(r), "w"),
            _plain(lambda r: d.http(r, "http://127.0.0.1:1/x"), "h"),
            _plain(lambda r: d.node(r, "EVENT", sink="pigeon:loft", retryCount=1), "p"),
            _plain(lambda r: d.node(r, "EVENT", sink="pigeon:loft", asyncComplete=True), "p"),
            _plain(lambda r: d.node(r, "EVENT", sink="conductor:mine"), "p"),
            _plain(lambda r: d.node(r, "INVOICE", retryCount=1), "o"),
            _plain(lambda r: d.node(r, "YIELD"), "y"),
            _plain(lambda r: d.node(r, "PULL_WORKFLOW_MESSAGES"), "m"),
            _plain(_pull_if_there, "m"),
            _plain(lambda r: d.terminate(r), "e"),
            _plain(lambda r: d.terminate(r, "FAILED"), "e"),
        ]
    ),
)


def _block(makes: list[Make]) -> Make:
    return lambda names: [task for make in makes for task in make(names)]


def _switch(first: Make, second: Make, script: str | None, case: str) -> Make:
    def make(names: Names) -> list[Wire]:
        reference = names.new("s")
        cases = {"1": first(names), "empty": []}
        return [d.switch(reference, cases, second(names), value=case, script=script)]

    return make


def _fork(branches: list[Make], flags: Wire) -> Make:
    def make(names: Names) -> list[Wire]:
        reference = names.new("f")
        return d.fork(reference, *(branch(names) for branch in branches), **flags)

    return make


def _loop(body: Make, times: int, keep: int, flags: Wire) -> Make:
    def make(names: Names) -> list[Wire]:
        reference = names.new("l")
        given = {"keepLastN": keep} if keep else {}
        return [d.loop(reference, *body(names), times=times, input=given, **flags)]

    return make


def _each(body: Make, items: list[int]) -> Make:
    return lambda names: [d.loop(names.new("l"), *body(names), items=items)]


def _sub(body: Make, retries: int, flags: Wire) -> Make:
    def make(names: Names) -> list[Wire]:
        reference = names.new("c")
        child = d.workflow(f"child_{reference}", *body(names))
        limits = d.task_def(reference, retryCount=retries, responseTimeoutSeconds=0)
        return [d.sub(reference, child, {"x": 1}, taskDefinition=limits, **flags)]

    return make


def _grow(inner: st.SearchStrategy[Make]) -> st.SearchStrategy[Make]:
    block = st.lists(inner, min_size=1, max_size=3).map(_block)
    script = st.sampled_from([None, "$.value", "nowhere.x"])
    return st.one_of(
        st.builds(_switch, block, block, script, st.sampled_from(["1", "2", "empty"])),
        st.builds(_fork, st.lists(block, min_size=1, max_size=3), _FLAGS),
        st.builds(_loop, block, st.integers(1, 3), st.sampled_from([0, 0, 2]), _FLAGS),
        st.builds(_each, block, st.lists(st.integers(), max_size=2)),
        st.builds(_sub, block, st.integers(0, 1), _FLAGS),
    )


def _definition(makes: list[Make], keys: Wire) -> Wire:
    return d.workflow("any", *_block(makes)(Names()), **keys)


workflow_definitions: st.SearchStrategy[Wire] = st.builds(
    _definition,
    st.lists(st.recursive(_LEAVES, _grow, max_leaves=14), min_size=1, max_size=4),
    st.fixed_dictionaries(
        {},
        optional={
            "outputParameters": st.just({"x": "${workflow.variables.x}", "t": "${t1.output.k}"}),
            "timeoutSeconds": st.just(2000),
            "timeoutPolicy": st.sampled_from(["TIME_OUT_WF", "ALERT_ONLY"]),
        },
    ),
)
"""Definitions with at most a few dozen tasks, nested up to a handful of levels."""
