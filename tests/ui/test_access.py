"""Log-in, share links and hostile data, in a real browser on a real engine."""

from __future__ import annotations

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from identity_provider import CLIENT, SECRET, IdentityProvider

from engine import Engine
from engine.functions import FunctionRegistry
from studio.server import StudioServer
from studio.sign_on_provider import SignOn

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
        owner.get_by_text("No links so far.").wait_for()
        owner.get_by_role("button", name="Make a link").click()
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
        owner.get_by_text("No links so far.").wait_for()
        assert owner.get_by_label("Link", exact=True).is_visible() is False
        assert service.share_links() == []
        guest.goto(f"{server.url}/shared")
        guest.get_by_text("not valid").wait_for()


def test_shared_board_is_all_that_a_link_shows(engine, page_of):
    service = engine.service
    service.add_user("ann", "operator", PASSWORD).result(10)
    workflow_id = run_flow(service, "to be seen", "FAILED_WITH_TERMINAL_ERROR")
    with StudioServer(service, port=0) as server:
        owner = page_of()
        log_in(owner, server)
        owner.get_by_role("button", name="Share this board").click()
        owner.get_by_label("How long the link holds").select_option("1")
        owner.get_by_role("button", name="Make a link").click()
        link = owner.get_by_label("Link", exact=True).input_value()
        owner.get_by_text("by ann").wait_for()
        (made,) = service.share_links("")
        assert 86_000_000 < made["expireTime"] - made["createTime"] <= 86_400_000

        guest = page_of()
        wrong = []
        guest.on("pageerror", lambda error: wrong.append(str(error)))
        guest.goto(link)
        guest.wait_for_url(f"{server.url}/shared-board")
        guest.locator("html[data-ready]").wait_for()
        guest.get_by_role("heading", name="Failing now").wait_for()
        guest.get_by_text(workflow_id[:8]).first.wait_for()
        assert guest.locator(".page a[href]").count() == 0
        assert guest.get_by_role("button", name="Run").is_visible() is False
        assert guest.get_by_role("button", name="Share").count() == 0
        assert guest.locator(".rail").is_visible() is False
        guest.get_by_role("button", name="7 d").click()
        guest.get_by_text("last 7 days").wait_for()
        guest.goto(f"{server.url}/audit")
        guest.get_by_label("Password").wait_for()

        owner.get_by_role("button", name="Revoke").click()
        owner.get_by_text("No links so far.").wait_for()
        guest.goto(f"{server.url}/shared-board")
        guest.get_by_text("not valid").wait_for()
        assert wrong == []


def test_audit_is_searched_paged_and_compared(engine, page_of):
    service = engine.service
    service.add_user("root", "admin", PASSWORD).result(10)
    service.add_user("ann", "author", PASSWORD).result(10)
    ann = service.acting_as(service.caller_of_session(service.session_of("ann"), "10.0.0.7"))
    step = {"name": "s", "taskReferenceName": "s", "type": "SIMPLE"}
    for number in range(60):
        description = f"{number} {EVERYTHING}"
        definition = {"name": "flow", "version": 1, "description": description, "tasks": [step]}
        ann.create_workflow_def(definition, True).result(10)
    with StudioServer(service, port=0) as server:
        page = page_of(viewport={"width": 1440, "height": 900})
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        log_in(page, server, "root", "audit")
        page.get_by_text("50 changes").wait_for()
        page.get_by_role("button", name="Older").click()
        page.get_by_text("11 changes").wait_for()
        page.get_by_role("button", name="Newer").click()
        page.get_by_text("50 changes").wait_for()
        page.get_by_role("button", name="Difference").first.click()
        before, after = page.locator("pre .out").first, page.locator("pre .in").first
        assert "58 <img" in before.inner_text()
        assert "59 <img" in after.inner_text()
        page.get_by_label("Who", exact=True).fill("root")
        page.keyboard.press("Enter")
        page.locator("td.op").get_by_text("log in").first.wait_for()
        assert page.url.endswith("/audit?who=root")
        page.reload()
        page.locator("html[data-ready]").wait_for()
        page.locator("td.op").get_by_text("log in").first.wait_for()
        page.get_by_label("Who", exact=True).fill("<img src=x onerror=window.__xss=1>")
        page.keyboard.press("Enter")
        page.get_by_text("None of the changes matches.").wait_for()
        page.get_by_role("button", name="Show all").click()
        page.get_by_text("50 changes").wait_for()
        assert page.evaluate("window.__xss") is None
        assert page.locator(".audit img").count() == 0
        assert wrong == []

        viewer = page_of()
        log_in(viewer, server, "ann", "audit")
        viewer.get_by_text("needs the role admin").wait_for()


def test_person_signs_on_through_an_identity_provider(engine, page_of):
    service = engine.service
    with IdentityProvider() as provider:
        sign_on = SignOn("generic", CLIENT, SECRET, issuer=provider.issuer, unknown="operator")
        with StudioServer(service, port=0, sign_on=sign_on) as server:
            page = page_of()
            page.goto(f"{server.url}/executions")
            page.get_by_role("link", name="Log in with 127.0.0.1").click()
            page.locator("html[data-ready]").wait_for()
            assert page.url == f"{server.url}/executions"
            page.get_by_text("ann@example.com, operator").wait_for()
            assert page.evaluate("document.cookie") == ""
            page.get_by_role("button", name="Log out").click()
            page.get_by_role("link", name="Log in with").wait_for()
            page.goto(f"{server.url}/executions")
            page.get_by_role("link", name="Log in with").wait_for()


@contextlib.contextmanager
def elsewhere(page_html):
    """Another site on this machine: its address, and the paths it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(page_html().encode())

        def log_message(self, *_):
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_pages_talk_to_no_other_server_and_stand_in_no_frame(engine, page_of):
    """What injected markup would try: to send away what it reads, to load more, to be framed."""
    with (
        StudioServer(engine.service, port=0) as server,
        elsewhere(lambda: f'<iframe src="{server.url}/"></iframe>') as (other, asked),
    ):
        page = page_of()
        page.goto(f"{server.url}/executions")
        page.locator("html[data-ready]").wait_for()
        sent = page.evaluate(
            """async (other) => {
                const element = (tag, values) => document.body.append(
                    Object.assign(document.createElement(tag), values));
                element("img", { src: `${other}/image` });
                element("script", { src: `${other}/script` });
                element("iframe", { src: `${other}/frame` });
                element("link", { rel: "stylesheet", href: `${other}/style` });
                element("object", { data: `${other}/object` });
                element("base", { href: `${other}/` });
                navigator.sendBeacon(`${other}/beacon`);
                const form = Object.assign(document.createElement("form"),
                    { action: `${other}/form`, target: "_blank" });
                document.body.append(form);
                form.submit();
                const fetched = await fetch(`${other}/fetch`).then(() => "sent", () => "kept");
                await new Promise((done) => setTimeout(done, 700));
                return [fetched, new URL("x", document.baseURI).origin];
            }""",
            other,
        )
        assert sent == ["kept", server.url]
        assert asked == []

        page = page_of()
        page.goto(other)
        page.wait_for_timeout(700)
        framed = page.frames[1]
        assert "Conductor Studio" not in framed.content()


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
            page.wait_for_timeout(120)
            assert page.evaluate("window.__xss") is None, page.url
            assert page.evaluate("[...document.querySelectorAll('iframe')].length") == 0

        places = ("", "executions", "definitions", "workers", "audit")
        for address in (*places, f"execution?id={failed}", f"execution?id={done}"):
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
