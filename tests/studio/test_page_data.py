"""Queries behind Board and Executions, over a real DuckDB."""

from __future__ import annotations

import time

import pytest
from recorded_service import RecordedService, fill

from studio.board_data import load_board, rail_counts
from studio.execution_filter import ExecutionFilter
from studio.execution_list import load_executions


@pytest.fixture
def service():
    service = RecordedService()
    yield service
    service.close()


def executions(service, **wanted):
    return load_executions(service.query, ExecutionFilter.parse(wanted))


def test_executions_come_newest_first_with_the_failed_task_and_its_error(service):
    service.add_execution("older", create_time=1_000, end_time=2_000)
    service.add_execution(
        "newer",
        "FAILED",
        create_time=3_000,
        failed_path="order_flow/fulfil/line_items[37]/charge_card",
        error="ValueError: amount is negative",
    )
    rows = executions(service)["rows"]
    assert [row["id"] for row in rows] == ["newer", "older"]
    assert rows[0]["lead"] == "charge_card"
    assert rows[0]["note"] == "ValueError: amount is negative"
    assert rows[0]["place"] == "order_flow ▸ fulfil ▸ iteration 37"


def test_execution_with_errors_names_the_optional_task_that_failed(service):
    service.add_execution("ok", with_errors=True, failed_reference_task_names=["a", "geo_tax"])
    [row] = executions(service)["rows"]
    assert row["status"] == "WITH_ERRORS"
    assert (row["lead"], row["note"]) == ("geo_tax", "failed, but was optional")


def test_open_execution_says_what_it_waits_for(service):
    service.add_execution("open", "RUNNING")
    service.add_task("open", "loop", task_type="DO_WHILE", status="IN_PROGRESS")
    service.add_task("open", "charge_card")
    assert executions(service)["rows"][0]["note"] == "charge_card, waiting for a worker"


def test_facet_counts_leave_their_own_field_out_so_that_ticks_can_be_added(service):
    service.add_execution("a", "FAILED", failed_path="f/t", error="E: x", fingerprint="p")
    service.add_execution("b", "COMPLETED")
    found = executions(service, status=["FAILED"])
    assert found["total"] == 1
    assert {one["value"]: one["n"] for one in found["facets"]["status"]} == {
        "FAILED": 1,
        "COMPLETED": 1,
    }
    assert [one["n"] for one in found["facets"]["workflow"]] == [1]


def test_text_search_finds_ids_errors_and_input_values_and_treats_percent_as_text(service):
    service.add_execution("7f3a91c2", input='{"coupon": "SPRING140"}')
    service.add_execution("other")
    assert [row["id"] for row in executions(service, text="spring140")["rows"]] == ["7f3a91c2"]
    assert [row["id"] for row in executions(service, text="7F3A")["rows"]] == ["7f3a91c2"]
    assert executions(service, text="%")["total"] == 0


def test_search_without_rows_names_the_chip_that_stands_in_the_way(service):
    service.add_execution("a", "COMPLETED")
    found = executions(service, status=["FAILED"], workflow=["order_flow"])
    assert found["total"] == 0
    assert found["known"] == 1
    assert found["ways_out"] == [{"name": "status", "value": "FAILED", "n": 1}]


def test_sub_workflows_are_listed_on_request_and_always_found_by_text(service):
    service.add_execution("parent")
    service.add_execution("child", parent_workflow_id="parent")
    assert executions(service)["total"] == 1
    assert executions(service, sub_workflows=["1"])["total"] == 2
    assert executions(service, text="child")["total"] == 1


def test_paging_past_the_end_shows_the_last_page(service):
    for number in range(7):
        service.add_execution(f"e{number}", create_time=number)
    page = load_executions(service.query, ExecutionFilter(), start=500, size=3)
    assert (page["start"], [row["id"] for row in page["rows"]]) == (6, ["e0"])


def test_malformed_search_values_are_left_out():
    parsed = ExecutionFilter.parse({"status": ["NOPE", b"FAILED"], "text": 7, "task": {"a": 1}})
    assert parsed == ExecutionFilter(status=("FAILED",), text="7")


def test_board_groups_failures_by_cause_and_counts_a_failing_child_once(service):
    now = int(time.time() * 1000)
    for number in range(3):
        service.add_execution(
            f"f{number}",
            "FAILED",
            end_time=now - number * 1000,
            fingerprint="p",
            error="ValueError: amount is negative",
            failed_path="order_flow/charge_card",
        )
    service.add_execution("child", "FAILED", fingerprint="p", parent_workflow_id="f0", end_time=now)
    board = load_board(service.query, "24h", now)
    (group,) = board["failing"]
    assert (group["n"], group["id"], group["task"]) == (3, "f0", "charge_card")
    assert sum(group["spark"]) == 3
    assert sum(board["buckets"]["failed"]) == 3
    assert rail_counts(service.query)["failing"] == 1


def test_board_of_an_empty_history_asks_for_nothing_more(service):
    assert load_board(service.query, "24h", 1_000) == {"span": "24h", "now_ms": 1_000, "known": 0}


def test_board_reads_a_whole_day(service):
    fill(service, 200)
    board = load_board(service.query, "24h", int(time.time() * 1000))
    assert board["counts"]["RUNNING"] == 3
    assert board["waiting"][0]["task"] == "approve_refund"
    assert {row["workflow"] for row in board["workflows"]} >= {"order_flow", "stock_sync"}
    assert all(len(row["durations_ms"]) == 3 for row in board["workflows"])
