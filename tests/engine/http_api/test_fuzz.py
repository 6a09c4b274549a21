"""Thousands of made-up requests: no fault, no undocumented status, nothing shown, nothing kept."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("schemathesis", reason="needs the extra 'test'")

from fuzzing import Fuzzer, Served

_SERVER = Path(__file__).with_name("fuzz_server.py")
_GROWTH_BYTES = 16 * 1024 * 1024
"""Once everything was taken out again: what the allocator and the history's buffers differ by."""


@pytest.fixture
def served() -> Iterator[Served]:
    with subprocess.Popen(
        [sys.executable, str(_SERVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as server:
        assert server.stdout is not None
        port, *key = server.stdout.readline().split()
        yield Served(int(port), *key)
        server.terminate() if server.stdin is None else server.stdin.close()
        assert server.wait(30) == 0, "the server did not survive"


def memory_bytes(fuzzer: Fuzzer) -> float:
    text = fuzzer.session.get(f"{fuzzer.url}/metrics", timeout=30).text
    found = re.search(r"^process_resident_memory_bytes (\S+)$", text, re.M)
    assert found
    return float(found[1])


def told(fuzzer: Fuzzer) -> str:
    return "\n".join(f"{what}\n    {how}" for what, how in sorted(fuzzer.wrong.items()))


@pytest.mark.timeout(120)
def test_a_few_requests_to_every_operation_are_answered_as_documented(served: Served) -> None:
    fuzzer = Fuzzer(served, seed=1)
    for operation in fuzzer.operations():
        fuzzer.attack(operation, 3, wrong=False)
    assert not fuzzer.wrong, told(fuzzer)
    assert fuzzer.sent >= 300
    assert fuzzer.statuses[200] >= 50, fuzzer.statuses


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_thousand_requests_are_answered_as_documented_and_leave_no_memory_behind(
    served: Served,
) -> None:
    fuzzer = Fuzzer(served, seed=2)
    operations = list(fuzzer.operations())
    each = 10_000 // len(operations) // 3 + 1
    marks = []
    while fuzzer.sent < 10_000:
        for operation in operations:
            fuzzer.attack(operation, each)
        fuzzer.clear()
        marks.append((fuzzer.sent, memory_bytes(fuzzer)))
        fuzzer.refresh()
        assert not fuzzer.wrong, told(fuzzer)
    statuses, faults = sorted(fuzzer.statuses.items()), sorted(fuzzer.faults.items())
    print(f"{fuzzer.sent} requests, {dict(statuses)}, {dict(faults)}, memory {marks}")
    first, last = marks[0][1], marks[-1][1]
    assert last - first < _GROWTH_BYTES, marks
