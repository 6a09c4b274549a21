"""A person opens the studio: Board, Executions, dark, on a phone, with the keyboard."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect
from recorded_service import fill

pytestmark = pytest.mark.ui


def test_empty_board_offers_three_ways_to_start(open_page):
    page = open_page()
    expect(page).to_have_title("Board · Conductor Studio")
    expect(page.get_by_role("heading", name="No executions yet.")).to_be_visible()
    page.get_by_role("button", name="Connect a worker").click()
    expect(page.get_by_role("heading", name="curl")).to_be_visible()
    expect(page.get_by_text("@worker_task")).to_be_visible()
    expect(page.get_by_role("button", name="Choose a JSON file…")).to_be_enabled()


def test_board_fills_while_it_is_open(open_page, service):
    page = open_page()
    service.add_execution(
        "7f3a91c2",
        "FAILED",
        error="ValueError: amount is negative",
        failed_path="order_flow/fulfil/charge_card",
        fingerprint="p",
    )
    service.tell()
    cause = page.get_by_role("link", name=re.compile("amount is negative.*opens at charge_card"))
    expect(cause).to_be_visible()
    assert cause.get_attribute("href") == "execution?id=7f3a91c2"
    expect(page.locator('[data-rail="failing"]')).to_have_text("1 failing")
    expect(page.locator('[data-rail="known"]')).to_have_text("1 execution")


def test_executions_are_narrowed_by_facet_and_text_and_the_address_follows(open_page, service):
    fill(service, 120)
    page = open_page("executions")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Only failed").click()
    expect(page.get_by_role("button", name="Remove Failed")).to_be_visible()
    assert "status=FAILED" in page.url
    page.get_by_role("searchbox").fill("no such thing")
    expect(page.get_by_role("heading", name="0 of 120 executions match")).to_be_visible()
    page.get_by_role("listitem").get_by_role("button", name="Remove").first.click()
    expect(rows.first).to_be_visible()
    assert "text=" not in page.url


def test_address_of_a_search_opens_that_search(open_page, service):
    fill(service, 120)
    page = open_page("executions?status=RUNNING&start=0")
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.get_by_role("checkbox", name="Running")).to_be_checked()


def test_new_execution_appears_without_a_reload_and_the_chosen_row_stays_chosen(open_page, service):
    service.add_execution("older", create_time=1_000)
    page = open_page("executions")
    page.keyboard.press("j")
    expect(page.locator("tr.on")).to_have_attribute("data-id", "older")
    service.add_execution("newer", "RUNNING", create_time=int(time.time() * 1000))
    service.add_task("newer", "charge_card")
    service.tell()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody tr").first).to_contain_text("charge_card, waiting for a worker")
    expect(page.locator("tr.on")).to_have_attribute("data-id", "older")


def test_rows_are_reached_by_j_k_and_opened_by_enter(open_page, service):
    service.add_execution("first", create_time=2_000)
    service.add_execution("second", create_time=1_000)
    page = open_page("executions")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tr.on")).to_have_attribute("data-id", "second")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/execution?id=first")


def test_hostile_text_stays_text(open_page, service):
    hostile = "<img src=x onerror=alert(1)>"
    service.add_execution(
        "a",
        "FAILED",
        workflow_type=hostile,
        error=f"ValueError: {hostile}",
        failed_path=f"flow/{hostile.replace('/', '')}",
        fingerprint="p",
    )
    for path in ("", "executions"):
        page = open_page(path)
        expect(page.get_by_text(hostile).first).to_be_visible()
        assert page.locator("main img").count() == 0


def test_theme_is_that_of_the_system_until_switched_and_then_kept(open_page, service):
    fill(service, 40)
    page = open_page(theme="dark")
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Light theme").click()
    expect(root).to_have_attribute("data-theme", "light")
    page.get_by_role("link", name="Executions", exact=False).first.click()
    page.locator("html[data-ready]").wait_for()
    expect(root).to_have_attribute("data-theme", "light")


@pytest.mark.parametrize("path", ["", "executions"])
def test_phone_width_scrolls_down_but_never_sideways(open_page, service, path):
    fill(service, 60)
    page = open_page(path, width=390)
    wide = page.locator("html").bounding_box()["width"]
    assert wide <= 390
    menu = page.get_by_role("button", name="Menu")
    expect(page.get_by_role("link", name="Board", exact=False)).to_be_hidden()
    menu.click()
    expect(page.get_by_role("link", name="Board", exact=False)).to_be_visible()


def test_skip_link_is_the_first_stop_and_leads_past_the_rail(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the page")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_go_to_opens_a_place_by_name_and_searches_for_the_rest(open_page):
    page = open_page()
    page.keyboard.press("Control+k")
    page.locator("#go").fill("executions")
    page.keyboard.press("Enter")
    page.wait_for_url("**/executions")
    page.locator("html[data-ready]").wait_for()
    page.keyboard.press("Control+k")
    page.locator("#go").fill("ana@example")
    page.keyboard.press("Enter")
    page.wait_for_url("**/executions?text=ana%40example")


def test_unknown_execution_gets_a_page_with_a_way_back(open_page):
    page = open_page("execution?id=no-such-id")
    expect(page.get_by_role("heading", name="There is no such execution here.")).to_be_visible()
    page.get_by_role("link", name="All executions").click()
    page.wait_for_url("**/executions")


def test_execution_that_was_retried_by_hand_says_so_beside_its_duration(open_page, service):
    now = int(time.time() * 1000)
    service.add_execution("again", create_time=now - 7_300_000, end_time=now - 60_000)
    service.add_events(
        "again",
        ("WorkflowEnded", now - 7_200_000),
        ("WorkflowRetried", now - 100_000),
        ("WorkflowEnded", now - 60_000),
    )
    page = open_page("executions")
    cell = page.locator("tbody td.du")
    expect(cell).to_have_attribute("title", re.compile("^Retried by hand at .*1 h 58 min before"))
    expect(cell.locator(".t")).to_have_text("2:20")  # 100 s and 40 s
    expect(cell).to_contain_text("retried by hand")
    page = open_page("")
    recent = page.get_by_role("link", name=re.compile("order_flow again"))
    expect(recent).to_contain_text("2:20")
    expect(recent).to_contain_text("retried by hand")


LONG_NAME = "customer_onboarding_with_identity_verification"
ENDLESS_NAME = "urn:acme:" + "warehouse:incremental-snapshot:" * 8 + "orders"


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_long_workflow_names_get_the_room_they_need_within_reason(open_page, service, width):
    for name in (LONG_NAME, ENDLESS_NAME):
        service.add_execution(
            f"{len(name):08x}-of-it",
            "FAILED",
            workflow_type=name,
            error="ValueError: amount is negative",
            failed_path="order_flow/charge_card",
            fingerprint="p",
        )
    page = open_page("executions", width=width)
    cells = page.locator("tbody td.wf")
    expect(cells).to_have_count(2)
    is_whole = "(one) => one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight"
    names = {
        cell.locator("b").inner_text(): cell.locator(".wfn" if width < 700 else "a")
        for cell in cells.all()
    }
    if width != 1024:
        assert names[LONG_NAME].evaluate(is_whole)
    assert not names[ENDLESS_NAME].evaluate(is_whole)
    for cell in cells.all():
        title = cell.get_attribute("title")
        assert title.startswith(f"{cell.locator('b').inner_text()}, version 7, ")
        assert title.endswith("-of-it")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # The rest of the row keeps its place and can be read.
    error = page.locator("tbody td.er").first.bounding_box()
    assert error["width"] >= (140 if width == 1024 else 200)
    assert error["x"] + error["width"] <= width
    if width > 700:
        heads = [one.bounding_box()["x"] for one in page.locator("thead th:visible").all()]
        row = page.locator("tbody tr").first.locator("td:visible").all()
        assert [one.bounding_box()["x"] for one in row] == pytest.approx(heads)
        assert page.locator("tbody td.wf .mono").first.is_visible()
    else:
        assert all(one.bounding_box()["height"] <= 66 for one in cells.all())  # three lines
