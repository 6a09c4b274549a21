"""``/metrics`` tells what happened, in the text format that Prometheus reads."""

from __future__ import annotations

import re
import time

from door_client import Send, sender

from engine import Engine, StatusListener, StatusNotice
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer
from engine.testing.definitions import inline, workflow

_LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)')


def scrape(send: Send) -> dict[str, float]:
    """Samples by name with labels; every line must be well formed and announced."""
    reply = send("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/plain;version=0.0.4;charset=utf-8"
    found: dict[str, float] = {}
    announced: set[str] = set()
    for line in reply.text.splitlines():
        if line.startswith("# TYPE "):
            announced.add(line.split()[2])
            continue
        if line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        assert re.sub(r"_(bucket|sum|count)$", "", name) in announced or name in announced
        key = f"{name}{{{labels}}}" if labels else name
        assert key not in found, f"{key} twice"
        found[key] = float(value)
    return found


def test_work_done_is_counted(send: Send, flow: str) -> None:
    before = scrape(send)
    workflow_id = send("POST", "/api/workflow", {"name": flow, "input": {}}).text
    waiting = scrape(send)
    assert waiting['conductor_queue_depth{queue="first"}'] == 1
    assert waiting['conductor_queue_oldest_seconds{queue="first"}'] >= 0
    assert waiting["conductor_executions_open"] == before["conductor_executions_open"] + 1
    for name in ("first", "second"):
        assert send("GET", f"/api/tasks/poll/{name}").status == 200
        send("POST", f"/api/tasks/{workflow_id}/{name}_ref/COMPLETED", {})
    after = scrape(send)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert after['conductor_queue_depth{queue="first"}'] == 0
    assert 'conductor_queue_oldest_seconds{queue="first"}' not in after
    assert grown("conductor_executions_started_total") == 1
    assert grown('conductor_executions_ended_total{status="COMPLETED"}') == 1
    assert grown('conductor_polls_total{task_type="first"}') == 1
    assert grown('conductor_tasks_handed_out_total{task_type="second"}') == 1
    assert grown("conductor_decide_seconds_count") >= 5
    assert grown("conductor_commit_seconds_count") >= 3
    assert after["conductor_feeder_lag_records"] >= 0
    assert after["conductor_store_healthy"] == 1
    send("GET", f"/api/workflow/{workflow_id}")
    assert scrape(send)["conductor_kept_answer_bytes"] > after["conductor_kept_answer_bytes"]
    assert after["process_resident_memory_bytes"] > 1e6


def test_a_histogram_adds_up(send: Send) -> None:
    found = scrape(send)
    buckets = [v for k, v in found.items() if k.startswith("conductor_decide_seconds_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == found["conductor_decide_seconds_count"]
    assert found["conductor_decide_seconds_sum"] > 0


def test_the_lag_of_the_loop_is_measured_from_the_first_scrape_on(send: Send) -> None:
    first = scrape(send)["conductor_event_loop_lag_seconds_count"]
    deadline = time.monotonic() + 5
    while scrape(send)["conductor_event_loop_lag_seconds_count"] <= first:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_names_that_clients_make_up_neither_break_the_text_nor_grow_without_end(
    send: Send,
) -> None:
    send("GET", "/api/tasks/poll/a%22b%5C%0Ac%7B")
    assert scrape(send)['conductor_polls_total{task_type="a\\"b\\\\\\nc{"}'] == 1
    for number in range(1_050):
        send("GET", f"/api/tasks/poll/batch/made_up_{number}?timeout=0")
    found = scrape(send)
    assert sum(key.startswith("conductor_polls_total") for key in found) <= 1_001
    assert found['conductor_polls_total{task_type="(others)"}'] >= 40


def test_the_scrape_is_also_where_the_real_server_has_it(send: Send) -> None:
    assert b"conductor_executions_open" in send("GET", "/actuator/prometheus").body


class Forgetful(StatusListener):
    """Takes note of starts, and breaks at every end."""

    def on_workflow_started(self, notice: StatusNotice) -> None:
        """Fine."""

    def on_workflow_completed(self, notice: StatusNotice) -> None:
        raise ValueError("out of ink")


def test_notices_are_counted_by_receiver() -> None:
    quick = workflow("told", inline("i", "1"), workflowStatusListenerEnabled=True)
    with (
        Engine(functions=FunctionRegistry(), listeners=[Forgetful()]) as engine,
        ApiServer(engine.service, port=0) as server,
        sender(server.port) as send,
    ):
        engine.client.register_workflow_def(quick)
        for _ in range(2):
            engine.run("told")
        deadline = time.monotonic() + 10
        label = '{receiver="Forgetful"}'
        while scrape(send)[f"conductor_notices_given_up_total{label}"] < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        found = scrape(send)
    assert found[f"conductor_notices_delivered_total{label}"] == 2
    assert found[f"conductor_notices_failed_total{label}"] == 2
    assert found[f"conductor_notices_waiting{label}"] == 0


def test_without_receivers_no_notice_is_counted(send: Send) -> None:
    assert not [key for key in scrape(send) if key.startswith("conductor_notices")]
