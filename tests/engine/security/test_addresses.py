"""Server-side request forgery: spellings of addresses, redirects, names that change."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from engine.core.notices import StatusNotice
from engine.errors import InvalidRequestError
from engine.listeners import Webhook
from engine.runtime.receivers import WebhookReceiver
from engine.workers.address_guard import AddressGuard
from engine.workers.http import HttpWorker

METADATA = [
    "169.254.169.254", "169.254.169.254:80", "0xA9FEA9FE", "2852039166", "025177524776",
    "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "169.254.43518", "169.16689662",
    "0xA9.254.0251.0xFE",
    "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]", "[64:ff9b::169.254.169.254]", "[2002:a9fe:a9fe::]", "[::a9fe:a9fe]",
    "[::169.254.169.254]", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25lo]", "169.254.0.1",
    "169.254.169.254.", "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0", "0", "[::]",
    "224.0.0.1", "255.255.255.255", "[ff02::1]", "１６９.254.169.254", "169。254。169。254",
    "user:pass@169.254.169.254", "example.com@169.254.169.254", "169.254.169.254#@example.com",
    "169.254.169.254?x=example.com", "[fd20:ce::254]", "[64:ff9b:1::a9fe:a9fe]",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "017700000001", "0x7f.1",
    "127.255.255.254", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "10.0.0.1", "172.16.0.1",
    "192.168.1.1", "100.64.0.1", "[fc00::1]", "[fd12:3456::1]", "localhost", "LOCALHOST",
    "localhost.",
]  # fmt: skip


def get(worker: HttpWorker, where: str) -> Any:
    request = {"uri": f"http://{where}/", "method": "GET", "connectionTimeOut": 300}
    return worker.execute({"http_request": request}).result(20)


class Watched(AddressGuard):
    """Notes every address that a socket was really made for."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.reached: list[str] = []

    def socket_factory(self, addr_info: Any) -> socket.socket:
        made = super().socket_factory(addr_info)
        self.reached.append(addr_info[4][0])
        return made


def test_there_are_sixty_spellings() -> None:
    assert len({*METADATA, *PRIVATE}) >= 60


def test_metadata_and_link_local_addresses_are_never_reached() -> None:
    guard = Watched(allow_private=True)
    with HttpWorker(guard) as worker:
        statuses = {get(worker, where).status for where in METADATA}
    assert (statuses, guard.reached) == ({"FAILED"}, [])


def test_private_networks_are_not_reached_from_an_exposed_server() -> None:
    guard = Watched(allow_private=False)
    with HttpWorker(guard) as worker:
        statuses = {get(worker, where).status for where in PRIVATE}
    assert (statuses, guard.reached) == ({"FAILED"}, [])


def test_listed_networks_are_reached_all_the_same_and_no_others() -> None:
    guard = AddressGuard(["10.1.0.0/16", "::1/128"])

    assert guard.refusal("10.1.2.3", 80) == ""
    assert guard.refusal("::1", 80) == ""
    assert "refuses" in guard.refusal("10.2.2.3", 80)
    assert "refuses" in guard.refusal("127.0.0.1", 80)
    assert "never" in AddressGuard(["169.254.0.0/16"]).refusal("169.254.169.254", 80)
    with pytest.raises(InvalidRequestError, match="no network"):
        AddressGuard(["ten-dot"])


class Redirecting(BaseHTTPRequestHandler):
    """Sends everybody on to what the path says."""

    def do_GET(self) -> None:
        target = self.path[1:]
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def redirecting() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Redirecting)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest", "http://[::ffff:a9fe:a9fe]/", "//169.254.169.254/",
     "file:///etc/passwd", "gopher://127.0.0.1/"],
)  # fmt: skip
def test_redirects_are_judged_like_first_requests(redirecting: int, target: str) -> None:
    guard = Watched()
    with HttpWorker(guard) as worker:
        assert get(worker, f"127.0.0.1:{redirecting}").status == "COMPLETED"
        assert get(worker, f"127.0.0.1:{redirecting}/{target}").status == "FAILED"
    assert set(guard.reached) == {"127.0.0.1"}


def test_address_that_is_judged_is_the_one_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["93.184.215.14", "169.254.169.254", "169.254.169.254"])
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "rebound.test":
            return real(host, port, *args, **kwargs)
        address = next(answers)
        asked.append(address)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    guard = Watched()
    with HttpWorker(guard) as worker:
        get(worker, "rebound.test")
        outcome = get(worker, "rebound.test:81")

    assert "never allowed" in outcome.reason
    assert guard.reached == ["93.184.215.14"]
    assert len(asked) == 2, "nothing is looked up again between judging and connecting"


@pytest.mark.parametrize("where", [*METADATA[:6], *PRIVATE[:6]])
def test_webhooks_reach_no_more_than_http_tasks(where: str) -> None:
    guard = Watched(allow_private=False)
    receiver = WebhookReceiver(Webhook(f"http://{where}/hook", timeout_seconds=1), guard)
    try:
        with pytest.raises(ConnectionError):
            receiver.deliver(StatusNotice("1", "workflow.completed", "wf", 0, {}))
    finally:
        receiver.close()
    assert guard.reached == []
