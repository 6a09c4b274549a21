"""Definitions made of every operator, chosen by a seeded generator: the same seed, the same one."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from engine.testing import definitions as d

Wire = dict[str, Any]

WORKER_TYPES = ("work", "other", "HTTP")
LEAF = "leaf"
"""What START_WORKFLOW, dynamic forks and the event handler start."""
_LIMITS: tuple[Wire, ...] = (
    {"retryCount": 2, "retryDelaySeconds": 0, "responseTimeoutSeconds": 20},
    {"retryCount": 3, "retryDelaySeconds": 5, "timeoutSeconds": 100, "timeoutPolicy": "RETRY"},
    {"retryCount": 1, "retryLogic": "EXPONENTIAL_BACKOFF", "retryDelaySeconds": 2,
     "pollTimeoutSeconds": 30, "timeoutPolicy": "RETRY"},
    {"retryCount": 1, "retryLogic": "LINEAR_BACKOFF", "retryDelaySeconds": 3,
     "totalTimeoutSeconds": 200},
    {"timeoutSeconds": 60, "timeoutPolicy": "ALERT_ONLY"},
    {"retryCount": 1, "timeoutSeconds": 90, "responseTimeoutSeconds": 30,
     "timeoutPolicy": "TIME_OUT_WF"},
    {"retryCount": 1, "concurrentExecLimit": 1},
    {"retryCount": 1, "rateLimitPerFrequency": 2, "rateLimitFrequencyInSeconds": 5},
)  # fmt: skip


def leaf() -> Wire:
    """A short workflow of one worker's task that is retried."""
    return d.workflow(LEAF, {**d.limited("leaf_task", retryCount=1), "name": "work"})


def event_handler() -> Wire:
    """Starts a leaf for each message of the simulated EVENT tasks."""
    return {
        "name": "on_flow",
        "event": "conductor:any:flow",
        "active": True,
        "actions": [{"action": "start_workflow", "start_workflow": {"name": LEAF, "input": {}}}],
    }


class FlowMaker:
    """Makes definitions. Sizes stay within a few dozen tasks."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._count = 0
        self._room = 0
        self._by_inputs = False
        self._makers: Mapping[str, tuple[int, Callable[[int], list[Wire]]]] = {
            "SIMPLE": (30, self._simple),
            "HTTP": (3, self._http),
            "INLINE": (4, self._inline),
            "LAMBDA": (1, self._lambda),
            "JSON_JQ_TRANSFORM": (1, self._jq),
            "SET_VARIABLE": (3, self._set_variable),
            "WAIT": (5, self._wait),
            "HUMAN": (2, self._human),
            "NOOP": (1, self._noop),
            "YIELD": (1, self._yield),
            "PULL_WORKFLOW_MESSAGES": (2, self._pull),
            "EVENT": (2, self._event),
            "START_WORKFLOW": (2, self._start_workflow),
            "TERMINATE": (1, self._terminate),
            "SWITCH": (6, self._switch),
            "DECISION": (2, self._decision),
            "EXCLUSIVE_JOIN": (2, self._exclusive),
            "FORK_JOIN": (8, self._fork),
            "FORK_JOIN_DYNAMIC": (3, self._dynamic_fork),
            "DYNAMIC": (2, self._dynamic),
            "DO_WHILE": (7, self._loop),
            "SUB_WORKFLOW": (5, self._sub),
        }
        self._names = list(self._makers)
        self._weights = [weight for weight, _ in self._makers.values()]

    def definition(self, name: str = "any") -> Wire:
        """A workflow definition in wire form."""
        chance = self._chance
        self._room = chance.randint(2, 16)
        keys: Wire = {}
        if chance.random() < 0.3:
            keys["outputParameters"] = {"x": "${workflow.variables.x}", "t": "${t1.output.k}"}
        if chance.random() < 0.15:
            policy = chance.choice(["TIME_OUT_WF", "ALERT_ONLY"])
            keys |= {"timeoutSeconds": 2000, "timeoutPolicy": policy}
        if chance.random() < 0.15:
            keys["failureWorkflow"] = LEAF
        if chance.random() < 0.1:
            limit = chance.randint(1, 2)
            key = chance.choice(["${workflow.input.case}", "all"])
            keys["rateLimitConfig"] = {"rateLimitKey": key, "concurrentExecLimit": limit}
        return d.workflow(name, *self._block(0, chance.randint(1, 4)), **keys)

    def _block(self, depth: int, most: int) -> list[Wire]:
        tasks: list[Wire] = []
        for _ in range(max(1, most)):
            if tasks and self._room <= 0:
                break
            self._room -= 1
            (name,) = self._chance.choices(self._names, self._weights)
            if depth >= 4 and name not in ("SIMPLE", "WAIT", "INLINE"):
                name = "SIMPLE"
            tasks += self._makers[name][1](depth + 1)
        return tasks

    def _ref(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _flags(self) -> Wire:
        roll = self._chance.random()
        return {"optional": True} if roll < 0.12 else {"permissive": True} if roll < 0.2 else {}

    # -- leaves --------------------------------------------------------------------------

    def _simple(self, depth: int) -> list[Wire]:
        given = {"n": "${v.output.k}", "x": "${workflow.variables.x}", "s": "a ${t1.output.k}"}
        reference = self._ref("t")
        task = d.simple(reference, given)
        if self._chance.random() < 0.6:
            task = d.limited(reference, given, **self._chance.choice(_LIMITS))
        if self._chance.random() < 0.05:
            task["startDelay"] = 7
        return [{**task, "name": self._chance.choice(WORKER_TYPES[:2]), **self._flags()}]

    def _http(self, depth: int) -> list[Wire]:
        return [d.http(self._ref("h"), "http://127.0.0.1:1/x", **self._flags())]

    def _inline(self, depth: int) -> list[Wire]:
        script = self._chance.choice(["$.x + 1", "nowhere.x", "({k: $.x})"])
        return [{**d.inline(self._ref("i"), script, x="${workflow.input.x}"), **self._flags()}]

    def _lambda(self, depth: int) -> list[Wire]:
        given = {"scriptExpression": "return $.x;", "x": "${workflow.input.x}"}
        return [d.node(self._ref("i"), "LAMBDA", inputParameters=given)]

    def _jq(self, depth: int) -> list[Wire]:
        given = {"queryExpression": self._chance.choice([".x", ".x | keys"]), "x": 1}
        return [d.node(self._ref("j"), "JSON_JQ_TRANSFORM", inputParameters=given, optional=True)]

    def _set_variable(self, depth: int) -> list[Wire]:
        reference = self._ref("v")
        return [d.set_variable(reference, x=reference)]

    def _wait(self, depth: int) -> list[Wire]:
        kind = self._chance.randrange(4)
        given = {"duration": f"{self._chance.choice([1, 10, 3600])}s"} if kind else {}
        return [d.wait(self._ref("w"), **given)]

    def _human(self, depth: int) -> list[Wire]:
        return [d.node(self._ref("p"), "HUMAN")]

    def _noop(self, depth: int) -> list[Wire]:
        return [d.node(self._ref("n"), "NOOP")]

    def _yield(self, depth: int) -> list[Wire]:
        return [d.node(self._ref("o"), "YIELD")]

    def _pull(self, depth: int) -> list[Wire]:
        given = {"batchSize": 2, "blocking": self._chance.random() < 0.5}
        return [d.node(self._ref("m"), "PULL_WORKFLOW_MESSAGES", inputParameters=given)]

    def _event(self, depth: int) -> list[Wire]:
        sink = self._chance.choice(["conductor:flow", "conductor", "nowhere:x"])
        return [d.node(self._ref("e"), "EVENT", sink=sink, inputParameters={"x": 1}, optional=True)]

    def _start_workflow(self, depth: int) -> list[Wire]:
        name = self._chance.choice([LEAF, LEAF, "missing"])
        given = {"startWorkflow": {"name": name, "input": {"x": 1}}}
        return [d.node(self._ref("a"), "START_WORKFLOW", inputParameters=given, optional=True)]

    def _terminate(self, depth: int) -> list[Wire]:
        return [d.terminate(self._ref("q"), self._chance.choice(["COMPLETED", "FAILED"]))]

    # -- blocks --------------------------------------------------------------------------

    def _switch(self, depth: int) -> list[Wire]:
        script = self._chance.choice([None, None, "$.value", "nowhere.x"])
        value = self._chance.choice(["1", "2", "${workflow.input.case}"])
        cases = {"1": self._block(depth, 2), "empty": []}
        default = self._block(depth, 1)
        return [d.switch(self._ref("s"), cases, default, value=value, script=script)]

    def _decision(self, depth: int) -> list[Wire]:
        return [
            d.node(
                self._ref("s"),
                "DECISION",
                caseValueParam="value",
                inputParameters={"value": self._chance.choice(["1", "2"])},
                decisionCases={"1": self._block(depth, 2)},
                defaultCase=self._block(depth, 1),
            )
        ]

    def _exclusive(self, depth: int) -> list[Wire]:
        first, second = self._simple(depth), self._simple(depth)
        ends = [first[0]["taskReferenceName"], second[0]["taskReferenceName"]]
        chosen = d.switch(self._ref("s"), {"1": first}, second, value="${workflow.input.case}")
        return [chosen, d.node(self._ref("x"), "EXCLUSIVE_JOIN", joinOn=ends)]

    def _fork(self, depth: int) -> list[Wire]:
        branches = [self._block(depth, 2) for _ in range(self._chance.randint(2, 4))]
        return d.fork(self._ref("f"), *branches, **self._flags())

    def _dynamic_fork(self, depth: int) -> list[Wire]:
        reference = self._ref("g")
        names = [f"{reference}_{n}" for n in range(self._chance.randint(0, 3))]
        tasks = [{**d.simple(name), "name": "work"} for name in names]
        given: Wire = {"tasks": tasks, "inputs": {name: {"n": name} for name in names}}
        keys = {"dynamicForkTasksParam": "tasks", "dynamicForkTasksInputParamName": "inputs"}
        if self._by_inputs:  # their references are made of the type: once in a definition
            pass
        elif self._chance.random() < 0.3:
            self._by_inputs = True
            given, keys = {"forkTaskName": "work", "forkTaskInputs": [{"a": 1}, {"a": 2}]}, {}
        elif self._chance.random() < 0.2:
            self._by_inputs = True
            given, keys = {"forkTaskWorkflow": LEAF, "forkTaskInputs": [{"a": 1}, {"a": 2}]}, {}
        fork = d.node(reference, "FORK_JOIN_DYNAMIC", inputParameters=given, **keys)
        return [fork, d.node(f"{reference}_join", "JOIN", joinOn=[])]

    def _dynamic(self, depth: int) -> list[Wire]:
        given = {"chosen": self._chance.choice(["work", "other"])}
        return [
            d.node(self._ref("y"), "DYNAMIC", dynamicTaskNameParam="chosen", inputParameters=given)
        ]

    def _loop(self, depth: int) -> list[Wire]:
        body = self._block(depth, 2)
        reference = self._ref("l")
        if self._chance.random() < 0.3:
            items = [1, 2, 3][: self._chance.randint(0, 3)]
            return [d.loop(reference, *body, items=items)]
        given = {"keepLastN": 2} if self._chance.random() < 0.3 else {}
        times = self._chance.randint(1, 4)
        return [d.loop(reference, *body, times=times, input=given, **self._flags())]

    def _sub(self, depth: int) -> list[Wire]:
        reference = self._ref("c")
        if self._chance.random() < 0.3:
            child: str | Wire = LEAF
        else:
            child = d.workflow(f"child_{reference}", *self._block(depth, 2))
        limits = d.task_def(
            reference, retryCount=self._chance.randint(0, 1), retryDelaySeconds=3,
            responseTimeoutSeconds=0,
        )  # fmt: skip
        return [d.sub(reference, child, {"x": 1}, taskDefinition=limits, **self._flags())]
