"""What the server answers besides pages: files, headers, host names, API."""

from __future__ import annotations

import http.client
import json

import pytest
from recorded_service import RecordedService

from engine.errors import InvalidRequestError
from studio import browser_files
from studio.server import StudioServer


@pytest.fixture(scope="module")
def server():
    service = RecordedService()
    with StudioServer(service, port=0) as server:
        yield server
    service.close()


def get(server, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


@pytest.mark.parametrize("path", ["/", "/executions", "/execution?id=x"])
def test_pages_carry_security_headers_and_their_own_title(server, path):
    response, body = get(server, path)
    assert response.status == 200
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe-eval" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert b"Conductor Studio</title>" in body
    assert b"https://" not in body.replace(b"https://www.w3.org", b"")


def test_pages_and_api_answer_to_local_host_names_only(server):
    assert get(server, "/", Host="evil.example:80")[0].status == 403
    assert get(server, "/health", Host="evil.example:80")[0].status == 403
    assert get(server, "/", Host=f"localhost:{server.port}")[0].status == 200


def test_health_is_answered_beside_the_pages(server):
    response, body = get(server, "/health")
    assert response.status == 200
    assert json.loads(body)["healthy"] is True


def test_browser_files_are_kept_for_ever_under_their_edition_only(server):
    response, body = get(server, browser_files.address("board.js")[1:])
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert body == browser_files.browser_files()["board.js"].content
    assert get(server, "/browser/0123/board.js")[0].headers["Cache-Control"] == "no-cache"


def test_nothing_but_listed_files_is_served(server):
    for path in (
        "/browser/0123/..%2f..%2fserver.py",
        "/browser/0123/shell.html",
        "/browser/0123/x",
    ):
        assert get(server, path)[0].status == 404


def test_websockets_of_other_origins_are_refused(server):
    response, _ = get(
        server,
        "/ws",
        Origin="http://evil.example",
        Upgrade="websocket",
        Connection="Upgrade",
        **{"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version": "13"},
    )
    assert response.status == 403


def test_favicon_is_our_own(server):
    response, body = get(server, "/favicon.ico")
    assert response.status == 200
    assert body == (browser_files.FOLDER / "favicon.ico").read_bytes()


def test_taken_port_raises_in_the_caller(server):
    with pytest.raises(InvalidRequestError, match="already running"):
        StudioServer(None, port=server.port).start()


def test_an_address_that_names_nothing_says_so_with_ways_back(server):
    response, body = get(server, "/no<pe", Accept="text/html")
    assert response.status == 404
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert b"There is no such page here." in body
    assert b"/no&lt;pe" in body
    assert b'href="/executions"' in body
    assert get(server, f"/browser/{browser_files.edition()}/log_in.css")[0].status == 200
    response, body = get(server, "/nope")
    assert response.status == 404
    assert response.headers["Content-Type"].startswith("text/plain")
