"""Python scripts: what they see, give, may not do, and how their faults are told."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine import Engine
from engine.errors import UnavailableError, UnsupportedError
from engine.evaluators import (
    EvaluationError,
    EvaluatorCrashed,
    EvaluatorPool,
    ExpressionError,
    ExpressionTimeout,
)
from engine.functions import FunctionRegistry

pytest.importorskip("pydantic_monty", reason="needs the extra 'python'")


@pytest.fixture
def strict() -> Iterator[EvaluatorPool]:
    pool = EvaluatorPool(
        size=1,
        wall_seconds=0.3,
        heap_bytes=16 << 20,
        max_input_bytes=1000,
        max_output_bytes=1000,
    )
    yield pool
    pool.close()


def evaluate(pool: EvaluatorPool, source: str, **given: Any) -> Any:
    return pool.submit("python", source, given).result(20)


def failure(pool: EvaluatorPool, source: str, **given: Any) -> EvaluationError:
    with pytest.raises(EvaluationError) as caught:
        evaluate(pool, source, **given)
    return caught.value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("return a + b", 3),
        ("a", None),
        ("if a:\n\treturn [b]\r\nreturn 0", [2]),
        ("return '''x\ny\n  z'''", "x\ny\n  z"),
        ("return f'''{a}\n  {b}'''", "1\n  2"),
        ("return {1: 2.0, 'b': (a, None)}", {"1": 2, "b": [1, None]}),
        ("return 'é\\n' + 'ü' * b", "é\nüü"),
        ("def twice(x):\n    return 2 * x\nreturn twice(b)", 4),
        ("import re, math, json\nreturn [re.sub('b', 'c', 'abc'), math.floor(2.5)]", ["acc", 2]),
        ("return sorted(items, key=lambda i: -i['n'])[0]['n']", 3),
        ("print('seen by nobody')\nreturn 1", 1),
    ],
)  # fmt: skip
def test_python_gives(pool: EvaluatorPool, source: str, expected: Any) -> None:
    assert evaluate(pool, source, a=1, b=2, items=[{"n": 3}, {"n": 1}]) == expected


def test_whole_numbers_are_integers_and_large_ones_survive(pool: EvaluatorPool) -> None:
    value = evaluate(pool, "return [2.0, 2**53 + 1, 2**63]")
    assert value == [2, 2**53 + 1, 2**63]
    assert {type(item) for item in value} == {int}


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("x = 1\nreturn x / 0", "ZeroDivisionError: division by zero", 2),
        ("return missing", "NameError: name 'missing' is not defined", 1),
        ("def f():\n    raise ValueError('no good')\n\nf()", "ValueError: no good", 2),
        ("x = 1\nreturn [", "SyntaxError: unexpected EOF while parsing", 2),
        ("return $.a", "SyntaxError: Got unexpected token $", 1),
        ("return {1}", "TypeError: Object of type set is not JSON serializable", None),
        ("raise TimeoutError('mine')", "TimeoutError: mine", 1),
    ],
)
def test_what_a_script_raises_is_told_with_its_line(
    pool: EvaluatorPool, source: str, message: str, line: int | None
) -> None:
    error = failure(pool, source)
    assert isinstance(error, ExpressionError)
    assert (error.message, error.line) == (message, line)
    where = "" if line is None else f" at line {line}"
    assert str(error) == f"Error evaluating the script `{message}`{where}"


def test_values_without_json_are_refused(pool: EvaluatorPool) -> None:
    assert "The result is not JSON" in str(failure(pool, "return float('nan')"))
    assert "Circular reference" in str(failure(pool, "x = []\nx.append(x)\nreturn x"))


@pytest.mark.parametrize(
    "source",
    [
        "return open('/etc/passwd').read()",
        "import os\nreturn os.environ['PATH']",
        "import subprocess",
        "import socket",
        "return __builtins__",
        "return (1).__class__.__subclasses__()",
    ],
)
def test_scripts_reach_nothing_of_the_machine(pool: EvaluatorPool, source: str) -> None:
    assert isinstance(failure(pool, source), ExpressionError)


def test_each_script_has_globals_of_its_own(pool: EvaluatorPool) -> None:
    given = {"n": [1]}
    leave = "global left\nleft = 1\nn.append(2)\nreturn n"
    assert pool.submit("python", leave, given).result(20) == [1, 2]
    assert given == {"n": [1]}
    for _ in range(3):
        assert "NameError" in str(failure(pool, "return left"))


def test_keys_that_are_no_names_are_left_out(pool: EvaluatorPool) -> None:
    given = {"a b": 1, "class": 2, "1x": 3, "expression": "return 4", "len": 5}
    assert evaluate(pool, "return [len, expression]", **given) == [5, "return 4"]


def test_endless_scripts_stop_and_the_next_one_runs(strict: EvaluatorPool) -> None:
    stubborn = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    for source in ("while True: pass", stubborn):
        error = failure(strict, source)
        assert isinstance(error, ExpressionTimeout)
        assert str(error) == "Script not evaluated within 0.3 seconds, interrupted."
    assert evaluate(strict, "return 1") == 1


def test_sleeping_holds_nobody_up(strict: EvaluatorPool) -> None:
    assert evaluate(strict, "import time\ntime.sleep(3600)\nreturn 1") == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("return 'x' * 10**9", "MemoryError"),
        ("x = []\nwhile True: x.append('y' * 1000)", "MemoryError"),
        ("x = [1]\nfor i in range(60): x = [x, x]\nreturn x", "MemoryError"),
        ("return 9**9**9", "MemoryError"),
        ("def f(): return f()\nf()", "RecursionError"),
        ("return 'x' * 2000", "The result has 2002 bytes, the limit is 1000"),
        ("return 1" + " " * 70_000, "The script has 70008 bytes, the limit is 65536."),
    ],
)
def test_scripts_over_a_limit_fail_by_name(strict: EvaluatorPool, source: str, words: str) -> None:
    error = failure(strict, source)
    assert isinstance(error, ExpressionError | ExpressionTimeout)
    assert words in str(error) or isinstance(error, ExpressionTimeout)


def test_long_inputs_are_refused(strict: EvaluatorPool) -> None:
    error = failure(strict, "return 1", text="x" * 2000)
    assert str(error) == "The input of the script has 2011 bytes, the limit is 1000."


def test_close_fails_what_waits_and_refuses_what_comes() -> None:
    before = set(threading.enumerate())
    pool = EvaluatorPool(size=1, wall_seconds=0.5)
    running = pool.submit("python", "while True: pass", {})
    waiting = pool.submit("python", "return 1", {})
    pool.close()
    pool.close()
    assert isinstance(running.exception(5), ExpressionTimeout)
    assert isinstance(waiting.exception(5), EvaluatorCrashed)
    with pytest.raises(UnavailableError):
        pool.submit("python", "return 1", {})
    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if thread.name.startswith("python-evaluator")]


def test_missing_package_names_the_extra(
    pool: EvaluatorPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.evaluators.python_scripts.is_installed", lambda package: False)
    with pytest.raises(UnsupportedError, match=r"conductor-studio\[python\]"):
        pool.submit("python", "return 1", {}).result(5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_is_told_that_it_can_not_run_python(run_program: Callable[[str], str]) -> None:
    output = run_program(
        "import os, warnings\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "from engine.evaluators import EvaluatorPool\n"
        "pool = EvaluatorPool()\n"
        "pool.submit('python', 'return 1', {}).result(10)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    error = pool.submit('python', 'return 4', {}).exception(10)\n"
        "    value = pool.submit('javascript', '1 + 1', {}).result(10)\n"
        "    pool.close()\n"
        "    os._exit(0 if 'forked' in str(error) and value == 2 else 1)\n"
        "print(os.waitpid(child, 0)[1])\n"
        "print(pool.submit('python', 'return 6', {}).result(10))\n"
    )
    assert output.split() == ["0", "6"]


def test_interpreter_ends_cleanly_without_close_and_loads_monty_late(
    run_program: Callable[[str], str],
) -> None:
    output = run_program(
        "import sys\n"
        "from engine.evaluators import EvaluatorPool\n"
        "pool = EvaluatorPool()\n"
        "print('pydantic_monty' in sys.modules)\n"
        "print(pool.submit('python', 'return 1', {}).result(10))\n"
    )
    assert output.split() == ["False", "1"]


def test_inline_and_switch_run_python() -> None:
    switch = {
        "name": "s",
        "taskReferenceName": "s",
        "type": "SWITCH",
        "evaluatorType": "python",
        "expression": "return 'big' if n > 2 else 'small'",
        "inputParameters": {"n": "${i.output.result}"},
        "decisionCases": {"big": [{"name": "w", "taskReferenceName": "w", "type": "NOOP"}]},
    }
    inline = {
        "name": "i",
        "taskReferenceName": "i",
        "type": "INLINE",
        "inputParameters": {
            "evaluatorType": "python",
            "expression": "${workflow.input.text}",
            "a": 1,
            "b": 2,
        },
    }
    definition = {"name": "flow", "version": 1, "tasks": [inline, switch]}
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        outcomes = []
        for text in ("return a + b", "return 1 / 0"):
            request = {"name": "flow", "workflowDef": definition, "input": {"text": text}}
            workflow_id = engine.service.start_workflow(request).result(20)
            workflow = engine.service.workflow(workflow_id).result(20)
            outcomes.append([(task["status"], task["outputData"]) for task in workflow["tasks"]])
    message = "Error evaluating the script `ZeroDivisionError: division by zero` at line 1"
    assert outcomes[0] == [
        ("COMPLETED", {"result": 3}),
        ("COMPLETED", {"evaluationResult": ["big"], "selectedCase": "big"}),
        ("COMPLETED", {}),
    ]
    assert outcomes[1] == [("FAILED_WITH_TERMINAL_ERROR", {"error": message})]
