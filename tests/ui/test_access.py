"""Log-in, share links and hostile data, in a real browser on a real engine."""

from __future__ import annotations

import re

import pytest

from engine import Engine
from engine.functions import FunctionRegistry
from studio.server import StudioServer

pytestmark = pytest.mark.ui

PASSWORD = "correct horse battery"
PAYLOADS = [
    "<img src=x onerror=\"window.__xss='img'\">",
    '"><svg onload="window.__xss=\'svg\'">',
    "</script><script>window.__xss='script'</script>",
    "'-window.__xss='js'-'",
    "{{constructor.constructor('window.__xss=1')()}}",
    "<a href=\"javascript:window.__xss='a'\" autofocus onfocus=\"window.__xss='focus'\">x</a>",
    "<iframe srcdoc=\"<script>parent.__xss='frame'</script>\"></iframe>",
]
EVERYTHING = " ".join(PAYLOADS)


@pytest.fixture
def engine():
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        yield engine


@pytest.fixture
def page_of(browser):
    """``page_of(server)``: a page of a browser of its own; what it complains about is kept."""
    contexts = []

    def make(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        return page

    yield make
    for context in contexts:
        context.close()


def run_flow(service, text="fine", status="COMPLETED", workflow_input=None):
    """An execution of one worker task that says ``text`` wherever it can."""
    definition = {
        "name": "flow",
        "version": 1,
        "description": text,
        "tasks": [
            {
                "name": "step",
                "taskReferenceName": "step",
                "type": "SIMPLE",
                "description": text,
                "inputParameters": {"given": "${workflow.input.given}", text: text},
            }
        ],
        "outputParameters": {"said": "${step.output.said}"},
    }
    service.create_workflow_def(definition, overwrite=True).result(10)
    request = {"name": "flow", "input": workflow_input or {}, "correlationId": text[:200]}
    workflow_id = service.start_workflow(request).result(10)
    task = service.poll("step", "w").result(10)[0]
    service.update_task(
        {
            "workflowInstanceId": workflow_id,
            "taskId": task["taskId"],
            "status": status,
            "reasonForIncompletion": text[:450],
            "outputData": {"said": text, text: [text, {text: text}]},
            "logs": [{"log": text, "createdTime": 1}],
        }
    ).result(10)
    return workflow_id


def log_in(page, server, name="ann", address=""):
    page.goto(f"{server.url}/{address}")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("html[data-ready]").wait_for()


def test_person_logs_in_by_keyboard_and_out_again(engine, page_of):
    engine.service.add_user("ann", "operator", PASSWORD).result(10)
    with StudioServer(engine.service, port=0) as server:
        page = page_of()
        page.goto(f"{server.url}/executions")
        assert page.evaluate("document.activeElement.id") == "name"
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill("not the password")
        page.keyboard.press("Enter")
        page.get_by_role("alert").get_by_text("The name or the password is wrong.").wait_for()
        assert page.evaluate("document.activeElement.id") == "password"
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.locator("html[data-ready]").wait_for()
        assert page.url == f"{server.url}/executions"
        assert page.evaluate("document.cookie") == ""
        page.get_by_text("ann, operator").wait_for()
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Password").wait_for()
        page.goto(f"{server.url}/executions")
        page.get_by_label("Password").wait_for()


def test_shared_execution_is_all_that_a_link_shows(engine, page_of):
    service = engine.service
    service.add_user("ann", "operator", PASSWORD).result(10)
    shared, other = run_flow(service, "to be seen"), run_flow(service, "not to be seen")
    with StudioServer(service, port=0) as server:
        owner = page_of()
        log_in(owner, server, address=f"execution?id={shared}")
        owner.get_by_role("button", name="Share this execution").click()
        link = owner.get_by_label("Link", exact=True).input_value()
        assert re.fullmatch(rf"{server.url}/open-link#\w+\.[\w-]+", link)

        guest = page_of()
        guest.goto(link)
        guest.wait_for_url(f"{server.url}/shared")
        guest.locator("html[data-ready]").wait_for()
        guest.get_by_text("flow").first.wait_for()
        assert guest.get_by_role("button", name="Terminate").count() == 0
        assert guest.get_by_role("button", name="Retry").count() == 0
        assert guest.locator(".rail").is_visible() is False
        assert guest.evaluate("document.cookie") == ""
        for address in (f"shared?id={other}", f"shared?workflow_id={other}"):
            guest.goto(f"{server.url}/{address}")
            guest.locator("html[data-ready]").wait_for()
            assert shared[:8] in guest.title()
        for address in ("executions", f"execution?id={shared}", ""):
            guest.goto(f"{server.url}/{address}")
            guest.get_by_label("Password").wait_for()
        answer = guest.request.get(f"{server.url}/api/workflow/{shared}")
        assert answer.status == 401

        owner.get_by_role("button", name="Revoke").click()
        owner.wait_for_timeout(500)
        assert service.share_links() == []
        guest.goto(f"{server.url}/shared")
        guest.get_by_text("not valid").wait_for()


def test_hostile_texts_are_shown_and_never_run(engine, page_of):
    service = engine.service
    failed = run_flow(service, EVERYTHING, "FAILED_WITH_TERMINAL_ERROR", {"given": EVERYTHING})
    done = run_flow(service, EVERYTHING, workflow_input={EVERYTHING: EVERYTHING})
    with StudioServer(service, port=0) as server:
        page = page_of()
        dialogs = []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

        def judge():
            page.locator("html[data-ready]").wait_for()
            page.wait_for_timeout(300)
            assert page.evaluate("window.__xss") is None, page.url
            assert page.evaluate("[...document.querySelectorAll('iframe')].length") == 0

        for address in ("", "executions", f"execution?id={failed}", f"execution?id={done}"):
            page.goto(f"{server.url}/{address}")
            judge()
        for address in (f"execution?id={failed}", f"execution?id={done}"):
            page.goto(f"{server.url}/{address}&task=flow%2Fstep")
            judge()
            for tab in page.get_by_role("tab").all():
                tab.click()
                judge()
        for payload in PAYLOADS:
            page.goto(f"{server.url}/executions")
            page.locator("html[data-ready]").wait_for()
            page.keyboard.press("Control+k")
            page.keyboard.type(payload)
            page.keyboard.press("Enter")
            page.wait_for_url("**/executions?text=**")
            judge()
        assert dialogs == []
