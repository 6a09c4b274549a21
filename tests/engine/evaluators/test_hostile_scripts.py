"""Scripts that are meant to hurt, in every language: each ends in time, and nobody else notices.

A hostile script may end as an error, as a time-out or even with a value (some engines see through
it), but never later than its wall limit and what a busy machine adds, and the next script of the
same pool runs as ever.
"""

from __future__ import annotations

import importlib.util
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from engine import Engine
from engine.evaluators import (
    EvaluatorCrashed,
    EvaluatorPool,
    ExpressionError,
    ExpressionTimeout,
)
from engine.functions import FunctionRegistry
from engine.testing.definitions import inline, node, workflow

WALL_SECONDS = 0.2
# Half a second is the promise; the rest is for a machine that runs other things meanwhile.
GRACE_SECONDS = 0.5 + 2.5
# A person notices a tenth of a second; five times that is for a busy machine.
QUICK_SECONDS = 0.5

NEXT = {"javascript": ("$.n + 1", 2), "jq": (".n + 1", [2]), "python": ("return n + 1", 2)}
"""A harmless script for an input of n = 1, and what it gives."""

HOSTILE = {
    "javascript": [
        "while (true) {}",
        "for (;;) { try { while (true) {} } catch (e) {} }",
        "(function f() { try { f() } finally { f() } })()",
        "/(a+)+$/.test('a'.repeat(60) + 'b')",
        "new Array(2 ** 32 - 1).fill(7)",
        "Array(2e8).join('xx')",
        "2n ** (2n ** 40n)",
        "Array.prototype.map.call({length: 2 ** 40}, x => x)",
        "new Proxy([], {get: (t, k) => k === 'length' ? 2 ** 40 : 1})",
        "var s = 'x'; while (true) s += s",
        "var a = []; while (true) a.push('x'.repeat(1000) + a.length)",
        "var f = () => f(); f()",
        "eval('['.repeat(50000))",
        "JSON.parse('['.repeat(200000))",
        "(function next() { Promise.resolve().then(next) })(); 1",
        "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
        "new ArrayBuffer(3e9)",
        "var o = {}; o.toJSON = () => { while (true) {} }; o",
        "({get k() { while (true) {} }})",
        "[...{[Symbol.iterator]: () => ({next: () => ({done: false, value: 1})})}]",
        "'x'.repeat(1 << 20).indexOf('x'.repeat(1 << 19) + 'y')",
        "var a = []; for (var i = 0; i < 1000; i++) a = [a]; a",
    ],
    "jq": [
        "def f: f; f",
        "[range(1e12)]",
        "repeat(1)",
        "last(range(1e12))",
        'reduce range(60) as $i ("x"; . + .)',
        '"a" * 1e9',
        '("a" * 60) + "b" | test("(a+)+$")',
        "[range(3000)] | combinations(9)",
        "reduce range(1000000) as $i ([]; [.])",
        "env",
        "input",
        'import "a" as a; .',
    ],
    "python": [
        "while True: pass",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "def f(): return f()\nf()",
        "return 'x' * 10**9",
        "x = []\nwhile True: x.append('y' * 1000)",
        "x = 'x'\nwhile True: x += x",
        "return 9**9**9",
        "return sum(range(10**12))",
        "return [i for i in range(10**12)]",
        "x = [1]\nfor i in range(60): x = [x, x]\nreturn x",
        "x = []\nx.append(x)\nreturn x",
        "import re\nreturn re.match('(a+)+$', 'a' * 60 + 'b')",
        "return " + "(" * 3000 + "1" + ")" * 3000,
        "return int('9' * 10**6)",
        "import os\nreturn os.listdir('/')",
        "return ().__class__.__base__.__subclasses__()",
    ],
}  # fmt: skip

_PACKAGES = {"javascript": "quickjs", "jq": "jq", "python": "pydantic_monty"}


def languages() -> list[Any]:
    return [
        pytest.param(
            language,
            marks=pytest.mark.skipif(
                importlib.util.find_spec(package) is None, reason=f"needs '{package}'"
            ),
        )
        for language, package in _PACKAGES.items()
    ]


@pytest.fixture
def strict() -> Iterator[EvaluatorPool]:
    pool = EvaluatorPool(
        size=1, wall_seconds=WALL_SECONDS, heap_bytes=32 << 20, max_output_bytes=1 << 20
    )
    yield pool
    pool.close()


def late(pool: EvaluatorPool, language: str, sources: list[str]) -> list[str]:
    """Those that broke a promise, each with how."""
    harmless, answer = NEXT[language]
    broken = []
    for source in sources:
        assert pool.submit(language, harmless, {"n": 1}).result(20) == answer
        started = time.monotonic()
        error = pool.submit(language, source, {"n": 1}).exception(60)
        took = time.monotonic() - started
        if took > WALL_SECONDS + GRACE_SECONDS:
            broken.append(f"{took:.1f} s: {source[:80]}")
        kinds = ExpressionError | ExpressionTimeout | EvaluatorCrashed
        if error is not None and not isinstance(error, kinds):
            broken.append(f"{error!r}: {source[:80]}")
    assert pool.submit(language, harmless, {"n": 1}).result(20) == answer
    return broken


@pytest.mark.parametrize("language", languages())
def test_every_hostile_script_ends_in_time(strict: EvaluatorPool, language: str) -> None:
    assert late(strict, language, HOSTILE[language]) == []


ENDLESS = {
    "javascript": inline("h", "while (true) {}"),
    "jq": node("h", "JSON_JQ_TRANSFORM", inputParameters={"queryExpression": "last(range(1e12))"}),
    "python": inline("h", "while True: pass", evaluatorType="python"),
}


@pytest.mark.parametrize("language", languages())
def test_calls_about_other_executions_stay_quick_meanwhile(language: str) -> None:
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        engine.client.register_workflow_def(workflow("hostile", ENDLESS[language]))
        engine.client.register_workflow_def(workflow("quiet", "a"))
        other = engine.start("quiet")
        hostile = [
            engine.service.start_workflow({"name": "hostile", "input": {}}) for _ in range(3)
        ]
        took = []
        for _ in range(100):
            started = time.monotonic()
            assert engine.service.workflow(other).result(10)["status"] == "RUNNING"
            took.append(time.monotonic() - started)
            time.sleep(0.005)
        unfinished = sum(not future.done() for future in hostile)
    assert unfinished, "the hostile ones ended too early to disturb anybody"
    assert sorted(took)[98] < QUICK_SECONDS


# -- generated ---------------------------------------------------------------------------------

_ATOMS = {
    "javascript": ["$", "$.n", "[]", "({})", "'x'", "1e9", "2n", "null", "(() => 1)"],
    "jq": [".", ".n", "[]", "{}", '"x"', "1e9", "null", "empty"],
    "python": ["n", "[]", "{}", "'x'", "10**9", "None", "(lambda: 1)"],
}
_SHAPES = {
    "javascript": [
        "[{0}, {1}]", "({0} + {1})", "Array.from({{length: {0}}}, () => {1})",
        "String({0}).repeat({1})", "(function f(a) {{ return f([a, {0}]) }})({1})",
        "JSON.stringify({0})", "{0} ** {1}", "Object.assign({0}, {{k: {1}}})",
    ],
    "jq": [
        "[{0}, {1}]", "({0} + {1})", "[range({0})] | length", "({0} | tostring) * 1e6",
        "[recurse([{0}, {1}])]", "({0} | tojson)", "reduce range(1e7) as $i ({0}; {1})",
        "try ({0} | error) catch {1}",
    ],
    "python": [
        "[{0}, {1}]", "({0} + {1})", "[{0} for _ in range(10**7)]", "str({0}) * 10**6",
        "(lambda a: [a, {0}])({1})", "{0} ** {1}", "sorted([{0}, {1}])", "({0}) * 10**7",
    ],
}  # fmt: skip


def generated(language: str, seed: int) -> str:
    """A random expression, some of them greedy; the same for the same seed."""
    draw = random.Random(seed)

    def expression(depth: int) -> str:
        if depth == 0:
            return draw.choice(_ATOMS[language])
        return draw.choice(_SHAPES[language]).format(expression(depth - 1), expression(depth - 1))

    text = expression(draw.randint(1, 4))
    return f"return {text}" if language == "python" else text


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("language", languages())
def test_generated_scripts_end_in_time_whatever_they_ask_for(
    strict: EvaluatorPool, language: str
) -> None:
    before = threading.active_count()
    sources = [generated(language, seed) for seed in range(300)]
    assert late(strict, language, sources) == []
    assert threading.active_count() <= before + 2
