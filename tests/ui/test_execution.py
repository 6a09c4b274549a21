"""A person's path over a real engine: start the sample and land at the cause."""

from __future__ import annotations

import re
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from engine import Engine
from studio.samples import samples_for
from studio.server import StudioServer

pytestmark = pytest.mark.ui


@contextmanager
def studio_with_samples():
    with Engine() as engine:
        samples = samples_for(engine)
        try:
            with StudioServer(engine.service, port=0, samples=samples) as server:
                yield samples, server
        finally:
            samples.close()


@pytest.fixture(scope="module")
def shared():
    """One studio for what does not need an empty board: its samples and its server."""
    with studio_with_samples() as found:
        yield found


@pytest.fixture
def empty():
    with studio_with_samples() as found:
        yield found


@pytest.fixture(params=["shared"])
def server(request):
    return request.getfixturevalue(request.param)[1]


@pytest.fixture(scope="module")
def waiting(shared):
    """Id of an execution that waits for a person, so that it stays as it is."""
    return shared[0].start("refund_flow")


@pytest.mark.parametrize("server", ["empty"], indirect=True)
def test_sample_that_fails_is_one_click_away_and_opens_at_its_cause(open_page):
    page = open_page()
    page.get_by_role("button", name="Run the sample that fails").click()
    page.wait_for_url("**/execution?id=*")
    expect(page.get_by_role("heading", name=re.compile("order_flow"), level=1)).to_be_visible()
    expect(page.get_by_text("amount is negative").first).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Board").click()
    failing = page.get_by_role("link", name=re.compile("amount is negative"))
    expect(failing.first).to_be_visible()
    failing.first.click()
    expect(page.get_by_role("button", name=re.compile("^Replay from here")).first).to_be_enabled()


def test_execution_is_drawn_in_the_theme_of_its_page_and_follows_the_switch(waiting, open_page):
    page = open_page(f"execution?id={waiting}", theme="dark")
    view = page.locator(".studio-view")
    expect(view).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Light theme").click()
    expect(view).to_have_attribute("data-theme", "light")
    page.reload()
    expect(view).to_have_attribute("data-theme", "light")


def test_run_form_starts_a_registered_workflow_with_the_typed_input(shared, open_page):
    shared[0].start("order_flow")  # registers what it needs, fulfil among it
    page = open_page("executions")
    page.get_by_role("button", name="Run…").click()
    form = page.get_by_role("dialog", name="Run a workflow")
    form.get_by_label("Workflow").select_option("fulfil")
    written = form.get_by_label("Input, as JSON")
    expect(written).to_have_value(re.compile('"order_id": null'))
    written.fill("{")
    form.get_by_role("button", name="Run", exact=True).click()
    expect(form.get_by_role("status")).to_contain_text("Not JSON yet")
    written.fill('{"lines": [], "line_count": 0, "order_id": "typed"}')
    form.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/execution?id=*")
    expect(page.get_by_role("heading", name=re.compile("fulfil"), level=1)).to_be_visible()


def test_run_form_offers_the_samples(open_page):
    page = open_page("executions")
    page.get_by_role("button", name="Run…").click()
    page.get_by_role("button", name=re.compile("waits for a person")).click()
    page.wait_for_url("**/execution?id=*")
    expect(page.get_by_role("heading", name=re.compile("refund_flow"), level=1)).to_be_visible()
