"""Benchmarks judge rightly: what is behind, missing or broken is named, never skipped."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer
from tests.benchmarks import against, lean_client
from tests.benchmarks.against import Run, judge
from tests.benchmarks.against_conductor import Server
from tests.benchmarks.lean_client import Drive


def figure(name: str, value: float, **more: Any) -> dict[str, Any]:
    plain = {"unit": "ms", "aim": 2.0, "more_is_better": False, "grain": 0.0}
    return {**plain, "name": name, "value": value, **more}


def run(*figures: dict[str, Any]) -> Run:
    return Run({one["name"]: one for one in figures})


def test_the_best_rounds_are_held_against_each_other() -> None:
    here = [run(figure("p50", 9.0)), run(figure("p50", 1.0))]
    there = [run(figure("p50", 1.0)), run(figure("p50", 5.0))]
    lines, faults = judge(here, there, "HEAD~1")
    assert not faults
    assert lines[-1] == "| p50 | ms | 1 | 1 | 1.00 |"


@pytest.mark.parametrize(("mine", "other", "unit"), [(1.2, 1.0, "ms"), (900.0, 1000.0, "steps/s")])
def test_a_figure_that_is_behind_is_named(mine: float, other: float, unit: str) -> None:
    here, there = [run(figure("it", mine, unit=unit))], [run(figure("it", other, unit=unit))]
    (fault,) = judge(here, there, "HEAD~1").faults
    assert fault.startswith("'it' is behind")
    assert not judge(there, here, "HEAD~1").faults


def test_without_an_aim_or_within_its_grain_nothing_is_behind() -> None:
    here = [run(figure("told", 9.0, aim=None), figure("lag", 5.0, grain=2.0))]
    there = [run(figure("told", 1.0, aim=None), figure("lag", 3.5, grain=2.0))]
    assert not judge(here, there, "HEAD~1").faults


def test_a_figure_that_one_side_lacks_is_a_fault() -> None:
    both, one = run(figure("a", 1.0), figure("b", 1.0)), run(figure("a", 1.0))
    assert judge([both], [one], "HEAD~1").faults == ["'b' is missing HEAD~1."]
    assert judge([both, one], [both, both], "HEAD~1").faults == ["'b' is missing here."]


def test_a_run_that_failed_is_a_fault_even_if_others_did_not() -> None:
    good, bad = run(figure("a", 1.0)), Run({}, "status 1.\nBoom")
    assert judge([good, bad], [good, good], "x").faults == [
        "Round 2 of here failed: status 1.\nBoom"
    ]
    assert len(judge([bad, bad], [good, good], "x").faults) == 2
    assert judge([bad], [bad], "x").faults[-1] == "Nothing was measured."


def test_a_side_that_cannot_run_fails_by_name(tmp_path: Path) -> None:
    (tmp_path / "tests" / "benchmarks").mkdir(parents=True)
    (tmp_path / "tests" / "benchmarks" / "__main__.py").write_text("raise SystemExit('no engine')")
    failed = against._run(tmp_path, ["one"])
    assert not failed.figures
    assert "status 1" in failed.fault
    assert "no engine" in failed.fault


def test_a_side_that_measures_another_engine_fails(tmp_path: Path) -> None:
    (tmp_path / "tests" / "benchmarks").mkdir(parents=True)
    (tmp_path / "tests" / "benchmarks" / "__main__.py").write_text(
        "import json, sys\n"
        "told = {'machine': {'engine': '/elsewhere/engine'}, 'figures': []}\n"
        "open(sys.argv[-1], 'w').write(json.dumps(told))\n"
    )
    assert "instead of its own" in against._run(tmp_path, []).fault


def test_an_unknown_revision_ends_with_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        against.compare("no-such-revision", [], 1)


# -- the lean client ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with Engine(functions=FunctionRegistry()) as engine, ApiServer(engine.service, port=0) as api:
        yield "127.0.0.1", api.port


def test_every_kind_of_request_is_made_and_counted(address: tuple[str, int]) -> None:
    server = Server(f"http://{address[0]}:{address[1]}/api", connections=2)
    server.prepare()
    server.round(0.2)
    for kind in server.kinds.values():
        assert kind.rates[0] > 0, kind.name
        assert kind.latencies, kind.name
    server.clean_up()
    assert lean_client.ask(address, "GET", "/api/workflow/running/against_flow") == b"[]"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n"
            b"0\r\n\r\n",
            b"hello",
        ),
    ],
    ids=["length", "empty", "none", "chunks"],
)
@pytest.mark.parametrize("piece_bytes", [1, 7, 1000])
def test_an_answer_is_found_however_it_comes(answer: bytes, body: bytes, piece_bytes: int) -> None:
    heard: list[bytes] = []
    with lean_client.socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                for at in range(0, len(answer), piece_bytes):
                    connection.sendall(answer[at : at + piece_bytes])
                connection.recv(1000)

        thread = threading.Thread(target=serve)
        thread.start()

        def once() -> Drive:
            heard.append((yield lean_client.request("GET", "/")))

        measured = lean_client.run(listening.getsockname(), [once()])
        thread.join()
    assert heard == [body]
    assert len(measured.latencies) == 1


def test_an_answer_that_is_no_success_ends_the_run(address: tuple[str, int]) -> None:
    with pytest.raises(RuntimeError, match="no success"):
        lean_client.ask(address, "GET", "/api/workflow/nowhere")
