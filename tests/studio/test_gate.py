"""Pages and their sockets: who gets in. A real server over a real engine, raw sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import re
import socket
from urllib.parse import urlencode

import pytest

from engine import Engine
from engine.errors import InvalidRequestError
from engine.functions import FunctionRegistry
from engine.http_api.identity import SESSION_COOKIE
from engine.runtime.throttle import LoginThrottle
from studio.log_in import own_address
from studio.server import StudioServer

PASSWORD = "correct horse battery"
PAGES = ["/", "/executions", "/execution?id=x"]


@pytest.fixture
def engine():
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        yield engine


@pytest.fixture(scope="module")
def free():
    """A server where nobody is configured."""
    with (
        Engine(functions=FunctionRegistry(), http_tasks=False) as engine,
        StudioServer(engine.service, port=0) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def configured():
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        engine.service.add_user("ann", "viewer", PASSWORD).result(10)
        engine.service.add_user("root", "admin", PASSWORD).result(10)
        with StudioServer(engine.service, port=0) as server:
            yield server


@pytest.fixture
def server(configured):
    """A server that knows a viewer and an admin, and of no wrong try so far."""
    configured._service._runtime.login_throttle = LoginThrottle()
    return configured


def ask(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def cookie_of(server, name="ann"):
    return f"{SESSION_COOKIE}={server._service.session_of(name)}"


def log_in(server, name, password, **headers):
    headers = {"Origin": f"http://127.0.0.1:{server.port}", **headers}
    form = urlencode({"name": name, "password": password})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return ask(server, "POST", "/log-in?next=executions", form, **headers, **kind)


def page_token(server, **headers):
    content = ask(server, "GET", "/executions", **headers)[1].decode()
    return re.search(r'"token":"([^"]+)"', content)[1]


def shake_hands(server, token, origin="same", path="/executions/ws", **headers):
    """Status line of a websocket's handshake, and what follows within half a second."""
    origin = f"http://127.0.0.1:{server.port}" if origin == "same" else origin
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *([f"Sec-WebSocket-Protocol: bokeh, {token}"] if token is not None else []),
        *([f"Origin: {origin}"] if origin is not None else []),
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection(("127.0.0.1", server.port), timeout=3) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        head = connection.recv(4096)
        status, rest = int(head.split()[1]), head.partition(b"\r\n\r\n")[2]
        with contextlib.suppress(TimeoutError):
            while status == 101 and b"ACK" not in rest:
                more = connection.recv(65536)
                if not more:
                    break
                rest += more
    return status, rest


@pytest.mark.parametrize("path", PAGES)
def test_page_leads_to_the_log_in_and_back(server, path):
    response, _ = ask(server, "GET", path)

    assert response.status == 302
    assert response.headers["Location"].startswith("./log-in")
    assert ask(server, "GET", path, Cookie=cookie_of(server))[0].status == 200


def test_right_password_gives_a_strict_cookie_that_scripts_cannot_read(server):
    response, _ = log_in(server, "ann", PASSWORD)

    assert (response.status, response.headers["Location"]) == (303, "./executions")
    cookie = response.headers["Set-Cookie"]
    for part in (f"{SESSION_COOKIE}=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"):
        assert part in cookie
    assert "Secure" not in cookie, "this server has no TLS"
    value = cookie.partition(";")[0]
    content = ask(server, "GET", "/executions", Cookie=value)[1]
    assert b"ann, viewer" in content
    assert b"Log out" in content
    assert value.partition("=")[2].encode() not in content, "not in the page's own token either"


def test_wrong_password_shows_why_and_keeps_the_name_escaped(server):
    response, content = log_in(server, '"><img src=x onerror=alert(1)>', "not the password")

    assert response.status == 401
    assert b"The name or the password is wrong." in content
    assert b"<img" not in content
    assert b"not the password" not in content
    assert response.headers.get("Set-Cookie") is None
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_sixth_wrong_password_has_to_wait(server):
    server._service._runtime.login_throttle = LoginThrottle(lambda: 0.0)  # however slow we are
    for _ in range(5):
        assert log_in(server, "ann", "wrong password")[0].status == 401
    response, content = log_in(server, "ann", PASSWORD)

    assert response.status == 429
    assert int(response.headers["Retry-After"]) >= 1
    assert b"try again" in content


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_log_in_and_log_out_from_elsewhere_are_refused(server, origin):
    given = {} if origin is None else {"Origin": origin}
    form = urlencode({"name": "ann", "password": PASSWORD})
    assert ask(server, "POST", "/log-in", form, **given)[0].status == 403
    cookie = cookie_of(server)
    assert ask(server, "POST", "/log-out", "", Cookie=cookie, **given)[0].status == 403
    assert ask(server, "GET", "/", Cookie=cookie)[0].status == 200


def test_logged_out_cookie_is_worth_nothing(server):
    cookie = cookie_of(server)
    origin = f"http://127.0.0.1:{server.port}"
    response, _ = ask(server, "POST", "/log-out", "", Cookie=cookie, Origin=origin)

    assert response.status == 303
    assert "expires=" in response.headers["Set-Cookie"]
    assert ask(server, "GET", "/", Cookie=cookie)[0].status == 302


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "https://evil.example", "\\evil", "a/../b", "javascript:alert(1)", "/x",
     "executions\r\nSet-Cookie: a=b", "log-in/../..//evil.example"],
)  # fmt: skip
def test_address_after_the_log_in_stays_on_this_server(address):
    assert own_address(address) == "./"
    assert own_address("execution?id=a-b&task=x[1]%2F") == "./execution?id=a-b&task=x[1]%2F"


def test_link_followed_from_another_site_is_loaded_once_more_with_the_cookie(server):
    fetched = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    response, content = ask(server, "GET", "/execution?id=x", **fetched)

    assert response.status == 200
    assert b'http-equiv="refresh"' in content
    assert b"token" not in content


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.", ""])
def test_rebound_host_names_get_no_page_and_no_socket(free, host):
    assert ask(free, "GET", "/", Host=host)[0].status in (400, 403)
    assert ask(free, "GET", "/log-in", Host=host)[0].status in (400, 403)
    status, _ = shake_hands(free, page_token(free), "http://evil.example", Host=host)
    assert status in (400, 403)


def test_page_that_was_opened_gets_its_socket(free):
    status, rest = shake_hands(free, page_token(free))

    assert status == 101
    assert b"ACK" in rest


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", None, "http://localhost.evil.example", "file://",
     "http://127.0.0.1:1", "http://127.0.0.1"],
)  # fmt: skip
def test_sockets_of_other_origins_and_without_one_are_refused(free, origin):
    assert shake_hands(free, page_token(free), origin)[0] == 403


@pytest.mark.parametrize(
    "token",
    [None, "", "x", "e30", "e30.e30", "\xff\xfe", "AAAA", "bnVsbA.x", "a, b", "W10.AA",
     "eyJzZXNzaW9uX2lkIjoieCJ9.AAAA", "." * 50],
)  # fmt: skip
def test_garbage_tokens_are_refused_without_a_word_in_the_log(free, token, caplog):
    with caplog.at_level(logging.WARNING):
        status, _ = shake_hands(free, token)

    assert status in (400, 403)
    assert not [record for record in caplog.records if record.exc_info], caplog.text


def test_token_with_another_signature_opens_nothing(free):
    head, _, signature = page_token(free).rpartition(".")

    assert shake_hands(free, f"{head}.{signature[::-1]}")[0] == 403
    assert shake_hands(free, head)[0] == 403


def test_socket_needs_the_cookie_as_well_as_the_token(server):
    token = page_token(server, Cookie=cookie_of(server))

    assert shake_hands(server, token)[0] == 403
    assert shake_hands(server, token, Cookie=f"{SESSION_COOKIE}=forged.forged")[0] == 403
    status, rest = shake_hands(server, token, Cookie=cookie_of(server))
    assert (status, b"ACK" in rest) == (101, True)


def test_nobody_joins_the_session_of_somebody_else(server):
    token = page_token(server, Cookie=cookie_of(server, "root"))

    status, rest = shake_hands(server, token, Cookie=cookie_of(server, "ann"))
    assert b"ACK" not in rest
    assert status == 101
    assert b"not your session" in rest


def test_only_listed_handlers_are_served_at_all(server):
    listed = {
        "PageHandler", "SocketHandler", "LogInHandler", "LogOutHandler", "OpenLinkHandler",
        "BrowserFileHandler", "BundleHandler", "ApiHandler",
        # Bokeh's and Panel's own scripts and icons, the same for everybody:
        "RootHandler", "StaticHandler", "MultiRootStaticHandler", "ComponentResourceHandler",
        "IcoHandler",
    }  # fmt: skip
    found = set()

    def look(rules):
        for rule in rules:
            inner = getattr(rule.target, "rules", None)
            if inner is not None:
                look(inner)
            else:
                found.add(rule.target.__name__)

    look(server._tornado.default_router.rules)
    look(server._tornado.wildcard_router.rules)
    assert found <= listed, found - listed
    for path in ("/executions/autoload.js?bokeh-autoload-element=x", "/executions/metadata"):
        assert ask(server, "GET", path)[0].status == 404


def test_tabs_beyond_the_limit_are_told_to_wait(engine):
    with StudioServer(engine.service, port=0) as server:
        server._gate._most_sessions = 2
        replies = [ask(server, "GET", "/executions")[0] for _ in range(4)]

    assert [reply.status for reply in replies] == [200, 200, 429, 429]
    assert replies[-1].headers["Retry-After"] == "10"


@pytest.mark.parametrize(
    "given", [{"host": "0.0.0.0"}, {"names": ["a.example"]}, {"is_proxied": True}]
)
def test_others_are_served_only_when_somebody_is_configured(engine, given):
    with pytest.raises(InvalidRequestError, match="user add"):
        StudioServer(engine.service, port=0, **given).start()
    engine.service.create_api_key("ci", "worker").result(10)
    with StudioServer(engine.service, port=0, **given) as server:
        response, content = ask(server, "GET", "/log-in", Host=f"a.example:{server.port}")
    if "is_proxied" not in given:
        assert (response.status, b"Only programs" in content) == (200, True)


def test_a_studio_over_another_server_serves_this_machine_only(engine):
    with pytest.raises(Exception, match="this machine only"):
        StudioServer(object(), "0.0.0.0", 0, remote="http://x/api").start()


def open_link(server, made):
    """The cookie of an opened link, and the page it leads to."""
    form = urlencode({"token": made["token"]})
    origin = f"http://127.0.0.1:{server.port}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    response, content = ask(server, "POST", "/open-link", form, Origin=origin, **kind)
    assert response.status == 200
    return response.headers["Set-Cookie"].partition(";")[0], content.decode()


def test_link_opens_its_own_page_and_no_other(server):
    service = server._service
    step = {"name": "s", "taskReferenceName": "s", "type": "SIMPLE"}
    service.create_workflow_def({"name": "f", "version": 1, "tasks": [step]}, True).result(10)
    workflow_id = service.start_workflow({"name": "f"}).result(10)
    for made, page, other in (
        (service.share_board().result(10), "shared-board", "shared"),
        (service.share_execution(workflow_id).result(10), "shared", "shared-board"),
    ):
        cookie, leads_to = open_link(server, made)
        assert leads_to == page
        assert ask(server, "GET", f"/{page}", Cookie=cookie)[0].status == 200
        assert ask(server, "GET", f"/{other}", Cookie=cookie)[0].status == 401
        assert ask(server, "GET", "/", Cookie=cookie)[0].status == 302
        assert ask(server, "GET", "/audit", Cookie=cookie)[0].status == 302
        service.revoke_share_link(made["id"]).result(10)
        assert ask(server, "GET", f"/{page}", Cookie=cookie)[0].status == 401


def test_share_answer_carries_the_address_of_the_link(server):
    key = server._service.create_api_key("sharer", "operator").result(10)
    bearer = {"Authorization": f"Bearer {key['keyId']}.{key['keySecret']}"}
    body = ask(server, "POST", "/api/access/links", '{"board": true}', **bearer)[1]
    made = json.loads(body)
    assert (made["scope"], made["workflowId"]) == ("board", "")
    assert made["url"] == f"http://127.0.0.1:{server.port}/open-link#{made['token']}"
    cookie, leads_to = open_link(server, made)
    assert leads_to == "shared-board"
    listed = json.loads(ask(server, "GET", "/api/access/links", **bearer)[1])
    assert made["id"] in [link["id"] for link in listed]
    assert made["token"] not in json.dumps(listed)
    assert ask(server, "DELETE", f"/api/access/links/{made['id']}", **bearer)[0].status == 200
    assert ask(server, "GET", "/shared-board", Cookie=cookie)[0].status == 401


def test_only_admins_are_offered_the_audit(server):
    assert b"./audit" not in ask(server, "GET", "/", Cookie=cookie_of(server))[1]
    assert b"./audit" in ask(server, "GET", "/", Cookie=cookie_of(server, "root"))[1]
